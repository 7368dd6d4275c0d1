//! Recordings of every kind, whole and broken, as 16 kHz blocks.

use std::{
    fs,
    path::{Path, PathBuf},
};

use dictoscope::audio::{AudioBlock, AudioError, AudioFile};
use hound::{SampleFormat, WavSpec, WavWriter};
use tempfile::TempDir;

struct Decoded {
    blocks: Vec<AudioBlock>,
    notices: Vec<String>,
    file: AudioFile,
}

impl Decoded {
    fn samples(&self) -> Vec<f32> {
        self.blocks.iter().flat_map(|block| block.samples().to_vec()).collect()
    }
}

fn decode(path: &Path) -> Decoded {
    let mut file = AudioFile::open(path).unwrap_or_else(|error| panic!("{error}"));
    let mut blocks = Vec::new();
    while let Some(block) = file.next_block().unwrap_or_else(|error| panic!("{error}")) {
        blocks.push(block);
    }
    assert!(file.next_block().expect("the end stays the end").is_none());
    // Whatever the file: full blocks but the last, one after another from 0.
    let mut next = 0;
    for (i, block) in blocks.iter().enumerate() {
        assert_eq!(block.start.0, next);
        assert!(block.samples().len() == 160 || i + 1 == blocks.len());
        assert!(block.samples().iter().all(|sample| sample.is_finite()));
        next = block.end().0;
    }
    let notices = file.notices();
    assert!(file.notices().is_empty(), "each notice is told once");
    Decoded { blocks, notices, file }
}

fn refused(path: &Path) -> String {
    let error = match AudioFile::open(path) {
        Err(error) => error,
        Ok(mut file) => loop {
            match file.next_block() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{} should be refused", path.display()),
                Err(error) => break error,
            }
        },
    };
    let message = error.to_string();
    assert!(message.contains(&path.display().to_string()), "the message names the file: {message}");
    message
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/audio").join(name)
}

/// The samples of `exact.flac` and of the WAV files below.
fn pattern(n: i32) -> i16 {
    ((n * n * 7).rem_euclid(2001) - 1000) as i16 * 8
}

fn spec(rate_hz: u32, channels: u16, bits: u16, format: SampleFormat) -> WavSpec {
    WavSpec { channels, sample_rate: rate_hz, bits_per_sample: bits, sample_format: format }
}

fn write_wav<S: hound::Sample>(path: &Path, spec: WavSpec, samples: impl IntoIterator<Item = S>) {
    let mut writer = WavWriter::create(path, spec).expect("a WAV file");
    for sample in samples {
        writer.write_sample(sample).expect("a sample");
    }
    writer.finalize().expect("a header");
}

/// 1 s of 16 kHz mono 16-bit in a plain 44-byte header, to be broken.
fn plain_wav(path: &Path) -> Vec<u8> {
    write_wav(path, spec(16_000, 1, 16, SampleFormat::Int), (0..16_000).map(pattern));
    fs::read(path).expect("just written")
}

fn sine(rate_hz: u32, secs: f64) -> impl Iterator<Item = f32> {
    let step = std::f64::consts::TAU * 440.0 / f64::from(rate_hz);
    (0..(f64::from(rate_hz) * secs) as usize).map(move |i| 0.5 * (step * i as f64).sin() as f32)
}

/// A 440 Hz sine at half scale from the first sample on, as far as `tolerance` allows.
fn assert_sine(samples: &[f32], tolerance: f32) {
    let expected: Vec<f32> = sine(16_000, 1.0).collect();
    for (i, (found, expected)) in samples.iter().zip(expected).enumerate().skip(1000).take(samples.len() - 2000) {
        assert!((found - expected).abs() < tolerance, "sample {i}: expected {expected}, found {found}");
    }
}

#[test]
fn sixteen_kilohertz_16_bit_is_exact_from_wav_and_flac() {
    let folder = folder();
    let wav = folder.path().join("a.wav");
    write_wav(&wav, spec(16_000, 1, 16, SampleFormat::Int), (0..4000).map(pattern));
    let expected: Vec<f32> = (0..4000).map(|n| f32::from(pattern(n)) / 32_768.0).collect();
    for path in [wav, fixture("exact.flac")] {
        let decoded = decode(&path);
        assert_eq!(decoded.samples(), expected, "{}", path.display());
        assert_eq!(decoded.notices, [""; 0]);
        let info = decoded.file.info();
        assert_eq!((info.rate_hz, info.channels, info.duration_secs), (16_000, 1, Some(0.25)));
        assert_eq!(info.path, path);
    }
}

