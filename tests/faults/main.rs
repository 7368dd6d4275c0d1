//! Faults injected at every seam: no committed word is lost, none comes twice, and there is always a message.
//!
//! | seam | fault | test |
//! | --- | --- | --- |
//! | engine | error on hop N, panic on hop N, both on several | `engine` |
//! | engine | slower than speech for a minute, for three minutes | `queue` |
//! | device ring | more than it holds at once | `queue` |
//! | device | lost at 20 random times | `device` |
//! | disk | full, or read-only, for journal, trace and settings | `disk` |
//! | clock | turned back while a dictation is written | `disk` |
//! | process | killed at 200 random moments | `kill` |
//!
//! A scripted engine says one word every fifth encoder frame, and which one depends on the frame alone: what must be there
//! is known for any piece of time.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../common/mod.rs"]
mod common;

mod device;
mod disk;
mod engine;
#[cfg(unix)]
mod kill;
mod queue;
mod script;
