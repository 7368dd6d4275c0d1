//! Where a window of a recording hands over to the next, which sees the same sound again: what is said before the line is taken
//! from the one, what is said from it on from the other.
//!
//! The two may place a word a frame apart, and a line between would lose it or write it twice. So the line lies in the longest
//! silence that both see with enough context, in its middle; where nobody pauses, between two words.

use std::ops::RangeInclusive;

use crate::{decode::Vocabulary, engine::TokenId, units::EncIdx};

/// Frames on either side of the line after which more silence is worth nothing: 0.48 s.
const ENOUGH: i64 = 6;
/// What a line costs, in frames of silence on either side, before a mark and within a word.
const BEFORE_MARK: i64 = 1;
const WITHIN_WORD: i64 = 4;

/// The line among `lines`, by what the window said up to its end: tokens on their frames, in order. The nearest to the middle
/// of those that are equally good.
pub(super) fn line(
    said: impl Iterator<Item = (EncIdx, TokenId)>,
    vocabulary: &Vocabulary,
    lines: &RangeInclusive<EncIdx>,
) -> EncIdx {
    let tokens: Vec<(EncIdx, TokenId)> = said.filter(|(_, token)| !vocabulary.is_silent(*token)).collect();
    let middle = lines.start().0.midpoint(lines.end().0);
    let worth = |line: u64| {
        let (said, after) = tokens.split_at(tokens.partition_point(|(frame, _)| frame.0 < line));
        let before = said.last().map_or(ENOUGH, |(frame, _)| (line - frame.0 - 1) as i64);
        let (after, cost) = after.first().map_or((ENOUGH, 0), |(frame, token)| {
            let cost = match *token {
                token if vocabulary.opens_word(token) => 0,
                token if vocabulary.is_punctuation(token) => BEFORE_MARK,
                _ => WITHIN_WORD,
            };
            ((frame.0 - line) as i64, cost)
        });
        (before.min(after).min(ENOUGH) - cost, -(line.abs_diff(middle) as i64))
    };
    EncIdx((lines.start().0..=lines.end().0).max_by_key(|line| worth(*line)).unwrap_or(middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        Vocabulary::parse("vocab.txt", "▁a\nb\n.\n<blk>", 3).unwrap()
    }

    /// The line between 100 and 150 after these pieces on these frames.
    fn found(tokens: &[(u64, u32)]) -> u64 {
        let said = tokens.iter().map(|(frame, token)| (EncIdx(*frame), TokenId(*token)));
        line(said, &vocabulary(), &(EncIdx(100)..=EncIdx(150))).0
    }

    #[test]
    fn it_lies_in_the_middle_of_the_longest_silence() {
        // A word each fourth frame but for one that is late by 5.
        let words: Vec<(u64, u32)> = (0..40).map(|n| (if n < 28 { n * 4 } else { n * 4 + 5 }, 0)).collect();
        assert_eq!(found(&words), 113, "8 frames between 108 and 117");
        assert_eq!(found(&[]), 125, "silence alone: the middle");
        // Of two long pauses the one nearer to the middle, and no nearer than enough.
        assert_eq!(found(&[(99, 0), (116, 0), (117, 0), (145, 0)]), 125);
        assert_eq!(found(&[(80, 0), (120, 3), (122, 0), (123, 0), (124, 0), (128, 0), (160, 0)]), 116);
    }

    #[test]
    fn it_parts_no_word_and_leaves_marks_with_theirs_where_it_can() {
        // Pieces of one word three frames apart, and one boundary of words without any silence.
        let mut one_long_word: Vec<(u64, u32)> = (90..160).step_by(3).map(|frame| (frame, 1)).collect();
        one_long_word[15] = (135, 0);
        assert_eq!(found(&one_long_word), 134);
        // The mark comes late, right before the next word: the silence before it is better than none.
        assert_eq!(found(&[(100, 0), (104, 0), (119, 2), (120, 0), (121, 0), (123, 0), (160, 1)]), 113);
    }
}
