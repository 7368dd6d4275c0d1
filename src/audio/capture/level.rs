//! Level and counters of a capture, read from any thread without a lock. Latest wins.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// The input's level, and what went wrong with it since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// Largest absolute sample of the last 50 ms; 1 is full scale.
    pub peak: f32,
    /// Root mean square of the last 50 ms.
    pub rms: f32,
    /// Frames at device rate with a clipped sample.
    pub clipped_samples: u64,
    /// Frames at device rate that did not fit the ring behind the callback.
    pub overrun_samples: u64,
}

/// Everything that is counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureStats {
    /// Calls of the audio callback.
    pub callbacks: u64,
    /// Frames at device rate that arrived.
    pub received_frames: u64,
    /// Frames at device rate that did not fit the ring behind the callback.
    pub overrun_frames: u64,
    /// Frames at device rate with a clipped sample.
    pub clipped_frames: u64,
    /// NaN and infinite samples, replaced by 0.
    pub non_finite_samples: u64,
    /// Overruns the audio system reported.
    pub xruns: u64,
    /// 16 kHz samples handed on.
    pub delivered_samples: u64,
    /// 16 kHz samples lost, for whatever reason.
    pub lost_samples: u64,
    /// How often the device was lost.
    pub device_losses: u64,
    /// 16 kHz samples at the device's beginning that were exactly 0 and were left out.
    pub skipped_samples: u64,
}

/// Where the capture thread writes and others read.
#[derive(Clone, Debug, Default)]
pub struct LevelReader(Arc<Cells>);

#[derive(Debug, Default)]
struct Cells {
    peak: AtomicU32,
    rms: AtomicU32,
    /// In the order of [`CaptureStats`].
    counts: [AtomicU64; 10],
}

impl LevelReader {
    /// The newest level.
    pub fn level(&self) -> Level {
        let stats = self.stats();
        Level {
            peak: f32::from_bits(self.0.peak.load(Ordering::Relaxed)),
            rms: f32::from_bits(self.0.rms.load(Ordering::Relaxed)),
            clipped_samples: stats.clipped_frames,
            overrun_samples: stats.overrun_frames,
        }
    }

    /// The newest counts.
    pub fn stats(&self) -> CaptureStats {
        let count = |i: usize| self.0.counts[i].load(Ordering::Relaxed);
        CaptureStats {
            callbacks: count(0),
            received_frames: count(1),
            overrun_frames: count(2),
            clipped_frames: count(3),
            non_finite_samples: count(4),
            xruns: count(5),
            delivered_samples: count(6),
            lost_samples: count(7),
            device_losses: count(8),
            skipped_samples: count(9),
        }
    }

    pub(crate) fn set_level(&self, peak: f32, rms: f32) {
        self.0.peak.store(peak.to_bits(), Ordering::Relaxed);
        self.0.rms.store(rms.to_bits(), Ordering::Relaxed);
    }

    pub(crate) fn set_stats(&self, stats: &CaptureStats) {
        let counts = [
            stats.callbacks,
            stats.received_frames,
            stats.overrun_frames,
            stats.clipped_frames,
            stats.non_finite_samples,
            stats.xruns,
            stats.delivered_samples,
            stats.lost_samples,
            stats.device_losses,
            stats.skipped_samples,
        ];
        for (cell, count) in self.0.counts.iter().zip(counts) {
            cell.store(count, Ordering::Relaxed);
        }
    }
}
