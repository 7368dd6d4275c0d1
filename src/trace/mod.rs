//! A run written down: JSON Lines, one decision a line, readable while it is written and after a crash.

mod line;
mod probe;
mod reader;
mod writer;

pub use line::{DecisionLine, FORMAT, FeatureStats, Header, HopLine, HopMillis, Line};
pub use probe::TraceProbe;
pub use reader::{Hop, Trace, TraceError};
pub use writer::{TraceFile, TraceWriter};
