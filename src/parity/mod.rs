//! Two runs, or two engines, held against each other: where they part first, and whether that is rounding or a bug.

mod comparable;
mod compare;
mod count;
mod evidence;
pub mod gate;
mod gates;
mod hint;
mod index;
mod lane;
mod probe_file;
mod report;
mod run;
pub mod tensors;
mod walk;

pub use comparable::{FieldDifference, NotComparable};
pub use compare::{Cause, Class, CompareOptions, Comparison, Divergence, SideStep, compare};
pub use count::Counts;
pub use evidence::{Distance, HopEvidence, Stage, StepEvidence};
pub use gates::{Gate, STAGES_AGREE, StageBounds};
pub use index::{IndexFault, Rule};
pub use lane::{LaneMark, lane};
pub use probe_file::{PROBE_SAMPLES, ProbeError, ProbeFile};
pub use run::{Run, Step};
