//! The flags of a trace, and how a run is written down by them.

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use clap::{Args, builder::BoolishValueParser};

use crate::{
    config::data_folder,
    private,
    session::{Session, TraceGuest, Tracing},
    trace::{Dumps, Input, TraceOptions, TraceProbe},
};

/// Whether a run is written down.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct TraceArgs {
    /// Write every decision to this file as JSON Lines while running; an existing one is replaced.
    #[arg(long, value_name = "FILE", help_heading = "Trace")]
    pub(super) trace: Option<PathBuf>,
    /// Keep the samples beside the trace, so that the run can be made again (FILE with .tensors in place of its ending).
    #[arg(long, requires = "trace", value_parser = BoolishValueParser::new(), help_heading = "Trace")]
    pub(super) dump_audio: bool,
    /// Keep the normalised features of every window beside the trace.
    #[arg(long, requires = "trace", value_parser = BoolishValueParser::new(), help_heading = "Trace")]
    pub(super) dump_features: bool,
    /// Keep the encoder frames of every window beside the trace.
    #[arg(long, requires = "trace", value_parser = BoolishValueParser::new(), help_heading = "Trace")]
    pub(super) dump_encoder: bool,
    /// Keep encoder frame, predictor state and output, and joint logits of committed decision N, counted from 0.
    #[arg(long, value_name = "N", requires = "trace", help_heading = "Trace")]
    pub(super) dump_step: Option<u64>,
}

impl TraceArgs {
    /// The side files that were asked for.
    pub(super) fn dumps(&self) -> Dumps {
        Dumps { audio: self.dump_audio, features: self.dump_features, encoder: self.dump_encoder, step: self.dump_step }
    }

    /// The trace of a run of `session` that is not live, if one was asked for.
    pub(super) fn probe(&self, session: &mut Session, options: TraceOptions) -> anyhow::Result<Option<TraceProbe>> {
        let Some(path) = &self.trace else { return Ok(None) };
        let options = TraceOptions { dumps: self.dumps(), ..options };
        let probe = TraceProbe::create(path, session, &options);
        Ok(Some(probe.with_context(|| format!("{}: the trace cannot be written", path.display()))?))
    }

    /// How a live run on `source` is written down: from the start into the file of the flag, later into one that is
    /// named by the time.
    pub(super) fn tracing(&self, source: String) -> Tracing {
        let (mut flagged, dumps) = (self.trace.clone(), self.dumps());
        let open = move |session: &mut Session, audio: bool| {
            let path = flagged.take().map_or_else(new_trace_path, Ok)?;
            let dumps = Dumps { audio: dumps.audio || audio, ..dumps };
            let options = TraceOptions { source: source.clone(), input: Input::Audio, dumps, wait: false };
            let probe = TraceProbe::create(&path, session, &options);
            let probe = probe.map_err(|error| format!("{}: the trace cannot be written: {error}", path.display()))?;
            Ok(TraceGuest { path, probe: Box::new(probe) })
        };
        Tracing { open: Box::new(open), at_once: self.trace.is_some() }
    }
}

/// Where a trace goes that the window starts: a new file in the data folder, named by the seconds since 1970.
fn new_trace_path() -> Result<PathBuf, String> {
    let folder =
        data_folder().ok_or("no folder for traces is known here; set DICTOSCOPE_DATA_DIR to one")?.join("traces");
    private::folder(&folder).map_err(|error| format!("{}: cannot be made: {error}", folder.display()))?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let names = (0..).map(|n| if n == 0 { format!("{seconds}.jsonl") } else { format!("{seconds}-{n}.jsonl") });
    let free = names.map(|name| folder.join(name)).find(|path| !path.exists());
    free.ok_or_else(|| format!("{}: no free name", folder.display()))
}
