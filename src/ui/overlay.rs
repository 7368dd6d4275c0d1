//! The small window on top of all others, as the desktop sees it: when it is there and where. It never has the focus.
//!
//! Under X11 window managers leave it alone (override-redirect) and the pointer goes through it. Wayland gives a window
//! no such place, and would give it the focus, so that what is dictated went nowhere: there is none.

use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui::{Context, Pos2, Rect, ViewportBuilder, ViewportCommand, ViewportId, pos2};

use crate::{
    config::{OverlayPlace, OverlayWhen},
    ui::{
        model::UiModel,
        panels::overlay::{OverlayView, SIZE, overlay_ui},
        screen::Screen,
        window::APP_ID,
    },
};

/// Its title, for programs that look for it.
const TITLE: &str = "Dictoscope overlay";
/// Points between it and the edges of the screen.
const GAP: f32 = 12.0;

/// Whether it is there, and where.
#[derive(Debug)]
pub(crate) struct Overlay {
    /// Whether this desktop can have it.
    possible: bool,
    /// Its upper left corner in points, while it is there.
    at: Option<Pos2>,
    place: OverlayPlace,
    /// What it shows. It is painted by itself, at other times than the window.
    view: Arc<Mutex<OverlayView>>,
}

impl Overlay {
    pub(crate) fn new() -> Self {
        let possible = !is_wayland();
        if !possible {
            log::info!("no overlay under Wayland: it would take the focus");
        }
        Self { possible, at: None, place: OverlayPlace::default(), view: Arc::default() }
    }

    /// Before the window is laid out, or instead while it is hidden: then it is asked to be laid out once, for only that
    /// makes the overlay.
    pub(crate) fn follow(&mut self, ctx: &Context, screen: &Screen) {
        let settings = &screen.settings().window;
        let focused = ctx.input(|input| input.focused);
        if !(self.possible && is_wanted(settings.overlay, &screen.model, focused)) {
            if self.at.take().is_some() {
                // Gone once a frame was laid out without it.
                ctx.request_repaint();
            }
            return;
        }
        if self.at.is_none() || self.place != settings.overlay_place {
            self.place = settings.overlay_place;
            self.at = Some(corner(area(ctx), self.place));
            ctx.send_viewport_cmd(ViewportCommand::RequestPaintWhileHidden);
            ctx.request_repaint();
        }
        let view = OverlayView::of(&screen.model);
        let mut shown = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != view {
            *shown = view;
            ctx.request_repaint_of(id());
        }
    }

    /// Has it on the screen, if it is to be there. Deferred: eframe has no way to make an immediate viewport while the
    /// window that it belongs to is minimised, and panics.
    pub(crate) fn ui(&self, ctx: &Context) {
        let Some(at) = self.at else { return };
        let builder = ViewportBuilder::default()
            .with_title(TITLE)
            .with_app_id(APP_ID)
            .with_inner_size(SIZE)
            .with_position(at)
            .with_decorations(false)
            .with_resizable(false)
            .with_active(false)
            .with_taskbar(false)
            .with_always_on_top()
            .with_mouse_passthrough(true)
            .with_override_redirect(true);
        let view = Arc::clone(&self.view);
        ctx.show_viewport_deferred(id(), builder, move |ui, _| {
            overlay_ui(ui, &view.lock().unwrap_or_else(PoisonError::into_inner));
        });
    }
}

fn id() -> ViewportId {
    ViewportId::from_hash_of(TITLE)
}

fn is_wanted(when: OverlayWhen, model: &UiModel, focused: bool) -> bool {
    match when {
        OverlayWhen::Never => false,
        OverlayWhen::Dictating => model.is_live() && !focused,
        OverlayWhen::Always => true,
    }
}

/// Where it is on a screen.
fn corner(area: Rect, place: OverlayPlace) -> Pos2 {
    let (left, middle, right) = (area.left() + GAP, area.center().x - 0.5 * SIZE.x, area.right() - GAP - SIZE.x);
    let (top, bottom) = (area.top() + GAP, area.bottom() - GAP - SIZE.y);
    match place {
        OverlayPlace::Bottom => pos2(middle, bottom),
        OverlayPlace::Top => pos2(middle, top),
        OverlayPlace::BottomLeft => pos2(left, bottom),
        OverlayPlace::BottomRight => pos2(right, bottom),
        OverlayPlace::TopLeft => pos2(left, top),
        OverlayPlace::TopRight => pos2(right, top),
    }
}

/// The part of the main screen that no panel of the desktop covers, in points.
fn area(ctx: &Context) -> Rect {
    #[cfg(target_os = "linux")]
    match crate::ui::screen_area::of_x11() {
        Ok(area) => return area / ctx.pixels_per_point(),
        Err(error) => log::warn!("the screen's size is not known: {error}"),
    }
    let size = ctx.input(|input| input.viewport().monitor_size);
    Rect::from_min_size(Pos2::ZERO, size.unwrap_or(ctx.content_rect().size()))
}

fn is_wayland() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "linux") && (is_set("WAYLAND_DISPLAY") || is_set("WAYLAND_SOCKET"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Command, Source};

    #[test]
    fn it_is_there_while_dictation_runs_in_the_background() {
        let mut model = UiModel::default();
        assert!(!is_wanted(OverlayWhen::Dictating, &model, false), "nothing runs");
        model.sent(&Command::Start(Source::Microphone { device: None }));
        assert!(is_wanted(OverlayWhen::Dictating, &model, false));
        assert!(!is_wanted(OverlayWhen::Dictating, &model, true), "the window says it all");
        assert!(is_wanted(OverlayWhen::Always, &model, true));
        assert!(!is_wanted(OverlayWhen::Never, &model, false));
    }

    #[test]
    fn every_place_is_within_the_screen() {
        let area = Rect::from_min_max(pos2(1920.0, 30.0), pos2(3200.0, 800.0));
        let mut corners: Vec<Pos2> = OverlayPlace::ALL.iter().map(|place| corner(area, *place)).collect();
        assert!(corners.iter().all(|at| area.contains_rect(Rect::from_min_size(*at, SIZE))), "{corners:?}");
        assert_eq!(corners[0], pos2(2340.0, 800.0 - GAP - SIZE.y));
        corners.dedup();
        assert_eq!(corners.len(), OverlayPlace::ALL.len());
    }
}
