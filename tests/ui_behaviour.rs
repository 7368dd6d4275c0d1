//! What the window does with clicks, keys and events; without a display and without pictures.

#[allow(dead_code, reason = "recorded runs have tests of their own")]
mod ui_fixture;

use std::path::PathBuf;

use dictoscope::{
    config::Theme,
    decode::Word,
    session::{Command, Event, LiveSnapshot, PlotItem, Punctuation, Setting, Source},
    ui::{PastAsk, PastRow, PastTold, Screen},
    units::{EncIdx, MelIdx},
};
use eframe::egui::{Event as UiEvent, Key, Modifiers, OutputCommand, Pos2, accesskit::Role, pos2, vec2};
use egui_kittest::{Harness, kittest::Queryable as _};
use ui_fixture::{dictating, fresh, ready, word};

fn open(screen: Screen) -> Harness<'static, Screen> {
    let builder = Harness::builder().with_size([1280.0, 800.0]).with_max_steps(12);
    let mut harness = builder.build_ui_state(|ui, screen: &mut Screen| screen.ui(ui), screen);
    harness.run_steps(2);
    harness
}

fn loaded() -> Screen {
    let mut screen = fresh(Theme::Dark);
    screen.model.apply(Event::Ready(ready()));
    screen
}

fn commands(harness: &mut Harness<'_, Screen>) -> Vec<Command> {
    harness.run_steps(2);
    harness.state_mut().take_commands()
}

fn is_microphone(command: &Command) -> bool {
    matches!(command, Command::Start(Source::Microphone { device: None }))
}

/// The text put on the clipboard in the last frame, if any.
fn copied(harness: &Harness<'_, Screen>) -> Option<String> {
    harness.output().platform_output.commands.iter().find_map(|command| match command {
        OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    })
}

#[test]
fn start_and_stop_by_button() {
    let mut harness = open(loaded());
    harness.get_by_label("Start").click();
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [start] if is_microphone(start)), "{sent:?}");
    harness.state_mut().model.apply(Event::Started { source: "desk".into(), skipped_samples: 0 });
    harness.run_steps(2);
    harness.get_by_label("Stop").click();
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [Command::Stop]), "{sent:?}");
}

#[test]
fn the_status_line_says_how_the_engine_was_checked() {
    let mut screen = fresh(Theme::Dark);
    let mut ready = ready();
    ready.engine.parity = Some("passed (max |Δ| 1.7e-5, 2026-11-24)".to_owned());
    screen.model.apply(Event::Ready(ready));
    let harness = open(screen);
    harness.get_by_label_contains("parity: passed (max |Δ| 1.7e-5, 2026-11-24)");
}

#[test]
fn space_starts_once() {
    let mut harness = open(loaded());
    harness.key_press(Key::Space);
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [start] if is_microphone(start)), "{sent:?}");
}

#[test]
fn space_on_a_focused_button_presses_that_button_only() {
    let mut harness = open(loaded());
    harness.get_by_label("Start").focus();
    harness.run_steps(2);
    harness.key_press(Key::Space);
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [start] if is_microphone(start)), "fired twice or never: {sent:?}");

    let mut harness = open(loaded());
    harness.get_by_label("Settings").focus();
    harness.run_steps(2);
    harness.key_press(Key::Space);
    assert!(commands(&mut harness).is_empty());
    assert!(harness.query_by_label("Feature normalisation").is_some(), "Space opened the settings");
}

#[test]
fn keys_typed_into_a_field_are_text() {
    let mut harness = open(loaded());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    harness.run_steps(3);
    harness.event(UiEvent::Text("f".into()));
    harness.key_press(Key::F);
    harness.key_press(Key::Space);
    assert!(commands(&mut harness).is_empty());
    assert!(harness.query_by_label("Freeze").is_some());
}

