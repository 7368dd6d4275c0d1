//! Rules for text: switches, and the list of replacements.

use eframe::egui::{ComboBox, TextEdit, Ui};

use super::{fault, remark};
use crate::text::{Language, Replacement, Rules, TextSettings};

const LANGUAGES: [(Language, &str); 4] =
    [(Language::En, "English"), (Language::De, "German"), (Language::Fr, "French"), (Language::Es, "Spanish")];

/// Replacements as they stand in the fields, those that cannot be used yet included.
#[derive(Debug, Default)]
pub(super) struct RuleDrafts(Option<Vec<Replacement>>);

pub(super) fn rules_ui(ui: &mut Ui, text: &mut TextSettings, RuleDrafts(drafts): &mut RuleDrafts) {
    let name = |language| LANGUAGES.iter().find(|known| known.0 == language).map_or("", |known| known.1);
    ui.checkbox(&mut text.fillers, "Leave filler words out");
    ui.checkbox(&mut text.commands, "Spoken marks and line breaks")
        .on_hover_text("\"comma\", \"full stop\", \"question mark\", \"new line\", \"new paragraph\" and more");
    ui.add_enabled_ui(text.fillers || text.commands, |ui| {
        ComboBox::from_label("their language").selected_text(name(text.language)).show_ui(ui, |ui| {
            for (language, name) in LANGUAGES {
                ui.selectable_value(&mut text.language, language, name);
            }
        });
    });
    ui.checkbox(&mut text.numbers, "Numbers as digits").on_hover_text("English cardinals from ten on");
    ui.checkbox(&mut text.capitals, "Capitals").on_hover_text("At the beginning, after full stops and line breaks");
    ui.label("Replacements");
    let list = drafts.get_or_insert_with(|| text.replacements.clone());
    let mut removed = None;
    for (index, rule) in list.iter_mut().enumerate() {
        ui.push_id(index, |ui| {
            if replacement_ui(ui, rule) {
                removed = Some(index);
            }
        });
    }
    if let Some(index) = removed {
        list.remove(index);
    }
    if ui.button("Add a replacement").clicked() {
        list.push(Replacement { from: Some(String::new()), ..Replacement::default() });
    }
    let usable: Vec<Replacement> = list.iter().filter(|rule| why_not(rule).is_none()).cloned().collect();
    if usable != text.replacements {
        text.replacements = usable;
    }
    remark(ui, "Acts from the next dictation on.");
}

/// One replacement; true if it is to go.
fn replacement_ui(ui: &mut Ui, rule: &mut Replacement) -> bool {
    let mut removed = false;
    let mut is_regex = rule.regex.is_some();
    ui.horizontal(|ui| {
        let (hint, field) = match &mut rule.regex {
            Some(regex) => ("regular expression", regex),
            None => ("spoken", rule.from.get_or_insert_default()),
        };
        ui.add(TextEdit::singleline(field).hint_text(hint).desired_width(104.0)).on_hover_text("What is replaced");
        ui.label("to");
        ui.add(TextEdit::singleline(&mut rule.to).hint_text("written").desired_width(98.0))
            .on_hover_text("What is written; $1 is the first group of a regular expression");
    });
    ui.horizontal(|ui| {
        ui.checkbox(&mut is_regex, "regex").on_hover_text("A regular expression that whole words fit");
        ui.add_enabled_ui(!is_regex, |ui| ui.checkbox(&mut rule.case, "case").on_hover_text("Aa is not aa"));
        removed = ui.button("Remove").clicked();
    });
    if is_regex != rule.regex.is_some() {
        std::mem::swap(&mut rule.from, &mut rule.regex);
    }
    if let Some(reason) = why_not(rule) {
        fault(ui, &reason);
    }
    removed
}

/// Why a replacement cannot be used.
fn why_not(rule: &Replacement) -> Option<String> {
    let one = TextSettings { replacements: vec![rule.clone()], ..TextSettings::default() };
    Rules::new(&one).1.pop().map(|fault| format!("Expected {}, found {}", fault.expected, fault.found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_says_why() {
        let rule = |from: Option<&str>, regex: Option<&str>| Replacement {
            from: from.map(ToOwned::to_owned),
            regex: regex.map(ToOwned::to_owned),
            ..Replacement::default()
        };
        assert_eq!(why_not(&rule(Some("a b"), None)), None);
        assert_eq!(why_not(&rule(None, Some("a+"))), None);
        for rule in [rule(Some(""), None), rule(None, Some("("))] {
            assert!(why_not(&rule).is_some_and(|reason| reason.starts_with("Expected ")), "{rule:?}");
        }
    }
}
