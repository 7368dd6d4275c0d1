//! Which frames to encode when: hops, contexts and the commit line, all on the 80 ms grid.
//!
//! A hop need not be whole frames. Hop k is due when its k·hop samples have arrived, and its window ends on the last grid
//! line before: a hop of 0.5 s commits 6, 6, 6 and 7 frames in turn, and nothing is ever rounded away.
//!
//! A recording goes through long windows instead, which overlap; where one hands over to the next is chosen once the first is
//! decoded (`handover`).

use std::ops::RangeInclusive;

use crate::{
    session::{Window, WindowSettings},
    units::{EncIdx, MEL_PER_ENC, SAMPLE_RATE_HZ, SampleIdx},
};

/// How windows follow one another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Policy {
    /// As set.
    Stream(WindowSettings),
    /// One window for all that fits; beyond that windows that overlap.
    Whole,
}

/// A recording of up to so many frames, 30 s, is one window, if the model takes one: what an encoder needs grows with the square
/// of its window.
const LONGEST_OF_FILE: u64 = 375;
/// Frames of the windows of a longer one, 20 s. Longer windows cost more and are no better: models learn on utterances.
const USUAL_OF_FILE: u64 = 250;

/// Frames of a recording's longest window, for a model that takes `longest`.
pub(super) fn file_window(longest: u64) -> u64 {
    longest.min(LONGEST_OF_FILE)
}

/// Plans the windows of one utterance.
#[derive(Clone, Debug)]
pub(super) struct Planner {
    policy: Policy,
    longest: u64,
    utterance: EncIdx,
    commit: EncIdx,
    /// Hops are counted from here.
    base: SampleIdx,
    hops: u64,
}

/// Sizes of a recording's windows in frames; after the line lie between `least` and `most`.
#[derive(Clone, Copy, Debug)]
struct Overlap {
    window: u64,
    left: u64,
    least: u64,
    most: u64,
}

impl Planner {
    /// `longest`: the model's longest window in encoder frames.
    pub(super) fn new(policy: Policy, longest: u64, utterance: EncIdx) -> Self {
        Self { policy, longest, utterance, commit: utterance, base: utterance.sample(), hops: 0 }
    }

    /// First frame that is not committed yet.
    pub(super) fn commit_line(&self) -> EncIdx {
        self.commit
    }

