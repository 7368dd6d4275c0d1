//! Recordings as 16 kHz mono blocks: decoded as they are read, never held whole.

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use symphonia::core::{
    audio::Channels,
    codecs::audio::{AudioDecoder, AudioDecoderOptions},
    errors::Error as DecodeError,
    formats::{FormatOptions, FormatReader, Track, TrackType, probe::Hint},
    io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource},
    meta::MetadataOptions,
    packet::Packet,
};

use crate::{
    audio::{AudioBlock, AudioError, Resampler},
    units::{SAMPLE_RATE_HZ, SAMPLES_PER_MEL, SampleIdx},
};

mod sniff;
mod tally;
mod wav;

use tally::Tally;
use wav::{WavLayout, WavSource};

/// A reader that fails this often in a row will not find its way again.
const MAX_READ_ERRORS: u32 = 16;
/// A hole in a file of unknown length is at most this long: the number that says so may be damaged too.
const MAX_SILENCE_SECS: u64 = 60;
/// No coding packs more frames into a byte, silence of FLAC included: what is promised beyond is damage.
const MAX_FRAMES_PER_BYTE: u64 = 1024;

/// What a recording is.
#[derive(Clone, Debug, PartialEq)]
pub struct FileInfo {
    /// The file.
    pub path: PathBuf,
    /// Its own sample rate.
    pub rate_hz: u32,
    /// Its own channels; their mean is taken.
    pub channels: usize,
    /// Codec, e.g. `flac`, `pcm_s16le`.
    pub codec: String,
    /// Length, if it is known before decoding.
    pub duration_secs: Option<f64>,
}

/// A recording being decoded.
pub struct AudioFile {
    info: FileInfo,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    resampler: Resampler,
    /// One packet, interleaved, and its mean over the channels.
    interleaved: Vec<f32>,
    mono: Vec<f32>,
    /// 16 kHz samples; those before `taken` are handed out.
    ready: Vec<f32>,
    taken: usize,
    position: SampleIdx,
    ended: bool,
    read_errors: u32,
    /// Where the next packet should start, in frames; a later start is a hole that the reader jumped over.
    expected: Option<i64>,
    tally: Tally,
    /// Frames of silence that stand for a hole and are still to be handed out.
    silence: u64,
    /// What comes after it.
    after_silence: Option<Packet>,
    /// Frames that the file's bytes can hold; `None` of a pipe.
    possible: Option<u64>,
    /// Frames the header gives, and whether that is exact.
    promised: Option<u64>,
    exact: bool,
    notices: Vec<String>,
}

impl fmt::Debug for AudioFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioFile")
            .field("info", &self.info)
            .field("position", &self.position)
            .field("ended", &self.ended)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

