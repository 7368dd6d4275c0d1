//! The page of models in the window: what it asks for, and what a chosen model does to engine and settings.

#[allow(dead_code, reason = "recorded runs have tests of their own")]
mod ui_fixture;

use std::path::PathBuf;

use dictoscope::{
    config::Theme,
    session::{Command, Event},
    ui::{ModelCost, ModelPlace, ModelRow, ModelsAsk, ModelsTold, Screen},
};
use eframe::egui::accesskit::Role;
use egui_kittest::{
    Harness,
    kittest::{NodeT as _, Queryable as _},
};
use ui_fixture::{fresh, ready};

fn row(name: &str, place: ModelPlace, chosen: bool) -> ModelRow {
    let facts = vec![("Memory", format!("about {name}"))];
    ModelRow { name: name.into(), place, chosen, line: format!("line {name}"), facts, fault: None }
}

fn rows() -> Vec<ModelRow> {
    let broken = ModelRow { fault: Some("no joint".into()), ..row("broken", ModelPlace::Elsewhere, false) };
    vec![
        row("built-in", ModelPlace::BuiltIn, true),
        row("desk", ModelPlace::Kept, false),
        broken,
        row("far", ModelPlace::ToFetch, false),
    ]
}

/// The page open, with four models in it.
fn open() -> Harness<'static, Screen> {
    let mut screen = fresh(Theme::Dark);
    screen.model.apply(Event::Ready(ready()));
    screen.offer_models();
    let builder = Harness::builder().with_size([1280.0, 800.0]).with_max_steps(12);
    let mut harness = builder.build_ui_state(|ui, screen: &mut Screen| screen.ui(ui), screen);
    harness.run_steps(2);
    harness.get_by_label("Models").click();
    assert_eq!(asks(&mut harness), [ModelsAsk::List]);
    hear(&mut harness, [ModelsTold::List(rows()), ModelsTold::Done]);
    harness
}

fn asks(harness: &mut Harness<'_, Screen>) -> Vec<ModelsAsk> {
    harness.run_steps(2);
    harness.state_mut().take_models_asks()
}

fn hear(harness: &mut Harness<'_, Screen>, told: impl IntoIterator<Item = ModelsTold>) {
    for told in told {
        harness.state_mut().hear_models(told);
    }
    harness.run_steps(2);
}

fn choose(harness: &mut Harness<'_, Screen>, line: &str) {
    harness.get_by_role_and_label(Role::Button, line).click();
    harness.run_steps(2);
}

fn name(name: &str) -> String {
    name.to_owned()
}

#[test]
fn a_model_becomes_that_of_the_settings_once_an_engine_runs_it() {
    let mut harness = open();
    choose(&mut harness, "desk\nline desk");
    harness.get_by_label("about desk");
    harness.get_by_label("Use").click();
    assert_eq!(asks(&mut harness), [ModelsAsk::Use { name: name("desk") }]);
    let path = PathBuf::from("/models/desk");
    hear(&mut harness, [ModelsTold::Readable { path: Some(path.clone()) }, ModelsTold::Done]);
    let commands = harness.state_mut().take_commands();
    assert!(matches!(&commands[..], [Command::UseEngine(engine)] if engine == "rten"), "{commands:?}");
    harness.run_steps(2);
    assert_eq!(harness.state().settings().model, None, "no engine has it yet");
    harness.state_mut().model.apply(Event::Ready(ready()));
    assert_eq!(asks(&mut harness), [ModelsAsk::List], "it is marked anew");
    assert_eq!(harness.state().settings().model, Some(path));
}

#[test]
fn a_model_that_no_engine_takes_is_taken_back() {
    let mut harness = open();
    choose(&mut harness, "desk\nline desk");
    harness.get_by_label("Use").click();
    asks(&mut harness);
    hear(&mut harness, [ModelsTold::Readable { path: Some("/models/desk".into()) }, ModelsTold::Done]);
    let refused = Event::EngineRefused { name: "rten".into(), reason: "an operator it lacks".into() };
    harness.state_mut().model.apply(refused);
    assert_eq!(asks(&mut harness), [ModelsAsk::Undo, ModelsAsk::List]);
    assert_eq!(harness.state().settings().model, None);
    harness.get_by_label_contains("an operator it lacks");
}

