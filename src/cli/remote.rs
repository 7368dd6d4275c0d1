//! `dictoscope toggle`, `start`, `stop`, `status`: orders to the window that is open already, for keys of the desktop.

use std::time::Duration;

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    cli::{Console, Outcome},
    config::runtime_folder,
    remote::{self, Order, RemoteError, Reply, Server},
    session::Waker,
    ui::{Ask, Asked},
};

/// The window answers within a frame; while it loads a model, too.
const ANSWER: Duration = Duration::from_secs(3);

/// Orders that may wait: the server hands over one after the other.
const ORDERS: usize = 16;

/// Gives an order and prints what the program does now.
pub(super) fn run(order: &Order, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let folder =
        runtime_folder().context("no folder for the socket is known here; set DICTOSCOPE_RUNTIME_DIR to one")?;
    match remote::ask(&folder, order)? {
        Reply::Done { state } => {
            writeln!(console.out, "{state}")?;
            console.out.flush()?;
            Ok(Outcome::Done)
        }
        Reply::Refused { reason } => bail!(reason),
    }
}

/// Whether a window is open already; then it was brought to the front.
pub(super) fn raise_running() -> bool {
    runtime_folder().is_some_and(|folder| remote::ask(&folder, &Order::Show).is_ok())
}

/// Hands orders to whoever carries them out, and brings the answers back.
#[derive(Clone)]
pub(super) struct Desk {
    asked: Sender<Asked>,
    waker: Waker,
}

impl Desk {
    /// Orders come out of the receiver; the waker is called for each.
    pub(super) fn open(waker: Waker) -> (Self, Receiver<Asked>) {
        let (asked, orders) = bounded(ORDERS);
        (Self { asked, waker }, orders)
    }

    /// Has an order carried out.
    pub(super) fn give(&self, order: Order) -> Reply {
        let refused = || Reply::Refused { reason: "Dictoscope does not answer".to_owned() };
        let (answer, answered) = bounded(1);
        if self.asked.try_send(Asked { ask: ask_of(order), answer }).is_err() {
            return refused();
        }
        (self.waker)();
        match answered.recv_timeout(ANSWER) {
            Ok(Ok(state)) => Reply::Done { state },
            Ok(Err(reason)) => Reply::Refused { reason },
            Err(_) => refused(),
        }
    }
}

/// Listens for orders of a second program. Without a socket this one works all the same, and why is told.
pub(super) fn listen(desk: Desk, mut tell: impl FnMut(String)) -> Option<Server> {
    let Some(folder) = runtime_folder() else {
        tell(
            "no orders are taken: no folder for the socket is known here; set DICTOSCOPE_RUNTIME_DIR to one".to_owned(),
        );
        return None;
    };
    match Server::open(&folder, move |order| desk.give(order)) {
        Ok(server) => Some(server),
        // Asked before; somebody was quicker.
        Err(error @ RemoteError::Running { .. }) => {
            tell(format!("{error}; orders go to the other one"));
            None
        }
        Err(error) => {
            tell(format!("no orders are taken: {error}"));
            None
        }
    }
}

fn ask_of(order: Order) -> Ask {
    match order {
        Order::Toggle => Ask::Toggle,
        Order::Start => Ask::Start,
        Order::Stop => Ask::Stop,
        Order::Cancel => Ask::Cancel,
        Order::Status => Ask::Status,
        Order::Engine { name } => Ask::Engine(name),
        Order::Show => Ask::Show,
        Order::Quit => Ask::Quit,
    }
}
