//! The vocabulary: pieces by token id, and how they become text.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    decode::punctuation::{is_maskable, is_punctuation, opens},
    engine::TokenId,
};

/// SentencePiece's mark of a word's beginning.
const WORD_MARK: char = '\u{2581}';
/// How blank is written as the last line of a vocabulary file.
const BLANK: &str = "<blk>";
/// Pieces that stand for nothing in the text (SentencePiece's own, and padding).
const SPECIALS: [&str; 5] = ["<unk>", "<pad>", "<s>", "</s>", BLANK];

/// A vocabulary file is not what it should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// Another number of pieces than the contract says.
    #[error("{file}: expected {expected} pieces (and <blk> if it is listed), found {found} lines")]
    Size {
        /// File name.
        file: String,
        /// The contract's size.
        expected: usize,
        /// Lines in the file.
        found: usize,
    },
    /// A piece would do something to a terminal, or to the window that is typed into.
    #[error("{file}: line {line}: expected a piece of text, found a control character in {found:?}")]
    Control {
        /// File name.
        file: String,
        /// Counted from 1.
        line: usize,
        /// The piece there.
        found: String,
    },
    /// Blank is not last.
    #[error("{file}: line {line}: expected <blk>, found {found:?}")]
    Blank {
        /// File name.
        file: String,
        /// Counted from 1.
        line: usize,
        /// The piece there.
        found: String,
    },
}

/// Pieces by token id.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    pieces: Arc<[String]>,
    blank: TokenId,
    maskable: Arc<[bool]>,
    /// Punctuation that takes no space before it (NeMo's `supported_punctuation`, without what opens).
    closing: BTreeSet<char>,
}

impl Vocabulary {
    /// Reads `vocab.txt` of onnx-asr and sherpa-onnx (`piece id` a line) or a bare piece a line.
    /// `size`: pieces without blank. White space within a line is never trimmed: a piece may be a space.
    pub fn parse(file: &str, text: &str, size: usize) -> Result<Self, VocabularyError> {
        let lines: Vec<&str> = text.lines().collect();
        let split = |(number, line): (usize, &&str)| -> Option<String> {
            let (piece, id) = line.rsplit_once(' ').unwrap_or((" ", line));
            (id.parse() == Ok(number)).then(|| piece.to_owned())
        };
        let with_ids: Option<Vec<String>> = lines.iter().enumerate().map(split).collect();
        let mut pieces = with_ids.unwrap_or_else(|| lines.iter().map(|line| (*line).to_owned()).collect());
        match pieces.len().checked_sub(size) {
            Some(0) => pieces.push(BLANK.to_owned()),
            Some(1) if pieces[size] == BLANK => {}
            Some(1) => {
                return Err(VocabularyError::Blank {
                    file: file.to_owned(),
                    line: size + 1,
                    found: pieces.swap_remove(size),
                });
            }
            _ => return Err(VocabularyError::Size { file: file.to_owned(), expected: size, found: pieces.len() }),
        }
        if let Some(at) = pieces.iter().position(|piece| piece.contains(char::is_control)) {
            let found = pieces.swap_remove(at);
            return Err(VocabularyError::Control { file: file.to_owned(), line: at + 1, found });
        }
        Ok(Self::from_pieces(pieces))
    }

    /// From pieces by token id, blank last.
    fn from_pieces(pieces: Vec<String>) -> Self {
        let maskable = pieces.iter().map(|piece| is_maskable(piece.trim_start_matches(WORD_MARK))).collect();
        let inner = |piece: &&String| !piece.starts_with(WORD_MARK) && !is_special(piece) && byte_of(piece).is_none();
        let closing =
            pieces.iter().filter(inner).flat_map(|p| p.chars()).filter(|c| is_punctuation(*c) && !opens(*c)).collect();
        let blank = TokenId(pieces.len().saturating_sub(1) as u32);
        Self { pieces: pieces.into(), blank, maskable, closing }
    }

    /// All pieces by token id, blank last.
    pub fn pieces(&self) -> &Arc<[String]> {
        &self.pieces
    }

    /// Blank, which is also the start of sequence.
    pub fn blank(&self) -> TokenId {
        self.blank
    }

    /// The piece of a token; empty for an id beyond the vocabulary.
    pub fn piece(&self, token: TokenId) -> &str {
        self.pieces.get(token.0 as usize).map_or("", String::as_str)
    }

    /// For each token whether punctuation suppression masks it.
    pub fn maskable(&self) -> &Arc<[bool]> {
        &self.maskable
    }

    /// Whether the token writes nothing: blank, `<unk>`, `<|…|>` and their like.
    pub fn is_silent(&self, token: TokenId) -> bool {
        token >= self.blank || is_special(self.piece(token))
    }

