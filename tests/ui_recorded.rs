//! The window on a run that is over: all of it is there, it can be gone through, and nothing in it acts.

#[allow(dead_code, reason = "the live window's part of the fixture is for other tests")]
mod ui_fixture;

use dictoscope::{
    config::Theme,
    decode::{Boosted, Decision, TokenId},
    session::{Event, HopPlot, PlotItem, Window},
    text::Replacement,
    ui::{Difference, OtherRun, Recording, Screen},
    units::EncIdx,
};
use eframe::egui::{Key, Modifiers, pos2, vec2};
use egui_kittest::{Harness, kittest::Queryable as _};
use ui_fixture::{
    recorded::{compared, recording},
    word,
};

fn open(recording: Recording) -> Harness<'static, Screen> {
    let screen = Screen::recorded(recording, Theme::Dark);
    let builder = Harness::builder().with_size([1280.0, 900.0]).with_max_steps(12);
    let mut harness = builder.build_ui_state(|ui, screen: &mut Screen| screen.ui(ui), screen);
    harness.run_steps(3);
    harness
}

fn press(harness: &mut Harness<'_, Screen>, key: Key) {
    harness.key_press(key);
    harness.run_steps(3);
}

fn shows(harness: &Harness<'_, Screen>, text: &str) -> bool {
    harness.query_all_by_label_contains(text).next().is_some()
}

/// Ten minutes with one decision and one word a second, without sound and features.
fn long() -> Recording {
    let short = recording();
    let of_hop = |item: &PlotItem| match item {
        PlotItem::Hop(hop) => hop.decisions.first().cloned(),
        _ => None,
    };
    let template = short.plots.iter().find_map(of_hop).expect("the short run has a hop");
    let seconds = |number: u64| (number, number * 25 / 2);
    let hop = |(number, at): (u64, u64)| {
        let window = Window { hop: number, start: EncIdx(at), end: EncIdx(at + 13), last: true, ..Window::default() };
        let decision = Decision { frame: EncIdx(at), step: number, ..template.clone() };
        PlotItem::Hop(Box::new(HopPlot { window, decisions: vec![decision], ..HopPlot::default() }))
    };
    let words = (0..600).map(seconds).map(|(number, at)| word(&format!("w{number}"), at, at + 2, &[]));
    let events = vec![Event::Committed(words.collect())];
    Recording { events, plots: (0..600).map(seconds).map(hop).collect(), ..short }
}

/// The long run beside one that parts from it at these frames; the second is called the first.
fn long_compared(frames: [u64; 4]) -> Recording {
    let second = frames[1];
    let difference =
        |at: u64| Difference { at: EncIdx(at), what: format!("duration {at} against 0"), first: at == second };
    let other = compared().other.expect("it is compared");
    Recording { other: Some(OtherRun { differences: frames.map(difference).to_vec(), ..other }), ..long() }
}

#[test]
fn nothing_in_it_acts() {
    let mut harness = open(compared());
    for name in ["Start", "Stop", "Trace", "Settings", "Clear", "Open file…", "Freeze", "Frozen"] {
        assert!(harness.query_by_label(name).is_none(), "{name}");
    }
    for key in [Key::Space, Key::F, Key::Escape] {
        press(&mut harness, key);
    }
    for key in [Key::L, Key::T, Key::O, Key::Comma, Key::Z] {
        harness.key_press_modifiers(Modifiers::COMMAND, key);
        harness.run_steps(2);
    }
    assert!(harness.state_mut().take_commands().is_empty());
    assert!(harness.query_all_by_label("Yes, of course.").count() == 2, "the text is still there");
    assert!(shows(&harness, "said-twice.trace.jsonl"));
}

#[test]
fn all_of_a_long_run_is_kept() {
    let mut harness = open(long());
    assert!(shows(&harness, "600 words"));
    press(&mut harness, Key::ArrowRight);
    assert!(shows(&harness, "Frame 0 at 0.00 s, step 0"), "the view begins at the beginning");
    press(&mut harness, Key::Escape);
    press(&mut harness, Key::End);
    press(&mut harness, Key::ArrowRight);
    assert!(shows(&harness, "step 59"), "the end of the run");
    press(&mut harness, Key::Escape);
    press(&mut harness, Key::Home);
    press(&mut harness, Key::PageDown);
    press(&mut harness, Key::ArrowRight);
    assert!(shows(&harness, "Frame 100 at 8.00 s, step 8"), "a page on");
}

#[test]
fn the_first_difference_is_in_the_middle() {
    let mut harness = open(long_compared([1000, 4000, 4012, 7000]));
    assert!(shows(&harness, "2 of 4"), "the first is the one that says so");
    let time = harness.get_by_label("Decisions over time").rect();
    let row = harness.get_by_label("Collapse row Differences").rect();
    harness.hover_at(pos2(time.center().x, row.center().y));
    harness.run_steps(3);
    assert!(shows(&harness, "duration 4000 against 0"));
    assert!(shows(&harness, "Frame 4000 at 320.00 s, difference 2 of 4"));
}

