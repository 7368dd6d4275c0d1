//! Two runs, or two engines, held against each other: where they part first, and whether that is rounding or a bug.

mod gates;

pub use gates::{Gate, STAGES_AGREE};
