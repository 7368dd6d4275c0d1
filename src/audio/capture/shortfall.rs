//! Finds audio that the system lost without saying so: frames received against the monotonic clock.

use std::time::{Duration, Instant};

/// A deficit is believed once nothing in a window of this length made up for it; a late callback does within one.
const WINDOW: Duration = Duration::from_secs(1);
/// Deficits up to this are left alone.
const LIMIT_SECS: f64 = 0.25;
/// How much of a deficit per second counts as two clocks that differ; crystals stay below 0.0005.
const DRIFT_PER_SEC: f64 = 0.002;

/// Watches one stream.
#[derive(Debug)]
pub(crate) struct Shortfall {
    rate_hz: f64,
    /// Time and frame count of the first look.
    origin: Option<(Instant, u64)>,
    window_start: Instant,
    /// Least deficit of the window in seconds.
    least: f64,
    /// Deficit that is accounted for: drift, latency, what was reported.
    accepted: f64,
}

impl Shortfall {
    pub(crate) fn new(rate_hz: u32, now: Instant) -> Self {
        Self { rate_hz: f64::from(rate_hz), origin: None, window_start: now, least: f64::INFINITY, accepted: 0.0 }
    }

    /// Called when frames have arrived, with their total. Returns seconds of audio that are missing, once.
    pub(crate) fn observe(&mut self, now: Instant, received: u64) -> Option<f64> {
        let Some((began, first)) = self.origin else {
            self.origin = Some((now, received));
            self.window_start = now;
            return None;
        };
        let deficit = (now - began).as_secs_f64() - received.saturating_sub(first) as f64 / self.rate_hz;
        self.least = self.least.min(deficit);
        // The first callback may have been late itself: the best one seen is the measure.
        self.accepted = self.accepted.min(self.least);
        let window = now - self.window_start;
        if window < WINDOW {
            return None;
        }
        let missing = self.least - self.accepted;
        let lost = (missing > LIMIT_SECS).then_some(missing);
        self.accepted += if lost.is_some() { missing } else { missing.min(DRIFT_PER_SEC * window.as_secs_f64()) };
        self.window_start = now;
        self.least = f64::INFINITY;
        lost
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Shortfall;

    /// Feeds 40 ms callbacks for `secs`; `deliver` says how many frames the device gives at second `t`.
    fn lost(secs: f64, lateness: impl Fn(usize) -> f64, deliver: impl Fn(f64) -> f64) -> Vec<f64> {
        let began = Instant::now();
        let mut shortfall = Shortfall::new(48_000, began);
        let mut frames = 0.0;
        let mut found = Vec::new();
        for i in 0..(secs / 0.04) as usize {
            let t = i as f64 * 0.04;
            frames += deliver(t);
            let now = began + Duration::from_secs_f64(t + lateness(i));
            found.extend(shortfall.observe(now, frames as u64));
        }
        found
    }

    #[test]
    fn drift_and_jitter_are_not_losses() {
        assert!(lost(3600.0, |i| (i % 7) as f64 * 0.03, |_| 1920.0 * 0.9995).is_empty());
        assert!(lost(3600.0, |i| if i == 0 { 0.9 } else { 0.95 }, |_| 1920.0 * 1.0005).is_empty());
    }

    #[test]
    fn a_hole_is_found_once_with_its_length() {
        let found = lost(30.0, |_| 0.0, |t| if (10.0..11.0).contains(&t) { 0.0 } else { 1920.0 });
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((found[0] - 1.0).abs() < 0.05, "{found:?}");
    }

    #[test]
    fn loss_in_small_pieces_adds_up() {
        let found: f64 = lost(60.0, |_| 0.0, |_| 1920.0 * 0.9).iter().sum();
        assert!((found - 6.0).abs() < 0.6, "{found}");
    }
}