    /// Whether a word begins at this token. Punctuation that takes no space before it belongs to the word before.
    pub fn opens_word(&self, token: TokenId) -> bool {
        let Some(rest) = self.piece(token).strip_prefix(WORD_MARK) else { return false };
        !self.is_silent(token) && !rest.chars().next().is_some_and(|c| self.closing.contains(&c))
    }

    /// The same if `next` is known to follow: a mark alone before punctuation that takes no space before it opens none.
    pub fn opens_word_before(&self, token: TokenId, next: Option<TokenId>) -> bool {
        let closes = |next| self.piece(next).chars().next().is_some_and(|c| self.closing.contains(&c));
        let bare = self.piece(token).chars().eq([WORD_MARK]);
        self.opens_word(token) && !(bare && next.is_some_and(closes))
    }

    /// Whether the token is punctuation alone (apostrophe and hyphen excepted).
    pub fn is_punctuation(&self, token: TokenId) -> bool {
        self.maskable.get(token.0 as usize).copied().unwrap_or(false)
    }

    /// Text of a run of tokens: word marks become spaces, the one at the front is dropped, so is a space before
    /// closing punctuation; bytes are joined to UTF-8 (lossily); what is silent is left out, control characters are, too.
    pub fn text(&self, tokens: impl IntoIterator<Item = TokenId>) -> String {
        let mut bytes = Vec::new();
        for token in tokens {
            if self.is_silent(token) {
                continue;
            }
            let piece = self.piece(token);
            match byte_of(piece) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend(piece.replace(WORD_MARK, " ").into_bytes()),
            }
        }
        let joined = String::from_utf8_lossy(&bytes);
        let joined = joined.strip_prefix(' ').unwrap_or(&joined);
        let mut text = String::with_capacity(joined.len());
        for c in joined.chars().filter(|c| !c.is_control()) {
            if self.closing.contains(&c) && text.ends_with(' ') {
                text.pop();
            }
            text.push(c);
        }
        text
    }
}

/// `<unk>` and its like, and control tokens such as `<|en|>`.
fn is_special(piece: &str) -> bool {
    SPECIALS.contains(&piece) || (piece.starts_with("<|") && piece.ends_with("|>"))
}

/// The byte of a SentencePiece byte-fallback piece, `<0xNN>`.
fn byte_of(piece: &str) -> Option<u8> {
    u8::from_str_radix(piece.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(pieces: &[&str]) -> Vocabulary {
        Vocabulary::parse("v.txt", &pieces.join("\n"), pieces.len()).unwrap()
    }

    fn text(pieces: &[&str]) -> String {
        vocabulary(pieces).text((0..pieces.len() as u32).map(TokenId))
    }

    #[test]
    fn both_file_formats_give_the_same_pieces() {
        let bare = Vocabulary::parse("v", "▁a\n \nb", 3).unwrap();
        let with_ids = Vocabulary::parse("v", "▁a 0\n1\nb 2\n<blk> 3\n", 3).unwrap();
        assert_eq!(bare.pieces(), with_ids.pieces());
        assert_eq!(bare.piece(TokenId(1)), " ");
        assert_eq!(bare.blank(), TokenId(3));
    }

    #[test]
    fn a_wrong_file_is_refused_with_what_was_found() {
        let error = Vocabulary::parse("v.txt", "a\nb", 5).unwrap_err();
        assert_eq!(error, VocabularyError::Size { file: "v.txt".into(), expected: 5, found: 2 });
        assert!(matches!(Vocabulary::parse("v.txt", "a 0\nb 1\nc 2", 2), Err(VocabularyError::Blank { line: 3, .. })));
    }

    #[test]
    fn text_follows_sentencepiece() {
        assert_eq!(text(&["▁Yes", ",", "▁of", "▁c", "our", "se", "."]), "Yes, of course.");
        assert_eq!(text(&["▁a", "▁", ".", "."]), "a..");
        assert_eq!(text(&["▁it", "'", "s"]), "it's");
    }

    #[test]
    fn quotes_and_brackets_keep_the_space_before_them() {
        assert_eq!(text(&["▁said", "▁\"", "No", "\"", "▁(", "so", ")"]), "said \"No\" (so)");
    }

    #[test]
    fn control_tokens_and_bytes_are_handled() {
        assert_eq!(text(&["<|en|>", "<unk>", "▁a", "<pad>", "b"]), "ab");
        assert_eq!(text(&["▁", "<0xC5>", "<0x82>"]), "ł");
    }

    #[test]
    fn spaced_closing_punctuation_belongs_to_the_word_before() {
        let v = vocabulary(&["▁a", "▁.", ".", "▁\"", "b"]);
        assert_eq!((0..5).map(|i| v.opens_word(TokenId(i))).collect::<Vec<_>>(), [true, false, false, true, false]);
    }
}
