//! `dictoscope bench`: what a hop costs, how late words come, how much memory it takes. The audio goes through the
//! session as fast as possible; latency is what that cost means at the pace of speech.

mod calls;
mod latency;
mod meter;
mod report;
mod script;
mod scripted;
mod source;
mod traced;

use std::{fs, path::Path, time::Instant};

use anyhow::anyhow;

use crate::{
    cli::{Console, Outcome, args::BenchArgs, options::load_settings},
    session::Session,
    trace::TraceOptions,
    units::SampleIdx,
};

use meter::HopMeter;
use report::{Report, Run};
use script::Script;
use scripted::ScriptedDecisions;
use source::BlockSource;
use traced::TimedTrace;

/// Times that a whole recording is taken before those that count, and those that count.
const WHOLE_WARM_UP: u32 = 5;
const WHOLE_RUNS: u32 = 10;

pub(super) fn run(args: &BenchArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let settings = load_settings(console);
    let choice = args.model.over(&settings);
    let session_settings = args.session.over(settings.session);
    let began = Instant::now();
    let model = choice.model()?;
    let mut engine = choice.engine(&model)?;
    let load_millis = began.elapsed().as_secs_f64() * 1000.0;
    let Some(file) = args.file.as_deref().filter(|_| !args.calls) else {
        return calls::run(args, &model, &mut *engine, console);
    };
    let info = engine.info().clone();
    if let Some(pace) = args.decisions_per_second {
        let script = Script::new(pace, model.contract()).map_err(|message| anyhow!(message))?;
        engine = Box::new(ScriptedDecisions::new(engine, script));
    }
    let window = (!args.whole).then_some(session_settings.window);
    let mut meter = HopMeter::new(session_settings.window.left_frames());
    let mut trace = None;
    let end = if args.whole {
        let mut session = Session::whole_file(&model, engine, session_settings)?;
        take_whole(args, file, &mut session, &mut meter)?
    } else {
        let mut session = Session::new(&model, engine, session_settings)?;
        if let Some(secs) = args.warm_up {
            play(file, Some(secs), &mut session, &mut HopMeter::new(0), &mut None)?;
            session.reset();
        }
        let options = TraceOptions::new(&file.display().to_string(), false);
        trace = args.trace.probe(&mut session, options)?.map(TimedTrace::new);
        play(file, args.repeat_to, &mut session, &mut meter, &mut trace)?
    };
    let run = Run {
        file: file.to_string_lossy().into_owned(),
        engine: info,
        window,
        load_millis,
        decisions_per_second: args.decisions_per_second,
    };
    let mut report = Report::new(run, end, &meter, peak_memory_bytes());
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

/// Pushes a recording through a session from its begin; the position where it ended.
fn play(
    file: &Path,
    until_secs: Option<f64>,
    session: &mut Session,
    meter: &mut HopMeter,
    trace: &mut Option<TimedTrace>,
) -> anyhow::Result<SampleIdx> {
    let mut source = BlockSource::open(file, until_secs)?;
    while let Some(block) = source.next_block()? {
        meter.push_begins(block.end());
        session.push(&block, &mut (&mut *meter, &mut *trace))?;
        meter.push_ends();
        if session.is_exhausted() {
            break;
        }
    }
    meter.push_begins(source.position());
    session.finish(&mut (&mut *meter, &mut *trace))?;
    meter.push_ends();
    Ok(source.position())
}

/// A recording as a whole, again and again; each time counts as one hop. The length of all that counted.
fn take_whole(args: &BenchArgs, file: &Path, session: &mut Session, sum: &mut HopMeter) -> anyhow::Result<SampleIdx> {
    let mut end = SampleIdx(0);
    for run in 0..WHOLE_WARM_UP + args.runs.unwrap_or(WHOLE_RUNS) {
        let mut meter = HopMeter::new(0);
        session.reset();
        let length = play(file, args.repeat_to, session, &mut meter, &mut None)?;
        if run >= WHOLE_WARM_UP {
            end.0 += length.0;
            sum.add_run(&meter);
        }
    }
    Ok(end)
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
