//! What can be set in the window, and what becomes of it; without a display and without pictures.

#[allow(dead_code, reason = "shared; each test binary uses a part")]
mod ui_fixture;

use dictoscope::{
    config::{OverlayWhen, Theme},
    session::{Command, Event, LiveSnapshot, Setting},
    text::Replacement,
    ui::{Part, Screen},
};
use eframe::egui::{Event as UiEvent, Key, Modifiers, accesskit::Role};
use egui_kittest::{Harness, kittest::Queryable as _};
use ui_fixture::{dictating, fresh, ready};

/// The window, large enough for all settings.
fn open(section: &str) -> Harness<'static, Screen> {
    let mut screen = fresh(Theme::Dark);
    screen.model.apply(Event::Ready(ready()));
    let builder = Harness::builder().with_size([1280.0, 2000.0]).with_max_steps(12);
    let mut harness = builder.build_ui_state(|ui, screen: &mut Screen| screen.ui(ui), screen);
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    harness.run_steps(3);
    harness.get_by_label(section).click();
    // It unfolds in the course of several frames.
    harness.run_steps(30);
    harness.state_mut().take_commands();
    harness
}

/// Writes into the field with this label instead of what stands there, and leaves it.
fn write(harness: &mut Harness<'_, Screen>, role: Role, label: &str, text: &str) {
    harness.get_by_role_and_label(role, label).focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(1);
    harness.event(if text.is_empty() { UiEvent::Cut } else { UiEvent::Text(text.to_owned()) });
    harness.run_steps(2);
    harness.get_by_label("Start").focus();
    harness.run_steps(3);
}

fn commands(harness: &mut Harness<'_, Screen>) -> Vec<Command> {
    harness.run_steps(2);
    harness.state_mut().take_commands()
}

#[test]
fn a_hotkey_is_typed_and_one_that_is_none_says_why_and_is_not_used() {
    let mut harness = open("Hotkeys");
    write(&mut harness, Role::TextInput, "start and stop", "ctrl+alt+d");
    assert_eq!(harness.state().settings().hotkeys.toggle, "Ctrl+Alt+D".parse().ok());
    for (text, reason) in [("d", "which alone writes or edits text"), ("Ctrl+Alt+D", "than that of \"start and stop\"")]
    {
        write(&mut harness, Role::TextInput, "hold to talk", text);
        assert!(harness.query_by_label_contains(reason).is_some(), "{text}");
        assert_eq!(harness.state().settings().hotkeys.push_to_talk, None);
    }
    write(&mut harness, Role::TextInput, "hold to talk", "F9");
    assert_eq!(harness.state().settings().hotkeys.push_to_talk, "F9".parse().ok());
    assert!(harness.query_by_label_contains("Expected").is_none());
    write(&mut harness, Role::TextInput, "start and stop", "");
    assert_eq!(harness.state().settings().hotkeys.toggle, None);
}

#[test]
fn custom_words_are_sent_once_the_list_is_left() {
    let mut harness = open("Custom words");
    harness.get_by_role(Role::MultilineTextInput).focus();
    harness.run_steps(2);
    harness.event(UiEvent::Text("Dictoscope\n two words \n\n".to_owned()));
    assert!(commands(&mut harness).is_empty(), "half a word would be one, too");
    harness.get_by_label("Start").focus();
    let sent = commands(&mut harness);
    let [Command::Set(Setting::CustomWords(words))] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(words.words, ["Dictoscope", "two words"]);
    assert_eq!(harness.state().settings().session.custom_words.words, ["Dictoscope", "two words"]);
    harness.get_by_role_and_label(Role::Slider, "boost").focus();
    harness.run_steps(2);
    harness.key_press(Key::ArrowRight);
    let sent = commands(&mut harness);
    let [Command::Set(Setting::CustomWords(words))] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(words.boost > 3.0 && words.words.len() == 2, "{words:?}");
}

