//! Where the program shows itself, and is heard, besides its window.

use eframe::egui::{ComboBox, Ui};

use super::remark;
use crate::config::{OverlayPlace, OverlayWhen, WindowSettings};

pub(super) fn desktop_ui(ui: &mut Ui, window: &mut WindowSettings) {
    let when = |when| match when {
        OverlayWhen::Never => "never",
        OverlayWhen::Dictating => "while dictating",
        OverlayWhen::Always => "always",
    };
    let overlay = ComboBox::from_label("overlay").selected_text(when(window.overlay)).show_ui(ui, |ui| {
        for choice in OverlayWhen::ALL {
            ui.selectable_value(&mut window.overlay, choice, when(choice));
        }
    });
    overlay.response.on_hover_text("A small window on top of all others with the level and the last words");
    let place = |place: OverlayPlace| place.as_str().replace('-', " ");
    ui.add_enabled_ui(window.overlay != OverlayWhen::Never, |ui| {
        ComboBox::from_label("its place").selected_text(place(window.overlay_place)).show_ui(ui, |ui| {
            for choice in OverlayPlace::ALL {
                ui.selectable_value(&mut window.overlay_place, choice, place(choice));
            }
        });
    });
    ui.checkbox(&mut window.sounds, "Sounds at start, stop and failure");
    ui.checkbox(&mut window.close_to_tray, "Closing the window hides it")
        .on_hover_text("While an icon in the tray can bring it back; the icon's menu ends the program");
    ui.checkbox(&mut window.tray, "Icon in the tray");
    ui.checkbox(&mut window.start_minimised, "Start minimised");
    remark(ui, "The last two act from the next start of the program on.");
}
