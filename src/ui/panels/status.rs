//! The status line: what the program does, with which engine, how loud, how fast, and whether audio was lost.

use eframe::egui::{Color32, Label, RichText, Sense, Ui, vec2};

use crate::{
    session::Command,
    ui::{
        model::{Phase, RecordedRun, UiModel},
        panels::{decisions::duration_text, meter::meter_ui},
        theme::Palette,
    },
    units::{SAMPLE_RATE_HZ, secs_from_enc_frames},
};

/// Most characters of a source's or a file's name.
const MOST_NAME_CHARS: usize = 28;

/// Points below which a recorded run's settings are left out, to be found by the pointer.
const SETTINGS_ROOM: f32 = 520.0;

pub(crate) fn status_ui(ui: &mut Ui, model: &UiModel, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 7.0;
        if let Some(run) = model.recorded() {
            recorded(ui, model, run, palette);
            ui.separator();
            engine(ui, model);
            return;
        }
        state(ui, model, palette, commands);
        idle(ui, model, palette);
        tracing(ui, model, palette);
        ui.separator();
        meter_ui(ui, model.level(), model.clip_lamp());
        ui.separator();
        timing(ui, model, palette);
        ui.separator();
        engine(ui, model);
    });
}

/// What the program does.
pub(crate) fn phase_text(model: &UiModel) -> String {
    match model.phase() {
        Phase::Loading => "Loading the model".to_owned(),
        Phase::Ready => "Ready".to_owned(),
        Phase::NoAudio => "No audio source".to_owned(),
        Phase::Starting => "Opening the audio source".to_owned(),
        Phase::Listening => format!("Listening: {}", shortened(model.source().unwrap_or("audio"))),
        Phase::Reconnecting => "Device lost, looking for it".to_owned(),
        Phase::Stopping => "Transcribing the rest".to_owned(),
        Phase::EngineFailed => "Engine failed".to_owned(),
    }
}

/// The colour of that.
pub(crate) fn phase_color(phase: Phase, palette: &Palette) -> Color32 {
    match phase {
        Phase::Ready => palette.weak,
        Phase::Listening => palette.good,
        Phase::NoAudio | Phase::EngineFailed => palette.bad,
        Phase::Loading | Phase::Starting | Phase::Reconnecting | Phase::Stopping => palette.warn,
    }
}