    /// Changes the sizes from the next hop on; hops are counted from the last one.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.base = self.target(self.hops);
        self.hops = 0;
        self.policy = policy;
    }

    /// Of 20 s: 4 s before the line, 2.5 to 5.6 s after it.
    fn overlap(&self) -> Overlap {
        let window = self.longest.min(USUAL_OF_FILE);
        Overlap { window, left: window / 5, least: window / 8, most: window * 7 / 25 }
    }

    fn left(&self) -> u64 {
        match self.policy {
            Policy::Stream(settings) => settings.left_frames(),
            Policy::Whole => self.overlap().left,
        }
    }

    /// Samples at which hop `hop` of a stream is due.
    fn target(&self, hop: u64) -> SampleIdx {
        let hop_samples = match self.policy {
            Policy::Stream(settings) => (settings.hop_secs * f64::from(SAMPLE_RATE_HZ)).round().max(1.0) as u64,
            Policy::Whole => 0,
        };
        SampleIdx(self.base.0 + hop * hop_samples)
    }

    /// The next window if its audio has arrived. A recording's waits for more than that, for its last window has no right context.
    pub(super) fn due(&self, available: SampleIdx) -> Option<Window> {
        match self.policy {
            Policy::Stream(settings) => {
                let target = self.target(self.hops + 1);
                let end = target.enc();
                let commit_to = EncIdx(end.0.saturating_sub(settings.right_frames())).max(self.commit);
                (available >= target).then(|| self.window(commit_to, end, false))
            }
            Policy::Whole => {
                let Overlap { window, left, least, most } = self.overlap();
                let start = EncIdx(self.commit.0.saturating_sub(left)).max(self.utterance);
                // What one window holds is not parted; only more shows that there are several.
                let waits = if self.hops == 0 { self.longest } else { window };
                let end = EncIdx(start.0 + window);
                let commit_to = EncIdx(end.0 - least.midpoint(most)).max(self.commit);
                (available > EncIdx(start.0 + waits).sample()).then(|| self.window(commit_to, end, false))
            }
        }
    }

    /// Where a recording's window may hand over to the next one: the line may be any of these instead of the middle.
    pub(super) fn handovers(&self, window: &Window) -> Option<RangeInclusive<EncIdx>> {
        let Overlap { least, most, .. } = self.overlap();
        let line = |right: u64| EncIdx(window.end.0.saturating_sub(right)).max(window.commit_from);
        (self.policy == Policy::Whole && !window.last).then(|| line(most)..=line(least))
    }

    /// The window that ends the utterance with all audio up to `available`; the last frame may be partial. It ends with the
    /// last whole mel frame, as features do.
    pub(super) fn last(&self, available: SampleIdx) -> Window {
        let end = EncIdx(available.mel().0.div_ceil(MEL_PER_ENC as u64)).max(self.commit);
        self.window(end, end, true)
    }

    fn window(&self, commit_to: EncIdx, end: EncIdx, last: bool) -> Window {
        let left = EncIdx(self.commit.0.saturating_sub(self.left()));
        // A setting changed in flight must not make a window longer than the model can take.
        let start = left.max(self.utterance).max(EncIdx(end.0.saturating_sub(self.longest)));
        Window { hop: 0, start, commit_from: self.commit, commit_to, end, last }
    }

    /// The window was decoded: on to the next.
    pub(super) fn done(&mut self, window: &Window) {
        self.commit = window.commit_to;
        self.hops += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(left_secs: f64, hop_secs: f64, right_secs: f64) -> Policy {
        Policy::Stream(WindowSettings { left_secs, hop_secs, right_secs })
    }

    fn windows(planner: &mut Planner, samples: u64) -> Vec<Window> {
        let mut found = Vec::new();
        for available in (0..=samples).step_by(160) {
            while let Some(window) = planner.due(SampleIdx(available)) {
                planner.done(&window);
                found.push(window);
            }
        }
        found
    }

    #[test]
    fn half_a_second_commits_6_6_6_7_frames_in_turn() {
        let mut planner = Planner::new(stream(4.0, 0.5, 0.0), 375, EncIdx(0));
        let committed: Vec<u64> =
            windows(&mut planner, 16000 * 8).iter().map(|w| w.commit_to.0 - w.commit_from.0).collect();
        assert_eq!(committed, [6, 6, 6, 7, 6, 6, 6, 7, 6, 6, 6, 7, 6, 6, 6, 7]);
    }

    #[test]
    fn contexts_lie_around_what_is_committed() {
        let mut planner = Planner::new(stream(1.6, 0.48, 0.8), 375, EncIdx(100));
        let found = windows(&mut planner, EncIdx(200).sample().0);
        assert_eq!(
            found[0],
            Window {
                hop: 0,
                start: EncIdx(100),
                commit_from: EncIdx(100),
                commit_to: EncIdx(100),
                end: EncIdx(106),
                last: false
            }
        );
        for pair in found.windows(2) {
            assert_eq!(pair[0].commit_to, pair[1].commit_from);
        }
        let late = found.last().unwrap();
        assert_eq!((late.end.0 - late.commit_to.0, late.commit_from.0 - late.start.0), (10, 20));
    }

    #[test]
    fn a_short_file_is_one_window_and_a_long_one_overlaps() {
        let planner = Planner::new(Policy::Whole, 375, EncIdx(0));
        assert_eq!(planner.due(EncIdx(375).sample()), None);
        let whole = planner.last(SampleIdx(37_600));
        assert_eq!((whole.start, whole.end, whole.last), (EncIdx(0), EncIdx(30), true));
        // Samples that make no mel frame make no encoder frame.
        assert_eq!(planner.last(SampleIdx(37_600 + 959)).end, EncIdx(30));
        assert_eq!(planner.last(SampleIdx(37_600 + 960)).end, EncIdx(31));

        let mut planner = Planner::new(Policy::Whole, 375, EncIdx(0));
        let found = windows(&mut planner, 16000 * 120);
        assert_eq!((found[0].end, found[0].commit_to), (EncIdx(250), EncIdx(200)));
        assert!(found.iter().all(|w| w.end.0 - w.start.0 == 250));
        assert!(found.iter().skip(1).all(|w| w.commit_from.0 - w.start.0 == 50));
        assert_eq!(planner.handovers(&found[0]), Some(EncIdx(180)..=EncIdx(219)));
        // A model that takes less.
        let mut planner = Planner::new(Policy::Whole, 100, EncIdx(0));
        assert!(planner.due(EncIdx(100).sample()).is_none());
        assert!(windows(&mut planner, 16000 * 60).iter().all(|w| w.end.0 - w.start.0 == 100));
    }

    #[test]
    fn wherever_a_recordings_window_hands_over_the_next_one_has_its_context_and_no_more_than_fits() {
        let mut planner = Planner::new(Policy::Whole, file_window(5000), EncIdx(40));
        let (mut line, mut count) = (EncIdx(40), 0);
        for available in (0..16_000 * 600).step_by(1600) {
            while let Some(mut window) = planner.due(SampleIdx(available)) {
                assert!(window.commit_from == line && window.end.0 - window.start.0 == 250, "{window:?}");
                assert!(window.end.sample() < SampleIdx(available));
                let lines = planner.handovers(&window).unwrap();
                window.commit_to = if count % 2 == 0 { *lines.start() } else { *lines.end() };
                assert!(window.commit_to > line && window.end.0 - window.commit_to.0 >= 31);
                planner.done(&window);
                (line, count) = (window.commit_to, count + 1);
            }
        }
        assert!(count > 30);
        let last = planner.last(SampleIdx(16_000 * 600));
        assert!(last.commit_from == line && last.end.0 - last.start.0 <= 250 && planner.handovers(&last).is_none());
    }

    #[test]
    fn a_change_in_flight_keeps_the_commit_line_and_the_limit() {
        let mut planner = Planner::new(stream(4.0, 0.5, 0.4), 100, EncIdx(0));
        windows(&mut planner, 16000 * 4);
        let line = planner.commit_line();
        planner.set_policy(stream(6.0, 0.48, 1.6));
        let next = planner.due(SampleIdx(16000 * 5)).unwrap();
        assert_eq!(next.commit_from, line);
        assert!(next.commit_to >= line && next.end.0 - next.start.0 <= 100);
    }
}
