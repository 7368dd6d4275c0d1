//! A recording once, or over and over up to a length, block by block and never as a whole in memory.

use std::path::{Path, PathBuf};

use crate::{
    audio::{AudioBlock, AudioError, AudioFile},
    units::{SAMPLE_RATE_HZ, SAMPLES_PER_MEL, SampleIdx},
};

/// Blocks of a file on one clock, joined without a gap where the file begins anew.
#[derive(Debug)]
pub(super) struct BlockSource {
    path: PathBuf,
    file: AudioFile,
    /// Samples after which nothing more is delivered; `None` is the file's own end.
    until: Option<u64>,
    delivered: u64,
    /// Samples read and not yet delivered: a file's last block is short, a stream's must not be.
    waiting: Vec<f32>,
    /// Samples of the file since it was opened last: an empty file would be repeated for ever.
    read_since_open: u64,
}

impl BlockSource {
    pub(super) fn open(path: &Path, repeat_to_secs: Option<f64>) -> Result<Self, AudioError> {
        Ok(Self {
            path: path.to_owned(),
            file: AudioFile::open(path)?,
            until: repeat_to_secs.map(|secs| (secs * f64::from(SAMPLE_RATE_HZ)) as u64),
            delivered: 0,
            waiting: Vec::with_capacity(2 * SAMPLES_PER_MEL),
            read_since_open: 0,
        })
    }

    /// Where the next block would begin.
    pub(super) fn position(&self) -> SampleIdx {
        SampleIdx(self.delivered)
    }

    pub(super) fn next_block(&mut self) -> Result<Option<AudioBlock>, AudioError> {
        while self.waiting.len() < SAMPLES_PER_MEL {
            if let Some(block) = self.file.next_block()? {
                self.waiting.extend_from_slice(block.samples());
                self.read_since_open += block.samples().len() as u64;
            } else if self.until.is_some() && self.read_since_open > 0 {
                self.file = AudioFile::open(&self.path)?;
                self.read_since_open = 0;
            } else {
                break;
            }
        }
        let left = self.until.map_or(u64::MAX, |until| until.saturating_sub(self.delivered));
        let take = (SAMPLES_PER_MEL as u64).min(left).min(self.waiting.len() as u64) as usize;
        if take == 0 {
            return Ok(None);
        }
        let block = AudioBlock::new(SampleIdx(self.delivered), &self.waiting[..take]);
        self.waiting.drain(..take);
        self.delivered += take as u64;
        Ok(Some(block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 16 kHz ramp of `samples` samples.
    fn recording(folder: &tempfile::TempDir, samples: usize) -> PathBuf {
        let path = folder.path().join("ramp.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        (0..samples).for_each(|i| writer.write_sample(i as i16).unwrap());
        writer.finalize().unwrap();
        path
    }

    fn drain(source: &mut BlockSource) -> Vec<AudioBlock> {
        std::iter::from_fn(|| source.next_block().unwrap()).collect()
    }

    #[test]
    fn repeats_join_without_a_gap_and_end_on_the_sample() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = recording(&folder, 400);
        let blocks = drain(&mut BlockSource::open(&path, Some(0.0625)).unwrap());
        let samples: Vec<f32> = blocks.iter().flat_map(|block| block.samples().to_vec()).collect();
        assert_eq!(samples.len(), 1000);
        assert!(blocks[..6].iter().all(|block| block.samples().len() == SAMPLES_PER_MEL));
        assert!(blocks.windows(2).all(|pair| pair[0].end() == pair[1].start));
        assert!(samples.iter().enumerate().all(|(i, x)| (x * 32768.0 - (i % 400) as f32).abs() < 1e-3));
    }

    #[test]
    fn without_a_length_the_file_is_played_once() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = recording(&folder, 400);
        let mut source = BlockSource::open(&path, None).unwrap();
        assert_eq!(drain(&mut source).len(), 3);
        assert_eq!(source.position(), SampleIdx(400));
    }
}
