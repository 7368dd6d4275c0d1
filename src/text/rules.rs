//! Rules made ready, and whether one of them holds at a place in the text.

use std::fmt;

use regex::Regex;
use serde::Serialize;

use crate::text::{
    TextSettings,
    edges::{lower, split},
    lists,
    numbers::{self, AND},
    unit::Unit,
};

/// Words that a regular expression may span at most, and words of a number.
pub(crate) const MOST_WORDS: usize = 8;
const MOST_NUMBER_WORDS: usize = 24;

/// What changed a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A replacement, by what it replaces.
    Replacement(String),
    /// A spoken command, as spoken.
    Command(String),
    /// A filler word was left out.
    Filler,
    /// A number was written as digits.
    Number,
    /// A letter became a capital.
    Capital,
    /// A space was left out, or punctuation taken over, because of what a rule made of a neighbour.
    Neighbour,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replacement(from) => write!(f, "replacement of {from:?}"),
            Self::Command(spoken) => write!(f, "command {spoken:?}"),
            Self::Filler => f.write_str("filler word"),
            Self::Number => f.write_str("number"),
            Self::Capital => f.write_str("capital"),
            Self::Neighbour => f.write_str("follows the word beside it"),
        }
    }
}

/// A rule that cannot be used. The others can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}, found {found}")]
pub struct TextFault {
    /// Below the table of text rules, for example `replacements[2].regex`.
    pub key: String,
    /// What was expected.
    pub expected: String,
    /// What was found, and why it is not that.
    pub found: String,
}

/// Rules ready to be used.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    matchers: Vec<Matcher>,
    /// Whether a mark may be taken back once the next word is known.
    pub(super) holds_marks: bool,
    pub(super) capitals: bool,
}

/// What is found at a place and what becomes of it.
#[derive(Clone, Debug)]
enum Matcher {
    /// Words one after the other.
    Words {
        words: Vec<Pattern>,
        to: String,
        rule: Rule,
        case: bool,
    },
    /// A spoken command: punctuation within and around it is the model's, and goes.
    Command {
        words: Vec<String>,
        to: String,
        rule: Rule,
    },
    Regex {
        regex: Regex,
        to: String,
        rule: Rule,
        words: usize,
    },
    Filler(Vec<String>),
    Number,
}

/// A word of a replacement, with the punctuation that it has itself.
#[derive(Clone, Debug)]
struct Pattern {
    head: String,
    core: String,
    tail: String,
}

/// What a matcher says of a place, given the words known so far. A `No` or `Yes` stays one, whatever comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    No,
    /// It depends on words that are not known.
    Wait,
    Yes(Found),
}

/// A match at the beginning of the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Words it takes.
    pub(super) units: usize,
    /// What is written for them; empty for nothing.
    pub(super) text: String,
    pub(super) rule: Rule,
}

impl Rules {
    /// Rules as set; those that cannot be used are left out and named.
    pub fn new(settings: &TextSettings) -> (Self, Vec<TextFault>) {
        let (mut matchers, mut faults) = (Vec::new(), Vec::new());
        for (index, replacement) in settings.replacements.iter().enumerate() {
            match replacement.matcher() {
                Ok(matcher) => matchers.push(matcher),
                Err(fault) => faults.push(TextFault { key: format!("replacements[{index}]{}", fault.key), ..fault }),
            }
        }
        if settings.commands {
            matchers.extend(commands(settings));
        }
        if settings.fillers {
            let own = settings.filler_words.iter().map(|word| lower(word.trim())).filter(|word| !word.is_empty());
            let mut words: Vec<String> = own.collect();
            if words.is_empty() {
                words = lists::fillers(settings.language).iter().map(|word| lower(word)).collect();
            }
            matchers.push(Matcher::Filler(words));
        }
        if settings.numbers {
            matchers.push(Matcher::Number);
        }
        let removes = |matcher: &Matcher| match matcher {
            Matcher::Words { to, .. } | Matcher::Regex { to, .. } => to.is_empty() || to.contains('$'),
            Matcher::Command { .. } | Matcher::Filler(_) => true,
            Matcher::Number => false,
        };
        let holds_marks = matchers.iter().any(removes);
        (Self { matchers, holds_marks, capitals: settings.capitals }, faults)
    }

    /// Whether there is no rule: text stays as it is, and nothing is held back.
    pub fn is_off(&self) -> bool {
        self.matchers.is_empty() && !self.capitals
    }

