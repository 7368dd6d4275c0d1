//! Several recordings at once: a thread for each job takes the next one when it is done; what they say comes out in the order
//! in which the recordings were named.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context, anyhow};
use crossbeam_channel::{Receiver, Sender};

use crate::{
    cli::{
        Console, Outcome,
        console::message_of,
        transcribe::{
            job::{Ended, Job, Listener, Unheard},
            places::Place,
            progress::Watch,
        },
    },
    units::SampleIdx,
};

/// Things said that may wait to be heard; a thread waits if more do.
const NEWS: usize = 256;

/// The recordings, each with its place if it is not standard output.
#[derive(Debug)]
pub(super) struct Orders {
    pub(super) files: Vec<PathBuf>,
    pub(super) places: Vec<Option<Place>>,
    /// A recording's text is one line, which grows.
    pub(super) running: bool,
}

/// What a thread says of a recording.
enum News {
    Begun,
    Text(String),
    Far(SampleIdx, Option<f64>),
    Ended(Ended),
}

/// What of a recording waits for those before it.
#[derive(Default)]
struct Waiting {
    text: String,
    ended: Option<Ended>,
}

/// Does the orders, with as many threads as there are jobs.
pub(super) fn work(orders: &Orders, jobs: Vec<Job>, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (sender, news) = crossbeam_channel::bounded(NEWS);
        for (number, mut job) in jobs.into_iter().enumerate() {
            let (next, sender) = (&next, sender.clone());
            let run = move || one_after_another(&mut job, orders, next, &sender);
            let name = format!("transcribe-{}", number + 1);
            thread::Builder::new().name(name).spawn_scoped(scope, run).context("no thread can be started")?;
        }
        drop(sender);
        listen(orders, news, console)
    })
}

fn one_after_another(job: &mut Job, orders: &Orders, next: &AtomicUsize, sender: &Sender<(usize, News)>) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let (Some(path), Some(place)) = (orders.files.get(index), orders.places.get(index)) else { return };
        let mut out = Outlet { index, sender, whole: place.is_some().then(String::new) };
        let ended = out.say(News::Begun).and_then(|()| {
            if let Some(Err(error)) = place.as_ref().map(|place| place.check(path)) {
                return Ok(Ended { error: Some(error), ..Ended::default() });
            }
            let name = (orders.files.len() > 1 && place.is_none()).then(|| path.display().to_string());
            let mut ended = job.transcribe(path, name.as_deref(), &mut out)?;
            if let (Some(place), Some(text)) = (place, out.whole.take())
                && (ended.error.is_none() || ended.words)
                && let Err(error) = place.write(&text)
            {
                ended.notices.extend(ended.error.take().as_ref().map(message_of));
                ended.error = Some(error);
            }
            Ok(ended)
        });
        // Nobody hears that it ended: nobody wants the next one.
        let Ok(ended) = ended else { return };
        if out.say(News::Ended(ended)).is_err() {
            return;
        }
    }
}

/// A thread's way out: a file's text is kept until it is whole.
struct Outlet<'a> {
    index: usize,
    sender: &'a Sender<(usize, News)>,
    whole: Option<String>,
}

impl Outlet<'_> {
    fn say(&self, news: News) -> Result<(), Unheard> {
        self.sender.send((self.index, news)).map_err(|_| Unheard)
    }
}

impl Listener for Outlet<'_> {
    fn text(&mut self, text: String) -> Result<(), Unheard> {
        match &mut self.whole {
            Some(whole) => whole.push_str(&text),
            None => self.say(News::Text(text))?,
        }
        Ok(())
    }

    fn far(&mut self, at: SampleIdx, secs: Option<f64>) {
        // The next one tells the same, and more.
        let _ = self.sender.try_send((self.index, News::Far(at, secs)));
    }
}

fn listen(orders: &Orders, news: Receiver<(usize, News)>, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    // A line on the terminal would take what stands of that one away.
    let grows = console.out_is_terminal && orders.running && orders.places.iter().any(Option::is_none);
    let mut watch = Watch::new(orders.files.len(), grows);
    let mut waiting: Vec<Waiting> = orders.files.iter().map(|_| Waiting::default()).collect();
    let (mut turn, mut outcome) = (0, Outcome::Done);
    for (index, news) in news {
        match news {
            News::Begun => watch.begun(index, &orders.files[index]),
            News::Far(at, secs) => watch.far(index, at, secs),
            News::Text(text) => waiting[index].text.push_str(&text),
            News::Ended(ended) => {
                watch.ended(index);
                waiting[index].ended = Some(ended);
            }
        }
        while let Some(first) = waiting.get_mut(turn) {
            if !first.text.is_empty() {
                watch.clear();
                console.out.write_all(std::mem::take(&mut first.text).as_bytes())?;
                console.out.flush()?;
            }
            let Some(ended) = first.ended.take() else { break };
            watch.clear();
            if tell(&orders.files[turn], ended, console) == Outcome::SomeFailed {
                outcome = Outcome::SomeFailed;
            }
            turn += 1;
        }
        watch.show();
    }
    watch.clear();
    // A thread that panicked, as its hook said, took its recording with it.
    for (file, left) in orders.files.iter().zip(waiting).skip(turn) {
        console.out.write_all(left.text.as_bytes())?;
        let error = Some(anyhow!("{}: not transcribed to its end: a thread panicked", file.display()));
        tell(file, left.ended.unwrap_or(Ended { error, ..Ended::default() }), console);
        outcome = Outcome::SomeFailed;
    }
    console.out.flush()?;
    Ok(outcome)
}

/// Tells what should be known of a recording.
fn tell(file: &Path, ended: Ended, console: &mut Console<'_>) -> Outcome {
    for notice in &ended.notices {
        (console.tell)(notice);
    }
    if let Some(error) = ended.error {
        (console.tell)(&message_of(&error));
        return Outcome::SomeFailed;
    }
    if !ended.words {
        (console.tell)(&format!("{}: no speech found", file.display()));
    }
    Outcome::Done
}