fn state(ui: &mut Ui, model: &UiModel, palette: &Palette, commands: &mut Vec<Command>) {
    let (text, color) = (phase_text(model), phase_color(model.phase(), palette));
    let (dot, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
    ui.painter().circle_filled(dot.center(), 5.0, color);
    ui.label(RichText::new(text).small().strong());
    if model.phase() == Phase::EngineFailed
        && ui.small_button("Load again").on_hover_text("Load the model again; queued audio is kept").clicked()
    {
        commands.push(Command::Restart);
    }
}

/// A microphone that is open though nothing is dictated.
fn idle(ui: &mut Ui, model: &UiModel, palette: &Palette) {
    if model.is_idle_open() {
        ui.separator();
        let text = RichText::new("Microphone open for pre-roll").small().color(palette.warn);
        ui.add(Label::new(text).extend()).on_hover_text(
            "So that what is said just before a start is heard; only the last moments are kept. \
             Settings, Audio: a pre-roll of 0 closes it between dictations",
        );
    }
}

/// The file of the trace that is being written.
fn tracing(ui: &mut Ui, model: &UiModel, palette: &Palette) {
    let Some(path) = &model.trace else { return };
    ui.separator();
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    field(ui, "tracing", &shortened(&name), palette.bad).on_hover_text(format!("Being written: {}", path.display()));
}

/// What there is of a run that is over, and how it was set.
fn recorded(ui: &mut Ui, model: &UiModel, run: &RecordedRun, palette: &Palette) {
    let (dot, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
    ui.painter().circle_filled(dot.center(), 5.0, palette.token);
    let settings = model.settings();
    let window = settings.window;
    let window = format!("{:.2} + {:.2} + {:.2} s", window.left_secs, window.hop_secs, window.right_secs);
    let (features, punctuation) = (settings.feature_norm.name(), settings.punctuation.name());
    ui.label(RichText::new("Recorded run").small().strong()).on_hover_ui(|ui| {
        ui.label("Settings at its beginning:");
        ui.label(format!("left context + hop + right context {window}"));
        ui.label(format!("features {features}, suppress punctuation {punctuation}"));
    });
    ui.separator();
    let history = &model.history;
    let length = secs_from_enc_frames(history.newest() as u64);
    field(ui, "length", &duration_text(length), palette.text);
    field(ui, "decisions", &history.decisions.len().to_string(), palette.text);
    if let Some(other) = &run.other {
        let count = other.differences.len();
        let color = if count == 0 { palette.good } else { palette.bad };
        field(ui, "differences", &count.to_string(), color).on_hover_text(&other.verdict);
    }
    if ui.available_width() > SETTINGS_ROOM {
        field(ui, "window", &window, palette.text)
            .on_hover_text("Left context + hop + right context, at the beginning");
        field(ui, "features", features, palette.text);
        field(ui, "suppress punctuation", punctuation, palette.text);
    }
}

/// A name, cut where it would push the rest of the line out of the window.
fn shortened(name: &str) -> String {
    if name.chars().count() <= MOST_NAME_CHARS {
        return name.to_owned();
    }
    let kept: String = name.chars().take(MOST_NAME_CHARS - 1).collect();
    format!("{}…", kept.trim_end())
}

fn timing(ui: &mut Ui, model: &UiModel, palette: &Palette) {
    let live = model.live();
    let timing = live.timing;
    let queued_secs = live.queued_samples as f64 / f64::from(SAMPLE_RATE_HZ);
    let lost_millis = live.lost_samples as f64 * 1000.0 / f64::from(SAMPLE_RATE_HZ);
    let overrun = model.level().overrun_samples;
    field(ui, "latency", &format!("{:.0} ms", live.latency_millis), palette.text)
        .on_hover_text("From the newest sample's arrival to the end of its hop");
    let parts = format!("{:.0} + {:.0} + {:.0} ms", timing.features_millis, timing.encode_millis, timing.decode_millis);
    field(ui, "hop", &parts, palette.text).on_hover_text("Cost of the newest hop: features + encoder + decoder");
    let waiting = if queued_secs > 2.0 { palette.warn } else { palette.text };
    field(ui, "queue", &format!("{queued_secs:.1} s"), waiting).on_hover_text("Audio waiting for the engine");
    let lost = if lost_millis > 0.0 || overrun > 0 { palette.bad } else { palette.text };
    field(ui, "lost", &format!("{lost_millis:.0} ms"), lost)
        .on_hover_text(format!("Audio lost since the start; {overrun} samples of it at the device"));
}

fn field(ui: &mut Ui, name: &str, value: &str, color: Color32) -> eframe::egui::Response {
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let name = ui.add(Label::new(RichText::new(name).small().weak()).extend());
        name | ui.add(Label::new(RichText::new(value).small().color(color)).extend())
    })
    .inner
}

fn engine(ui: &mut Ui, model: &UiModel) {
    let Some(ready) = model.ready() else {
        ui.add(Label::new(RichText::new("no engine yet").small().weak()).truncate());
        return;
    };
    let info = &ready.engine;
    let parity = info.parity.as_ref().map_or_else(String::new, |parity| format!(" · parity: {parity}"));
    // What is last is cut first.
    let text = format!("{} · {} · {}{parity} · {}", info.model, info.engine, info.device, info.precision);
    ui.add(Label::new(RichText::new(&text).small().weak()).truncate()).on_hover_ui(|ui| {
        ui.label(&text);
        ui.label("What actually runs: model, engine, device, its check against reference outputs, precision.");
        ui.label(format!("Encoder SHA-256 {}", info.encoder_sha256));
        let (bins, longest) = (ready.mel_bins, crate::units::secs_from_enc_frames(ready.longest_window));
        ui.label(format!("{bins} mel bins, windows up to {longest:.1} s"));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(shortened("Built-in microphone"), "Built-in microphone");
        let cut = shortened("Mikrofon an der Rückseite des Gehäuses");
        assert_eq!(cut.chars().count(), MOST_NAME_CHARS);
        assert!(cut.ends_with('…'));
    }
}
