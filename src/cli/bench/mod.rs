//! `dictoscope bench`: what a hop costs, how late words come, how much memory it takes. The audio goes through the
//! session as fast as possible; latency is what that cost means at the pace of speech.

mod latency;
mod meter;
mod report;
mod source;
mod traced;

use std::fs;

use anyhow::anyhow;

use crate::{
    cli::{Console, Outcome, args::BenchArgs, options::load_settings},
    session::Session,
    trace::TraceOptions,
};

use meter::HopMeter;
use report::Report;
use source::BlockSource;
use traced::TimedTrace;

pub(super) fn run(args: &BenchArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let settings = load_settings(console);
    let choice = args.model.over(&settings);
    let session_settings = args.session.over(settings.session);
    let model = choice.model()?;
    let engine = choice.engine(&model)?;
    let info = engine.info().clone();
    let mut session = Session::new(&model, engine, session_settings)?;
    let mut source = BlockSource::open(&args.file, args.repeat_to)?;
    let mut meter = HopMeter::default();
    let options = TraceOptions::new(&args.file.display().to_string(), false);
    let mut trace = args.trace.probe(&mut session, options)?.map(TimedTrace::new);
    while let Some(block) = source.next_block()? {
        meter.push_begins(block.end());
        session.push(&block, &mut (&mut meter, &mut trace))?;
        meter.push_ends();
        if session.is_exhausted() {
            break;
        }
    }
    meter.push_begins(source.position());
    session.finish(&mut (&mut meter, &mut trace))?;
    meter.push_ends();
    let mut report =
        Report::new(&args.file, source.position(), &session_settings.window, info, &meter, peak_memory_bytes());
    if let Some(timed) = &mut trace {
        report.add_trace(&timed.hops);
        timed.trace.finish().map_err(|error| anyhow!(timed.trace.incomplete(&error)))?;
    }
    if args.json {
        console.json(&report)?;
    } else {
        report.print(console.out)?;
    }
    Ok(Outcome::Done)
}

/// The most memory this process held resident (`VmHWM`); the system tells it on Linux only.
fn peak_memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn peak_memory_is_read() {
        assert!(peak_memory_bytes().is_some_and(|bytes| bytes > 1_000_000));
    }
}