impl AudioFile {
    /// Opens a WAV, FLAC, MP3, OGG (Vorbis) or AIFF file of any rate from 4 to 768 kHz.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, AudioError> {
        let path = path.as_ref();
        let mut notices = Vec::new();
        let (source, layout) = open_source(path)?;
        let possible = source.byte_len().map(|bytes| bytes.saturating_mul(MAX_FRAMES_PER_BYTE));
        notices.extend(layout.and_then(|layout| layout.notice()).map(str::to_owned));
        let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
        let format = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| probe_error(path, error))?;
        let track = format.default_track(TrackType::Audio).ok_or_else(|| AudioError::UnknownFormat {
            path: path.to_owned(),
            found: format!("{} without an audio track", format.format_info().long_name),
        })?;
        let decoder = make_decoder(path, track)?;
        let track_id = track.id;
        let parameters = decoder.codec_params();
        let rate_hz = parameters.sample_rate.unwrap_or(SAMPLE_RATE_HZ);
        let codec = decoder.codec_info().short_name;
        let frames = layout.and_then(|layout| layout.frames_beyond_32_bits()).or(track.num_frames);
        let info = FileInfo {
            path: path.to_owned(),
            rate_hz,
            channels: parameters.channels.as_ref().map_or(1, Channels::count),
            codec: codec.to_owned(),
            duration_secs: frames.map(|frames| frames as f64 / f64::from(rate_hz.max(1))),
        };
        let promised = match layout {
            Some(layout) => layout.promised_frames(),
            None => track.num_frames,
        };
        if codec == "vorbis" && track.num_frames.is_none() {
            notices.push("truncated or damaged: its length cannot be told; read as far as it goes".to_owned());
        }
        let resampler = Resampler::new(rate_hz).map_err(|error| rate_error(path, error))?;
        Ok(Self {
            info,
            format,
            decoder,
            track_id,
            resampler,
            interleaved: Vec::new(),
            mono: Vec::new(),
            ready: Vec::new(),
            taken: 0,
            position: SampleIdx(0),
            ended: false,
            read_errors: 0,
            expected: None,
            tally: Tally::default(),
            silence: 0,
            after_silence: None,
            possible,
            promised,
            exact: !matches!(codec, "mp3" | "vorbis"),
            notices,
        })
    }

    /// What the recording is.
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// What was wrong but stopped nothing, since the last call; complete once [`Self::next_block`] gave `None`.
    /// Each names the file.
    pub fn notices(&mut self) -> Vec<String> {
        let path = self.info.path.display();
        self.notices.drain(..).map(|notice| format!("{path}: {notice}")).collect()
    }

    /// The next 10 ms; the last block may be shorter. `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<AudioBlock>, AudioError> {
        while self.ready.len() - self.taken < SAMPLES_PER_MEL && !self.ended {
            self.ready.drain(..self.taken);
            self.taken = 0;
            self.decode_more()?;
        }
        let samples = &self.ready[self.taken..];
        if samples.is_empty() {
            return Ok(None);
        }
        let block = AudioBlock::new(self.position, samples);
        self.taken += block.samples().len();
        self.position = block.end();
        Ok(Some(block))
    }

    fn decode_more(&mut self) -> Result<(), AudioError> {
        if self.silence > 0 {
            self.push_silence();
            return Ok(());
        }
        if let Some(packet) = self.after_silence.take() {
            return self.decode(&packet);
        }
        match self.format.next_packet() {
            Ok(Some(packet)) if packet.track_id == self.track_id => {
                self.read_errors = 0;
                let hole = self.expected.map_or(0, |expected| packet.pts.get().saturating_sub(expected));
                // Time before 0 is an encoder's run-in, which the decoder trims.
                self.expected = Some(packet.pts.saturating_add(packet.dur).get().max(0));
                if hole.saturating_mul(100) > i64::from(self.info.rate_hz) {
                    self.add_hole(hole as u64);
                    self.after_silence = Some(packet);
                    return Ok(());
                }
                self.decode(&packet)
            }
            Ok(Some(_)) => Ok(()),
            Ok(None) => self.end(),
            Err(DecodeError::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => self.end(),
            Err(DecodeError::IoError(source)) => {
                self.ended = true;
                Err(AudioError::ReadFile { path: self.info.path.clone(), source })
            }
            // OGG files one after another in one file.
            Err(DecodeError::ResetRequired) => self.next_track(),
            Err(error) => {
                self.read_errors += 1;
                if self.read_errors < MAX_READ_ERRORS {
                    return Ok(());
                }
                self.tally.broke_off = Some(error.to_string());
                self.end()
            }
        }
    }

    fn decode(&mut self, packet: &Packet) -> Result<(), AudioError> {
        match self.decoder.decode(packet) {
            Ok(buffer) => {
                let (rate_hz, channels) = (buffer.spec().rate(), buffer.spec().channels().count().max(1));
                buffer.copy_to_vec_interleaved(&mut self.interleaved);
                self.tally.decoded_any |= !self.interleaved.is_empty();
                self.take(rate_hz, channels)
            }
            Err(DecodeError::DecodeError(_) | DecodeError::IoError(_)) => {
                self.add_hole(packet.dur.get());
                Ok(())
            }
            Err(error) => {
                self.tally.broke_off = Some(error.to_string());
                self.end()
            }
        }
    }

    /// Silence for frames that cannot be decoded: what follows stays where it was.
    fn add_hole(&mut self, frames: u64) {
        let promised = self.promised.map(|promised| promised.saturating_sub(self.tally.frames));
        let promised = promised.unwrap_or(u64::from(self.info.rate_hz) * MAX_SILENCE_SECS);
        let possible = self.possible.map_or(u64::MAX, |possible| possible.saturating_sub(self.tally.frames));
        let frames = frames.min(promised).min(possible);
        self.tally.add_hole(frames);
        self.silence += frames;
    }

    /// A tenth of a second of it: a hole may be longer than memory should hold.
    fn push_silence(&mut self) {
        let frames = self.silence.min(u64::from(self.info.rate_hz.div_ceil(10)));
        self.silence -= frames;
        self.mono.clear();
        self.mono.resize(frames as usize, 0.0);
        self.resampler.push(&self.mono, &mut self.ready);
    }

    /// Downmixes and resamples the packet at hand.
    fn take(&mut self, rate_hz: u32, channels: usize) -> Result<(), AudioError> {
        if rate_hz != self.info.rate_hz {
            self.resampler.finish(&mut self.ready);
            self.resampler = Resampler::new(rate_hz).map_err(|error| rate_error(&self.info.path, error))?;
            self.notices.push(format!("its rate changes from {} Hz to {rate_hz} Hz", self.info.rate_hz));
            self.info.rate_hz = rate_hz;
        }
        let scale = 1.0 / channels as f32;
        self.mono.clear();
        self.mono.extend(self.interleaved.chunks_exact(channels).map(|frame| self.tally.downmix(frame, scale)));
        self.resampler.push(&self.mono, &mut self.ready);
        Ok(())
    }

    fn next_track(&mut self) -> Result<(), AudioError> {
        let Some(track) = self.format.default_track(TrackType::Audio) else { return self.end() };
        self.decoder = make_decoder(&self.info.path, track)?;
        self.track_id = track.id;
        self.expected = None;
        // The header spoke of the first of them.
        self.promised = None;
        Ok(())
    }

    fn end(&mut self) -> Result<(), AudioError> {
        self.ended = true;
        self.resampler.finish(&mut self.ready);
        let damaged = self.tally.holes > 0 || self.tally.broke_off.is_some();
        if damaged && !self.tally.decoded_any {
            let reason = self.tally.broke_off.take().unwrap_or_else(|| "no packet of it can be decoded".to_owned());
            return Err(AudioError::DamagedFile { path: self.info.path.clone(), reason });
        }
        self.notices.extend(self.tally.notices(self.info.rate_hz, self.promised, self.exact));
        Ok(())
    }
}

