//! Everything that can be set, at the side, in sections that fold. What does not act at once says when it does.

mod audio;
mod desktop;
mod keys;
mod output;
mod rules;
mod session;
mod words;

use eframe::egui::{Checkbox, CollapsingHeader, RichText, ScrollArea, Ui};

use crate::{
    config::Settings,
    session::{Command, Setting},
    ui::model::UiModel,
};

/// What is being typed and cannot be used, or not yet.
#[derive(Debug, Default)]
pub(crate) struct SettingsView {
    audio: audio::AudioDraft,
    keys: keys::KeyDrafts,
    words: words::WordsDraft,
    rules: rules::RuleDrafts,
}

pub(crate) fn settings_ui(
    ui: &mut Ui,
    model: &UiModel,
    settings: &mut Settings,
    view: &mut SettingsView,
    trace_audio: &mut bool,
    commands: &mut Vec<Command>,
) {
    ScrollArea::vertical().auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().slider_width = 118.0;
        let mut set = |setting: Option<Setting>| commands.extend(setting.map(Command::Set));
        section(ui, "Window", true, |ui| set(session::window_ui(ui, model).map(Setting::Window)));
        section(ui, "Feature normalisation", true, |ui| set(session::norm_ui(ui, model).map(Setting::FeatureNorm)));
        section(ui, "Suppress punctuation", true, |ui| {
            set(session::punctuation_ui(ui, model).map(Setting::Punctuation));
        });
        section(ui, "End of utterance", true, |ui| set(session::endpoint_ui(ui, model).map(Setting::Endpoint)));
        section(ui, "Record", true, |ui| set(session::record_ui(ui, model).map(Setting::TopK)));
        section(ui, "Engine", true, |ui| commands.extend(session::engine_ui(ui, model)));
        section(ui, "Custom words", false, |ui| {
            let words = words::words_ui(ui, &model.settings().custom_words, &mut view.words);
            commands.extend(words.map(|words| Command::Set(Setting::CustomWords(words))));
        });
        section(ui, "Text rules", false, |ui| rules::rules_ui(ui, &mut settings.text, &mut view.rules));
        section(ui, "Type into other windows", false, |ui| output::output_ui(ui, &mut settings.output));
        section(ui, "Audio", false, |ui| {
            let listening = audio::audio_ui(ui, &mut settings.audio, &mut view.audio);
            commands.extend(listening.map(|listening| Command::Listen(listening, settings.device.clone())));
        });
        section(ui, "Hotkeys", false, |ui| keys::keys_ui(ui, &mut settings.hotkeys, &mut view.keys));
        section(ui, "On the desktop", false, |ui| desktop::desktop_ui(ui, &mut settings.window));
        section(ui, "Traces", true, |ui| {
            ui.add(Checkbox::new(trace_audio, "Keep the sound with a trace, so that it can be run again"))
                .on_hover_text("Holds for traces that the button starts, until the window is closed");
        });
        ui.add_space(6.0);
    });
}

/// A part under a title that folds it; `open` at first.
fn section(ui: &mut Ui, title: &str, open: bool, content: impl FnOnce(&mut Ui)) {
    ui.add_space(5.0);
    CollapsingHeader::new(RichText::new(title).strong()).default_open(open).show_unindented(ui, content);
}

/// When a change acts, and the like.
fn remark(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).small().weak());
}

/// Why what was typed is not used.
fn fault(ui: &mut Ui, text: &str) {
    let color = crate::ui::theme::Palette::of(ui).bad;
    ui.label(RichText::new(text).small().color(color));
}
