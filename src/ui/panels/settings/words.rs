//! Words of the user's own, one a line, and how strongly the decoder is drawn to them.

use eframe::egui::{Slider, TextEdit, Ui};

use super::remark;
use crate::session::CustomWords;

/// The list while it is edited.
#[derive(Debug, Default)]
pub(super) struct WordsDraft(Option<String>);

/// The words as they are to be from now on, if that changed.
pub(super) fn words_ui(ui: &mut Ui, now: &CustomWords, WordsDraft(draft): &mut WordsDraft) -> Option<CustomWords> {
    let mut words = now.clone();
    let mut text = draft.clone().unwrap_or_else(|| now.words.join("\n"));
    let field = TextEdit::multiline(&mut text).desired_rows(3).desired_width(f32::INFINITY).hint_text("One a line");
    let field = ui.add(field).on_hover_text("Words and phrases that the model may not know, one a line");
    if field.changed() {
        *draft = Some(text);
    }
    // Once the list is left: half a word would be a word, too.
    if !field.has_focus()
        && let Some(text) = draft.take()
    {
        words.words = text.lines().map(str::trim).filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect();
    }
    let slider = Slider::new(&mut words.boost, 0.0..=CustomWords::MOST).text("boost").step_by(0.1).fixed_decimals(1);
    ui.add(slider).on_hover_text("The largest bonus that one of their tokens can get, in logits; 0 boosts nothing");
    remark(ui, "Acts from the next hop on.");
    (words != *now).then_some(words)
}