#[test]
fn a_typed_path_is_opened() {
    let mut harness = open(loaded());
    harness.get_by_label("Open file…").click();
    harness.run_steps(3);
    harness.event(UiEvent::Text("/tmp/a b.wav".into()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    let sent = commands(&mut harness);
    let expected = |command: &Command| matches!(command, Command::Start(Source::File { path, real_time: true }) if path.ends_with("a b.wav"));
    assert!(matches!(sent.as_slice(), [start] if expected(start)), "{sent:?}");
}

#[test]
fn committed_text_survives_errors() {
    let mut harness = open(dictating(Theme::Light));
    let model = &mut harness.state_mut().model;
    model.apply(Event::EngineFailed { reason: "The engine ran out of memory.".into() });
    model.apply(Event::SourceFailed { reason: "No microphone found.".into() });
    model.apply(Event::Stopped);
    harness.run_steps(2);
    assert!(harness.query_by_label("Yes, of course.").is_some());
    assert!(harness.query_by_label("Yes of").is_some());
    assert!(harness.query_by_label_contains("out of memory").is_some());
    harness.get_by_label("Load again").click();
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [Command::Restart]), "{sent:?}");
}

#[test]
fn hovering_a_word_shows_its_tokens() {
    let mut harness = open(dictating(Theme::Light));
    let line = harness.get_by_label("Yes, of course.").rect();
    harness.hover_at(line.left_center() + vec2(8.0, 0.0));
    harness.run_steps(3);
    assert!(harness.query_by_label("0.56 s to 0.88 s (frames 7 to 11)").is_some());
    assert!(harness.query_by_label_contains("least token softmax probability").is_some());
    for piece in ["▁Y", "es", ","] {
        assert!(harness.query_by_label(piece).is_some(), "token {piece:?} is missing");
    }
}

/// Where the live axis of 100 frames has the middle of `frame`, half-way down.
fn decision_pos(harness: &Harness<'_, Screen>, frame: u64) -> Pos2 {
    let rect = harness.get_by_label("Decisions over time").rect();
    pos2(rect.left() + rect.width() * (frame as f32 + 0.5) / 100.0, rect.center().y)
}

#[test]
fn hovering_a_decision_shows_its_record() {
    let mut harness = open(dictating(Theme::Dark));
    harness.hover_at(decision_pos(&harness, 8));
    harness.run_steps(3);
    assert!(harness.query_by_label("Frame 8 at 0.64 s, step 4").is_some());
    assert!(harness.query_by_label("Duration 2 (160 ms), advance 2 to frame 10").is_some());
    assert!(harness.query_by_label("Token confidence (softmax, token head)").is_some());
    harness.hover_at(decision_pos(&harness, 28));
    harness.run_steps(3);
    assert!(harness.query_by_label("Advance forced to 1: blank with duration 0").is_some());
    harness.hover_at(decision_pos(&harness, 62));
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("Suppressed ,").is_some());
    harness.hover_at(decision_pos(&harness, 69));
    harness.run_steps(3);
    assert!(harness.query_by_label("tail: not final").is_some());
}

#[test]
fn arrow_keys_walk_through_the_decisions() {
    let mut harness = open(dictating(Theme::Dark));
    harness.key_press(Key::ArrowRight);
    harness.run_steps(3);
    assert!(harness.query_by_label("Frozen").is_some(), "a pinned decision must not run away");
    assert!(harness.query_by_label("Frame 79 at 6.32 s, step 13").is_some());
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(3);
    assert!(harness.query_by_label("Frame 75 at 6.00 s, step 12").is_some());
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(harness.query_by_label("Unpin").is_none());
}

#[test]
fn a_frozen_axis_shows_the_same_decision_while_dictation_goes_on() {
    let mut harness = open(dictating(Theme::Dark));
    harness.key_press(Key::F);
    harness.run_steps(2);
    for at in 640..1600 {
        harness.state_mut().model.push(PlotItem::Level { at: MelIdx(at), min: -0.1, max: 0.1 });
    }
    harness.hover_at(decision_pos(&harness, 8));
    harness.run_steps(3);
    assert!(harness.query_by_label("Frame 8 at 0.64 s, step 4").is_some());
    harness.key_press(Key::F);
    harness.run_steps(3);
    assert!(harness.query_by_label("Frame 8 at 0.64 s, step 4").is_none(), "live again: the axis has run on");
}

