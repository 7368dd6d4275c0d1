//! Which words stand together in a cue, and how long: breaks at pauses and punctuation, times that never overlap.

use crate::output::subtitles::{
    Cue, LEAST_MILLIS, LINE_CHARS, LINES, MOST_MILLIS,
    lines::{chars, is_stop, lines_of, mark_at_end},
};

/// Silence that ends a cue in any case.
const PAUSE_MILLIS: u64 = 800;
/// What a break is worth behind the end of a sentence, and behind another mark, in milliseconds of silence.
const STOP_WORTH: u64 = 1200;
const MARK_WORTH: u64 = 500;
/// The same for a cue that is full; less in proportion.
const FULL_WORTH: u64 = 600;

/// A word with its times.
#[derive(Clone, Debug, PartialEq)]
pub struct CueWord {
    /// Text; white space in it parts it, and it may be empty.
    pub text: String,
    /// It goes on with the word before, without a space.
    pub glued: bool,
    /// Seconds since the beginning.
    pub start: f64,
    /// Seconds since the beginning.
    pub end: f64,
}

/// What is not parted but at a line's end: a word with what is glued to it.
#[derive(Clone, Debug)]
struct Part {
    text: String,
    start: u64,
    end: u64,
}

/// Makes cues of words as they come; holds no more than one cue's words.
#[derive(Debug, Default)]
pub struct CueMaker {
    /// Words of the cue that is open; the last may still grow.
    open: Vec<Part>,
    /// End of the newest cue.
    ended: u64,
}

impl CueMaker {
    /// Takes the next word; gives the cues that are whole by it.
    pub fn push(&mut self, word: &CueWord) -> Vec<Cue> {
        let mut cues = Vec::new();
        for (index, mut part) in parts_of(word).into_iter().enumerate() {
            match self.open.last_mut() {
                Some(last) if word.glued && index == 0 => {
                    last.text.push_str(&part.text);
                    last.end = last.end.max(part.end);
                }
                last => {
                    // A clock that goes back would make cues overlap.
                    let before = last.map_or(0, |last| last.start);
                    part.start = part.start.max(before);
                    part.end = part.end.max(part.start);
                    if self.ends_before(&part) {
                        cues.extend(self.close());
                    }
                    self.open.push(part);
                }
            }
            self.settle(&mut cues);
        }
        cues
    }

    /// What was said ends here, as an utterance does: no cue goes across.
    pub fn close(&mut self) -> Option<Cue> {
        let all = self.open.len();
        (all > 0).then(|| self.take(all))
    }

    /// Whether the open cue ends before `next` whatever follows.
    fn ends_before(&self, next: &Part) -> bool {
        let (Some(first), Some(last)) = (self.open.first(), self.open.last()) else { return false };
        let lasted = next.start.saturating_sub(first.start);
        let sentence = mark_at_end(&last.text).is_some_and(is_stop);
        next.start.saturating_sub(last.end) >= PAUSE_MILLIS || sentence && lasted >= LEAST_MILLIS
    }

    /// Breaks the open cue until it fits.
    fn settle(&mut self, cues: &mut Vec<Cue>) {
        if let Some(last) = self.open.last()
            && last.text.chars().count() > LINE_CHARS
            && let Some(last) = self.open.pop()
        {
            self.open.extend(cut(&last));
        }
        while !fits(&self.open) {
            let at = self.best_break();
            cues.push(self.take(at));
        }
    }

    /// Words of the open cue that are to stand in a cue of their own.
    fn best_break(&self) -> usize {
        let worth = |at: &usize| {
            let (shown, next) = (&self.open[..*at], &self.open[*at]);
            let Some((first, last)) = shown.first().zip(shown.last()) else { return 0 };
            let mark = match mark_at_end(&last.text) {
                Some(mark) if is_stop(mark) => STOP_WORTH,
                Some(_) => MARK_WORTH,
                None => 0,
            };
            let full = FULL_WORTH * chars(&texts(shown)) as u64 / (LINES * LINE_CHARS) as u64;
            let worth = mark + full + next.start.saturating_sub(last.end).min(PAUSE_MILLIS);
            // A cue that is gone sooner than it can be read keeps the next one waiting.
            if next.start - first.start < LEAST_MILLIS { worth / 4 } else { worth }
        };
        let fitting = (1..self.open.len()).filter(|at| fits(&self.open[..*at]));
        fitting.max_by_key(worth).unwrap_or(1)
    }

    /// The first `count` open words as a cue.
    fn take(&mut self, count: usize) -> Cue {
        let parts: Vec<Part> = self.open.drain(..count).collect();
        let texts = texts(&parts);
        let lines = lines_of(&texts).unwrap_or_else(|| vec![texts.join(" ")]);
        let (first, last) = (parts.first().map_or(0, |part| part.start), parts.last().map_or(0, |part| part.end));
        let start = first.max(self.ended);
        self.ended = last.clamp(start + LEAST_MILLIS, start + MOST_MILLIS);
        Cue { start, end: self.ended, lines }
    }
}

fn texts(parts: &[Part]) -> Vec<&str> {
    parts.iter().map(|part| part.text.as_str()).collect()
}

/// One word always does: what it lasts too long is cut off its end.
fn fits(parts: &[Part]) -> bool {
    let ([first, .., last], texts) = (parts, texts(parts)) else { return true };
    last.end - first.start <= MOST_MILLIS && lines_of(&texts).is_some()
}

/// A word by its white space; time goes with the characters.
fn parts_of(word: &CueWord) -> Vec<Part> {
    let millis = |secs: f64| (secs.max(0.0) * 1000.0).round() as u64;
    let start = millis(word.start);
    let whole = Part { text: String::new(), start, end: millis(word.end).max(start) };
    shares(&whole, word.text.split_whitespace().map(str::to_owned).collect())
}

