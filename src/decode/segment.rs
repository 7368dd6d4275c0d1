//! Words cut into vocabulary pieces as the model was taught to write them, without the tokenizer's own files.

use std::collections::HashMap;

/// Pieces by their text, with their ids.
pub(super) type Pieces<'a> = HashMap<&'a str, u32>;

/// The ways in which a model is likely to write `word`, which begins with the word mark: each a list of token ids. None where
/// a letter is in no piece.
///
/// The first is that of byte-pair encoding, which NeMo's tokenizers use: a vocabulary lists its pieces in the order in which
/// they are joined. The second, where it is another one, has the fewest pieces: models often find it, too, and tokenizers
/// of the other kind (unigram) mostly do.
pub(super) fn segmentations(word: &str, pieces: &Pieces<'_>) -> Vec<Vec<u32>> {
    let mut found: Vec<Vec<u32>> = byte_pairs(word, pieces).into_iter().collect();
    found.extend(fewest(word, pieces));
    found.dedup();
    found
}

/// Joins neighbours, always the pair whose joint piece has the lowest id, the first of several.
fn byte_pairs(word: &str, pieces: &Pieces<'_>) -> Option<Vec<u32>> {
    let mut parts: Vec<&str> = word.char_indices().map(|(at, letter)| &word[at..at + letter.len_utf8()]).collect();
    // Neighbours lie side by side in `word`, so that their joint text is a slice of it.
    let starts = |parts: &[&str], index: usize| parts[..index].iter().map(|part| part.len()).sum::<usize>();
    loop {
        let joint = |index: usize| {
            let start = starts(&parts, index);
            let text = &word[start..start + parts[index].len() + parts[index + 1].len()];
            pieces.get(text).map(|id| (*id, index, text))
        };
        let Some((_, index, text)) = (0..parts.len().saturating_sub(1)).filter_map(joint).min() else { break };
        parts[index] = text;
        parts.remove(index + 1);
    }
    parts.into_iter().map(|part| pieces.get(part).copied()).collect()
}

/// As few pieces as there can be; of several ways the one with the longer pieces first.
fn fewest(word: &str, pieces: &Pieces<'_>) -> Option<Vec<u32>> {
    let ends: Vec<usize> = word.char_indices().map(|(at, _)| at).chain([word.len()]).collect();
    // For each place from the end on: how many pieces follow, the first of them and where it ends.
    let mut best: HashMap<usize, (usize, u32, usize)> = HashMap::new();
    for &from in ends.iter().rev().skip(1) {
        for &to in ends.iter().rev().take_while(|to| **to > from) {
            let rest = if to == word.len() { Some(0) } else { best.get(&to).map(|(count, ..)| *count) };
            if let (Some(rest), Some(id)) = (rest, pieces.get(&word[from..to]))
                && best.get(&from).is_none_or(|(count, ..)| rest + 1 < *count)
            {
                best.insert(from, (rest + 1, *id, to));
            }
        }
    }
    let (mut at, mut found) = (0, Vec::new());
    while at < word.len() {
        let (_, id, to) = best.get(&at)?;
        found.push(*id);
        at = *to;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut<'a>(word: &str, list: &[&'a str]) -> Vec<Vec<&'a str>> {
        let pieces: Pieces<'_> = list.iter().enumerate().map(|(id, piece)| (*piece, id as u32)).collect();
        let names = |ids: Vec<u32>| ids.into_iter().map(|id| list[id as usize]).collect();
        segmentations(word, &pieces).into_iter().map(names).collect()
    }

    #[test]
    fn pieces_are_joined_in_their_order_and_the_fewest_are_a_second_way() {
        let list = ["er", "ow", "we", "lower", "▁f", "▁", "f", "l", "o", "w", "e", "r"];
        assert_eq!(cut("▁flower", &list), [vec!["▁f", "l", "ow", "er"], vec!["▁f", "lower"]]);
        assert_eq!(cut("▁fer", &list), [["▁f", "er"]]);
        assert_eq!(cut("▁we", &list), [["▁", "we"]]);
    }

    #[test]
    fn a_letter_in_no_piece_leaves_no_way() {
        assert!(cut("▁fö", &["▁f", "▁", "f"]).is_empty());
        assert!(cut("", &["a"]).iter().all(Vec::is_empty));
    }
}