#[test]
fn each_hop_replaces_the_tail() {
    let mut harness = open(dictating(Theme::Light));
    assert!(harness.query_by_label("Not final: course").is_some());
    let tail = vec![word("coarse", 65, 69, &[]), word("sand", 70, 72, &[])];
    harness.state_mut().model.set_live(&LiveSnapshot { tail, ..LiveSnapshot::default() });
    harness.run_steps(2);
    assert!(harness.query_by_label("Not final: coarse sand").is_some());
    harness.state_mut().model.set_live(&LiveSnapshot::default());
    harness.run_steps(2);
    assert!(harness.query_by_label_contains("Not final").is_none());
}

#[test]
fn a_setting_is_sent_and_kept() {
    let mut harness = open(dictating(Theme::Light));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    harness.run_steps(3);
    harness.get_by_label("leading").click();
    let sent = commands(&mut harness);
    let expected = |command: &Command| matches!(command, Command::Set(Setting::Punctuation(Punctuation::Leading)));
    assert!(matches!(sent.as_slice(), [only] if expected(only)), "{sent:?}");
    assert_eq!(harness.state().settings().session.punctuation, Punctuation::Leading);
}

#[test]
fn the_trace_button_starts_and_ends_a_trace() {
    let mut harness = open(dictating(Theme::Light));
    harness.get_by_label("Trace").click();
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [Command::StartTrace { audio: true }]), "{sent:?}");
    let path = PathBuf::from("/tmp/dictoscope/run-3.jsonl");
    harness.state_mut().model.apply(Event::TraceStarted { path: path.clone() });
    harness.run_steps(2);
    assert!(harness.query_by_label("tracing").is_some() && harness.query_by_label("run-3.jsonl").is_some());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::T);
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [Command::StopTrace]), "{sent:?}");
    harness.state_mut().model.apply(Event::TraceStopped { path });
    harness.run_steps(2);
    assert!(harness.query_by_label("tracing").is_none());
    assert!(harness.query_by_label("The trace is in /tmp/dictoscope/run-3.jsonl.").is_some());
}

#[test]
fn a_trace_without_the_sound_is_asked_for() {
    let mut harness = open(loaded());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    harness.run_steps(3);
    harness.get_by_label_contains("Keep the sound with a trace").scroll_to_me();
    harness.run_steps(3);
    harness.get_by_label_contains("Keep the sound with a trace").click();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::T);
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [Command::StartTrace { audio: false }]), "{sent:?}");
}

#[test]
fn margins_are_counted_beside_their_rows() {
    let harness = open(dictating(Theme::Dark));
    assert!(harness.query_by_label("Token margins: 0 of 24 below 0.2 logits").is_some());
    assert!(harness.query_by_label("Duration margins: 1 of 24 below 0.2 logits").is_some());
}

#[test]
fn copy_clear_and_undo() {
    let mut harness = open(dictating(Theme::Light));
    harness.event(UiEvent::Copy);
    harness.step();
    assert_eq!(copied(&harness).as_deref(), Some("Yes, of course.\nYes of"));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    harness.run_steps(3);
    assert!(harness.query_by_label("Yes, of course.").is_none());
    harness.get_by_label("Undo clear").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("Yes, of course.").is_some());
}

#[test]
fn dragging_over_words_selects_what_is_copied() {
    let mut harness = open(dictating(Theme::Light));
    let line = harness.get_by_label("Yes, of course.").rect();
    harness.drag_at(line.left_center() + vec2(50.0, 0.0));
    harness.run_steps(1);
    harness.hover_at(line.right_center() - vec2(8.0, 0.0));
    harness.run_steps(2);
    harness.drop_at(line.right_center() - vec2(8.0, 0.0));
    harness.run_steps(2);
    harness.event(UiEvent::Copy);
    harness.step();
    assert_eq!(copied(&harness).as_deref(), Some("of course."));
}

