//! The lines of a cue: one if it fits, else two that are about as long, broken at punctuation where that costs little.

use crate::output::subtitles::LINE_CHARS;

/// What a break behind punctuation is worth, in characters by which lines may differ.
const MARK_WORTH: usize = 12;

/// Parts in order as lines; `None` if two do not hold them. No part is longer than a line.
pub(super) fn lines_of(parts: &[&str]) -> Option<Vec<String>> {
    let whole = chars(parts);
    if whole <= LINE_CHARS {
        return Some(vec![parts.join(" ")]);
    }
    let fits = |at: &usize| chars(&parts[..*at]) <= LINE_CHARS && chars(&parts[*at..]) <= LINE_CHARS;
    let cost = |at: &usize| {
        let unequal = chars(&parts[..*at]).abs_diff(chars(&parts[*at..]));
        if mark_at_end(parts[*at - 1]).is_some() { unequal.saturating_sub(MARK_WORTH) } else { unequal }
    };
    let at = (1..parts.len()).filter(fits).min_by_key(cost)?;
    Some(vec![parts[..at].join(" "), parts[at..].join(" ")])
}

/// Characters of the parts with a space between each two.
pub(super) fn chars(parts: &[&str]) -> usize {
    parts.iter().map(|part| part.chars().count()).sum::<usize>() + parts.len().saturating_sub(1)
}

/// The mark that ends a part, quotes and brackets behind it aside.
pub(super) fn mark_at_end(part: &str) -> Option<char> {
    let bare = part.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']']);
    bare.chars().next_back().filter(|mark| is_stop(*mark) || matches!(mark, ',' | ';' | ':' | '、' | '，'))
}

/// Whether a sentence ends with it.
pub(super) fn is_stop(mark: char) -> bool {
    matches!(mark, '.' | '!' | '?' | '…' | '。' | '！' | '？')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Option<Vec<String>> {
        lines_of(&text.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn lines_are_about_equal_and_end_at_marks_where_they_can() {
        assert_eq!(lines("Short enough."), Some(vec!["Short enough.".into()]));
        let even = lines("one two three four five six seven eight nine ten").unwrap();
        assert_eq!(even, ["one two three four five", "six seven eight nine ten"]);
        let comma = lines("When nobody speaks, nothing at all should be written.").unwrap();
        assert_eq!(comma, ["When nobody speaks,", "nothing at all should be written."]);
    }

    #[test]
    fn what_two_lines_do_not_hold_is_refused() {
        let word = "a".repeat(LINE_CHARS);
        assert_eq!(lines(&format!("{word} {word}")).map(|lines| lines.len()), Some(2));
        assert_eq!(lines(&format!("{word} {word} a")), None);
        // 84 characters, but no break has 42 on either side.
        assert_eq!(lines(&format!("{} {} {}", "a".repeat(30), "b".repeat(30), "c".repeat(22))), None);
    }
}
