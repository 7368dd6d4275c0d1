//! A trace run again: its sound or its features through a session with the settings of the trace and the flags over them.

use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};

use super::{From, ReplayArgs, Whole};
use crate::{
    audio::blocks_from,
    config::Settings,
    features::FeatureFrames,
    session::Session,
    trace::{Dumps, Input, TraceOptions, TraceProbe},
};

/// Runs `whole` again and writes the new run to `path`.
pub(super) fn run_again(
    whole: &Whole,
    from: From,
    args: &ReplayArgs,
    settings: &Settings,
    path: &Path,
) -> anyhow::Result<()> {
    let header = &whole.trace.header;
    let wanted = args.session.over(header.settings.clone());
    let stream = !header.whole_file || args.session.names_window();
    let mut session = args.model.over(settings).session(wanted, stream)?;
    ensure!(
        args.model.model.is_some() || session.contract().name == header.contract.name,
        "the trace is of the model {:?}, found {:?}; name its folder with --model",
        header.contract.name,
        session.contract().name
    );
    let input = match from {
        From::Audio => Input::Audio,
        From::Features => Input::Features,
    };
    // The new run keeps what the old one kept, so that differences are exact.
    let tensors = &whole.tensors;
    let dumps =
        Dumps { audio: false, features: tensors.features.is_some(), encoder: tensors.encoder.is_some(), step: None };
    let options = TraceOptions { source: header.source.clone(), input, dumps, wait: true };
    let mut trace = TraceProbe::create(path, &mut session, &options)
        .with_context(|| format!("{}: the trace of the new run cannot be written", path.display()))?;
    match from {
        From::Audio => push_audio(whole, &mut session, &mut trace)?,
        From::Features => push_features(whole, &mut session, &mut trace)?,
    }
    trace.finish().map_err(|error| anyhow!(trace.incomplete(&error)))
}

/// Pushes each stretch of the samples at the positions it had.
fn push_audio(whole: &Whole, session: &mut Session, trace: &mut TraceProbe) -> anyhow::Result<()> {
    let Some(audio) = &whole.tensors.audio else {
        bail!("the trace kept no sound to run again; it is kept with --dump-audio");
    };
    for (at, rows) in whole.stretches() {
        let samples = audio.data.get(rows.clone()).with_context(|| {
            format!("expected samples {} to {} in the side file, found {}", rows.start, rows.end, audio.data.len())
        })?;
        for block in blocks_from(at, samples) {
            session.push(&block, trace)?;
        }
    }
    Ok(session.finish(trace)?)
}

/// Pushes the features of each hop.
fn push_features(whole: &Whole, session: &mut Session, trace: &mut TraceProbe) -> anyhow::Result<()> {
    ensure!(
        whole.tensors.features.is_some(),
        "the trace kept no features to run again; they are kept with --dump-features"
    );
    let run = whole.run();
    for (index, hop) in whole.trace.hops.iter().enumerate() {
        let window = hop.line.window;
        let data = run.features(index);
        let data = data.with_context(|| format!("the features of hop {index} are not in the side file"))?;
        let features =
            FeatureFrames { start: window.start.mel(), mel_bins: hop.line.features.mel_bins, data: data.to_vec() };
        session.push_features(window, &features, trace)?;
    }
    Ok(())
}