#[test]
fn the_device_list_is_read_when_it_opens_and_now_and_then_while_it_is_open() {
    let mut harness = open(loaded());
    harness.get_by_role(Role::ComboBox).click();
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [Command::ListDevices]), "{sent:?}");
    harness.state_mut().model.tick(1.9);
    assert!(commands(&mut harness).is_empty());
    harness.state_mut().model.tick(2.1);
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [Command::ListDevices]), "one may have been plugged in: {sent:?}");
    assert!(commands(&mut harness).is_empty(), "the list is asked for when it opens, not each frame");
}

#[test]
fn fifty_thousand_words_lay_out_only_the_lines_in_view() {
    let mut screen = loaded();
    let said = |number: u64| Word {
        text: format!("word{number}"),
        glued: false,
        start: EncIdx(number * 4),
        end: EncIdx(number * 4 + 4),
        confidence: 0.9,
        tokens: Vec::new(),
    };
    screen.model.apply(Event::Committed((0..50_000).map(said).collect()));
    let mut harness = open(screen);
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("word49999").is_some(), "the newest words are in view");
    assert!(harness.query_by_label_contains("word0 ").is_none());
    let labels = harness.query_all_by_role(Role::Label).count();
    assert!(labels < 120, "{labels} labels: lines out of view are laid out too");
}

#[test]
fn nothing_is_drawn_by_itself_while_idle() {
    let mut harness = open(loaded());
    let steps = harness.try_run().expect("an idle window settles");
    assert!(steps <= 3, "{steps} frames");
}

#[test]
fn past_dictations_are_listed_searched_read_copied_exported_and_deleted() {
    let row = |id: &str| PastRow {
        id: id.to_owned(),
        when: format!("when {id}"),
        words: 2,
        text: format!("text {id}"),
        ended: true,
    };
    let asks = |harness: &mut Harness<'_, Screen>| {
        harness.run_steps(2);
        harness.state_mut().take_past_asks()
    };
    let mut screen = loaded();
    screen.offer_past();
    let mut harness = open(screen);
    harness.get_by_label("History").click();
    assert_eq!(asks(&mut harness), [PastAsk::List { search: String::new() }]);
    let rows = vec![row("b"), row("a")];
    harness.state_mut().hear_past(PastTold::List { search: String::new(), rows });
    harness.run_steps(2);
    harness.get_by_label_contains("text a").click();
    assert_eq!(asks(&mut harness), [PastAsk::Read { id: "a".into() }]);
    let late = PastTold::Text { id: "b".into(), text: "of another".into() };
    harness.state_mut().hear_past(late);
    harness.state_mut().hear_past(PastTold::Text { id: "a".into(), text: "all of a".into() });
    harness.run_steps(2);
    assert!(harness.query_by_label("of another").is_none());
    harness.get_by_label("all of a");
    harness.get_all_by_label("Copy").last().unwrap().click();
    harness.run_steps(1);
    assert_eq!(copied(&harness).as_deref(), Some("all of a"));
    harness.get_by_label("SRT").click();
    assert_eq!(asks(&mut harness), [PastAsk::Export { id: "a".into(), format: "srt" }]);

    harness.get_by_label("Delete").click();
    assert!(asks(&mut harness).is_empty(), "once is not enough");
    harness.get_by_label("Delete for good").click();
    let deleted = [PastAsk::Delete { id: "a".into() }, PastAsk::List { search: String::new() }];
    assert_eq!(asks(&mut harness), deleted);
    assert!(harness.query_by_label_contains("text a").is_none());

    // A search typed while a list is on its way is made up for.
    harness.get_by_role(Role::TextInput).focus();
    harness.run_steps(1);
    harness.get_by_role(Role::TextInput).type_text("needle");
    assert!(asks(&mut harness).is_empty());
    harness.state_mut().hear_past(PastTold::List { search: String::new(), rows: vec![row("b")] });
    assert_eq!(asks(&mut harness), [PastAsk::List { search: "needle".into() }]);
    harness.state_mut().hear_past(PastTold::List { search: "needle".into(), rows: Vec::new() });
    harness.run_steps(2);
    harness.get_by_label("No dictation holds this.");
}