#[test]
fn every_file_type_gives_the_same_sine() {
    let folder = folder();
    for (name, codec, tolerance) in [("tone.ogg", "vorbis", 0.03), ("tone.mp3", "mp3", 0.03)] {
        let decoded = decode(&fixture(name));
        assert_eq!((decoded.file.info().codec.as_str(), decoded.file.info().channels), (codec, 2));
        assert_eq!(decoded.notices, [""; 0], "{name}");
        let samples = decoded.samples();
        // MP3 without a length tag keeps the encoder's padding.
        assert!((9_600..=11_600).contains(&samples.len()), "{name}: {}", samples.len());
        let peak = samples[2000..8000].iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
        assert!((peak - 0.5).abs() < tolerance, "{name}: peak {peak}");
        if codec == "vorbis" {
            assert_eq!(samples.len(), 9_600);
            assert_sine(&samples, tolerance);
        }
    }
    let aiff = folder.path().join("tone.aiff");
    fs::write(&aiff, aiff_bytes()).expect("written");
    let decoded = decode(&aiff);
    assert_eq!(decoded.samples().len(), 9_600);
    // Half a sample at 44.1 kHz.
    assert_sine(&decoded.samples(), 0.017);
}

/// 0.6 s of the sine as 16-bit mono AIFF at 44.1 kHz (Apple, AIFF 1.3).
fn aiff_bytes() -> Vec<u8> {
    let data: Vec<u8> = sine(44_100, 0.6).flat_map(|sample| ((sample * 32_768.0) as i16).to_be_bytes()).collect();
    let frames = (data.len() / 2) as u32;
    // 44100 as an 80-bit extended float: exponent 16383 + 15, mantissa 44100 << 48.
    let rate = [0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0];
    let common = [&1u16.to_be_bytes()[..], &frames.to_be_bytes(), &16u16.to_be_bytes(), &rate].concat();
    let sound = [&[0; 8][..], &data].concat();
    let chunk = |tag: &[u8], body: &[u8]| [tag, &(body.len() as u32).to_be_bytes(), body].concat();
    chunk(b"FORM", &[b"AIFF", &chunk(b"COMM", &common)[..], &chunk(b"SSND", &sound)].concat())
}

#[test]
fn any_rate_comes_out_at_16_khz_where_it_was() {
    let folder = folder();
    for rate_hz in [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000] {
        let path = folder.path().join(format!("{rate_hz}.wav"));
        write_wav(&path, spec(rate_hz, 1, 32, SampleFormat::Float), sine(rate_hz, 0.5));
        let decoded = decode(&path);
        let expected = (f64::from(rate_hz / 2) * 16_000.0 / f64::from(rate_hz)).round() as usize;
        assert_eq!(decoded.samples().len(), expected, "{rate_hz}");
        // Half a sample at 11,025 Hz.
        assert_sine(&decoded.samples(), 0.07);
        assert_eq!(decoded.file.info().rate_hz, rate_hz);
    }
}

#[test]
fn channels_are_averaged_and_24_bit_is_kept() {
    let folder = folder();
    let path = folder.path().join("stereo24.wav");
    let frames = (0..1000).flat_map(|n: i32| [n * 4000, -n * 1000 + 2]);
    write_wav(&path, spec(16_000, 2, 24, SampleFormat::Int), frames);
    let decoded = decode(&path);
    assert_eq!(decoded.file.info().channels, 2);
    for (n, sample) in decoded.samples().into_iter().enumerate() {
        let expected = (n as f32 * 1500.0 + 1.0) / 8_388_608.0;
        assert!((sample - expected).abs() < 1e-7, "sample {n}: expected {expected}, found {sample}");
    }
}

#[test]
fn samples_that_are_no_numbers_become_silence_with_a_notice() {
    let folder = folder();
    let path = folder.path().join("nan.wav");
    let samples = (0..800).map(|n| match n {
        100 => f32::NAN,
        200 => f32::INFINITY,
        _ => 0.25,
    });
    write_wav(&path, spec(16_000, 1, 32, SampleFormat::Float), samples);
    let decoded = decode(&path);
    assert_eq!((decoded.samples()[100], decoded.samples()[200], decoded.samples()[300]), (0.0, 0.0, 0.25));
    let [notice] = decoded.notices.as_slice() else { panic!("{:?}", decoded.notices) };
    assert!(notice.contains("2 samples") && notice.contains("nan.wav"), "{notice}");
}

