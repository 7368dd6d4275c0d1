//! The input level: root mean square and peak in decibels below full scale, and a lamp for clipping.

use eframe::egui::{Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use crate::{session::LevelSnapshot, ui::theme::Palette};

/// Level at the left end.
const FLOOR_DB: f32 = -60.0;
const SIZE: [f32; 2] = [120.0, 10.0];

/// Share of the bar for an amplitude, 1 being full scale.
fn share(amplitude: f32) -> f32 {
    (1.0 - decibels(amplitude) / FLOOR_DB).clamp(0.0, 1.0)
}

fn decibels(amplitude: f32) -> f32 {
    20.0 * amplitude.max(1e-6).log10()
}

/// `lit`: samples were clipped just now.
pub(crate) fn meter_ui(ui: &mut Ui, level: LevelSnapshot, lit: bool) {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(SIZE[0] + 16.0, SIZE[1]), Sense::hover());
    let bar = Rect::from_min_size(rect.min, SIZE.into());
    let painter = ui.painter();
    painter.rect_filled(bar, 2.0, palette.well);
    let rms = Rect::from_min_max(bar.min, pos2(bar.left() + bar.width() * share(level.rms), bar.bottom()));
    let color = if level.peak >= 0.9 { palette.warn } else { palette.good };
    painter.rect_filled(rms, 2.0, color);
    if level.peak > 0.0 {
        let x = bar.left() + bar.width() * share(level.peak);
        painter.vline(x, bar.y_range(), Stroke::new(2.0, palette.text));
    }
    // −20 dB: where speech into a well-set microphone peaks.
    let x = bar.left() + bar.width() * (1.0 - 20.0 / -FLOOR_DB);
    painter.vline(x, bar.bottom() - 3.0..=bar.bottom(), Stroke::new(1.0, palette.weak));
    painter.rect_stroke(bar, 2.0, Stroke::new(1.0, palette.line), StrokeKind::Outside);
    let lamp = pos2(bar.right() + 10.0, bar.center().y);
    painter.circle(lamp, 4.5, if lit { palette.bad } else { palette.well }, Stroke::new(1.0, palette.line));
    let clipped = if lit { ", clipping" } else { "" };
    let text = format!("Input level {:.0} dB{clipped}", decibels(level.rms).max(FLOOR_DB));
    response.widget_info(|| WidgetInfo::labeled(Role::Meter, true, &text));
    response.on_hover_ui(|ui| {
        ui.label(format!("RMS {:.1} dB, peak {:.1} dB of full scale", decibels(level.rms), decibels(level.peak)));
        ui.label(format!(
            "{} samples clipped since the start; the lamp lights when there are more",
            level.clipped_samples
        ));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_linear_in_decibels() {
        assert!((share(1.0) - 1.0).abs() < 1e-6);
        assert!((share(0.1) - (1.0 - 20.0 / 60.0)).abs() < 1e-4);
        assert!(share(0.0) < 1e-6);
        assert!(share(f32::NAN) < 1e-6);
    }
}
