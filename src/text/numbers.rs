//! English cardinals as words, read into numbers. Nothing is guessed: what is not one whole cardinal is no number.

/// Words below twenty, in their order.
const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [(&str, u64); 8] = [
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
];
const SCALES: [(&str, u64); 3] = [("thousand", 1_000), ("million", 1_000_000), ("billion", 1_000_000_000)];
const HUNDRED: &str = "hundred";
/// May stand within a number, as in "two hundred and five".
pub(super) const AND: &str = "and";

/// Whether a word, in lower case, is of a number: "seven", "twenty-three".
pub(super) fn is_number_word(word: &str) -> bool {
    !word.is_empty() && word.split('-').all(|part| all().any(|known| known == part))
}

/// Whether the word may become one of a number if letters are added to it.
pub(super) fn may_become_number(beginning: &str) -> bool {
    let (before, last) = beginning.rsplit_once('-').unwrap_or(("", beginning));
    (before.is_empty() || is_number_word(before)) && all().chain([AND]).any(|known| known.starts_with(last))
}

/// The number that the words (lower case) are as a whole.
pub(super) fn parse(words: &[&str]) -> Option<u64> {
    let parts: Vec<&str> = words.iter().flat_map(|word| word.split('-')).collect();
    let mut rest = parts.as_slice();
    let mut total = 0_u64;
    let mut least_scale = u64::MAX;
    loop {
        let group = group(&mut rest)?;
        let scale = rest.first().and_then(|word| lookup(&SCALES, word));
        let Some(scale) = scale.filter(|scale| *scale < least_scale && group > 0) else {
            total = total.checked_add(group)?;
            break;
        };
        rest = &rest[1..];
        (least_scale, total) = (scale, total.checked_add(group.checked_mul(scale)?)?);
        if rest.is_empty() {
            break;
        }
        if rest[0] == AND {
            rest = &rest[1..];
            // "Two thousand and five", but not "and two hundred".
            let last = below_hundred(&mut rest)?;
            total = total.checked_add(last)?;
            break;
        }
    }
    rest.is_empty().then_some(total)
}

/// Up to 9,999 without "thousand": "five", "two hundred and five", "nineteen hundred".
fn group(rest: &mut &[&str]) -> Option<u64> {
    let first = below_hundred(rest)?;
    if rest.first() != Some(&HUNDRED) || first == 0 {
        return Some(first);
    }
    *rest = &rest[1..];
    let mut after = *rest;
    if after.first() == Some(&AND) {
        after = &after[1..];
    }
    match below_hundred(&mut after).filter(|last| *last > 0) {
        Some(last) => {
            *rest = after;
            Some(first * 100 + last)
        }
        None => Some(first * 100),
    }
}

fn below_hundred(rest: &mut &[&str]) -> Option<u64> {
    let (word, after) = rest.split_first()?;
    let small = |word: &str| SMALL.iter().position(|known| *known == word).map(|value| value as u64);
    if let Some(value) = small(word) {
        *rest = after;
        return Some(value);
    }
    let tens = lookup(&TENS, word)?;
    *rest = after;
    let unit = rest.first().and_then(|word| small(word)).filter(|unit| (1..10).contains(unit));
    if unit.is_some() {
        *rest = &rest[1..];
    }
    Some(tens + unit.unwrap_or(0))
}

fn lookup(table: &[(&str, u64)], word: &str) -> Option<u64> {
    table.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
}

fn all() -> impl Iterator<Item = &'static str> {
    let tables = TENS.iter().chain(&SCALES).map(|(word, _)| *word);
    SMALL.iter().copied().chain(tables).chain([HUNDRED])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<u64> {
        parse(&text.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn cardinals_are_read() {
        for (text, value) in [
            ("zero", 0),
            ("seventeen", 17),
            ("twenty-three", 23),
            ("forty two", 42),
            ("one hundred and five", 105),
            ("two hundred", 200),
            ("nineteen hundred", 1900),
            ("two thousand twenty-six", 2026),
            ("three thousand and one", 3001),
            ("one million two hundred thousand", 1_200_000),
            ("nine billion nine hundred ninety nine million one", 9_999_000_001),
        ] {
            assert_eq!(read(text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_single_cardinal_is_no_number() {
        for text in [
            "one two",
            "nineteen eighty four",
            "twenty ten",
            "hundred",
            "zero hundred",
            "five thousand two thousand",
            "and",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_word_in_the_making_is_told_from_others() {
        for text in ["", "s", "seven", "twenty-", "twenty-th", "an"] {
            assert!(may_become_number(text), "{text}");
        }
        for text in ["ship", "sevens", "car-", "twenty-x"] {
            assert!(!may_become_number(text), "{text}");
        }
    }
}
