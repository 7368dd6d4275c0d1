//! Dictoscope: real-time dictation with Parakeet-TDT models that shows why it wrote what it wrote.
//!
//! The modules, in the order in which the data goes:
//!
//! ```text
//! microphone or file
//!   -> audio     10 ms blocks of 16 kHz mono
//!   -> features  log-mel frames, 10 ms each
//!   -> engine    encoder frames, 80 ms each; prediction and joint scores
//!      models    where a model's files come from
//!   -> decode    decisions (token, duration, margins), words
//!   -> session   windows, commit line, grey tail, utterances, threads
//!   -> text      what rules make of committed words
//!   -> output    where they go: the journal
//!   -> trace     a run written down, line by line
//!   -> parity    two runs or two engines held against each other
//!   -> ui, cli   what a person sees
//! ```
//!
//! Beside them `remote`, by which a second program gives orders to the one that runs, `hotkeys`, keys that become such orders, `tray`, an icon whose menu gives them, `sounds`, which can be heard, `download` and `packages`, which fetch libraries of engines when they are asked for, and `private`, files that their user alone can read.
//!
//! `tests/architecture.rs` keeps this order.

pub mod audio;
pub mod cli;
pub mod config;
pub mod decode;
pub mod download;
pub mod engine;
pub mod features;
pub mod hotkeys;
pub mod models;
pub mod output;
pub mod packages;
pub mod parity;
pub mod private;
pub mod remote;
pub mod session;
pub mod sounds;
pub mod text;
pub mod trace;
pub mod tray;
pub mod ui;
pub mod units;