    /// What holds at the beginning of `units`. `ended`: nothing comes after them, else the last may still grow.
    /// `in_number`: the word before was part of a number that is left as it is.
    pub(super) fn at(&self, units: &[Unit], ended: bool, in_number: bool) -> Verdict {
        let verdicts = self.matchers.iter().map(|matcher| matcher.at(units, ended, in_number));
        verdicts.into_iter().find(|verdict| *verdict != Verdict::No).unwrap_or(Verdict::No)
    }
}

/// Whether a word that nothing holds for is part of a number that is left as it is.
pub(super) fn goes_on_a_number(unit: &Unit, in_number: bool) -> bool {
    let is_part = numbers::is_number_word(&unit.lower) || in_number && unit.lower == AND;
    is_part && unit.tail.is_empty()
}

/// Commands of the language and the user's, the longest first, so that a longer one wins over its beginning.
fn commands(settings: &TextSettings) -> Vec<Matcher> {
    let built_in = lists::commands(settings.language).iter().map(|(spoken, text)| (lower(spoken), (*text).to_owned()));
    let mut table: std::collections::BTreeMap<String, String> = built_in.collect();
    for (spoken, text) in &settings.command_table {
        let spoken = lower(&spoken.split_whitespace().collect::<Vec<_>>().join(" "));
        if text.is_empty() {
            table.remove(&spoken)
        } else {
            table.insert(spoken, text.clone())
        };
    }
    let mut list: Vec<(String, String)> = table.into_iter().filter(|(spoken, _)| !spoken.is_empty()).collect();
    list.sort_by_key(|(spoken, _)| std::cmp::Reverse(spoken.split(' ').count()));
    let matcher = |(spoken, to): (String, String)| Matcher::Command {
        words: spoken.split(' ').map(|word| split(word).1.to_owned()).collect(),
        to,
        rule: Rule::Command(spoken),
    };
    list.into_iter().map(matcher).collect()
}

impl crate::text::Replacement {
    fn matcher(&self) -> Result<Matcher, TextFault> {
        let fault = |key: &str, expected: &str, found: String| {
            Err(TextFault { key: key.to_owned(), expected: expected.to_owned(), found })
        };
        match (&self.from, &self.regex) {
            (Some(from), None) => {
                let pattern = |word: &str| {
                    let (head, core, tail) = split(word);
                    let core = if self.case { core.to_owned() } else { lower(core) };
                    Pattern { head: head.to_owned(), core, tail: tail.to_owned() }
                };
                let words: Vec<Pattern> = from.split_whitespace().map(pattern).collect();
                if words.is_empty() || words.iter().any(|word| word.core.is_empty()) {
                    return fault(".from", "words with letters or digits", format!("{from:?}"));
                }
                Ok(Matcher::Words {
                    words,
                    to: self.to.clone(),
                    rule: Rule::Replacement(from.clone()),
                    case: self.case,
                })
            }
            (None, Some(pattern)) => {
                let spaces = pattern.matches(' ').count() + pattern.matches("\\s").count();
                let words = self.words.unwrap_or((spaces + 1).min(MOST_WORDS));
                if !(1..=MOST_WORDS).contains(&words) {
                    return fault(".words", &format!("a whole number from 1 to {MOST_WORDS}"), words.to_string());
                }
                // As it stands first: with something around it, an error would name what the user did not write.
                match Regex::new(pattern).and_then(|_| Regex::new(&format!("^(?:{pattern})$"))) {
                    Ok(regex) => Ok(Matcher::Regex {
                        regex,
                        to: self.to.clone(),
                        rule: Rule::Replacement(pattern.clone()),
                        words,
                    }),
                    Err(error) => {
                        let text = error.to_string();
                        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                        fault(".regex", "a regular expression", format!("{pattern:?}: {reason}"))
                    }
                }
            }
            (None, None) => fault("", "`from` or `regex`", "neither".to_owned()),
            (Some(_), Some(_)) => fault("", "`from` or `regex`", "both".to_owned()),
        }
    }
}

