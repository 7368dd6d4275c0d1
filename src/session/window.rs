//! Which frames to encode when: hops, contexts and the commit line, all on the 80 ms grid.
//!
//! A hop need not be whole frames. Hop k is due when its k·hop samples have arrived, and its window ends on the last grid
//! line before: a hop of 0.5 s commits 6, 6, 6 and 7 frames in turn, and nothing is ever rounded away.

use crate::{
    session::{Window, WindowSettings},
    units::{EncIdx, MEL_PER_ENC, SAMPLE_RATE_HZ, SAMPLES_PER_ENC, SampleIdx},
};

/// How windows follow one another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Policy {
    /// As set.
    Stream(WindowSettings),
    /// One window for all that fits the model; beyond that a third of it as left, a sixth as right context.
    Whole,
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

/// Left and right context in frames and the hop in samples.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    left: u64,
    right: u64,
    hop_samples: u64,
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

    fn sizes(&self) -> Sizes {
        match self.policy {
            Policy::Stream(settings) => Sizes {
                left: settings.left_frames(),
                right: settings.right_frames(),
                hop_samples: (settings.hop_secs * f64::from(SAMPLE_RATE_HZ)).round().max(1.0) as u64,
            },
            Policy::Whole => {
                let (left, right) = (self.longest / 3, self.longest / 6);
                Sizes { left, right, hop_samples: (self.longest - left - right) * SAMPLES_PER_ENC as u64 }
            }
        }
    }

    /// Samples at which hop `hop` is due.
    fn target(&self, hop: u64) -> SampleIdx {
        let sizes = self.sizes();
        let first = match self.policy {
            Policy::Stream(_) => sizes.hop_samples,
            Policy::Whole => self.longest * SAMPLES_PER_ENC as u64,
        };
        match hop {
            0 => self.base,
            later => SampleIdx(self.base.0 + first + (later - 1) * sizes.hop_samples),
        }
    }

    /// The next window if its audio has arrived. A whole file waits for more than the model's longest window.
    pub(super) fn due(&self, available: SampleIdx) -> Option<Window> {
        let target = self.target(self.hops + 1);
        let arrived = match self.policy {
            Policy::Stream(_) => available >= target,
            Policy::Whole => available > target,
        };
        arrived.then(|| {
            let end = target.enc();
            let right = self.sizes().right;
            let commit_to = EncIdx(end.0.saturating_sub(right)).max(self.commit);
            self.window(commit_to, end, false)
        })
    }

    /// The window that ends the utterance with all audio up to `available`; the last frame may be partial. It ends with the
    /// last whole mel frame, as features do.
    pub(super) fn last(&self, available: SampleIdx) -> Window {
        let end = EncIdx(available.mel().0.div_ceil(MEL_PER_ENC as u64)).max(self.commit);
        self.window(end, end, true)
    }

    fn window(&self, commit_to: EncIdx, end: EncIdx, last: bool) -> Window {
        let left = EncIdx(self.commit.0.saturating_sub(self.sizes().left));
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
        assert_eq!((found[0].end, found[0].commit_to), (EncIdx(375), EncIdx(313)));
        assert!(found.iter().all(|w| w.end.0 - w.start.0 <= 375));
        assert!(found.iter().skip(1).all(|w| w.commit_from.0 - w.start.0 == 125));
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
