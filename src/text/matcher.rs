//! Whether a rule holds at a place in the text, told only once it cannot change any more.

use regex::Regex;

use crate::text::{
    Rule,
    edges::lower,
    numbers::{self, AND},
    unit::Unit,
};

/// Words of the longest number that is looked for.
const MOST_NUMBER_WORDS: usize = 24;

/// What is found at a place and what becomes of it.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
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
pub(super) struct Pattern {
    pub(super) head: String,
    pub(super) core: String,
    pub(super) tail: String,
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

impl Matcher {
    /// What it says of the beginning of `units`; see [`crate::text::Rules`].
    pub(super) fn at(&self, units: &[Unit], ended: bool, in_number: bool) -> Verdict {
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

/// Whether a word that nothing holds for is part of a number that is left as it is.
pub(super) fn goes_on_a_number(unit: &Unit, in_number: bool) -> bool {
    let is_part = numbers::is_number_word(&unit.lower) || in_number && unit.lower == AND;
    is_part && unit.tail.is_empty()
}
