//! Peak and RMS of the last 50 ms, sliding in 10 ms steps.

/// Slots of 10 ms that make the window.
const SLOTS: usize = 5;

/// Peak and RMS over 50 ms.
#[derive(Debug)]
pub struct Meter {
    slots: [Slot; SLOTS],
    /// Slot being filled.
    at: usize,
    /// Samples in 10 ms.
    slot_len: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    samples: usize,
    peak: f32,
    square_sum: f64,
}

impl Meter {
    /// A silent meter for samples at `rate_hz`.
    pub fn new(rate_hz: u32) -> Self {
        Self { slots: [Slot::default(); SLOTS], at: 0, slot_len: (rate_hz / 100).max(1) as usize }
    }

    /// Takes in finite samples.
    pub fn push(&mut self, samples: &[f32]) {
        let mut rest = samples;
        while !rest.is_empty() {
            if self.slots[self.at].samples == self.slot_len {
                self.at = (self.at + 1) % SLOTS;
                self.slots[self.at] = Slot::default();
            }
            let slot = &mut self.slots[self.at];
            let (now, later) = rest.split_at(rest.len().min(self.slot_len - slot.samples));
            slot.samples += now.len();
            for &sample in now {
                slot.peak = slot.peak.max(sample.abs());
                slot.square_sum += f64::from(sample) * f64::from(sample);
            }
            rest = later;
        }
    }

    /// Silence from here on.
    pub fn reset(&mut self) {
        self.slots = [Slot::default(); SLOTS];
    }

    /// Largest absolute sample; 1 is full scale.
    pub fn peak(&self) -> f32 {
        self.slots.iter().fold(0.0, |peak, slot| peak.max(slot.peak))
    }

    /// Root mean square; a full-scale sine has 0.707.
    pub fn rms(&self) -> f32 {
        let samples: usize = self.slots.iter().map(|slot| slot.samples).sum();
        let square_sum: f64 = self.slots.iter().map(|slot| slot.square_sum).sum();
        (square_sum / samples.max(1) as f64).sqrt() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::Meter;

    #[test]
    fn a_sine_has_its_peak_and_rms() {
        let mut meter = Meter::new(48_000);
        let sine: Vec<f32> = (0..48_000).map(|i| 0.5 * (i as f32 * 0.13).sin()).collect();
        meter.push(&sine);
        assert!((meter.peak() - 0.5).abs() < 1e-3, "{}", meter.peak());
        assert!((meter.rms() - 0.5 / 2f32.sqrt()).abs() < 5e-3, "{}", meter.rms());
    }

    #[test]
    fn a_click_is_forgotten_after_50_ms() {
        let mut meter = Meter::new(1000);
        meter.push(&[1.0]);
        meter.push(&[0.0; 49]);
        assert!((meter.peak() - 1.0).abs() < 1e-6);
        meter.push(&[0.0; 11]);
        assert!(meter.peak() <= 0.0 && meter.rms() <= 0.0);
    }
}
