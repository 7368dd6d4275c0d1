//! Pictures of the window and its parts, light and dark. `UPDATE_SNAPSHOTS=true cargo test --test ui_snapshots` writes them.

mod ui_fixture;

use dictoscope::{
    config::Theme,
    session::{Event, LevelSnapshot, PlotItem},
    ui::{ModelCost, ModelPlace, ModelRow, ModelsTold, Part, PastRow, PastTold, Screen},
    units::SampleIdx,
};
use eframe::egui::{CentralPanel, LayerId, Pos2, Ui, pos2};
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults, kittest::Queryable as _};
use ui_fixture::{
    dictating, fresh,
    recorded::{compared, recording},
};

/// Software drivers smooth edges differently; a shifted line or another colour still fails.
const THRESHOLD: f32 = 2.0;
const MAX_FAILED_PIXELS: usize = 60;

const THEMES: [(Theme, &str); 2] = [(Theme::Light, "light"), (Theme::Dark, "dark")];

fn options() -> SnapshotOptions {
    SnapshotOptions::new().threshold(THRESHOLD).max_failed_pixels(MAX_FAILED_PIXELS)
}

fn window(screen: Screen, size: [f32; 2]) -> Harness<'static, Screen> {
    let builder = Harness::builder().with_size(size).with_options(options()).with_max_steps(12);
    let show = |ui: &mut Ui, screen: &mut Screen| {
        ground(ui);
        screen.ui(ui);
    };
    let mut harness = builder.wgpu().build_ui_state(show, screen);
    harness.run_steps(3);
    harness
}

/// Fills the edge that the harness leaves around everything.
fn ground(ui: &Ui) {
    let painter = ui.ctx().layer_painter(LayerId::background());
    painter.rect_filled(ui.ctx().content_rect(), 0.0, ui.visuals().panel_fill);
}

fn part(screen: Screen, part: Part, size: [f32; 2]) -> Harness<'static, Screen> {
    let builder = Harness::builder().with_size(size).with_options(options()).with_max_steps(12);
    let show = move |ui: &mut Ui, screen: &mut Screen| {
        ground(ui);
        CentralPanel::default().show(ui, |ui| screen.part_ui(ui, part));
    };
    let mut harness = builder.wgpu().build_ui_state(show, screen);
    harness.run_steps(3);
    harness
}

/// Takes the picture `name` in both themes.
fn both(name: &str, mut make: impl FnMut(Theme) -> Harness<'static, Screen>) {
    let mut results = SnapshotResults::new();
    for (theme, suffix) in THEMES {
        let mut harness = make(theme);
        results.add(harness.try_snapshot(format!("{name}_{suffix}")));
    }
}

#[test]
fn whole_window_while_dictating() {
    both("window", |theme| window(dictating(theme), [960.0, 660.0]));
}

#[test]
fn small_window_before_the_first_word() {
    both("window_empty", |theme| window(fresh(theme), [640.0, 440.0]));
}

#[test]
fn page_of_past_dictations() {
    let row = |id: &str, when: &str, words, text: &str, ended| PastRow {
        id: id.into(),
        when: when.into(),
        words,
        text: text.into(),
        ended,
    };
    let rows = vec![
        row("20261125-101500", "2026-11-25 10:15 UTC", 1, "Yes.", false),
        row(
            "20261124-083000",
            "2026-11-24 08:30 UTC",
            11,
            "Dear Anna, thank you for the letter that came today.",
            true,
        ),
    ];
    let text = "Dear Anna, thank you for the letter that came today.\n\nYours.".to_owned();
    let told = [PastTold::List { search: String::new(), rows }, PastTold::Text { id: "20261124-083000".into(), text }];
    both("history", |theme| {
        let mut screen = fresh(theme);
        screen.offer_past();
        let mut harness = window(screen, [860.0, 360.0]);
        harness.get_by_label("History").click();
        harness.run_steps(2);
        harness.state_mut().hear_past(told[0].clone());
        harness.run_steps(2);
        harness.get_by_label_contains("Dear Anna").click();
        harness.run_steps(2);
        harness.state_mut().hear_past(told[1].clone());
        harness.run_steps(3);
        harness
    });
}

