//! A written sequence of decisions, by absolute encoder frame: what a decoder does for speech of a given pace, for models
//! whose weights decide nothing.

use crate::{
    engine::{Contract, TokenId},
    units::EncIdx,
};

/// Stands for blank in the table.
const BLANK: u16 = u16::MAX;

/// Tokens and durations of PyTorch's greedy decoding of `assets/clips/meeting.flac` and `numbers.flac` with version 2 of the
/// embedded model (`assets/model/reference`): 79 decisions on 143 frames, 6.9 a second, 13 of them blank.
#[rustfmt::skip]
const SPEECH: [(u16, u64); 79] = [
    (173, 4), (BLANK, 3), (332, 2), (454, 1), (13, 1), (432, 2), (BLANK, 1), (7, 1), (91, 1), (71, 2), (25, 1), (17, 2),
    (362, 1), (76, 1), (460, 1), (463, 1), (70, 1), (BLANK, 1), (102, 2), (42, 1), (198, 1), (491, 1), (473, 1),
    (220, 3), (41, 2), (299, 4), (471, 3), (22, 2), (447, 2), (BLANK, 2), (426, 3), (178, 2), (79, 1), (7, 1), (1, 1),
    (454, 1), (122, 1), (BLANK, 1), (240, 2), (474, 4), (BLANK, 4), (BLANK, 4), (BLANK, 2), (352, 4), (BLANK, 3),
    (BLANK, 2), (20, 1), (392, 2), (19, 2), (117, 2), (272, 1), (BLANK, 2), (146, 1), (378, 2), (460, 2), (471, 2),
    (373, 1), (333, 2), (51, 2), (15, 1), (457, 1), (37, 1), (460, 1), (471, 2), (22, 2), (267, 2), (319, 2), (3, 1),
    (36, 1), (465, 1), (10, 1), (136, 1), (15, 1), (90, 1), (463, 1), (460, 2), (474, 4), (BLANK, 4), (BLANK, 4),
];

/// What is decided on each frame. The same at every call, whatever was asked before.
#[derive(Debug)]
pub(super) struct Script {
    /// Decisions on a frame; empty where the path jumps over it. As far as was asked so far, and one decision on.
    frames: Vec<Vec<(TokenId, usize)>>,
    blank: TokenId,
    pieces: u32,
    /// Entries of the duration head for 0, 1, 2 and so on frames.
    durations: Vec<usize>,
    /// Frames of ours for one of the table.
    stretch: f64,
    /// Decisions so far laid out; the last of them stands on the last of `frames`.
    laid_out: u64,
}

impl Script {
    /// The table over and over, its times stretched so that `per_second` decisions fall on a second. A blank that would stay
    /// on its frame, which no decoder does, writes the token before it again.
    pub(super) fn new(per_second: f64, contract: &Contract) -> Result<Self, String> {
        let steps = 0..=contract.durations.last().copied().unwrap_or_default();
        let durations: Option<Vec<usize>> =
            steps.map(|step| contract.durations.iter().position(|duration| *duration == step)).collect();
        let Some(durations) = durations else {
            return Err(format!("durations of the model: expected 0, 1, 2 and so on, found {:?}", contract.durations));
        };
        let stretch = SPEECH.len() as f64 / (EncIdx(length()).secs() * per_second);
        let mut script = Self {
            frames: vec![Vec::new()],
            blank: contract.vocabulary.blank,
            pieces: contract.vocabulary.size as u32,
            durations,
            stretch,
            laid_out: 0,
        };
        // Once round and a bit: rounding moves steps by a frame from round to round.
        let round = ((2 * length()) as f64 * stretch) as u64;
        let longest = (0..2 * SPEECH.len() as u64).map(|n| script.place(n + 1) - script.place(n)).max();
        let most = (0..round).map(|frame| script.on(frame).len()).max();
        if longest > script.durations.len().checked_sub(1).map(|longest| longest as u64)
            || most > Some(contract.max_symbols as usize)
        {
            let found = format!(
                "{per_second}, which takes steps of up to {} frames and up to {} decisions on one",
                longest.unwrap_or_default(),
                most.unwrap_or_default()
            );
            return Err(format!(
                "--decisions-per-second: expected a pace with steps of at most {} frames and at most {} decisions on one, found {found}",
                script.durations.len() - 1,
                contract.max_symbols
            ));
        }
        Ok(script)
    }

    /// The decision number `nth` on `frame`: token and entry of the duration head. A frame that the path jumps over leads
    /// back to it with a blank.
    pub(super) fn at(&mut self, frame: u64, nth: usize) -> (TokenId, usize) {
        let here = self.on(frame);
        if let Some(decision) = here.get(nth).or(here.last()) {
            return *decision;
        }
        let longest = self.durations.len() as u64 - 1;
        let away = (1..longest).find(|ahead| !self.on(frame + ahead).is_empty()).unwrap_or(longest);
        (self.blank, self.durations[away as usize])
    }