#[test]
fn clipping_is_noticed_and_a_single_peak_is_not() {
    let folder = folder();
    let (clipped, peak) = (folder.path().join("clipped.wav"), folder.path().join("peak.wav"));
    let int = spec(16_000, 1, 16, SampleFormat::Int);
    write_wav(&clipped, int, sine(16_000, 1.0).map(|x| (x * 4.0 * 32_767.0) as i16));
    write_wav(&peak, int, (0..1000).map(|n| if n == 500 { i16::MAX } else { 0 }));
    assert!(matches!(decode(&clipped).notices.as_slice(), [notice] if notice.contains("clipped")));
    assert_eq!(decode(&peak).notices, [""; 0]);
}

#[test]
fn a_truncated_wav_gives_what_is_there_and_says_so() {
    let folder = folder();
    let path = folder.path().join("cut.wav");
    let bytes = plain_wav(&path);
    // 0.25 s and half a sample.
    fs::write(&path, &bytes[..44 + 8001]).expect("written");
    let decoded = decode(&path);
    assert_eq!(decoded.samples(), (0..4000).map(|n| f32::from(pattern(n)) / 32_768.0).collect::<Vec<_>>());
    assert_eq!(decoded.file.info().duration_secs, Some(0.25));
    let [notice] = decoded.notices.as_slice() else { panic!("{:?}", decoded.notices) };
    assert!(notice.contains("promises 1.00 s") && notice.contains("0.25 s are there"), "{notice}");
}

#[test]
fn an_unfinished_wav_is_read_to_its_end() {
    let folder = folder();
    let path = folder.path().join("unfinished.wav");
    let bytes = plain_wav(&path);
    for size in [0, u32::MAX] {
        for riff in [0, u32::MAX] {
            let mut bytes = bytes.clone();
            bytes[4..8].copy_from_slice(&u32::to_le_bytes(riff));
            bytes[40..44].copy_from_slice(&u32::to_le_bytes(size));
            fs::write(&path, bytes).expect("written");
            let decoded = decode(&path);
            assert_eq!(decoded.samples().len(), 16_000, "data size {size}, RIFF size {riff}");
            assert_eq!(decoded.file.info().duration_secs, Some(1.0));
            assert!(matches!(decoded.notices.as_slice(), [notice] if notice.contains("unfinished")));
        }
    }
}

#[test]
fn a_wav_with_sizes_of_64_bits_is_read_as_far_as_its_samples_go() {
    let folder = folder();
    let path = folder.path().join("long.wav");
    let plain = plain_wav(&path);
    let sizes = [&b"ds64"[..], &28u32.to_le_bytes(), &[0; 8], &32_000u64.to_le_bytes(), &[0; 12]].concat();
    let rest = [&plain[12..40], &[0xff; 4], &plain[44..], b"LIST\x08\0\0\0INFOxxxx"].concat();
    for magic in [b"RF64", b"BW64"] {
        fs::write(&path, [&magic[..], &[0xff; 4], b"WAVE", &sizes, &rest].concat()).expect("written");
        let decoded = decode(&path);
        assert_eq!((decoded.samples().len(), decoded.notices.as_slice()), (16_000, &[][..]));
        assert_eq!(decoded.samples()[15_999], f32::from(pattern(15_999)) / 32_768.0);
    }
}

#[test]
fn a_wav_without_samples_is_empty_and_says_so() {
    let folder = folder();
    let path = folder.path().join("nothing.wav");
    write_wav::<i16>(&path, spec(16_000, 1, 16, SampleFormat::Int), []);
    let decoded = decode(&path);
    assert!(decoded.blocks.is_empty());
    assert!(matches!(decoded.notices.as_slice(), [notice] if notice.contains("no samples")));
}

#[test]
fn fifty_milliseconds_are_five_blocks() {
    let folder = folder();
    let path = folder.path().join("short.wav");
    write_wav(&path, spec(48_000, 1, 16, SampleFormat::Int), (0..2400).map(pattern));
    assert_eq!(decode(&path).blocks.len(), 5);
}

#[test]
fn damage_in_the_middle_costs_that_part_only_and_nothing_moves() {
    let folder = folder();
    for name in ["frames.flac", "pages.ogg", "tone.mp3"] {
        let whole = decode(&fixture(name)).samples();
        let mut bytes = fs::read(fixture(name)).expect("a fixture");
        let middle = bytes.len() / 2;
        for byte in &mut bytes[middle..middle + 40] {
            *byte ^= 0x5a;
        }
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        let hurt = decode(&path);
        let samples = hurt.samples();
        assert!(samples.len().abs_diff(whole.len()) < 1600, "{name}: {} of {}", samples.len(), whole.len());
        if name != "tone.mp3" {
            // An MP3 frame carries no check: noise there is all that can be had.
            assert!(hurt.notices.iter().any(|notice| notice.contains("damaged in 1 place;")), "{:?}", hurt.notices);
            let end = whole.len() - 2000..whole.len() - 100;
            assert_eq!(samples[end.clone()], whole[end], "{name}: what follows the damage lies where it was");
        }
    }
}