#[test]
fn page_of_models() {
    let row = |name: &str, place, chosen, facts: &[(&'static str, &str)]| ModelRow {
        name: name.into(),
        place,
        chosen,
        line: format!("{name} in a line"),
        facts: facts.iter().map(|(about, fact)| (*about, (*fact).to_owned())).collect(),
        fault: None,
    };
    let facts = [("Memory", "about 151 MB while it runs"), ("Languages", "en"), ("Durations", "0, 1, 2, 3, 4")];
    let cost = |engine: &str, cost| ModelsTold::Cost { name: "built-in".into(), engine: engine.into(), cost };
    let fast = ModelCost { encode_ms: 81.0, step_ms: 0.25, real_time_factor: 0.031 };
    let told = [
        ModelsTold::List(vec![
            row("built-in", ModelPlace::BuiltIn, true, &facts),
            row("desk", ModelPlace::Kept, false, &[]),
            row("far", ModelPlace::ToFetch, false, &[]),
        ]),
        cost("rten", Ok(fast)),
        cost("tensorrt", Err("there is no GPU here".into())),
        ModelsTold::Progress { share: Some(0.25), text: "encoder.onnx: 25 %".into() },
    ];
    both("models", |theme| {
        let mut screen = fresh(theme);
        screen.offer_models();
        let mut harness = window(screen, [860.0, 460.0]);
        harness.get_by_label("Models").click();
        harness.run_steps(2);
        for told in told.clone() {
            harness.state_mut().hear_models(told);
        }
        harness.run_steps(3);
        harness
    });
}

#[test]
fn controls() {
    both("controls", |theme| part(dictating(theme), Part::Controls, [900.0, 52.0]));
}

#[test]
fn transcript() {
    both("transcript", |theme| part(dictating(theme), Part::Transcript, [520.0, 120.0]));
}

#[test]
fn settings() {
    both("settings", |theme| part(dictating(theme), Part::Settings, [268.0, 790.0]));
}

#[test]
fn settings_that_are_folded_at_first() {
    both("settings_more", |theme| {
        let mut harness = part(dictating(theme), Part::Settings, [268.0, 1510.0]);
        let first = ["Window", "Feature normalisation", "Suppress punctuation", "End of utterance", "Record", "Engine"];
        let more = ["Custom words", "Text rules", "Type into other windows", "Audio", "Hotkeys", "On the desktop"];
        for title in first.into_iter().chain(more) {
            harness.get_by_label(title).click();
            // What is below moves.
            harness.run_steps(20);
        }
        harness.get_by_label("Add a replacement").click();
        harness.remove_cursor();
        harness.run_steps(4);
        harness
    });
}

#[test]
fn overlay() {
    both("overlay", |theme| part(dictating(theme), Part::Overlay, [456.0, 94.0]));
}

#[test]
fn status() {
    let loud = |theme| {
        let mut screen = dictating(theme);
        screen.model.set_level(LevelSnapshot { peak: 1.0, rms: 0.5, clipped_samples: 12, overrun_samples: 0 });
        screen.model.apply(Event::TraceStarted { path: "/home/a/traces/2025-06-03-1412.jsonl".into() });
        screen
    };
    both("status", |theme| part(loud(theme), Part::Status, [1180.0, 52.0]));
}

#[test]
fn notices() {
    let troubled = |theme| {
        let mut screen = dictating(theme);
        screen.model.apply(Event::AudioLost { at: SampleIdx(52_000), samples: 800 });
        screen
            .model
            .apply(Event::SourceFailed { reason: "No microphone found. Connect one, or open a recording.".into() });
        screen
    };
    both("notices", |theme| part(troubled(theme), Part::Notices, [760.0, 100.0]));
}

#[test]
fn help() {
    both("help", |theme| {
        let mut harness = window(fresh(theme), [540.0, 500.0]);
        harness.get_by_label("?").click();
        harness.run_steps(2);
        harness.remove_cursor();
        harness.run_steps(3);
        harness
    });
}

#[test]
fn a_pinned_decision_shows_its_record() {
    both("record", |theme| {
        let harness = part(dictating(theme), Part::Decisions, [580.0, 490.0]);
        pin(harness, 8)
    });
}

#[test]
fn recorded_run_beside_another() {
    both("recorded", |theme| window(Screen::recorded(compared(), theme), [1120.0, 900.0]));
}

#[test]
fn recorded_difference_with_both_records() {
    both("recorded_pinned", |theme| {
        let mut harness = part(Screen::recorded(compared(), theme), Part::Decisions, [900.0, 680.0]);
        for label in ["Report", "Previous difference"] {
            harness.get_by_label(label).click();
            harness.run_steps(2);
        }
        harness.remove_cursor();
        harness.run_steps(3);
        harness
    });
}

#[test]
fn recorded_run_without_sound_and_features() {
    let bare = || {
        let mut recording = recording();
        recording.plots.retain(|item| !matches!(item, PlotItem::Level { .. }));
        for item in &mut recording.plots {
            if let PlotItem::Hop(hop) = item {
                hop.mel.clear();
            }
        }
        recording
    };
    both("recorded_bare", |theme| window(Screen::recorded(bare(), theme), [640.0, 440.0]));
}

/// Clicks the decision on `frame` of the row of tokens.
fn pin(mut harness: Harness<'static, Screen>, frame: u64) -> Harness<'static, Screen> {
    let at = decision_pos(&harness, frame);
    harness.hover_at(at);
    harness.run_steps(1);
    harness.drag_at(at);
    harness.run_steps(1);
    harness.drop_at(at);
    harness.run_steps(1);
    harness.remove_cursor();
    harness.run_steps(4);
    harness
}

/// Where the live axis of 100 frames has the middle of `frame`, half-way down.
fn decision_pos(harness: &Harness<'_, Screen>, frame: u64) -> Pos2 {
    let rect = harness.get_by_label("Decisions over time").rect();
    let share = (frame as f32 + 0.5) / 100.0;
    pos2(rect.left() + rect.width() * share, rect.center().y)
}