/// The bytes, and for a regular WAV file what its header says. Pipes are read as they come.
fn open_source(path: &Path) -> Result<(Box<dyn MediaSource>, Option<WavLayout>), AudioError> {
    let read_error = |source| AudioError::ReadFile { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(read_error)?;
    let metadata = file.metadata().map_err(read_error)?;
    if metadata.is_dir() {
        return Err(AudioError::IsFolder { path: path.to_owned() });
    }
    if !metadata.is_file() {
        return Ok((Box::new(ReadOnlySource::new(file)), None));
    }
    if metadata.len() == 0 {
        return Err(AudioError::EmptyFile { path: path.to_owned() });
    }
    sniff::sniff(&mut file, path)
        .map_err(read_error)?
        .map_err(|found| AudioError::UnknownFormat { path: path.to_owned(), found })?;
    match WavLayout::read(&mut file).map_err(read_error)? {
        Some(layout) => Ok((Box::new(WavSource::new(file, &layout).map_err(read_error)?), Some(layout))),
        None => Ok((Box::new(file), None)),
    }
}

fn make_decoder(path: &Path, track: &Track) -> Result<Box<dyn AudioDecoder>, AudioError> {
    let unknown = |found: String| AudioError::UnknownFormat { path: path.to_owned(), found };
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or_else(|| unknown("an audio track of an unknown codec".to_owned()))?;
    symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| unknown(format!("an audio track of codec {} ({error})", parameters.codec)))
}

fn probe_error(path: &Path, error: DecodeError) -> AudioError {
    let path = path.to_owned();
    match error {
        DecodeError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            AudioError::DamagedFile { path, reason: "it ends within its header".to_owned() }
        }
        DecodeError::IoError(source) => AudioError::ReadFile { path, source },
        DecodeError::Unsupported(reason) => AudioError::UnknownFormat { path, found: format!("\"{reason}\"") },
        error => AudioError::DamagedFile { path, reason: error.to_string() },
    }
}

fn rate_error(path: &Path, source: AudioError) -> AudioError {
    AudioError::FileRate { path: path.to_owned(), source: Box::new(source) }
}