#[test]
fn rules_are_switched_added_refused_and_removed() {
    let mut harness = open("Text rules");
    harness.get_by_label("Leave filler words out").click();
    harness.get_by_label("Numbers as digits").click();
    harness.run_steps(2);
    assert!(harness.state().settings().text.fillers && harness.state().settings().text.numbers);
    harness.get_by_label("Add a replacement").click();
    harness.run_steps(2);
    assert!(harness.query_by_label_contains("Expected").is_some(), "it replaces nothing yet");
    assert!(harness.state().settings().text.replacements.is_empty());
    let fill = |harness: &mut Harness<'_, Screen>, index: usize, text: &str| {
        harness.query_all_by_role(Role::TextInput).nth(index).expect("a field").focus();
        harness.run_steps(2);
        harness.event(UiEvent::Text(text.to_owned()));
        harness.run_steps(2);
    };
    fill(&mut harness, 0, "(a");
    fill(&mut harness, 1, "b");
    let expected = |from: Option<&str>, regex: Option<&str>| Replacement {
        from: from.map(ToOwned::to_owned),
        regex: regex.map(ToOwned::to_owned),
        to: "b".to_owned(),
        ..Replacement::default()
    };
    assert_eq!(harness.state().settings().text.replacements, [expected(Some("(a"), None)]);
    harness.get_by_label("regex").click();
    harness.run_steps(2);
    assert!(harness.state().settings().text.replacements.is_empty(), "no regular expression");
    fill(&mut harness, 0, ")");
    assert_eq!(harness.state().settings().text.replacements, [expected(None, Some("(a)"))]);
    harness.get_by_label("Remove").click();
    harness.run_steps(2);
    assert!(harness.state().settings().text.replacements.is_empty());
}

#[test]
fn the_threads_are_told_how_to_listen_when_that_changed() {
    let mut harness = open("Audio");
    assert!(commands(&mut harness).is_empty(), "nothing changed");
    harness.get_by_role_and_label(Role::Slider, "pre-roll").focus();
    harness.run_steps(2);
    harness.key_press(Key::ArrowRight);
    let sent = commands(&mut harness);
    let [Command::Listen(listening, None)] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(listening.pre_roll_samples > 0, "{listening:?}");
    assert!(harness.state().settings().audio.pre_roll_secs > 0.0);
    assert!(harness.query_by_label("The microphone stays open between dictations.").is_some());
}

#[test]
fn overlay_tray_and_sounds_are_set() {
    let mut harness = open("On the desktop");
    for label in
        ["Sounds at start, stop and failure", "Closing the window hides it", "Icon in the tray", "Start minimised"]
    {
        harness.get_by_label(label).click();
        harness.run_steps(1);
    }
    harness.get_by_role_and_label(Role::ComboBox, "overlay").click();
    harness.run_steps(3);
    harness.get_by_label("never").click();
    harness.run_steps(3);
    let window = harness.state().settings().window;
    assert!(window.sounds && window.close_to_tray && !window.tray && window.start_minimised, "{window:?}");
    assert_eq!(window.overlay, OverlayWhen::Never);
}

#[test]
fn the_last_setting_can_be_reached_in_the_smallest_window() {
    let builder = Harness::builder().with_size([640.0, 440.0]).with_max_steps(12);
    let mut harness = builder.build_ui_state(|ui, screen: &mut Screen| screen.ui(ui), fresh(Theme::Light));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    harness.run_steps(3);
    let last = "Keep the sound with a trace, so that it can be run again";
    assert!(harness.get_by_label(last).rect().top() > 400.0, "not yet in view");
    harness.get_by_label(last).scroll_to_me();
    harness.run_steps(30);
    let rect = harness.get_by_label(last).rect();
    assert!(rect.top() > 40.0 && rect.bottom() < 410.0, "{rect:?}");
    harness.get_by_label(last).click();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::T);
    let sent = commands(&mut harness);
    assert!(matches!(sent.as_slice(), [Command::StartTrace { audio: false }]), "{sent:?}");
}

#[test]
fn an_open_microphone_is_told_until_it_is_closed() {
    let mut harness = open("Audio");
    let mark = "Microphone open for pre-roll";
    assert!(harness.query_by_label(mark).is_none());
    harness.state_mut().model.apply(Event::Idle { open: true });
    harness.run_steps(2);
    assert!(harness.query_by_label(mark).is_some());
    harness.state_mut().model.apply(Event::Idle { open: false });
    harness.run_steps(2);
    assert!(harness.query_by_label(mark).is_none());
}

#[test]
fn the_overlay_says_what_the_window_says() {
    let builder = Harness::builder().with_size([440.0, 78.0]).with_max_steps(12);
    let show = |ui: &mut eframe::egui::Ui, screen: &mut Screen| screen.part_ui(ui, Part::Overlay);
    let mut harness = builder.build_ui_state(show, dictating(Theme::Dark));
    harness.run_steps(2);
    assert!(harness.query_by_label("Listening: Built-in microphone").is_some());
    assert!(harness.query_by_label_contains("Input level").is_some());
    assert!(harness.query_by_label("Yes, of course. Yes of course").is_some(), "committed words, then the grey one");
    harness.state_mut().model.apply(Event::Started { source: "desk".to_owned(), skipped_samples: 0 });
    harness.state_mut().model.set_live(&LiveSnapshot::default());
    harness.run_steps(2);
    assert!(harness.query_by_label("Listening: desk").is_some());
    assert!(harness.query_by_label_contains("course").is_none(), "that was the dictation before");
}
