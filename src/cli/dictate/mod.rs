//! `dictoscope dictate`: live in the terminal. Words go out as they are committed; Ctrl+C ends it with nothing lost.

mod conduct;
mod events;
mod orders;
mod standing;
mod terminal;

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, anyhow};
use crossbeam_channel::{bounded, never};

use crate::{
    cli::{
        Console, Outcome,
        args::DictateArgs,
        history::keeper,
        hotkeys::Keys,
        options::load_settings,
        remote::{self, Desk},
        typing,
    },
    config::HotkeySettings,
    output::Typist,
    session::{Command, Event, Guests, LiveHandle, OpenTyping, Source, Waker},
    text::{SharedRules, TextCare},
};
use conduct::Conductor;
use standing::Standing;

/// How a dictation is shown; one for eyes, one for programs.
trait View {
    fn event(&mut self, event: &Event, console: &mut Console<'_>) -> std::io::Result<()>;
    fn tail(&mut self, words: &[crate::decode::Word], console: &mut Console<'_>) -> std::io::Result<()>;
    fn end(&mut self, console: &mut Console<'_>) -> std::io::Result<()>;
}

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
    let lines = orders::listen(wake.clone());
    if orders::is_typed() && !args.json {
        (console.tell)("start, stop, toggle, cancel, or `engine NAME` to go on with another engine, and Enter");
    }
    let typist = typing::start(args.output.over(&settings), wake.clone(), |text| (console.tell)(&text));
    let waker: Waker = Arc::new(wake);
    let (desk, asked) = Desk::open(Arc::clone(&waker));
    // A recording ends by itself, and a dictation that starts by itself is its program's own affair.
    let server = args.wait.then(|| remote::listen(desk.clone(), |text| (console.tell)(&text))).flatten();
    let mut keys = if args.source.file.is_some() { HotkeySettings::default() } else { settings.hotkeys.clone() };
    if cfg!(not(target_os = "linux")) && keys.can_start() {
        (console.tell)("hotkeys need the window on this system; start `dictoscope` for them");
        keys = HotkeySettings::default();
    }
    let held = typist.as_ref().map(Typist::hotkey_held).unwrap_or_default();
    let mut keys = Keys::start(&keys, held, move |order| desk.give(order), Arc::clone(&waker));
    let told = keys.told();
    let shared = SharedRules::new(Arc::clone(&rules));
    let live = LiveHandle::spawn(
        args.model.over(&settings).engines(),
        Guests {
            tracing: Some(tracing),
            journal: keeper(&settings, shared.clone(), |text| (console.tell)(text)),
            typing: typist.as_ref().map(|typist| Box::new(typist.guests(shared.clone())) as OpenTyping),
        },
        args.session.over(settings.session),
        waker,
    );
    if let Source::Microphone { device } = &source {
        live.send(Command::Listen(settings.audio.listening(), device.clone()));
    }
    let care = TextCare::new(rules);
    let view: Box<dyn View> =
        if args.json { Box::new(events::JsonView::new(care)) } else { Box::new(terminal::TextView::new(care)) };
    if args.wait {
        (console.tell)("waiting for a hotkey, for `dictoscope start`, or for a line `start`; Ctrl+C ends");
    }
    let seconds = args.seconds.and_then(|secs| Duration::try_from_secs_f64(secs).ok());
    let mut conductor = Conductor {
        live,
        standing: Standing::new(source),
        waits: args.wait,
        seconds,
        lines,
        asked,
        told,
        typed: typist.as_ref().map_or_else(never, |typist| typist.messages().clone()),
        dictating: Box::new(move |dictating| keys.set_dictating(dictating)),
        interrupts,
        view,
        clipped_samples: 0,
    };
    let ended = conductor.run(&woken, console);
    // The keys before the socket: whoever gives an order by one is answered.
    drop(conductor);
    drop(server);
    for message in typist.map(|typist| typist.finish(typing::FINISH_LIMIT)).unwrap_or_default() {
        (console.tell)(&message);
    }
    match ended? {
        None => Ok(Outcome::Done),
        Some(reason) => Err(anyhow!(reason)),
    }
}
