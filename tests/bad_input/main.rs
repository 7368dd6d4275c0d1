//! Bad input: the fuzzer's targets on their seeds and on many mutations of them, within bounds of time and memory.
//!
//! `fuzz/README.md` tells of the fuzzer itself; this keeps its targets compiling and its finds found.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops where it fails, and says how much it did")]

mod mutate;
#[expect(unreachable_pub, reason = "the fuzzer's package shows it to its programs")]
mod sound;
#[expect(unreachable_pub, reason = "the fuzzer's package shows it to its programs")]
mod targets;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mutate::Mutator;
use peak_alloc::PeakAlloc;
use targets::{TARGETS, Target};

/// The repository.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// No input of some KB may take longer; by far, on a machine that others use, too.
const LONGEST: Duration = Duration::from_secs(10);
/// No input of some KB may take more memory, in MB. What the program needs itself is included, a graph for resampling too.
const MOST_MB: f32 = 256.0;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Files of `fuzz/seeds` and of the repository that a target begins with.
fn seeds(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let own = Path::new(ROOT).join("fuzz/seeds").join(target.name);
    let others = target.seeds.iter().map(|seed| Path::new(ROOT).join(seed));
    let mut files = Vec::new();
    for place in std::iter::once(own).chain(others) {
        if place.is_dir() {
            files.extend(fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
        } else if place.exists() {
            files.push(place);
        } else {
            assert!(place.starts_with(Path::new(ROOT).join("fuzz/seeds")), "no {}", place.display());
        }
    }
    files.sort();
    assert!(!files.is_empty(), "{} has no seeds", target.name);
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Runs one input; what it is, is told only if it fails.
fn feed(target: &Target, bytes: &[u8], what: &dyn Fn() -> String) {
    MEMORY.reset_peak_usage();
    let begun = Instant::now();
    let ran = std::panic::catch_unwind(|| (target.run)(bytes));
    let (took, peak) = (begun.elapsed(), MEMORY.peak_usage_as_mb());
    if ran.is_err() || took > LONGEST || peak > MOST_MB {
        let path = std::env::temp_dir().join(format!("dictoscope-{}-failed", target.name));
        fs::write(&path, bytes).unwrap();
        panic!("{}: {}: {took:?}, {peak} MB; the input is in {}", target.name, what(), path.display());
    }
}

/// One test: the measurement of memory is that of the process.
#[test]
fn seeds_and_their_mutations_are_read_or_refused_within_bounds() {
    let share: f64 = std::env::var("DICTOSCOPE_TRIES").map_or(1.0, |share| share.parse().unwrap());
    for target in TARGETS {
        let begun = Instant::now();
        let seeds = seeds(target);
        for (path, bytes) in &seeds {
            feed(target, bytes, &|| path.display().to_string());
        }
        let mut mutator = Mutator::new(0x5eed);
        let tries = (target.tries as f64 * share) as usize;
        for number in 0..tries {
            let bytes = mutator.mutate(&seeds);
            feed(target, &bytes, &|| format!("mutation {number}"));
        }
        println!("{}: {} seeds, {tries} mutations in {:.1} s", target.name, seeds.len(), begun.elapsed().as_secs_f64());
    }
}
