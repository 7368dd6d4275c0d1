//! Rules for text from the settings and the flags, and how their work is told.

use std::{
    io::{self, Write},
    sync::Arc,
};

use anyhow::bail;
use clap::{Args, builder::PossibleValuesParser};
use serde_json::{Value, json};

use crate::{
    decode::{Word, text_of},
    text::{CaredWord, Replacement, Rules, TextCare, TextSettings},
};

/// Rules for text; a flag left out falls back to the settings file.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct TextArgs {
    /// Rules to use instead of those the settings turn on; `none` uses none of these.
    #[arg(
        long, value_name = "RULE,...", value_delimiter = ',', help_heading = "Text",
        value_parser = PossibleValuesParser::new(["fillers", "commands", "numbers", "capitals", "none"])
    )]
    text: Option<Vec<String>>,
    /// Write TO where FROM was committed, one or more words; before the replacements of the settings. Can be repeated.
    #[arg(long, value_name = "FROM=TO", help_heading = "Text", value_parser = pair)]
    replace: Vec<(String, String)>,
    /// The same with a regular expression that whole words fit; TO has $1.
    #[arg(long, value_name = "REGEX=TO", help_heading = "Text", value_parser = pair)]
    replace_regex: Vec<(String, String)>,
}

/// Parted at the last `=`: a regular expression may hold others.
fn pair(text: &str) -> Result<(String, String), String> {
    let (from, to) = text.rsplit_once('=').ok_or("expected FROM=TO")?;
    Ok((from.to_owned(), to.to_owned()))
}

impl TextArgs {
    /// The flags over the settings.
    pub(super) fn over(&self, mut settings: TextSettings) -> TextSettings {
        if let Some(rules) = &self.text {
            let is_on = |name: &str| rules.iter().any(|rule| rule == name);
            settings.fillers = is_on("fillers");
            settings.commands = is_on("commands");
            settings.numbers = is_on("numbers");
            settings.capitals = is_on("capitals");
        }
        let plain = self.replace.iter().map(|(from, to)| Replacement {
            from: Some(from.clone()),
            to: to.clone(),
            ..Replacement::default()
        });
        let regex = self.replace_regex.iter().map(|(pattern, to)| Replacement {
            regex: Some(pattern.clone()),
            to: to.clone(),
            ..Replacement::default()
        });
        let stored = std::mem::take(&mut settings.replacements);
        settings.replacements = plain.chain(regex).chain(stored).collect();
        settings
    }

    /// The rules made ready. Those of the settings can be used; a flag that cannot is an error.
    pub(super) fn rules(&self, settings: &TextSettings) -> anyhow::Result<Arc<Rules>> {
        let (rules, faults) = Rules::new(&self.over(settings.clone()));
        if let Some(fault) = faults.first() {
            bail!("--replace or --replace-regex: {fault}");
        }
        Ok(Arc::new(rules))
    }
}

/// What rules made, for programs; texts that are what was committed are among them.
pub(super) fn as_json(cared: &[CaredWord]) -> Vec<Value> {
    let one = |cared: &CaredWord| {
        let rule = cared.rule.as_ref().map(ToString::to_string);
        json!({ "text": cared.text, "glued": cared.glued, "committed": text_of(&cared.raw), "rule": rule })
    };
    cared.iter().map(one).collect()
}

/// Running text of an utterance's words.
pub(super) fn joined(cared: &[CaredWord]) -> String {
    let mut text = String::new();
    for word in cared {
        word.append_to(&mut text);
    }
    text
}

/// What each rule did, a line for each, with the time of the first word.
pub(super) fn tell_changes(cared: &[CaredWord], out: &mut dyn Write) -> io::Result<()> {
    for word in cared {
        let (Some(rule), Some(first)) = (&word.rule, word.raw.first()) else { continue };
        writeln!(out, "  {:>8.2} s  {:?} -> {:?}  ({rule})", first.start.secs(), text_of(&word.raw), word.text)?;
    }
    Ok(())
}

/// All of a run at once: utterances as committed.
pub(super) fn care_for(rules: &Arc<Rules>, utterances: &[Vec<Word>]) -> Vec<Vec<CaredWord>> {
    let mut care = TextCare::new(Arc::clone(rules));
    let mut one = |words: &Vec<Word>| {
        let mut cared = care.push(words);
        cared.extend(care.finish());
        cared
    };
    utterances.iter().map(&mut one).collect()
}