#[test]
fn a_cut_compressed_file_gives_what_is_there() {
    let folder = folder();
    for name in ["frames.flac", "pages.ogg", "tone.mp3"] {
        let whole = decode(&fixture(name)).samples();
        let bytes = fs::read(fixture(name)).expect("a fixture");
        let path = folder.path().join(name);
        fs::write(&path, &bytes[..bytes.len() * 3 / 4]).expect("written");
        let cut = decode(&path);
        let samples = cut.samples();
        assert!((whole.len() / 4..whole.len()).contains(&samples.len()), "{name}: {}", samples.len());
        if name == "frames.flac" {
            assert_eq!(samples[..], whole[..samples.len()]);
        }
        if name != "tone.mp3" {
            assert!(cut.notices.iter().any(|notice| notice.contains("truncated")), "{name}: {:?}", cut.notices);
        }
    }
}

#[test]
fn what_is_not_audio_is_refused_with_what_it_is() {
    let folder = folder();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        path
    };
    let refusal = refused(&write("notes.txt", b"Dear diary, nothing was said today."));
    assert!(refusal.contains("found text") && refusal.contains("WAV, FLAC, MP3, OGG (Vorbis) and AIFF"), "{refusal}");
    assert!(refused(&write("voice.m4a", b"\0\0\0\x20ftypM4A \0\0\0\0isom")).contains("MP4 or M4A"));
    assert!(refused(&write("voice.webm", b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01")).contains("WebM"));
    let opus = [b"OggS\0\x02".as_slice(), &[0; 22], b"OpusHead\x01\x01"].concat();
    assert!(refused(&write("voice.opus", &opus)).contains("Opus"));
    assert!(refused(&write("data.wav", &[7, 200, 3, 1, 0, 0, 9, 250, 4, 4])).contains("unknown type"));
    assert!(refused(&write("film.avi", b"RIFF\x10\0\0\0AVI LIST\0\0\0\0")).contains("not WAV"));
    assert!(refused(&write("long.w64", b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0")).contains("Wave64"));
    assert!(refused(&write("header.wav", b"RIFF\x24\0\0\0WAVEfmt ")).contains("ends within its header"));
    assert!(refused(&write("named.mp3", &[0x12; 5000])).contains("expected WAV"));
    let empty = write("empty.wav", b"");
    assert!(matches!(AudioFile::open(&empty), Err(AudioError::EmptyFile { .. })));
    assert!(refused(&empty).contains("0 bytes"));
    assert!(refused(folder.path()).contains("folder"));
    assert!(refused(&folder.path().join("missing.wav")).contains("cannot be read"));
}

#[test]
fn a_rate_without_sense_is_refused() {
    let folder = folder();
    let path = folder.path().join("rate.wav");
    let mut bytes = plain_wav(&path);
    for rate in [0u32, 1, 4_000_000_000] {
        bytes[24..28].copy_from_slice(&rate.to_le_bytes());
        fs::write(&path, &bytes).expect("written");
        let message = refused(&path);
        assert!(message.contains(&rate.to_string()) && message.contains("768000"), "{message}");
    }
}

#[test]
fn no_bytes_whatever_panic() {
    let folder = folder();
    let path = folder.path().join("fuzz.wav");
    let wav = plain_wav(&path);
    let sources = [wav, aiff_bytes()]
        .into_iter()
        .chain(["frames.flac", "pages.ogg", "tone.mp3"].map(|name| fs::read(fixture(name)).expect("a fixture")));
    let mut random = 1u64;
    let mut next = move || {
        // The constants of Knuth's MMIX.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize
    };
    for source in sources {
        for _ in 0..60 {
            let mut bytes = source.clone();
            for _ in 0..=next() % 8 {
                // Headers are where the harm is.
                let at = if next() % 2 == 0 { next() % 64 } else { next() % bytes.len() };
                bytes[at] = next() as u8;
            }
            bytes.truncate(1 + next() % bytes.len());
            fs::write(&path, bytes).expect("written");
            if let Ok(mut file) = AudioFile::open(&path) {
                while let Ok(Some(_)) = file.next_block() {}
            }
        }
    }
}
