//! Times the stages of a hop as a guest hears them. What the guest itself does is no cost of the hop.

use std::time::Instant;

use crate::session::{HopTiming, Stage};

/// A stop watch of a guest of the session.
#[derive(Debug)]
pub struct StageTimer {
    hop: HopTiming,
    mark: Instant,
}

impl Default for StageTimer {
    fn default() -> Self {
        Self { hop: HopTiming::default(), mark: Instant::now() }
    }
}

impl StageTimer {
    /// Call first with every stage; the whole hop's cost comes with its end.
    pub fn hear(&mut self, stage: Stage<'_>) -> Option<HopTiming> {
        match stage {
            Stage::Window(_) => {
                self.hop = HopTiming::default();
                self.mark = Instant::now();
            }
            Stage::Features(_) => self.hop.features_millis = self.lap(),
            Stage::Encoder(_) => self.hop.encode_millis = self.lap(),
            Stage::HopEnd(_) => {
                self.hop.decode_millis = self.lap();
                return Some(self.hop);
            }
            _ => {}
        }
        None
    }

    /// Call last, after work of the guest's own between two stages of a hop.
    pub fn resume(&mut self) {
        self.mark = Instant::now();
    }

    fn lap(&mut self) -> f32 {
        let now = Instant::now();
        let millis = (now - self.mark).as_secs_f32() * 1000.0;
        self.mark = now;
        millis
    }
}
