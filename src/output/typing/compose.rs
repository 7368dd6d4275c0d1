//! Words into pieces of text: which spaces stand between them, and when a piece is complete. No thread, no desktop.

use crate::output::typing::{OutputSettings, TypeMode};

/// A word and whether it continues the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spoken {
    pub(super) text: String,
    pub(super) glued: bool,
}

/// What is to be typed next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// Enter follows.
    pub(super) submit: bool,
}

/// Puts the words of one dictation together.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "two wishes and two facts about the text so far")]
pub(super) struct Composer {
    mode: TypeMode,
    trailing_space: bool,
    submit: bool,
    /// Text of the utterance that waits for its end.
    waiting: String,
    /// A space is due before the next word that is not glued.
    space_due: bool,
    /// The utterance has a word.
    has_words: bool,
}

impl Composer {
    pub(super) fn new(settings: &OutputSettings) -> Self {
        let OutputSettings { mode, trailing_space, submit, .. } = *settings;
        Self { mode, trailing_space, submit, waiting: String::new(), space_due: false, has_words: false }
    }

    pub(super) fn set(&mut self, settings: &OutputSettings) {
        let OutputSettings { mode, trailing_space, submit, .. } = *settings;
        (self.mode, self.trailing_space, self.submit) = (mode, trailing_space, submit);
    }

    /// Takes committed words; what is to be typed at once.
    pub(super) fn words(&mut self, words: &[Spoken]) -> Option<Piece> {
        if self.mode == TypeMode::Off {
            return None;
        }
        for word in words {
            if self.space_due && !word.glued {
                self.waiting.push(' ');
            }
            self.waiting.push_str(&word.text);
            (self.space_due, self.has_words) = (true, true);
        }
        (self.mode == TypeMode::Words && !self.waiting.is_empty())
            .then(|| Piece { text: std::mem::take(&mut self.waiting), submit: false })
    }

    /// The utterance ended; what is still to be typed of it.
    pub(super) fn end_utterance(&mut self) -> Option<Piece> {
        let mut piece = Piece { text: std::mem::take(&mut self.waiting), submit: self.submit };
        if !std::mem::take(&mut self.has_words) || self.mode == TypeMode::Off {
            return None;
        }
        if self.submit {
            self.space_due = false;
        } else if self.trailing_space {
            piece.text.push(' ');
            self.space_due = false;
        }
        (piece != Piece::default()).then_some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composer(mode: TypeMode, trailing_space: bool, submit: bool) -> Composer {
        Composer::new(&OutputSettings { mode, trailing_space, submit, ..OutputSettings::default() })
    }

    fn spoken(text: &str) -> Vec<Spoken> {
        let glued = |text: &str| text.starts_with([',', '.']);
        text.split(' ').map(|text| Spoken { text: text.to_owned(), glued: glued(text) }).collect()
    }

    /// All that is typed, Enter as a line feed.
    fn typed(mut composer: Composer) -> String {
        let mut text = String::new();
        for utterance in [&["Well , you", "see ."][..], &[], &["Yes ."]] {
            let mut pieces: Vec<Piece> = utterance.iter().filter_map(|hop| composer.words(&spoken(hop))).collect();
            pieces.extend(composer.end_utterance());
            for piece in pieces {
                text += &piece.text;
                text += if piece.submit { "\n" } else { "" };
            }
        }
        text
    }

    #[test]
    fn words_are_parted_by_single_spaces_whenever_they_come() {
        for mode in [TypeMode::Words, TypeMode::Utterance] {
            assert_eq!(typed(composer(mode, true, false)), "Well, you see. Yes. ");
            assert_eq!(typed(composer(mode, false, false)), "Well, you see. Yes.");
            assert_eq!(typed(composer(mode, true, true)), "Well, you see.\nYes.\n");
        }
        assert_eq!(typed(composer(TypeMode::Off, true, true)), "");
    }

    #[test]
    fn words_go_out_as_they_come_and_utterances_as_a_whole() {
        let mut words = composer(TypeMode::Words, true, false);
        assert_eq!(words.words(&spoken("one")).unwrap().text, "one");
        assert_eq!(words.words(&spoken("two")).unwrap().text, " two");
        let mut utterance = composer(TypeMode::Utterance, true, false);
        assert_eq!(utterance.words(&spoken("one")), None);
        assert_eq!(utterance.words(&spoken("two")), None);
        assert_eq!(utterance.end_utterance().unwrap().text, "one two ");
    }
}
