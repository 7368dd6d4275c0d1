//! Inputs like others, with faults in them; the same ones in every run.

use std::path::PathBuf;

/// Numbers that lengths and counts go wrong at.
const NUMBERS: [u64; 10] =
    [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff];
/// Larger seeds are cut: what is long takes long.
const LONGEST: usize = 64 << 10;

/// A generator of mutations (a linear congruential one: Knuth's MMIX).
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end.max(1)
    }

    /// One of the seeds with 1 to 6 faults.
    pub(crate) fn mutate(&mut self, seeds: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].1.clone();
        bytes.truncate(LONGEST);
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len() + 1);
            let end = (at + 1 + self.below(64)).min(bytes.len());
            match self.below(8) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                2 => drop(bytes.drain(at..end.max(at))),
                3 => {
                    let again = bytes[at..end.max(at)].to_vec();
                    for _ in 0..=self.below(8) {
                        bytes.splice(at..at, again.iter().copied());
                    }
                }
                4 => {
                    let number = NUMBERS[self.below(NUMBERS.len())].to_le_bytes();
                    let size = [1, 2, 4, 8][self.below(4)].min(bytes.len() - at);
                    bytes[at..at + size].copy_from_slice(&number[..size]);
                }
                5 => {
                    let text = NUMBERS[self.below(NUMBERS.len())].to_string();
                    let end = end.min(at + self.below(4)).max(at);
                    bytes.splice(at..end, text.bytes());
                }
                6 => {
                    let other = &seeds[self.below(seeds.len())].1;
                    let from = self.below(other.len() + 1);
                    let count = self.below(128).min(other.len() - from);
                    bytes.splice(at..at, other[from..from + count].iter().copied());
                }
                _ => bytes.truncate(at),
            }
        }
        bytes
    }
}
