//! The target `trace` of `tests/bad_input/targets.rs`.
#![no_main]

dictoscope_fuzz::target!("trace");
