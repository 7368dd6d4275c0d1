//! The target `hotkey` of `tests/bad_input/targets.rs`.
#![no_main]

dictoscope_fuzz::target!("hotkey");
