//! What a session can be told. Each change acts from the next hop on and is marked on the time axis.

use eframe::egui::{Checkbox, ComboBox, RichText, Slider, Ui};

use crate::{
    config::EngineName,
    session::{Command, EndpointSettings, FeatureNorm, Punctuation, TopK, WindowSettings},
    ui::{model::UiModel, theme::Palette},
    units::{enc_frames_from_secs, secs_from_enc_frames},
};

/// Longest window offered until the model has said its own, in encoder frames.
const UNKNOWN_LONGEST: u64 = 375;
/// Least hop in seconds: one encoder frame.
const LEAST_HOP_SECS: f64 = 0.08;
/// Longest hop and right context offered, in seconds: beyond that it is no dictation.
const MOST_HOP_SECS: f64 = 4.0;
const MOST_RIGHT_SECS: f64 = 4.0;

/// Candidates that each decision keeps.
pub(super) fn record_ui(ui: &mut Ui, model: &UiModel) -> Option<TopK> {
    let mut top_k = model.settings().top_k.get();
    let slider = ui.add(Slider::new(&mut top_k, 2..=16).text("top k"));
    slider.on_hover_text("Candidates of the token head that each decision keeps").changed().then(|| TopK::from(top_k))
}

/// What computes. A change while dictation runs loses nothing: what is spoken meanwhile queues.
pub(super) fn engine_ui(ui: &mut Ui, model: &UiModel) -> Option<Command> {
    let before = model.engine_name().and_then(EngineName::parse);
    let mut engine = before;
    ui.horizontal(|ui| {
        let text = before.map_or("none", EngineName::as_str);
        ComboBox::from_label("computes").selected_text(text).show_ui(ui, |ui| {
            for name in EngineName::ALL {
                ui.selectable_value(&mut engine, Some(name), name.as_str());
            }
        });
        if model.is_changing_engine() {
            ui.spinner().on_hover_text("Being made ready; the engine before goes on meanwhile");
        }
    });
    let asked = engine.filter(|_| engine != before && !model.is_changing_engine())?;
    Some(Command::UseEngine(asked.as_str().to_owned()))
}

fn frames(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).small().weak());
}

pub(super) fn window_ui(ui: &mut Ui, model: &UiModel) -> Option<WindowSettings> {
    let palette = Palette::of(ui);
    let longest = model.ready().map_or(UNKNOWN_LONGEST, |ready| ready.longest_window);
    let longest_secs = secs_from_enc_frames(longest);
    let before = model.settings().window;
    let mut window = before;
    let room = |others: f64| (longest_secs - others).max(0.0);
    let slider = |ui: &mut Ui, value: &mut f64, least: f64, most: f64, name: &str, hint: &str| {
        let slider =
            Slider::new(value, least..=most.max(least)).text(name).suffix(" s").step_by(0.02).fixed_decimals(2);
        ui.add(slider).on_hover_text(hint);
    };
    let most_left = room(window.hop_secs + window.right_secs);
    slider(ui, &mut window.left_secs, 0.0, most_left, "left", "Audio before the commit line that is encoded again");
    let most_hop = room(window.left_secs + window.right_secs).min(MOST_HOP_SECS);
    slider(ui, &mut window.hop_secs, LEAST_HOP_SECS, most_hop, "hop", "Time between inferences");
    let most_right = room(window.left_secs + window.hop_secs).min(MOST_RIGHT_SECS);
    slider(ui, &mut window.right_secs, 0.0, most_right, "right", "Audio after a frame before its words are committed");
    let (left, right) = (window.left_frames(), window.right_frames());
    frames(ui, &format!("{left} + {} + {right} frames of 80 ms", hop_frames(window.hop_secs)));
    let used = window.longest_frames();
    let text = RichText::new(format!("{used} of at most {longest} frames ({longest_secs:.1} s)")).small();
    ui.label(if used > longest { text.color(palette.bad) } else { text.weak() });
    (window != before && window.longest_frames() <= longest).then_some(window)
}

/// Encoder frames a hop commits: a range where the hop is no multiple of 80 ms.
fn hop_frames(hop_secs: f64) -> String {
    let whole = enc_frames_from_secs(hop_secs);
    if (secs_from_enc_frames(whole) - hop_secs).abs() < 1e-6 {
        whole.to_string()
    } else {
        format!("{whole} or {}", whole + 1)
    }
}

pub(super) fn norm_ui(ui: &mut Ui, model: &UiModel) -> Option<FeatureNorm> {
    let palette = Palette::of(ui);
    let before = model.settings().feature_norm;
    let mut norm = before;
    for choice in FeatureNorm::ALL {
        let (name, hint) = match choice {
            FeatureNorm::Model => ("model's own", "What the model was trained with"),
            FeatureNorm::PerFeature => ("per_feature", "Each mel bin to mean 0 and deviation 1 over the window"),
            FeatureNorm::Running => ("running", "By mean and deviation since the utterance began"),
            FeatureNorm::None => ("none", "Log-mel as it is"),
        };
        let trained = model.ready().and_then(|ready| {
            let is_it = |norm: &FeatureNorm| *norm != FeatureNorm::Model && norm.is_trained(ready.trained_norm);
            FeatureNorm::ALL.into_iter().find(is_it).map(FeatureNorm::name)
        });
        let name = match trained.filter(|_| choice == FeatureNorm::Model) {
            Some(trained) => format!("{name} ({trained})"),
            None => name.to_owned(),
        };
        ui.horizontal(|ui| {
            ui.radio_value(&mut norm, choice, name).on_hover_text(hint);
            if model.ready().is_some_and(|ready| !choice.is_trained(ready.trained_norm)) {
                ui.label(RichText::new("not trained with").small().color(palette.warn));
            }
        });
    }
    (norm != before).then_some(norm)
}

pub(super) fn punctuation_ui(ui: &mut Ui, model: &UiModel) -> Option<Punctuation> {
    let before = model.settings().punctuation;
    let mut punctuation = before;
    ui.horizontal(|ui| {
        for (choice, hint) in [
            (Punctuation::Off, "Nothing is suppressed"),
            (Punctuation::Leading, "None before an utterance's first word"),
            (Punctuation::All, "None at all; apostrophe and hyphen stay"),
        ] {
            ui.radio_value(&mut punctuation, choice, choice.name()).on_hover_text(hint);
        }
    });
    (punctuation != before).then_some(punctuation)
}

pub(super) fn endpoint_ui(ui: &mut Ui, model: &UiModel) -> Option<EndpointSettings> {
    let before = model.settings().endpoint;
    let mut endpoint = before;
    ui.add(Checkbox::new(&mut endpoint.enabled, "voice gate"))
        .on_hover_text("Off: one utterance from start to stop, and silence is decoded too");
    ui.add_enabled_ui(endpoint.enabled, |ui| {
        let slider = Slider::new(&mut endpoint.silence_secs, 0.3..=5.0).text("silence").suffix(" s").step_by(0.1);
        ui.add(slider.fixed_decimals(1)).on_hover_text("Silence that ends an utterance");
    });
    (endpoint != before).then_some(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_of_half_a_second_commits_six_or_seven_frames() {
        assert_eq!(hop_frames(0.5), "6 or 7");
        assert_eq!(hop_frames(0.48), "6");
    }
}