    /// The next `count` decisions, from number `nth` on `frame` on.
    pub(super) fn path(&mut self, frame: u64, nth: usize, count: usize) -> Vec<(TokenId, usize)> {
        let (mut frame, mut nth) = (frame, nth);
        let mut path = Vec::with_capacity(count);
        for _ in 0..count {
            let (token, entry) = self.at(frame, nth);
            path.push((token, entry));
            let step = self.durations.iter().position(|other| *other == entry).unwrap_or_default() as u64;
            (frame, nth) = if step == 0 { (frame, nth + 1) } else { (frame + step, 0) };
        }
        path
    }

    fn on(&mut self, frame: u64) -> &[(TokenId, usize)] {
        while self.frames.len() as u64 <= frame + 1 {
            self.lay_out();
        }
        &self.frames[frame as usize]
    }

    /// Adds the next decision.
    fn lay_out(&mut self) {
        let at = self.laid_out;
        let (here, step) = (self.place(at), self.place(at + 1) - self.place(at));
        let token = |n: u64| SPEECH[(n % SPEECH.len() as u64) as usize].0;
        let chosen = if token(at) == BLANK && step > 0 {
            self.blank
        } else {
            // The table begins with a token.
            let written = (0..=at).rev().map(token).find(|token| *token != BLANK).unwrap_or_default();
            TokenId(u32::from(written) % self.pieces)
        };
        // Further than the longest step only while `new` looks at it.
        let duration = self.durations[(step as usize).min(self.durations.len() - 1)];
        self.frames[here as usize].push((chosen, duration));
        self.frames.resize((here + step + 1) as usize, Vec::new());
        self.laid_out += 1;
    }

    /// The frame of decision `n`.
    fn place(&self, n: u64) -> u64 {
        let (rounds, rest) = (n / SPEECH.len() as u64, n % SPEECH.len() as u64);
        let before: u64 = SPEECH[..rest as usize].iter().map(|(_, duration)| duration).sum();
        ((rounds * length() + before) as f64 * self.stretch) as u64
    }
}

/// Frames that the table takes.
fn length() -> u64 {
    SPEECH.iter().map(|(_, duration)| duration).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;

    fn contract() -> Contract {
        Model::embedded().unwrap().contract().clone()
    }

    /// The path from frame 0: frame, token, duration.
    fn path(script: &mut Script, until: u64) -> Vec<(u64, TokenId, u64)> {
        let (mut frame, mut nth, mut found) = (0, 0, Vec::new());
        while frame < until {
            let (token, entry) = script.at(frame, nth);
            found.push((frame, token, entry as u64));
            (frame, nth) = if entry == 0 { (frame, nth + 1) } else { (frame + entry as u64, 0) };
        }
        found
    }

    #[test]
    fn the_table_is_what_its_remark_says() {
        assert_eq!(length(), 143);
        assert_eq!(SPEECH.iter().filter(|(token, _)| *token == BLANK).count(), 13);
        assert!((79.0 / EncIdx(143).secs() - 6.9).abs() < 0.01);
    }

    #[test]
    fn as_many_decisions_are_made_as_were_asked_for() {
        for pace in [7.0, 12.0, 20.0] {
            let mut script = Script::new(pace, &contract()).unwrap();
            let found = path(&mut script, 12_500).len() as f64 / 1000.0;
            assert!((found - pace).abs() < 0.05, "{pace}: {found}");
        }
    }

    #[test]
    fn durations_and_blanks_are_mixed_and_no_blank_stays() {
        let contract = contract();
        let blank = contract.vocabulary.blank;
        let mut script = Script::new(12.0, &contract).unwrap();
        let found = path(&mut script, 1000);
        let durations: std::collections::BTreeSet<u64> = found.iter().map(|step| step.2).collect();
        assert_eq!(durations.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(found.iter().all(|step| step.1 != blank || step.2 > 0));
        assert!(found.iter().filter(|step| step.1 == blank).count() > 50);
    }

    #[test]
    fn a_frame_says_the_same_whatever_was_asked_before_and_leads_back_to_the_path() {
        let (mut one, mut other) = (Script::new(12.0, &contract()).unwrap(), Script::new(12.0, &contract()).unwrap());
        let walked = path(&mut one, 500);
        let stops: Vec<u64> = walked.iter().map(|step| step.0).collect();
        for frame in (0..400).rev() {
            let found = other.at(frame, 0);
            assert_eq!(found, one.at(frame, 0));
            if !stops.contains(&frame) {
                assert_eq!(found.0, contract().vocabulary.blank);
                assert!(stops.contains(&(frame + found.1 as u64)), "{frame}");
            }
        }
    }

    #[test]
    fn a_pace_that_durations_cannot_keep_is_refused() {
        for (pace, part) in [(1.0, "steps of at most 4 frames"), (500.0, "at most 10 decisions on one")] {
            let message = Script::new(pace, &contract()).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
        let contract = Contract { durations: vec![0, 2], ..contract() };
        assert!(Script::new(12.0, &contract).unwrap_err().contains("found [0, 2]"));
    }
}
