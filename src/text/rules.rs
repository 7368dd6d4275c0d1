//! Rules made ready out of the settings, with what cannot be used named.

use std::fmt;

use regex::Regex;
use serde::Serialize;

use crate::text::{
    TextSettings,
    edges::{lower, split},
    lists,
    matcher::{Matcher, Pattern, Verdict},
    unit::Unit,
};

/// Words that a regular expression may span at most.
const MOST_WORDS: usize = 8;

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
