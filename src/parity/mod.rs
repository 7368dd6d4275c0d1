//! Two runs, or two engines, held against each other: where they part first, and whether that is rounding or a bug.

pub mod gate;
mod gates;
mod probe_file;
pub mod tensors;

pub use gates::{Gate, STAGES_AGREE, StageBounds};
pub use probe_file::{PROBE_SAMPLES, ProbeError, ProbeFile};
