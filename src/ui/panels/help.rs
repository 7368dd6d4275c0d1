//! The list of shortcuts.

use eframe::egui::{Grid, Id, Modal, RichText, Ui, vec2};

use crate::ui::theme::Palette;

/// Keys and what they do.
const SHORTCUTS: [(&str, &str); 16] = [
    ("Space", "Start or stop dictation (when no button or field has the focus)"),
    ("F", "Freeze or release the time axis"),
    ("+  −", "Zoom the time axis; also Ctrl and the wheel"),
    ("←  →", "Previous and next decision, with its record"),
    ("PgUp  PgDn", "Move a frozen time axis by a page"),
    ("Home  End", "Move it to its beginning or its end"),
    ("Esc", "Close the record, the settings, a page or this list; else cancel dictation"),
    ("Ctrl+C", "Copy the words selected, else all committed text"),
    ("Ctrl+L", "Clear the transcript"),
    ("Ctrl+Z", "Bring the cleared transcript back"),
    ("Ctrl+O", "Open a recording"),
    ("Ctrl+T", "Start or end a trace"),
    ("Ctrl+H", "Past dictations"),
    ("Ctrl+M", "Models"),
    ("Ctrl+,", "Settings"),
    ("?", "This list"),
];

/// The same for a run that is over.
const RECORDED_SHORTCUTS: [(&str, &str); 8] = [
    ("←  →", "Previous and next decision, with its record"),
    ("PgUp  PgDn", "Move the time axis by a page"),
    ("Home  End", "Beginning and end of the run"),
    ("+  −", "Zoom the time axis; also Ctrl and the wheel"),
    ("N  Shift+N", "Next and previous difference to the other run"),
    ("Esc", "Close the record, the report or this list"),
    ("Ctrl+C", "Copy the words selected, else all text"),
    ("?", "This list"),
];

pub(crate) fn help_ui(ui: &Ui, recorded: bool, open: &mut bool) {
    if !*open {
        return;
    }
    let (shortcuts, more): (&[_], _) = if recorded {
        (&RECORDED_SHORTCUTS, "Tab goes through all controls. Click a word to see its first decision.")
    } else {
        (&SHORTCUTS, "Tab goes through all controls. Drop a recording on the window to transcribe it.")
    };
    let palette = Palette::of(ui);
    let modal = Modal::new(Id::unique("help")).show(ui.ctx(), |ui| {
        ui.set_width(500.0);
        ui.heading("Keyboard");
        ui.add_space(4.0);
        Grid::new("shortcuts").num_columns(2).min_row_height(20.0).spacing(vec2(18.0, 6.0)).show(ui, |ui| {
            for (keys, meaning) in shortcuts {
                ui.label(RichText::new(*keys).monospace().color(palette.token));
                ui.label(*meaning);
                ui.end_row();
            }
        });
        ui.add_space(4.0);
        ui.label(RichText::new(more).weak());
        ui.add_space(6.0);
        ui.button("Close").clicked()
    });
    if modal.inner || modal.should_close() {
        *open = false;
    }
}
