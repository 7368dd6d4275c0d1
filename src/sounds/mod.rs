//! Short, quiet sounds that tell of a start, an end and a failure, for whoever does not look at the screen.
//!
//! Each is played to the system's default output on a thread of its own, which opens the output for it and closes it again.
//! The microphone may hear them: they are over before a word is.

mod player;
mod tone;

pub use player::Player;
pub use tone::Sound;
