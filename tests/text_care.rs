//! Rules on committed words: each by itself and together; no word is lost, and portions make no difference.

mod common;

use std::sync::Arc;

use common::{blocks, clip, run, whole_file};
use dictoscope::{
    decode::Word,
    session::SessionSettings,
    text::{CaredWord, Language, Replacement, Rule, Rules, TextCare, TextSettings},
    units::EncIdx,
};
use proptest::prelude::*;

/// Words of a text; `|` parts a word that is committed in two.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        for (index, part) in word.split('|').enumerate() {
            let at = words.len() as u64;
            let (start, end) = (EncIdx(at), EncIdx(at + 1));
            words.push(Word {
                text: part.to_owned(),
                glued: index > 0,
                start,
                end,
                confidence: 0.5,
                tokens: Vec::new(),
            });
        }
    }
    words
}

fn care(settings: &TextSettings) -> TextCare {
    let (rules, faults) = Rules::new(settings);
    assert_eq!(faults, []);
    TextCare::new(Arc::new(rules))
}

fn text_of(cared: &[CaredWord]) -> String {
    let mut text = String::new();
    for word in cared {
        word.append_to(&mut text);
    }
    text
}

/// All at once.
fn cared(settings: &TextSettings, text: &str) -> String {
    let mut care = care(settings);
    let mut out = care.push(&words(text));
    out.extend(care.finish());
    text_of(&out)
}

fn plain(from: &str, to: &str) -> Replacement {
    Replacement { from: Some(from.to_owned()), to: to.to_owned(), ..Replacement::default() }
}

fn regex(pattern: &str, to: &str) -> Replacement {
    Replacement { regex: Some(pattern.to_owned()), to: to.to_owned(), ..Replacement::default() }
}

fn replacing(replacements: Vec<Replacement>) -> TextSettings {
    TextSettings { replacements, ..TextSettings::default() }
}

fn all_rules() -> TextSettings {
    TextSettings {
        fillers: true,
        commands: true,
        numbers: true,
        capitals: true,
        replacements: vec![
            plain("dick to scope", "Dictoscope"),
            plain("basically", ""),
            regex(r"(\w+) at (\w+) dot com", "$1@$2.com"),
        ],
        ..TextSettings::default()
    }
}

#[test]
fn without_rules_words_go_through_at_once_as_they_are() {
    let mut care = care(&TextSettings::default());
    assert!(care.is_off());
    let given = words("uh, one comma| two");
    let out = care.push(&given);
    assert_eq!(out.iter().map(|cared| cared.raw[0].clone()).collect::<Vec<_>>(), given);
    assert!(out.iter().all(|cared| cared.rule.is_none()) && care.finish().is_empty());
}

#[test]
fn plain_replacements_keep_borders_punctuation_and_case_as_asked() {
    let rules =
        replacing(vec![plain("dick to scope", "Dictoscope"), plain("cat", "dog"), plain("e.g.", "for example")]);
    assert_eq!(
        cared(&rules, "(Dick to scope, the cat. Cats cat|s e.g. here)"),
        "(Dictoscope, the dog. Cats cats for example here)"
    );
    assert_eq!(cared(&rules, "dick to. scope"), "dick to. scope", "not over the end of a sentence");
    let exact = replacing(vec![Replacement { case: true, ..plain("US", "United States") }]);
    assert_eq!(cared(&exact, "us US."), "us United States.");
    assert_eq!(cared(&replacing(vec![plain("so", "")]), "I think, so. So it is"), "I think. It is");
}

#[test]
fn regular_expressions_fit_whole_words() {
    let rules = replacing(vec![regex(r"(\d+) percent", "$1 %"), regex("(?i)colou?r", "hue"), regex("x+", "")]);
    assert_eq!(cared(&rules, "10 percent, Color colours xx, end"), "10 %, hue colours end");
    let mail = replacing(vec![regex(r"(\w+) at (\w+) dot com", "$1@$2.com")]);
    assert_eq!(cared(&mail, "to me at home dot com."), "to me@home.com.");
    let short = replacing(vec![Replacement { words: Some(1), ..regex(r"a\s?b", "c") }]);
    assert_eq!(cared(&short, "a b ab"), "a b c");
}

#[test]
fn a_rule_that_cannot_be_used_is_named_and_costs_no_other() {
    let settings = replacing(vec![plain("a", "b"), regex("(", "x"), plain("?!", "x"), Replacement::default()]);
    let (rules, faults) = Rules::new(&settings);
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "replacements[1].regex: expected a regular expression, found \"(\": unclosed group",
            "replacements[2].from: expected words with letters or digits, found \"?!\"",
            "replacements[3]: expected `from` or `regex`, found neither",
        ]
    );
    let mut care = TextCare::new(Arc::new(rules));
    let mut out = care.push(&words("a"));
    out.extend(care.finish());
    assert_eq!(text_of(&out), "b");
}

#[test]
fn filler_words_go_with_their_commas_and_leave_sentences_whole() {
    let rules = TextSettings { fillers: true, ..TextSettings::default() };
    assert_eq!(cared(&rules, "Um, the, uh, cat er sat, um. Uh. Then umbrellas"), "The, cat sat. Then umbrellas");
    let german = TextSettings { language: Language::De, ..rules.clone() };
    assert_eq!(cared(&german, "Ähm er kommt"), "Er kommt");
    let own = TextSettings { filler_words: vec!["like".to_owned()], ..rules };
    assert_eq!(cared(&own, "it is, like, um late"), "it is, um late");
}

