//! From a sound's end, and from a word's, to the text: first in a grey tail, then committed.

use crate::{decode::Word, engine::TokenId, session::Window, units::EncIdx};

/// A word of a tail is the committed one if its tokens are the same and it begins this near, in encoder frames: later
/// windows move a word by a frame or two.
const SAME_PLACE_FRAMES: u64 = 2;

/// Latencies in seconds.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    /// From the end of each encoder frame to the first tail that was made with it: what the program itself adds.
    pub(super) frame_tail: Vec<f64>,
    /// From the end of each encoder frame to the commit of what was decided on it.
    pub(super) frame_commit: Vec<f64>,
    /// One past the last frame encoded so far.
    encoded: EncIdx,
    /// From each committed word's end to the first tail, or commit, that held it as it stayed: with what the model needs
    /// to hear before it is sure. Negative where a word was out before its last frame was over.
    pub(super) word_tail: Vec<f64>,
    /// From each word's end to its commit.
    pub(super) word_commit: Vec<f64>,
    /// From the begin of the audio to the first word of a tail or a commit, whether it stayed or not.
    pub(super) first_word: Option<f64>,
    seen: Vec<Seen>,
}

/// A word as a tail first showed it.
#[derive(Debug)]
struct Seen {
    tokens: Vec<TokenId>,
    start: EncIdx,
    at_secs: f64,
}

impl Seen {
    fn is(&self, word: &Word) -> bool {
        self.start.0.abs_diff(word.start.0) <= SAME_PLACE_FRAMES
            && self.tokens.iter().eq(word.tokens.iter().map(|token| &token.token))
    }
}

impl Latencies {
    /// One hop's frames, out at `done_secs` after the begin of the audio.
    pub(super) fn frames(&mut self, window: &Window, done_secs: f64) {
        let since_end = |frame: u64| done_secs - EncIdx(frame + 1).secs();
        self.frame_tail.extend((self.encoded.max(window.start).0..window.end.0).map(since_end));
        self.frame_commit.extend((window.commit_from.0..window.commit_to.0).map(since_end));
        self.encoded = window.end;
    }

    /// One hop's words, out at `done_secs` after the begin of the audio.
    pub(super) fn hop(&mut self, committed: &[Word], tail: &[Word], done_secs: f64) {
        for word in committed {
            let first =
                self.seen.iter().filter(|seen| seen.is(word)).map(|seen| seen.at_secs).fold(done_secs, f64::min);
            self.word_tail.push(first - word.end.secs());
            self.word_commit.push(done_secs - word.end.secs());
        }
        if !(committed.is_empty() && tail.is_empty()) {
            self.first_word.get_or_insert(done_secs);
        }
        if let Some(last) = committed.last() {
            self.seen.retain(|seen| seen.start >= last.start);
        }
        for word in tail {
            if !self.seen.iter().any(|seen| seen.is(word)) {
                self.seen.push(Seen {
                    tokens: word.tokens.iter().map(|token| token.token).collect(),
                    start: word.start,
                    at_secs: done_secs,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::WordToken;

    fn word(token: u32, start: u64, end: u64) -> Word {
        let token = WordToken {
            token: TokenId(token),
            piece: String::new(),
            step: 0,
            frame: EncIdx(start),
            duration: (end - start) as u32,
            token_probability: 1.0,
            duration_probability: 1.0,
            token_margin: 1.0,
            duration_margin: 1.0,
        };
        Word {
            text: String::new(),
            glued: false,
            start: EncIdx(start),
            end: EncIdx(end),
            confidence: 1.0,
            tokens: vec![token],
        }
    }

    fn close(found: &[f64], expected: &[f64]) {
        assert!(
            found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9),
            "{found:?}"
        );
    }

    #[test]
    fn the_first_tail_that_holds_the_word_counts() {
        let mut latencies = Latencies::default();
        // Frame 25 is 2.0 s. At first the tail holds another word there, then the right one, a frame off.
        latencies.hop(&[], &[word(7, 22, 25)], 2.1);
        latencies.hop(&[], &[word(8, 23, 25)], 2.5);
        latencies.hop(&[], &[word(8, 22, 25)], 3.0);
        latencies.hop(&[word(8, 22, 25)], &[], 3.5);
        close(&latencies.word_tail, &[0.5]);
        close(&latencies.word_commit, &[1.5]);
        assert_eq!(latencies.first_word, Some(2.1));
    }

    #[test]
    fn a_word_no_tail_held_counts_from_its_commit() {
        let mut latencies = Latencies::default();
        latencies.hop(&[word(8, 0, 25)], &[word(8, 30, 50)], 2.75);
        latencies.hop(&[word(8, 30, 50)], &[], 4.5);
        close(&latencies.word_tail, &[0.75, -1.25]);
        close(&latencies.word_commit, &[0.75, 0.5]);
    }

    #[test]
    fn every_frame_counts_once_towards_tail_and_commit() {
        let mut latencies = Latencies::default();
        let window = |start, from, to, end| Window {
            start: EncIdx(start),
            commit_from: EncIdx(from),
            commit_to: EncIdx(to),
            end: EncIdx(end),
            ..Window::default()
        };
        latencies.frames(&window(0, 0, 0, 2), 0.25);
        latencies.frames(&window(0, 0, 2, 3), 0.5);
        close(&latencies.frame_tail, &[0.17, 0.09, 0.26]);
        close(&latencies.frame_commit, &[0.42, 0.34]);
    }

    #[test]
    fn what_was_seen_is_forgotten_once_committed() {
        let mut latencies = Latencies::default();
        for n in 0..1000 {
            latencies.hop(&[word(8, n * 6, n * 6 + 6)], &[word(8, n * 6 + 6, n * 6 + 12)], n as f64);
        }
        assert!(latencies.seen.len() <= 2);
    }
}
