//! A trace with a stop watch: what writing it costs the thread that recognises.

use std::time::Instant;

use crate::{
    session::{Probe, Stage},
    trace::TraceProbe,
};

/// Times every call of a trace.
#[derive(Debug)]
pub(super) struct TimedTrace {
    pub(super) trace: TraceProbe,
    /// Milliseconds of each hop.
    pub(super) hops: Vec<f64>,
    hop: f64,
}

impl TimedTrace {
    pub(super) fn new(trace: TraceProbe) -> Self {
        Self { trace, hops: Vec::new(), hop: 0.0 }
    }
}

impl Probe for TimedTrace {
    fn on(&mut self, stage: Stage<'_>) {
        let began = Instant::now();
        self.trace.on(stage);
        self.hop += began.elapsed().as_secs_f64() * 1000.0;
        if let Stage::HopEnd(_) = stage {
            self.hops.push(std::mem::take(&mut self.hop));
        }
    }
}