#[test]
fn spoken_commands_write_marks_and_lines() {
    let rules = TextSettings { commands: true, capitals: true, ..TextSettings::default() };
    assert_eq!(cared(&rules, "hello, comma, world. full stop next"), "Hello, world. Next");
    assert_eq!(
        cared(&rules, "dear ann comma new line how are you question mark new paragraph fine."),
        "Dear ann,\nHow are you?\n\nFine."
    );
    let mut own = rules;
    own.command_table = [("smiley face", ":-)"), ("period", "")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    assert_eq!(cared(&own, "a period of time Smiley face."), "A period of time :-)");
    let french = TextSettings { commands: true, language: Language::Fr, ..TextSettings::default() };
    assert_eq!(cared(&french, "ça va point d'interrogation oui point"), "ça va ? oui.");
}

#[test]
fn numbers_from_ten_on_become_digits_where_they_are_one_cardinal() {
    let rules = TextSettings { numbers: true, ..TextSettings::default() };
    assert_eq!(
        cared(&rules, "seven ships, Twelve boats, one hundred and five. two thousand and one and twenty-three cats"),
        "seven ships, 12 boats, 105. 2001 and 23 cats"
    );
    assert_eq!(
        cared(&rules, "in nineteen eighty four, a hundred, one two three"),
        "in nineteen eighty four, a hundred, one two three"
    );
}

#[test]
fn capitals_follow_full_stops_also_over_utterances() {
    let mut care = care(&TextSettings { capitals: true, ..TextSettings::default() });
    let mut out = care.push(&words("yes. \"no\" e.g. this and"));
    out.extend(care.finish());
    out.extend(care.push(&words("that. then")));
    out.extend(care.finish());
    assert_eq!(text_of(&out), "Yes. \"No\" e.g. this and that. Then");
    assert_eq!(out[0].rule, Some(Rule::Capital));
}

#[test]
fn what_is_held_back_is_known_and_bounded() {
    let mut care = care(&all_rules());
    let mut most = 0;
    for word in words(&"one two um dick to, hello comma basically. ".repeat(40)) {
        care.push(&[word]);
        most = most.max(care.pending().count());
    }
    assert!((1..=28).contains(&most), "{most}");
    care.finish();
    assert_eq!(care.pending().count(), 0);
}

#[test]
fn a_recording_in_any_portions_gives_the_text_of_its_golden() {
    let heard = run(&mut whole_file(SessionSettings::default()), blocks(&clip("numbers.flac")));
    assert_eq!(heard.text(), "She counted seven ships, twelve boats, and more than a hundred birds.");
    let rules =
        TextSettings { numbers: true, ..replacing(vec![plain("ships", "vessels"), regex("b(oat|ird)s", "B${1}s")]) };
    for size in 1..=heard.words.len() {
        let mut care = care(&rules);
        let mut out: Vec<CaredWord> = heard.words.chunks(size).flat_map(|words| care.push(words)).collect();
        out.extend(care.finish());
        assert_eq!(text_of(&out), "She counted seven vessels, 12 Boats, and more than a hundred Birds.");
        let changed: Vec<_> = out.iter().filter(|cared| cared.rule.is_some()).map(|cared| cared.word().text).collect();
        assert_eq!(changed, ["vessels,", "12", "Boats,", "Birds."]);
    }
}

fn some_words() -> impl Strategy<Value = Vec<Word>> {
    const TEXTS: &[&str] = &[
        "um",
        "Uh,",
        "um.",
        "comma",
        "Comma.",
        "new",
        "line",
        "full",
        "stop",
        "stop,",
        "dick",
        "to",
        "scope",
        "scope.",
        "basically,",
        "one",
        "twenty",
        "hundred",
        "and",
        "five.",
        "thousand",
        "me",
        "at",
        "home",
        "dot",
        "com",
        "cat",
        "cats",
        "e.g.",
        "Yes.",
        "\"no\"",
        "s",
        ",",
        ".",
        "!",
        "\"",
        "um|m",
        "question",
        "mark",
    ];
    prop::collection::vec((prop::sample::select(TEXTS), prop::bool::weighted(0.15)), 0..40).prop_map(|list| {
        let mut words: Vec<Word> = list.iter().flat_map(|(text, _)| words(text)).collect();
        for (word, (_, glued)) in words.iter_mut().skip(1).zip(&list) {
            word.glued |= glued;
        }
        words
    })
}

proptest! {
    #[test]
    fn no_word_is_lost_and_portions_make_no_difference(words in some_words(), sizes in prop::collection::vec(1..6_usize, 1..40)) {
        let whole = {
            let mut care = care(&all_rules());
            let mut out = care.push(&words);
            out.extend(care.finish());
            out
        };
        let raw: Vec<Word> = whole.iter().flat_map(|cared| cared.raw.clone()).collect();
        prop_assert_eq!(&raw, &words);
        prop_assert!(whole.iter().all(|cared| !cared.raw.is_empty()));

        let mut care = care(&all_rules());
        let (mut out, mut rest) = (Vec::new(), words.as_slice());
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*size).min(rest.len()));
            out.extend(care.push(now));
            let known = out.iter().flat_map(|cared: &CaredWord| cared.raw.clone()).chain(care.pending().cloned());
            prop_assert_eq!(known.collect::<Vec<_>>(), &words[..words.len() - later.len()]);
            rest = later;
        }
        out.extend(care.finish());
        prop_assert_eq!(&out, &whole);
        prop_assert_eq!(text_of(&out), text_of(&whole));
    }
}
