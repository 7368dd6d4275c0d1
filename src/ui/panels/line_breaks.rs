//! Words into lines of a given width, kept between frames: appending words costs only the last line.

use std::ops::Range;

use crate::ui::transcript::Transcript;

/// A line of the transcript.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// Its words.
    pub(crate) words: Range<usize>,
    /// Paragraphs before it, its own included.
    pub(crate) paragraph: usize,
}

/// Lines of all committed words.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineBreaks {
    lines: Vec<Line>,
    /// Width of each word in points, of those laid out so far.
    widths: Vec<f32>,
    /// Right edge of the last word.
    end_x: f32,
    made_for: Option<Key>,
    /// Words looked at by the last update, for a test that appending stays cheap.
    touched: usize,
}

/// What a layout holds for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    generation: u64,
    /// Bits of the width in points and of pixels per point: only equality matters.
    width: u32,
    scale: u32,
}

impl LineBreaks {
    /// Brings the lines up to date. `measure` gives a word's width in points; `scale` is pixels per point.
    pub(crate) fn update(
        &mut self,
        transcript: &Transcript,
        width: f32,
        space: f32,
        scale: f32,
        mut measure: impl FnMut(&str) -> f32,
    ) {
        let key = Key { generation: transcript.generation(), width: width.to_bits(), scale: scale.to_bits() };
        if let Some(old) = self.made_for.replace(key).filter(|old| *old != key) {
            self.lines.clear();
            self.end_x = 0.0;
            // Another width breaks other lines from the same words.
            if old.generation != key.generation || old.scale != key.scale {
                self.widths.clear();
            }
        }
        let words = transcript.words();
        let first = self.lines.last().map_or(0, |line| line.words.end);
        self.touched = words.len() - first;
        for (index, word) in words.iter().enumerate().skip(first) {
            if index >= self.widths.len() {
                self.widths.push(measure(&word.text));
            }
            let width_of_word = self.widths[index];
            let begins = transcript.paragraphs().binary_search(&index).is_ok();
            let x = if word.glued { self.end_x } else { self.end_x + space };
            if let Some(line) = self.lines.last_mut().filter(|_| !begins && x + width_of_word <= width) {
                line.words.end = index + 1;
                self.end_x = x + width_of_word;
            } else {
                let paragraph = self.lines.last().map_or(0, |line| line.paragraph) + usize::from(begins);
                self.lines.push(Line { words: index..index + 1, paragraph });
                self.end_x = width_of_word;
            }
        }
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Width of a word in points.
    pub(crate) fn width(&self, word: usize) -> f32 {
        self.widths.get(word).copied().unwrap_or(0.0)
    }

    /// Right edge of the last word in points.
    pub(crate) fn end_x(&self) -> f32 {
        self.end_x
    }

    /// Words looked at by the last update.
    #[cfg(test)]
    pub(crate) fn touched(&self) -> usize {
        self.touched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode::Word, units::EncIdx};

    fn word(text: &str, glued: bool) -> Word {
        let (start, end) = (EncIdx(0), EncIdx(1));
        Word { text: text.to_owned(), glued, start, end, confidence: 1.0, tokens: Vec::new() }
    }

    fn measure(text: &str) -> f32 {
        text.len() as f32
    }

    fn broken(lines: &LineBreaks) -> Vec<(Range<usize>, usize)> {
        lines.lines().iter().map(|line| (line.words.clone(), line.paragraph)).collect()
    }

    #[test]
    fn lines_break_at_the_width_and_at_paragraphs() {
        let mut transcript = Transcript::default();
        transcript.push(vec![word("aaaa", false), word("bbbb", false), word("cc", false), word(".", true)]);
        transcript.end_paragraph();
        transcript.push(vec![word("d", false)]);
        let mut lines = LineBreaks::default();
        lines.update(&transcript, 9.0, 1.0, 1.0, measure);
        assert_eq!(broken(&lines), [(0..2, 1), (2..4, 1), (4..5, 2)]);
        lines.update(&transcript, 100.0, 1.0, 1.0, measure);
        assert_eq!(broken(&lines), [(0..4, 1), (4..5, 2)]);
    }

    #[test]
    fn appending_to_many_words_looks_at_the_new_ones_only() {
        let mut transcript = Transcript::default();
        transcript.push((0..50_000).map(|_| word("word", false)).collect());
        let mut lines = LineBreaks::default();
        lines.update(&transcript, 90.0, 1.0, 1.0, measure);
        transcript.push(vec![word("new", false), word("ones", false)]);
        lines.update(&transcript, 90.0, 1.0, 1.0, measure);
        assert_eq!(lines.touched(), 2);
        let mut fresh = LineBreaks::default();
        fresh.update(&transcript, 90.0, 1.0, 1.0, measure);
        assert_eq!(broken(&lines), broken(&fresh));
    }

    #[test]
    fn clearing_begins_anew() {
        let mut transcript = Transcript::default();
        transcript.push(vec![word("a", false)]);
        let mut lines = LineBreaks::default();
        lines.update(&transcript, 90.0, 1.0, 1.0, measure);
        transcript.clear();
        lines.update(&transcript, 90.0, 1.0, 1.0, measure);
        assert!(lines.lines().is_empty());
        assert!(lines.end_x() < 1e-6);
    }

    #[test]
    fn a_word_wider_than_the_line_stands_alone() {
        let mut transcript = Transcript::default();
        transcript.push(vec![word("a", false), word("aaaaaaaaaaaaaaaa", false), word("b", false)]);
        let mut lines = LineBreaks::default();
        lines.update(&transcript, 5.0, 1.0, 1.0, measure);
        assert_eq!(broken(&lines), [(0..1, 1), (1..2, 1), (2..3, 1)]);
    }
}
