//! Hours of speech and silence through the whole session at the fastest pace: is memory flat, is time per hop flat, is the text the
//! same as that of each piece alone? `cargo bench --bench soak -- --hours 8`; one JSON line for each ten minutes of audio, then
//! a summary; ends with 1 if what is promised does not hold.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, bail};
use clap::Parser;
use dictoscope::{
    audio::{AudioBlock, AudioFile, blocks_from},
    decode::text_of,
    models::Model,
    output::{Journal, JournalWriter},
    session::{Probe, Session, SessionSettings, Stage},
    units::{SAMPLE_RATE_HZ, SampleIdx},
};
use serde_json::json;

/// Pieces begin on this grid, so that hops (0.5 s) and encoder frames (0.08 s) lie alike in each.
const GRID: usize = 2 * SAMPLE_RATE_HZ as usize;
/// Seconds of audio from one line to the next.
const LINE_SECS: f64 = 600.0;
/// What is promised: megabytes an hour, and the median hop of the last quarter to that of the second.
const MEMORY_SLOPE: f64 = 1.0;
const HOP_GROWTH: f64 = 1.15;

#[derive(Parser)]
struct Arguments {
    /// Hours of audio.
    #[arg(long, default_value_t = 8.0)]
    hours: f64,
    /// Longest silence between two recordings, in seconds; the shortest is 4.
    #[arg(long, default_value_t = 30.0)]
    silence: f64,
    /// Threads of the engine.
    #[arg(long)]
    threads: Option<usize>,
    /// A folder of recordings, instead of those that come with the program.
    #[arg(long)]
    speech: Option<PathBuf>,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A recording, padded to the grid, and its text alone.
struct Piece {
    samples: Vec<f32>,
    text: String,
}

#[derive(Default)]
struct Ear {
    text: String,
    hops: Vec<f64>,
    encoding: Option<Instant>,
}

impl Probe for Ear {
    fn on(&mut self, stage: Stage<'_>) {
        match stage {
            Stage::Window(_) => self.encoding = Some(Instant::now()),
            Stage::Committed(words) if !words.is_empty() => {
                if !self.text.is_empty() {
                    self.text.push(' ');
                }
                self.text.push_str(&text_of(words));
            }
            Stage::Tail(_) => {
                let since = self.encoding.take();
                self.hops.extend(since.map(|since| since.elapsed().as_secs_f64() * 1e3));
            }
            _ => {}
        }
    }
}

/// Faint noise: a microphone's silence.
fn silence(samples: usize, seed: &mut u32) -> Vec<f32> {
    let noise = std::iter::repeat_with(|| {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((*seed >> 8) as f32 / 8_388_608.0 - 1.0) * 1e-4
    });
    noise.take(samples).collect()
}

fn read(path: &Path) -> anyhow::Result<Vec<f32>> {
    let mut file = AudioFile::open(path)?;
    let blocks = std::iter::from_fn(|| file.next_block().transpose());
    let blocks: Result<Vec<AudioBlock>, _> = blocks.collect();
    Ok(blocks?.iter().flat_map(|block| block.samples().to_vec()).collect())
}

/// Bytes of this process that are in memory.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Slope of the line with the least squares through `(x, y)`.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (over, under) = points
        .iter()
        .fold((0.0, 0.0), |(over, under), point| (over + (point.0 - x) * (point.1 - y), under + (point.0 - x).powi(2)));
    over / under
}

fn session(arguments: &Arguments) -> anyhow::Result<Session> {
    let model = Model::embedded()?;
    Ok(Session::new(&model, model.open_rten(arguments.threads)?, SessionSettings::default())?)
}