#[test]
fn n_goes_from_difference_to_difference() {
    let mut harness = open(long_compared([1000, 4000, 4012, 7000]));
    press(&mut harness, Key::N);
    assert!(shows(&harness, "3 of 4"));
    assert!(shows(&harness, "Frame 4012 at 320.96 s, step 321"), "the decision there is pinned");
    press(&mut harness, Key::N);
    press(&mut harness, Key::N);
    assert!(shows(&harness, "4 of 4"), "after the last one it stays");
    harness.key_press_modifiers(Modifiers::SHIFT, Key::N);
    harness.run_steps(3);
    assert!(shows(&harness, "3 of 4"));
    press(&mut harness, Key::Home);
    press(&mut harness, Key::N);
    assert!(shows(&harness, "1 of 4"), "from where the view is");
    harness.get_by_label("Next difference").click();
    harness.run_steps(3);
    assert!(shows(&harness, "2 of 4"));
}

#[test]
fn the_pinned_record_stands_beside_that_of_the_other_run() {
    let mut harness = open(compared());
    assert!(shows(&harness, "numeric: the encoder differs"));
    assert!(!shows(&harness, "features   equal"));
    harness.get_by_label("Report").click();
    harness.run_steps(3);
    assert!(shows(&harness, "features   equal in all 2 hops"));
    harness.get_by_label("Previous difference").click();
    harness.run_steps(3);
    assert!(shows(&harness, "Frame 60 at 4.80 s, step 4"));
    assert!(shows(&harness, "other run") && shows(&harness, "differs"));
    press(&mut harness, Key::N);
    assert!(shows(&harness, "Frame 61 at 4.88 s, step 5"), "a decision of the other run only");
}

#[test]
fn a_click_on_a_word_pins_its_first_decision() {
    let mut harness = open(recording());
    let line = harness.query_all_by_label("Yes, of course.").last().expect("two lines").rect();
    let at = line.right_center() - vec2(12.0, 0.0);
    harness.hover_at(at);
    harness.drag_at(at);
    harness.run_steps(1);
    harness.drop_at(at);
    harness.run_steps(1);
    harness.remove_cursor();
    harness.run_steps(3);
    assert!(shows(&harness, "Frame 65 at 5.20 s, step 7"));
}

#[test]
fn a_click_on_the_whole_run_goes_there() {
    let mut harness = open(long());
    let strip = harness.get_by_label("Place in the run").rect();
    let at = strip.center();
    harness.hover_at(at);
    harness.drag_at(at);
    harness.run_steps(1);
    harness.drop_at(at);
    harness.run_steps(2);
    harness.remove_cursor();
    press(&mut harness, Key::ArrowRight);
    assert!(shows(&harness, " at 296."), "half of 600 s less half a view of 8 s");
}

#[test]
fn a_bonus_stands_in_the_record_and_the_colours_tell_of_it() {
    let mut run = recording();
    assert!(!shows(&open(run.clone()), "custom word"));
    let of_hop = |item: &mut PlotItem| match item {
        PlotItem::Hop(hop) => hop
            .decisions
            .iter_mut()
            .find(|decision| decision.frame == EncIdx(8))
            .map(|d| d.boosted = Some(Boosted { token: TokenId(471), bonus: 1.5, cost: 0.25 })),
        _ => None,
    };
    assert!(run.plots.iter_mut().find_map(of_hop).is_some());
    run.settings.custom_words.words.push("Yes".to_owned());
    let mut harness = open(run);
    assert!(shows(&harness, "custom word"));
    let rect = harness.get_by_label("Decisions over time").rect();
    harness.hover_at(pos2(rect.left() + rect.width() * 8.5 / 100.0, rect.center().y));
    harness.run_steps(3);
    assert!(shows(&harness, "Custom word: bonus 1.50 overtook , (id 471), cost 0.25 logits"));
}

#[test]
fn rules_for_text_act_on_the_transcript_and_a_word_tells_its_rule() {
    let mut run = recording();
    let (from, to) = (Some("of course".to_owned()), "certainly".to_owned());
    run.text.replacements = vec![Replacement { from, to, ..Replacement::default() }];
    let mut harness = open(run);
    let line = harness.query_all_by_label_contains("Yes, certainly.").next().expect("the line").rect();
    harness.hover_at(pos2(line.right() - 12.0, line.center().y));
    harness.run_steps(3);
    assert!(shows(&harness, "Committed as \"of course.\"; replacement of \"of course\""));
}

#[test]
fn an_empty_run_says_so() {
    let (events, plots) = (Vec::new(), Vec::new());
    let harness = open(Recording { events, plots, ..recording() });
    assert!(shows(&harness, "No word was written in this run."));
    assert!(shows(&harness, "nothing was decided"));
}

#[test]
fn nothing_is_drawn_by_itself() {
    let mut harness = open(compared());
    let steps = harness.try_run().expect("a run that is over settles");
    assert!(steps <= 3, "{steps} frames");
}