/// A word that is longer than a line, in pieces that are not.
fn cut(word: &Part) -> Vec<Part> {
    let letters: Vec<char> = word.text.chars().collect();
    shares(word, letters.chunks(LINE_CHARS).map(|piece| piece.iter().collect()).collect())
}

fn shares(whole: &Part, texts: Vec<String>) -> Vec<Part> {
    let all = texts.iter().map(|text| text.chars().count() as u64).sum::<u64>().max(1);
    let mut done = 0;
    let at = |done: u64| whole.start + (whole.end - whole.start) * done / all;
    let mut part = |text: String| {
        let start = at(done);
        done += text.chars().count() as u64;
        Part { text, start, end: at(done) }
    };
    texts.into_iter().map(&mut part).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(text: &str, start: f64, end: f64, glued: bool) -> CueWord {
        CueWord { text: text.to_owned(), glued, start, end }
    }

    fn cues(words: &[CueWord]) -> Vec<Cue> {
        let mut maker = CueMaker::default();
        let mut cues: Vec<Cue> = words.iter().flat_map(|word| maker.push(word)).collect();
        cues.extend(maker.close());
        cues
    }

    /// Words of 0.3 s with a pause behind those that end with `|`.
    fn spoken(text: &str) -> Vec<CueWord> {
        let mut at = 0.0;
        let mut one = |text: &str| {
            let word = word(text.trim_end_matches('|'), at, at + 0.3, false);
            at += if text.ends_with('|') { 1.3 } else { 0.35 };
            word
        };
        text.split(' ').map(&mut one).collect()
    }

    fn shown(cues: &[Cue]) -> Vec<String> {
        cues.iter().map(|cue| cue.lines.join(" / ")).collect()
    }

    #[test]
    fn cues_end_at_sentences_pauses_and_marks() {
        let found = cues(&spoken("This is one sentence. And this| is another that was interrupted, well, by a pause."));
        assert_eq!(
            shown(&found),
            ["This is one sentence.", "And this", "is another that was interrupted, / well, by a pause."]
        );
        assert_eq!((found[0].start, found[0].end), (0, 1350));
        let found = cues(&spoken(
            "So it went on and on without any end to the sentence in sight, which is what people do when they talk",
        ));
        assert_eq!(
            shown(&found),
            [
                "So it went on and on without any / end to the sentence in sight,",
                "which is what people do when they talk"
            ]
        );
    }

    #[test]
    fn short_words_stand_for_a_second_and_the_next_cue_waits() {
        let found = cues(&[word("Yes.", 1.0, 1.2, false), word("No", 2.0, 2.1, false), word(".", 2.1, 2.1, true)]);
        assert_eq!(shown(&found), ["Yes.", "No."]);
        assert_eq!((found[0].start, found[0].end, found[1].start, found[1].end), (1000, 2000, 2000, 3000));
    }

    #[test]
    fn a_word_that_never_ends_is_cut_in_time_and_in_length() {
        let found = cues(&[word("Ah", 0.0, 30.0, false)]);
        assert_eq!((found[0].start, found[0].end), (0, MOST_MILLIS));
        let long = "x".repeat(200);
        let found = cues(&[word(&long, 0.0, 5.0, false)]);
        assert_eq!(found.iter().flat_map(|cue| cue.lines.clone()).collect::<String>(), long);
        assert!(found.iter().flat_map(|cue| &cue.lines).all(|line| line.chars().count() <= LINE_CHARS));
    }

    fn any_words() -> impl Strategy<Value = Vec<CueWord>> {
        let one = ("[a-zß–]{1,12}[,.?]?( [a-z]{0,60})?", 0u32..3000, 0u32..9000, 0u8..6);
        proptest::collection::vec(one, 0..120).prop_map(|all| {
            let mut at = 0.0;
            let mut one = |(text, step, lasts, glue): (String, u32, u32, u8)| {
                // Many words in no time, and words that overlap.
                at += f64::from(if step < 1500 { step / 10 } else { step - 1500 }) / 1000.0;
                word(&text, at, at + f64::from(if lasts < 8000 { lasts / 16 } else { lasts }) / 1000.0, glue == 0)
            };
            all.into_iter().map(&mut one).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_words_come_the_cues_keep_to_the_rules(words in any_words()) {
            let found = cues(&words);
            let mut before = 0;
            for cue in &found {
                prop_assert!(cue.start >= before && (LEAST_MILLIS..=MOST_MILLIS).contains(&(cue.end - cue.start)));
                prop_assert!((1..=LINES).contains(&cue.lines.len()));
                for line in &cue.lines {
                    prop_assert!((1..=LINE_CHARS).contains(&line.chars().count()) && line.trim() == line, "{line:?}");
                }
                before = cue.end;
            }
            // All letters once and in order.
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            let said: String = words.iter().map(|word| letters(&word.text)).collect();
            prop_assert_eq!(found.iter().map(|cue| letters(&cue.lines.concat())).collect::<String>(), said);
            // No cue is there before its first word, with which what is glued to it begins.
            let (mut count, mut seen, mut begun) = (0, 0, 0);
            let mut rest = words.iter().filter(|word| !word.text.is_empty());
            for cue in &found {
                while seen <= count {
                    let word = rest.next().expect("the cue's first word");
                    seen += letters(&word.text).chars().count();
                    begun = if word.glued { begun } else { (word.start * 1000.0).round() as u64 };
                }
                prop_assert!(cue.start >= begun, "{cue:?} before {begun}");
                count += letters(&cue.lines.concat()).chars().count();
            }
        }
    }
}
