//! Every colour of the window, for light and dark. No other file names one.
//!
//! Categories use the palette of Okabe and Ito, ordered scales samples of viridis and magma: both stay apart under the
//! usual colour-vision deficiencies.

use eframe::egui::{
    self, Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Theme, Ui, Visuals, epaint::Shadow,
    vec2,
};

/// Stops of matplotlib's viridis (CC0), dark to light, equally spaced.
const VIRIDIS: [[u8; 3]; 9] = [
    [68, 1, 84],
    [71, 45, 123],
    [59, 82, 139],
    [44, 114, 142],
    [33, 145, 140],
    [40, 174, 128],
    [94, 201, 98],
    [173, 220, 48],
    [253, 231, 37],
];

/// Stops of matplotlib's magma (CC0), dark to light, equally spaced.
const MAGMA: [[u8; 3]; 9] = [
    [0, 0, 4],
    [29, 17, 71],
    [81, 18, 124],
    [130, 38, 129],
    [182, 54, 121],
    [230, 81, 100],
    [251, 136, 97],
    [254, 194, 135],
    [252, 253, 191],
];

/// Named colours of one theme.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    /// Text that stands.
    pub(crate) text: Color32,
    /// Labels, units, what is secondary.
    pub(crate) weak: Color32,
    /// Words and decisions the next hop may change.
    pub(crate) tail: Color32,
    /// Window background.
    pub(crate) panel: Color32,
    /// Background of plots and the transcript.
    pub(crate) well: Color32,
    /// Hairlines and grid.
    pub(crate) line: Color32,
    /// Token decisions.
    pub(crate) token: Color32,
    /// Blank decisions.
    pub(crate) blank: Color32,
    /// Forced advances.
    pub(crate) forced: Color32,
    /// Suppressed punctuation.
    pub(crate) suppressed: Color32,
    /// Tokens that won by the bonus of a custom word.
    pub(crate) boosted: Color32,
    /// Decisions that were near a tie.
    pub(crate) near_tie: Color32,
    /// Waveform.
    pub(crate) wave: Color32,
    /// Start of the encoded window.
    pub(crate) window_start: Color32,
    /// Commit line.
    pub(crate) commit: Color32,
    /// End of the right context.
    pub(crate) window_end: Color32,
    /// Setting changes.
    pub(crate) setting: Color32,
    /// Ready, listening.
    pub(crate) good: Color32,
    /// Needs attention.
    pub(crate) warn: Color32,
    /// Failed, clipped, lost.
    pub(crate) bad: Color32,
    /// Selected words, pinned decision.
    pub(crate) select: Color32,
}

const DARK: Palette = Palette {
    text: Color32::from_rgb(232, 234, 237),
    weak: Color32::from_rgb(154, 161, 170),
    tail: Color32::from_rgb(125, 132, 141),
    panel: Color32::from_rgb(27, 30, 34),
    well: Color32::from_rgb(19, 21, 24),
    line: Color32::from_rgb(53, 58, 65),
    token: Color32::from_rgb(86, 180, 233),
    blank: Color32::from_rgb(112, 119, 128),
    forced: Color32::from_rgb(238, 119, 51),
    suppressed: Color32::from_rgb(240, 228, 66),
    boosted: Color32::from_rgb(120, 220, 130),
    near_tie: Color32::from_rgb(182, 148, 255),
    wave: Color32::from_rgb(150, 172, 190),
    window_start: Color32::from_rgb(204, 121, 167),
    commit: Color32::from_rgb(32, 190, 140),
    window_end: Color32::from_rgb(230, 159, 0),
    setting: Color32::from_rgb(240, 228, 66),
    good: Color32::from_rgb(32, 190, 140),
    warn: Color32::from_rgb(230, 159, 0),
    bad: Color32::from_rgb(255, 120, 90),
    select: Color32::from_rgb(38, 79, 120),
};

const LIGHT: Palette = Palette {
    text: Color32::from_rgb(24, 27, 31),
    weak: Color32::from_rgb(92, 99, 108),
    tail: Color32::from_rgb(130, 136, 144),
    panel: Color32::from_rgb(243, 244, 245),
    well: Color32::from_rgb(255, 255, 255),
    line: Color32::from_rgb(212, 216, 220),
    token: Color32::from_rgb(0, 114, 178),
    blank: Color32::from_rgb(158, 164, 172),
    forced: Color32::from_rgb(213, 94, 0),
    suppressed: Color32::from_rgb(160, 120, 0),
    boosted: Color32::from_rgb(20, 120, 40),
    near_tie: Color32::from_rgb(112, 64, 208),
    wave: Color32::from_rgb(84, 110, 130),
    window_start: Color32::from_rgb(170, 68, 128),
    commit: Color32::from_rgb(0, 138, 100),
    window_end: Color32::from_rgb(190, 120, 0),
    setting: Color32::from_rgb(130, 100, 0),
    good: Color32::from_rgb(0, 138, 100),
    warn: Color32::from_rgb(170, 105, 0),
    bad: Color32::from_rgb(196, 60, 20),
    select: Color32::from_rgb(190, 219, 246),
};

