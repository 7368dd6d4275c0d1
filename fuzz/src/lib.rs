//! The targets that the fuzzer shares with `tests/bad_input`, and what makes a program of one of them.
#![allow(dead_code, missing_docs, reason = "as the test has them")]

#[path = "../../tests/bad_input/sound.rs"]
pub mod sound;
#[path = "../../tests/bad_input/targets.rs"]
pub mod targets;

pub use libfuzzer_sys;

/// The repository.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The program that feeds the target of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            static TARGET: std::sync::LazyLock<fn(&[u8])> = std::sync::LazyLock::new(|| $crate::named($name));
            TARGET(bytes);
        });
    };
}

/// The target of a name.
pub fn named(name: &str) -> fn(&[u8]) {
    let target = targets::TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("expected one of the targets, found {name}")).run
}