impl Matcher {
    fn at(&self, units: &[Unit], ended: bool, in_number: bool) -> Verdict {
        let yes = |units, text, rule: &Rule| Verdict::Yes(Found { units, text, rule: rule.clone() });
        match self {
            Self::Words { words, to, rule, case } => {
                let Some(last) = words.len().checked_sub(1) else { return Verdict::No };
                for (index, pattern) in words.iter().enumerate() {
                    let Some(unit) = units.get(index) else { return unless(ended) };
                    let open = !ended && index + 1 == units.len();
                    let (core, stem) = if *case {
                        (unit.core.clone(), unit.stem().to_owned())
                    } else {
                        (unit.lower.clone(), lower(unit.stem()))
                    };
                    let head = if index == 0 { unit.head.ends_with(&pattern.head) } else { unit.head == pattern.head };
                    let tail =
                        if index == last { unit.tail.starts_with(&pattern.tail) } else { unit.tail == pattern.tail };
                    if open {
                        let may_grow = core == pattern.core || pattern.core.starts_with(&stem);
                        return if may_grow { Verdict::Wait } else { Verdict::No };
                    }
                    if core != pattern.core || !head || !tail {
                        return Verdict::No;
                    }
                }
                let text = if to.is_empty() {
                    String::new()
                } else {
                    let head = units[0].head.strip_suffix(&words[0].head).unwrap_or_default();
                    let tail = units[last].tail.strip_prefix(&words[last].tail).unwrap_or_default();
                    format!("{head}{to}{tail}")
                };
                yes(words.len(), text, rule)
            }
            Self::Command { words, to, rule } => {
                for (index, word) in words.iter().enumerate() {
                    let Some(unit) = units.get(index) else { return unless(ended) };
                    if !ended && index + 1 == units.len() {
                        let may_grow = unit.lower == *word || word.starts_with(&lower(unit.stem()));
                        return if may_grow { Verdict::Wait } else { Verdict::No };
                    }
                    if unit.lower != *word {
                        return Verdict::No;
                    }
                }
                yes(words.len(), to.clone(), rule)
            }
            Self::Regex { regex, to, rule, words } => {
                let closed = if ended { units.len() } else { units.len().saturating_sub(1) };
                if closed < *words && !ended {
                    return Verdict::Wait;
                }
                for count in (1..=closed.min(*words)).rev() {
                    let (first, last) = (&units[0], &units[count - 1]);
                    let whole = units[..count].iter().map(|unit| unit.text.as_str()).collect::<Vec<_>>().join(" ");
                    let inner = whole.get(first.head.len()..whole.len() - last.tail.len()).unwrap_or_default();
                    if let Some(captures) = regex.captures(inner).filter(|_| !inner.is_empty()) {
                        let mut text = String::new();
                        captures.expand(to, &mut text);
                        let text = if text.is_empty() { text } else { format!("{}{text}{}", first.head, last.tail) };
                        return yes(count, text, rule);
                    }
                }
                Verdict::No
            }
            Self::Filler(words) => {
                let Some(unit) = units.first() else { return unless(ended) };
                if !ended && units.len() == 1 {
                    let stem = lower(unit.stem());
                    let may_grow = words.iter().any(|word| *word == unit.lower || word.starts_with(&stem));
                    return if may_grow { Verdict::Wait } else { Verdict::No };
                }
                if words.contains(&unit.lower) { yes(1, String::new(), &Rule::Filler) } else { Verdict::No }
            }
            Self::Number => number_at(units, ended, in_number),
        }
    }
}

/// What can be said where the words end before the pattern does.
fn unless(ended: bool) -> Verdict {
    if ended { Verdict::No } else { Verdict::Wait }
}

/// A run of number words that is one cardinal from ten on. Below ten, words read better; and two numbers side by side, as
/// in "nineteen eighty four", are left to who knows what is meant.
fn number_at(units: &[Unit], ended: bool, in_number: bool) -> Verdict {
    if in_number {
        return Verdict::No;
    }
    let mut words: Vec<&str> = Vec::new();
    loop {
        let index = words.len();
        let Some(unit) = units.get(index) else {
            if ended {
                break;
            }
            return Verdict::Wait;
        };
        if index >= MOST_NUMBER_WORDS {
            return Verdict::No;
        }
        if index > 0 && !unit.head.is_empty() {
            break;
        }
        if !ended && index + 1 == units.len() {
            if numbers::may_become_number(&lower(unit.stem())) || numbers::is_number_word(&unit.lower) {
                return Verdict::Wait;
            }
            break;
        }
        if numbers::is_number_word(&unit.lower) || index > 0 && unit.lower == AND && unit.tail.is_empty() {
            words.push(&unit.lower);
        } else {
            break;
        }
        if !unit.tail.is_empty() {
            break;
        }
    }
    // Where it is no number as a whole, an "and" may belong to what follows.
    let value = loop {
        match numbers::parse(&words) {
            Some(value) => break value,
            None => match words.iter().rposition(|word| *word == AND) {
                Some(at) => words.truncate(at),
                None => return Verdict::No,
            },
        }
    };
    if value < 10 {
        return Verdict::No;
    }
    let (first, last) = (&units[0], &units[words.len() - 1]);
    let text = format!("{}{value}{}", first.head, last.tail);
    Verdict::Yes(Found { units: words.len(), text, rule: Rule::Number })
}
