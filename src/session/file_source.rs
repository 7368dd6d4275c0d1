//! A recording as a live source: its own thread reads, decodes and paces it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};

use crate::audio::{AudioBlock, AudioError, AudioFile, LevelReader, Meter};

/// Blocks that may wait for inference: 60 s.
const RING_BLOCKS: usize = 6000;
/// Things worth telling that may wait to be told.
const MESSAGES: usize = 64;
/// While the ring is full.
const FULL_WAIT: Duration = Duration::from_millis(5);

/// A running file source.
#[derive(Debug)]
pub(super) struct FileSource {
    pub(super) name: String,
    pub(super) messages: Receiver<FileMessage>,
    pub(super) level: LevelReader,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the reading thread has to say.
#[derive(Debug)]
pub(super) enum FileMessage {
    Notice(String),
    Failed(AudioError),
}

impl FileSource {
    /// Opens the file and starts reading. The ring is abandoned at its end.
    pub(super) fn start(path: &Path, real_time: bool) -> Result<(Self, rtrb::Consumer<AudioBlock>), AudioError> {
        let file = AudioFile::open(path)?;
        let (producer, consumer) = rtrb::RingBuffer::new(RING_BLOCKS);
        let (sender, messages) = crossbeam_channel::bounded(MESSAGES);
        let stop = Arc::new(AtomicBool::new(false));
        let level = LevelReader::default();
        let reader = Reader { file, producer, sender, stop: Arc::clone(&stop), level: level.clone(), real_time };
        let thread = thread::Builder::new()
            .name("file-source".to_owned())
            .spawn(move || reader.run())
            .map_err(|source| AudioError::Thread { name: "file-source", source })?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok((Self { name, messages, level, stop, thread: Some(thread) }, consumer))
    }

    /// Whether the file has been read to its end.
    pub(super) fn is_done(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for FileSource {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed by the hook; the ring is abandoned either way.
            thread.join().ok();
        }
    }
}

struct Reader {
    file: AudioFile,
    producer: rtrb::Producer<AudioBlock>,
    sender: Sender<FileMessage>,
    stop: Arc<AtomicBool>,
    level: LevelReader,
    real_time: bool,
}

impl Reader {
    fn run(mut self) {
        let began = Instant::now();
        let mut meter = Meter::new(crate::units::SAMPLE_RATE_HZ);
        loop {
            let block = match self.file.next_block() {
                Ok(Some(block)) => block,
                Ok(None) => break,
                Err(error) => {
                    self.sender.try_send(FileMessage::Failed(error)).ok();
                    break;
                }
            };
            if self.real_time {
                let due = began + Duration::from_secs_f64(block.end().secs());
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            meter.push(block.samples());
            self.level.set_level(meter.peak(), meter.rms());
            while self.producer.push(block).is_err() {
                if self.stop.load(Ordering::Relaxed) || self.producer.is_abandoned() {
                    return;
                }
                thread::sleep(FULL_WAIT);
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
        }
        for notice in self.file.notices() {
            self.sender.try_send(FileMessage::Notice(notice)).ok();
        }
    }
}
