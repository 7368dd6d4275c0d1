//! Punctuation at the edges of words, and case.

/// Stands before a word.
const OPENING: &[char] = &['"', '\'', '“', '‘', '„', '(', '[', '«', '¿', '¡'];
/// Stands behind a word.
const CLOSING: &[char] = &['"', '\'', '”', '’', ')', ']', '»', '.', ',', ';', ':', '!', '?', '…'];
/// Ends a sentence.
const FULL_STOPS: &[char] = &['.', '!', '?', '…'];
/// Marks within a sentence.
const COMMAS: &[char] = &[',', ';', ':'];

/// A text as opening punctuation, what is between, and closing punctuation.
pub(super) fn split(text: &str) -> (&str, &str, &str) {
    let stem = text.trim_start_matches(OPENING);
    let core = stem.trim_end_matches(CLOSING);
    (&text[..text.len() - stem.len()], core, &stem[core.len()..])
}

/// Lower case letter by letter, so that the beginning of a text stays the beginning of its lower case.
pub(super) fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The text with its first letter as a capital; `None` where that changes nothing or it begins with something else.
pub(super) fn capitalised(text: &str) -> Option<String> {
    let at = text.find(|c: char| !OPENING.contains(&c))?;
    let first = text[at..].chars().next().filter(|c| c.is_lowercase())?;
    let rest = &text[at + first.len_utf8()..];
    Some(format!("{}{}{rest}", &text[..at], first.to_uppercase()))
}

/// Whether the next word begins a sentence. A word with a full stop inside is taken for an abbreviation.
pub(super) fn ends_sentence(text: &str) -> bool {
    if text.ends_with('\n') {
        return true;
    }
    let bare = text.trim_end_matches(|c| CLOSING.contains(&c) && !FULL_STOPS.contains(&c) && !COMMAS.contains(&c));
    bare.ends_with(FULL_STOPS) && !bare.trim_end_matches(FULL_STOPS).contains('.')
}

/// The full stop or its like in a word's closing punctuation, if there is one.
pub(super) fn full_stop(tail: &str) -> Option<char> {
    tail.chars().find(|c| FULL_STOPS.contains(c))
}

/// Whether a text ends in a mark that a spoken one takes the place of.
pub(super) fn ends_in_mark(text: &str) -> bool {
    text.ends_with(FULL_STOPS) || text.ends_with(COMMAS)
}

/// Takes marks off the end; `commas_only`: full stops and their like stay.
pub(super) fn without_marks(text: &str, commas_only: bool) -> &str {
    text.trim_end_matches(|c| COMMAS.contains(&c) || !commas_only && FULL_STOPS.contains(&c))
}

/// Whether a text is a mark, which stands without a space of its own and takes the place of another mark.
pub(super) fn is_mark(text: &str) -> bool {
    let bare = text.trim();
    !bare.is_empty() && bare.chars().all(|c| FULL_STOPS.contains(&c) || COMMAS.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_told_from_words() {
        assert_eq!(split("\"Yes,\""), ("\"", "Yes", ",\""));
        assert_eq!(split("don't."), ("", "don't", "."));
        assert_eq!(split("C++"), ("", "C++", ""));
        assert_eq!(split("?!"), ("", "", "?!"));
    }

    #[test]
    fn sentences_end_at_full_stops_and_lines_but_not_at_abbreviations() {
        for text in ["end.", "end?\"", "(end!)", "\n", "wait…", "."] {
            assert!(ends_sentence(text), "{text:?}");
        }
        for text in ["end", "e.g.", "U.S.", "3.5", "well,", "\"", ""] {
            assert!(!ends_sentence(text), "{text:?}");
        }
    }

    #[test]
    fn capitals_are_set_behind_quotes_and_nowhere_else() {
        assert_eq!(capitalised("\"élan").as_deref(), Some("\"Élan"));
        for text in ["Yes", "3rd", "", "\""] {
            assert_eq!(capitalised(text), None);
        }
    }
}
