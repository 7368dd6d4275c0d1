//! How microphones are listened to.

use eframe::egui::{ComboBox, Slider, Ui};

use super::remark;
use crate::{
    config::{AudioSettings, Channel},
    session::Listening,
};

/// Channels offered; the file may name any.
const CHANNELS: u16 = 8;

/// Settings that the threads were told.
#[derive(Debug, Default)]
pub(super) struct AudioDraft {
    told: Option<AudioSettings>,
}

/// What the threads are to be told, if that changed. Not while a slider is dragged: each change may open the microphone anew.
pub(super) fn audio_ui(ui: &mut Ui, audio: &mut AudioSettings, draft: &mut AudioDraft) -> Option<Listening> {
    let told = *draft.told.get_or_insert(*audio);
    let text = |Channel(channel): Channel| channel.map_or("mean of all".to_owned(), |channel| channel.to_string());
    ComboBox::from_label("channel").selected_text(text(audio.channel)).show_ui(ui, |ui| {
        for channel in std::iter::once(None).chain((0..CHANNELS).map(Some)) {
            ui.selectable_value(&mut audio.channel, Channel(channel), text(Channel(channel)));
        }
    });
    let mut slider = |value: &mut f64, name: &str, hint: &str| {
        let slider = Slider::new(value, 0.0..=AudioSettings::MOST_SECS).text(name).suffix(" s");
        ui.add(slider.step_by(0.05).fixed_decimals(2)).on_hover_text(hint);
    };
    slider(&mut audio.pre_roll_secs, "pre-roll", "Sound before a start that belongs to the dictation");
    slider(&mut audio.tail_secs, "tail", "Sound after a stop that belongs to it");
    if audio.pre_roll_secs > 0.0 {
        remark(ui, "The microphone stays open between dictations.");
    }
    remark(ui, "Acts from the next start of a dictation on.");
    if *audio == told || ui.input(|input| input.pointer.any_down()) {
        return None;
    }
    draft.told = Some(*audio);
    Some(audio.listening())
}
