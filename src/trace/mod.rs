//! A run written down: JSON Lines, one decision a line, readable while it is written and after a crash; tensors beside it.

mod line;
pub mod npy;
mod npy_header;
mod probe;
mod reader;
mod stats;
mod tensors;
mod writer;

pub use line::{DecisionLine, FORMAT, Header, HopLine, Input, Line, Rows};
pub use probe::{TraceOptions, TraceProbe, header};
pub use reader::{Hop, Mark, Trace, TraceError};
pub use stats::{AudioStats, EncoderStats, FeatureStats, TensorStats};
pub use tensors::{
    AUDIO_FILE, Dumps, ENCODER_FILE, FEATURES_FILE, TensorFile, TensorFiles, Tensors, folder_beside, write_step,
};
pub use writer::TraceWriter;
