//! The stream: committed words in, text out, with nothing lost between.

use std::sync::Arc;

use crate::{
    decode::Word,
    text::{
        Rule, Rules,
        edges::{capitalised, ends_in_mark, ends_sentence, full_stop, is_mark, without_marks},
        matcher::{Found, Verdict, goes_on_a_number},
        unit::Unit,
    },
};

/// Text for one or more committed words.
#[derive(Clone, Debug, PartialEq)]
pub struct CaredWord {
    /// What is written. It may hold spaces and line breaks, and is empty where words are left out.
    pub text: String,
    /// Written without a space before it.
    pub glued: bool,
    /// The committed words that it stands for, as they were. Those of all texts in order are what came in; none is empty.
    pub raw: Vec<Word>,
    /// What made it of them; `None` where it is what they were.
    pub rule: Option<Rule>,
}

impl CaredWord {
    fn raw(word: Word) -> Self {
        Self { text: word.text.clone(), glued: word.glued, raw: vec![word], rule: None }
    }

    /// As a word with the times, the tokens and the least confidence of those it stands for.
    pub fn word(&self) -> Word {
        let mut words = self.raw.iter().cloned();
        let Some(mut joint) = words.next() else { return Word { text: self.text.clone(), ..Word::default() } };
        words.for_each(|word| joint.absorb(word));
        Word { text: self.text.clone(), glued: self.glued, ..joint }
    }

    /// Appends the text to `line`, with a space before it where one belongs.
    pub fn append_to(&self, line: &mut String) {
        if !(line.is_empty() || self.glued || self.text.is_empty()) {
            line.push(' ');
        }
        line.push_str(&self.text);
    }
}

/// Applies rules to a stream of committed words. What comes out does not depend on the portions in which they come in.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about the text so far")]
pub struct TextCare {
    rules: Arc<Rules>,
    /// Words that a rule may still begin at.
    units: Vec<Unit>,
    /// Text whose mark at the end the next word may take away.
    held: Vec<CaredWord>,
    /// The word before is part of a number that is left as it is.
    in_number: bool,
    /// The next text begins a sentence.
    sentence: bool,
    /// A word with a capital was left out: the next word gets it.
    owes_capital: bool,
    /// The next text follows a line break or what has no space after it.
    glues: bool,
}

impl Default for TextCare {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl TextCare {
    /// At the beginning of a text.
    pub fn new(rules: Arc<Rules>) -> Self {
        Self {
            rules,
            units: Vec::new(),
            held: Vec::new(),
            in_number: false,
            sentence: true,
            owes_capital: false,
            glues: false,
        }
    }

    /// Whether there is no rule: what comes in goes out at once as it is.
    pub fn is_off(&self) -> bool {
        self.rules.is_off()
    }

    /// Takes committed words; gives what is decided.
    pub fn push(&mut self, words: &[Word]) -> Vec<CaredWord> {
        if self.is_off() {
            return words.iter().cloned().map(CaredWord::raw).collect();
        }
        for word in words {
            match self.units.pop() {
                Some(mut last) if word.glued => {
                    last.raw.push(word.clone());
                    self.units.push(Unit::new(last.raw));
                }
                last => {
                    self.units.extend(last);
                    self.units.push(Unit::new(vec![word.clone()]));
                }
            }
        }
        self.decide(false)
    }

    /// An utterance ended: gives all that was held back. The next one may be pushed.
    pub fn finish(&mut self) -> Vec<CaredWord> {
        let mut out = self.decide(true);
        out.append(&mut self.held);
        self.in_number = false;
        out
    }

    /// Committed words that are held back.
    pub fn pending(&self) -> impl Iterator<Item = &Word> + Clone {
        let held = self.held.iter().flat_map(|cared| &cared.raw);
        held.chain(self.units.iter().flat_map(|unit| &unit.raw))
    }