#[test]
fn a_model_is_measured_engine_by_engine() {
    let mut harness = open();
    harness.get_by_label("Measure").click();
    assert_eq!(asks(&mut harness), [ModelsAsk::Measure { name: name("built-in") }]);
    assert!(harness.get_by_label("Measure").accesskit_node().is_disabled(), "one thing at a time");
    harness.get_by_label("Measuring…");
    let cost = |engine: &str, cost| ModelsTold::Cost { name: name("built-in"), engine: engine.into(), cost };
    let fast = ModelCost { encode_ms: 81.0, step_ms: 0.25, real_time_factor: 0.031 };
    hear(&mut harness, [cost("rten", Ok(fast)), cost("tensorrt", Err("no GPU".into())), ModelsTold::Done]);
    for text in ["rten", "81 ms", "0.25 ms", "0.031", "tensorrt: no GPU"] {
        harness.get_all_by_label(text).next().unwrap_or_else(|| panic!("{text} is not shown"));
    }
    assert!(harness.query_by_label("Measuring…").is_none());
}

#[test]
fn a_download_shows_how_far_it_is_and_can_be_stopped() {
    let mut harness = open();
    choose(&mut harness, "far, to fetch\nline far");
    assert!(harness.query_by_label("Use").is_none(), "it is not here");
    harness.get_by_label("Download").click();
    assert_eq!(asks(&mut harness), [ModelsAsk::Download { name: name("far") }]);
    hear(&mut harness, [ModelsTold::Progress { share: Some(0.25), text: "encoder: 25 %".into() }]);
    harness.get_by_label("encoder: 25 %");
    assert!(!harness.state_mut().take_models_stop());
    harness.get_by_label("Stop").click();
    harness.run_steps(2);
    assert!(harness.state_mut().take_models_stop());
    hear(&mut harness, [ModelsTold::Failed("stopped".into()), ModelsTold::Done]);
    assert!(harness.query_by_label("Stop").is_none());
    harness.get_by_label_contains("stopped");
}

#[test]
fn a_model_is_removed_on_the_second_press_and_never_the_one_in_use() {
    let mut harness = open();
    assert!(harness.query_by_label("Remove").is_none(), "the one in the binary stays");
    choose(&mut harness, "desk\nline desk");
    harness.get_by_label("Remove").click();
    assert!(asks(&mut harness).is_empty(), "once is not enough");
    harness.get_by_label("Remove for good").click();
    assert_eq!(asks(&mut harness), [ModelsAsk::Remove { name: name("desk") }]);
    let rows = vec![row("built-in", ModelPlace::BuiltIn, false), row("desk", ModelPlace::Kept, true)];
    hear(&mut harness, [ModelsTold::List(rows), ModelsTold::Done]);
    assert!(harness.get_by_label("Remove").accesskit_node().is_disabled());
}

#[test]
fn what_cannot_be_used_says_why_and_what_is_elsewhere_is_only_forgotten() {
    let mut harness = open();
    choose(&mut harness, "broken\ncannot be used");
    harness.get_by_label("no joint");
    assert!(harness.get_by_label("Use").accesskit_node().is_disabled());
    harness.get_by_label("Forget").click();
    harness.run_steps(2);
    harness.get_by_label("Forget for good");
}

#[test]
fn a_path_is_added() {
    let mut harness = open();
    harness.get_by_role(Role::TextInput).focus();
    harness.run_steps(1);
    harness.get_by_role(Role::TextInput).type_text("\"/here/a model\"");
    harness.run_steps(1);
    harness.get_by_label("Add").click();
    assert_eq!(asks(&mut harness), [ModelsAsk::Add { path: "/here/a model".into() }]);
}

#[test]
fn the_model_does_not_change_while_dictation_runs() {
    let mut harness = open();
    choose(&mut harness, "desk\nline desk");
    harness.state_mut().model.apply(Event::Started { source: "desk".into(), skipped_samples: 0 });
    harness.run_steps(2);
    assert!(harness.get_by_label("Use").accesskit_node().is_disabled());
    harness.state_mut().model.apply(Event::Stopped);
    harness.run_steps(2);
    assert!(!harness.get_by_label("Use").accesskit_node().is_disabled());
}
