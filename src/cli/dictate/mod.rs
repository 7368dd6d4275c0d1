//! `dictoscope dictate`: live in the terminal. Words go out as they are committed; Ctrl+C ends it with nothing lost.

mod events;
mod orders;
mod terminal;

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use crossbeam_channel::bounded;

use crate::{
    cli::{Console, Outcome, args::DictateArgs, history::keeper, options::load_settings, typing},
    session::{Command, Event, Guests, LiveHandle, OpenTyping, Source},
    text::TextCare,
};

/// How a dictation is shown; one for eyes, one for programs.
trait View {
    fn event(&mut self, event: &Event, console: &mut Console<'_>) -> std::io::Result<()>;
    fn tail(&mut self, words: &[crate::decode::Word], console: &mut Console<'_>) -> std::io::Result<()>;
    fn end(&mut self, console: &mut Console<'_>) -> std::io::Result<()>;
}

/// A clock is looked at this often when nothing else happens.
const IDLE_WAIT: Duration = Duration::from_millis(100);

pub(super) fn run(args: &DictateArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let settings = load_settings(console);
    let rules = args.text.rules(&settings.text)?;
    let source = match &args.source.file {
        Some(path) => Source::File { path: path.clone(), real_time: true },
        None => Source::Microphone { device: args.source.device.clone().or_else(|| settings.device.clone()) },
    };
    let (wake, woken) = bounded::<()>(1);
    // A full channel means that the loop is about to wake anyway.
    let wake = move || {
        let _ = wake.try_send(());
    };
    let interrupts = Arc::new(AtomicUsize::new(0));
    ctrlc::set_handler({
        let (interrupts, wake) = (Arc::clone(&interrupts), wake.clone());
        move || {
            if interrupts.fetch_add(1, Ordering::SeqCst) > 0 {
                process::exit(1);
            }
            wake();
        }
    })
    .context("cannot catch Ctrl+C")?;
    let tracing = args.trace.tracing(args.source.name());
    let orders = orders::listen(wake.clone());
    if orders::is_typed() && !args.json {
        (console.tell)("`engine NAME` and Enter goes on with another engine");
    }
    let typist = typing::start(args.output.over(&settings), wake.clone(), |text| (console.tell)(&text));
    let mut live = LiveHandle::spawn(
        args.model.over(&settings).engines(),
        Guests {
            tracing: Some(tracing),
            journal: keeper(&settings, Arc::clone(&rules), |text| (console.tell)(text)),
            typing: typist.as_ref().map(|typist| Box::new(typist.guests(Arc::clone(&rules))) as OpenTyping),
        },
        args.session.over(settings.session),
        Arc::new(wake),
    );
    live.send(Command::Start(source));

    let care = TextCare::new(rules);
    let mut view: Box<dyn View> =
        if args.json { Box::new(events::JsonView::new(care)) } else { Box::new(terminal::TextView::new(care)) };
    let (mut limit, mut failure): (Option<Instant>, _) = (None, None);
    let (mut started, mut stopping) = (false, false);
    'dictation: loop {
        // Woken or timed out: either way there may be something to do.
        let _ = woken.recv_timeout(IDLE_WAIT);
        for order in orders.try_iter() {
            match order {
                Ok(command) => live.send(command),
                Err(reason) => (console.tell)(&reason),
            }
        }
        for message in typist.iter().flat_map(|typist| typist.messages().try_iter()) {
            view.event(&Event::Notice(message), console)?;
        }
        let shown_secs = live.live().audio_secs;
        let mut committed = false;
        while let Some(event) = live.next_event() {
            view.event(&event, console)?;
            match event {
                Event::Started { .. } => {
                    started = true;
                    limit = limit.or_else(|| Some(Instant::now() + Duration::try_from_secs_f64(args.seconds?).ok()?));
                }
                Event::Committed(_) => committed = true,
                Event::SourceFailed { reason } => {
                    failure = Some(reason);
                    // What was heard before is still to be committed; with nothing heard, nothing more comes.
                    if !started {
                        break 'dictation;
                    }
                }
                Event::EngineFailed { reason } => {
                    failure = Some(reason);
                    break 'dictation;
                }
                Event::Stopped => break 'dictation,
                _ => {}
            }
        }
        // A hop's words come as an event, its tail as a snapshot right after: an older tail would show them again.
        if !committed || live.live().audio_secs > shown_secs {
            view.tail(&live.live().tail, console)?;
        }
        let over = interrupts.load(Ordering::SeqCst) > 0 || limit.is_some_and(|limit| Instant::now() >= limit);
        if over && !stopping {
            live.send(Command::Stop);
            stopping = true;
        }
    }
    view.end(console)?;
    drop(live);
    for message in typist.map(|typist| typist.finish(typing::FINISH_LIMIT)).unwrap_or_default() {
        (console.tell)(&message);
    }
    match failure {
        None => Ok(Outcome::Done),
        Some(reason) => Err(anyhow!(reason)),
    }
}