fn pieces(arguments: &Arguments) -> anyhow::Result<Vec<Piece>> {
    let folder = arguments.speech.clone().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/clips"));
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("{}: cannot be read", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension().is_some_and(|ending| ["flac", "wav", "mp3", "ogg"].iter().any(|e| ending == *e))
        })
        .collect();
    files.sort();
    if files.is_empty() {
        bail!("{}: expected recordings, found none", folder.display());
    }
    let mut session = session(arguments)?;
    let mut pieces = Vec::new();
    for file in &files {
        let mut samples = read(file)?;
        samples.resize(samples.len().next_multiple_of(GRID), 0.0);
        session.reset();
        let mut ear = Ear::default();
        let mut seed = 1;
        // The same seconds of silence before and after as in the long run.
        let alone = [silence(2 * GRID, &mut seed), samples.clone(), silence(2 * GRID, &mut seed)].concat();
        for block in blocks_from(SampleIdx(0), &alone) {
            session.push(&block, &mut ear)?;
        }
        session.finish(&mut ear)?;
        pieces.push(Piece { samples, text: ear.text });
    }
    Ok(pieces)
}

fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let pieces = pieces(arguments)?;
    let folder = tempfile::tempdir()?;
    let journal = Journal::new(folder.path().join("history"));
    let mut session = session(arguments)?;
    let mut writer = JournalWriter::new(&journal, "soak".to_owned(), session.engine_info());
    let (mut ear, mut seed, mut at, mut spoken) = (Ear::default(), 20_261_125, 0_u64, 0_usize);
    let (mut memory, mut hops, mut different, mut played) = (Vec::new(), Vec::new(), 0, 0);
    let (began, mut next_line) = (Instant::now(), LINE_SECS);
    let longest = ((arguments.silence * f64::from(SAMPLE_RATE_HZ)) as usize / GRID).max(3);
    while at < (arguments.hours * 3600.0 * f64::from(SAMPLE_RATE_HZ)) as u64 {
        let piece = &pieces[seed as usize % pieces.len()];
        let pause = silence((2 + seed as usize % (longest - 1)) * GRID, &mut seed);
        for samples in [&pause, &piece.samples, &silence(2 * GRID, &mut seed)] {
            for block in blocks_from(SampleIdx(at), samples) {
                session.push(&block, &mut (&mut writer, &mut ear))?;
            }
            at += samples.len() as u64;
        }
        (spoken, played) = (spoken + piece.samples.len(), played + 1);
        let text = std::mem::take(&mut ear.text);
        if text != piece.text {
            different += 1;
            eprintln!("at {:.1} s: expected {:?}, found {text:?}", SampleIdx(at).secs(), piece.text);
        }
        let secs = SampleIdx(at).secs();
        if secs >= next_line {
            next_line += LINE_SECS;
            let new = std::mem::take(&mut ear.hops);
            memory.push((secs / 3600.0, resident()));
            println!(
                "{}",
                json!({ "hours": secs / 3600.0, "memory_mb": resident(), "hop_ms": median(&new), "hops": new.len(),
                    "pieces": played, "different": different })
            );
            hops.push(median(&new));
        }
    }
    session.finish(&mut (&mut writer, &mut ear))?;
    if let Some(fault) = writer.fault() {
        bail!("{fault}");
    }
    drop(writer);
    let kept = journal.read(&journal.ids()?[0])?.utterances.concat().len();
    let quarter = memory.len().div_ceil(4);
    let slope = slope(&memory[quarter.min(memory.len())..]);
    let growth = median(&hops[hops.len() - quarter..]) / median(&hops[quarter..(2 * quarter).min(hops.len())]);
    let holds = slope < MEMORY_SLOPE && growth < HOP_GROWTH && different == 0;
    println!(
        "{}",
        json!({ "hours": SampleIdx(at).secs() / 3600.0, "of_which_speech": spoken as f64 / at as f64,
            "took_hours": began.elapsed().as_secs_f64() / 3600.0, "memory_slope_mb_per_hour": slope,
            "hop_growth": growth, "pieces": played, "different": different, "words_in_the_journal": kept, "holds": holds })
    );
    Ok(holds)
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    Ok(if run(&arguments)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