impl Palette {
    /// The palette of the theme in use.
    pub(crate) fn of(ui: &Ui) -> &'static Self {
        Self::of_mode(ui.visuals().dark_mode)
    }

    fn of_mode(dark: bool) -> &'static Self {
        if dark { &DARK } else { &LIGHT }
    }

    /// The colour of a decision that emits a token, or blank.
    pub(crate) fn decision(&self, is_blank: bool) -> Color32 {
        if is_blank { self.blank } else { self.token }
    }
}

/// The `index`-th of `count` ordered classes: durations from short (dark) to long (light).
pub(crate) fn ordinal(index: usize, count: usize) -> Color32 {
    // The ends of the map vanish on dark and light grounds: keep to its middle.
    let at = if count > 1 { index as f32 / (count - 1) as f32 } else { 0.5 };
    sample(&VIRIDIS, 0.18 + 0.79 * at)
}

/// Loudness of a mel bin, 0 to 1.
pub(crate) fn heat(value: f32) -> Color32 {
    sample(&MAGMA, value)
}

fn sample(stops: &[[u8; 3]; 9], at: f32) -> Color32 {
    let position = at.clamp(0.0, 1.0) * (stops.len() - 1) as f32;
    let low = (position as usize).min(stops.len() - 2);
    let share = position - low as f32;
    let mix = |channel: usize| {
        let (from, to) = (f32::from(stops[low][channel]), f32::from(stops[low + 1][channel]));
        (from + (to - from) * share).round() as u8
    };
    Color32::from_rgb(mix(0), mix(1), mix(2))
}

/// Font of the transcript.
pub(crate) fn transcript_font() -> FontId {
    FontId::new(18.0, FontFamily::Proportional)
}

/// Font of token pieces on the time axis: the one with U+2581.
pub(crate) fn piece_font() -> FontId {
    FontId::new(12.0, FontFamily::Monospace)
}

/// Font of labels on marks and axes.
pub(crate) fn label_font() -> FontId {
    FontId::new(11.0, FontFamily::Proportional)
}

/// Puts both themes into the context.
pub(crate) fn install(ctx: &egui::Context) {
    for theme in [Theme::Dark, Theme::Light] {
        ctx.style_mut_of(theme, |style| {
            style.visuals = visuals(theme == Theme::Dark);
            style.spacing.item_spacing = vec2(8.0, 5.0);
            style.spacing.button_padding = vec2(9.0, 4.0);
            style.spacing.interact_size.y = 26.0;
            style.spacing.menu_margin = Margin::same(6);
            style.spacing.tooltip_width = 460.0;
            style.interaction.selectable_labels = false;
            style.interaction.tooltip_delay = 0.25;
            style.text_styles.insert(TextStyle::Small, FontId::new(11.5, FontFamily::Proportional));
            style.text_styles.insert(TextStyle::Body, FontId::new(14.0, FontFamily::Proportional));
            style.text_styles.insert(TextStyle::Button, FontId::new(14.0, FontFamily::Proportional));
            style.text_styles.insert(TextStyle::Monospace, FontId::new(12.5, FontFamily::Monospace));
            style.text_styles.insert(TextStyle::Heading, FontId::new(16.0, FontFamily::Proportional));
        });
    }
}

fn visuals(dark: bool) -> Visuals {
    let palette = Palette::of_mode(dark);
    let mut visuals = if dark { Visuals::dark() } else { Visuals::light() };
    visuals.panel_fill = palette.panel;
    visuals.window_fill = palette.panel;
    visuals.extreme_bg_color = palette.well;
    visuals.faint_bg_color = palette.panel;
    visuals.window_stroke = Stroke::new(1.0, palette.line);
    visuals.weak_text_color = Some(palette.weak);
    visuals.warn_fg_color = palette.warn;
    visuals.error_fg_color = palette.bad;
    visuals.selection.bg_fill = palette.select;
    visuals.selection.stroke = Stroke::new(1.5, palette.token);
    visuals.slider_trailing_fill = true;
    visuals.window_shadow = Shadow { offset: [0, 4], blur: 16, spread: 0, color: Color32::from_black_alpha(60) };
    visuals.popup_shadow = visuals.window_shadow;
    let widgets = &mut visuals.widgets;
    widgets.noninteractive.fg_stroke.color = palette.text;
    widgets.noninteractive.bg_stroke.color = palette.line;
    for widget in [&mut widgets.inactive, &mut widgets.hovered, &mut widgets.active, &mut widgets.open] {
        widget.corner_radius = CornerRadius::same(4);
        widget.fg_stroke.color = palette.text;
    }
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG relative luminance.
    fn luminance(color: Color32) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_marks_stand_out_in_both_themes() {
        for palette in [&DARK, &LIGHT] {
            for ground in [palette.panel, palette.well] {
                assert!(contrast(palette.text, ground) >= 7.0);
                assert!(contrast(palette.weak, ground) >= 4.5);
                for graphic in [
                    palette.tail,
                    palette.token,
                    palette.forced,
                    palette.commit,
                    palette.bad,
                    palette.warn,
                    palette.near_tie,
                ] {
                    assert!(contrast(graphic, ground) >= 3.0, "{graphic:?} on {ground:?}");
                }
            }
        }
    }

    #[test]
    fn ordered_scales_get_lighter() {
        let steps: Vec<f64> = (0..5).map(|index| luminance(ordinal(index, 5))).collect();
        assert!(steps.is_sorted(), "{steps:?}");
        assert!(luminance(heat(0.0)) < 0.01 && luminance(heat(1.0)) > 0.9);
    }
}
