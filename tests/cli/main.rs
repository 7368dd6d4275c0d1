//! The program from outside: its verbs, exit codes and JSON, and what it says to bad input.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod bad_input;
#[path = "../common/mod.rs"]
mod common;
mod harness;
#[cfg(unix)]
mod hostile;
mod long;
mod parity;
mod subtitles;
mod text;
mod traces;
mod verbs;