    fn decide(&mut self, ended: bool) -> Vec<CaredWord> {
        let mut out = Vec::new();
        while !self.units.is_empty() {
            match self.rules.at(&self.units, ended, self.in_number) {
                Verdict::Wait => break,
                // A word that may still grow keeps its capital and its marks to itself until it is whole.
                Verdict::No if !ended && self.units.len() == 1 => break,
                Verdict::No => {
                    let unit = self.units.remove(0);
                    self.in_number = goes_on_a_number(&unit, self.in_number);
                    self.give(unit.raw.into_iter().map(CaredWord::raw).collect(), &mut out);
                }
                Verdict::Yes(found) => {
                    self.in_number = false;
                    let units: Vec<Unit> = self.units.drain(..found.units).collect();
                    self.apply(found, units, &mut out);
                }
            }
        }
        out
    }

    fn apply(&mut self, found: Found, units: Vec<Unit>, out: &mut Vec<CaredWord>) {
        let glued = units.first().and_then(|unit| unit.raw.first()).is_some_and(|word| word.glued);
        let stop = units.last().and_then(|unit| full_stop(&unit.tail));
        let upper = units.first().is_some_and(|unit| unit.core.chars().next().is_some_and(char::is_uppercase));
        let raw: Vec<Word> = units.into_iter().flat_map(|unit| unit.raw).collect();
        let Found { text, rule, .. } = found;
        if text.is_empty() {
            // What is left out takes its comma with it, but not the end of its sentence.
            let text = match stop {
                Some(stop) if !self.sentence => {
                    self.strip_held(true);
                    stop.to_string()
                }
                _ => String::new(),
            };
            self.owes_capital |= upper && text.is_empty();
            if text.is_empty() {
                // Held behind what is held, so that the order stays.
                let cared = CaredWord { text, glued: true, raw, rule: Some(rule) };
                if self.held.is_empty() {
                    out.push(cared);
                } else {
                    self.held.push(cared);
                }
                return;
            }
            self.give(vec![CaredWord { text, glued: true, raw, rule: Some(rule) }], out);
            return;
        }
        let is_command = matches!(rule, Rule::Command(_));
        let marks = is_command && is_mark(&text);
        if marks {
            self.strip_held(false);
        }
        let glued = glued || marks || is_command && text.starts_with('\n');
        self.give(vec![CaredWord { text, glued, raw, rule: Some(rule) }], out);
    }

    /// Takes the mark at the end of what is held away.
    fn strip_held(&mut self, commas_only: bool) {
        for cared in self.held.iter_mut().rev() {
            let kept = without_marks(&cared.text, commas_only).len();
            if kept < cared.text.len() {
                cared.text.truncate(kept);
                cared.rule.get_or_insert(Rule::Neighbour);
            }
            if !cared.text.is_empty() {
                break;
            }
        }
    }

    /// Gives the texts of one place out, or holds them back where the next word may change their end.
    fn give(&mut self, mut texts: Vec<CaredWord>, out: &mut Vec<CaredWord>) {
        out.append(&mut self.held);
        for cared in &mut texts {
            if self.glues && !cared.glued {
                cared.glued = true;
                cared.rule.get_or_insert(Rule::Neighbour);
            }
            self.glues = false;
            let begins = self.sentence && self.rules.capitals && !cared.text.starts_with('\n');
            if (begins || self.owes_capital)
                && let Some(text) = capitalised(&cared.text)
            {
                cared.text = text;
                cared.rule.get_or_insert(Rule::Capital);
            }
            self.owes_capital = false;
        }
        let whole: String = texts.iter().map(|cared| cared.text.as_str()).collect();
        if !whole.is_empty() {
            self.sentence = ends_sentence(&whole) || self.sentence && !whole.contains(char::is_alphanumeric);
            self.glues = whole.ends_with('\n');
        }
        if self.rules.holds_marks && ends_in_mark(&whole) {
            self.held = texts;
        } else {
            out.append(&mut texts);
        }
    }
}
