//! How fast bytes come, and sizes as a person reads them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The rate is that of this long.
const WINDOW: Duration = Duration::from_secs(5);
/// A point is kept this often.
const STEP: Duration = Duration::from_millis(200);

/// The rate of the last seconds.
#[derive(Debug)]
pub(super) struct Meter {
    points: VecDeque<(Instant, u64)>,
}

impl Meter {
    pub(super) fn new(now: Instant, done: u64) -> Self {
        Self { points: VecDeque::from([(now, done)]) }
    }

    /// Bytes a second, with `done` bytes at `now`; 0 as long as nothing can be said.
    pub(super) fn rate(&mut self, now: Instant, done: u64) -> f64 {
        while self.points.len() > 1 && now.duration_since(self.points[0].0) > WINDOW {
            self.points.pop_front();
        }
        let (since, from) = self.points[0];
        if self.points.back().is_some_and(|(last, _)| now.duration_since(*last) >= STEP) {
            self.points.push_back((now, done));
        }
        let secs = now.duration_since(since).as_secs_f64();
        if secs < STEP.as_secs_f64() { 0.0 } else { done.saturating_sub(from) as f64 / secs }
    }
}

/// `27.8 MB`: three figures at least, in powers of 1000 as disks and networks count.
pub fn size_text(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "bytes");
    for next in ["kB", "MB", "GB", "TB"] {
        // What would be rounded to 1000.
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    match unit {
        "bytes" => format!("{bytes} bytes"),
        _ if value < 9.995 => format!("{value:.2} {unit}"),
        _ if value < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_figures() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.00 kB"),
            (27_780_211, "27.8 MB"),
            (255_569_273, "256 MB"),
            (999_600, "1.00 MB"),
            (2_500_000_000, "2.50 GB"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut meter = Meter::new(start, 1000);
        assert_eq!(meter.rate(at(100), 2000), 0.0, "too early to say");
        for k in 1..=10 {
            assert_eq!(meter.rate(at(k * 1000), 1000 + k * 500), 500.0);
        }
        let mut rate = 0.0;
        for k in 11..=20 {
            rate = meter.rate(at(k * 1000), 6000 + (k - 10) * 3000);
        }
        assert_eq!(rate, 3000.0, "what was before the last seconds is forgotten");
    }
}
