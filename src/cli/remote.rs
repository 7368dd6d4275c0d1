//! `dictoscope toggle`, `start`, `stop`, `status`: orders to the window that is open already, for keys of the desktop.

use std::time::Duration;

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, bounded};

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

/// Listens for orders to this window. Without a socket the window works all the same, and why is told.
pub(super) fn listen(waker: Waker, mut tell: impl FnMut(String)) -> Option<(Server, Receiver<Asked>)> {
    let Some(folder) = runtime_folder() else {
        tell(
            "no orders are taken: no folder for the socket is known here; set DICTOSCOPE_RUNTIME_DIR to one".to_owned(),
        );
        return None;
    };
    let (sender, asked) = bounded(ORDERS);
    let answer = move |order: Order| {
        let (answer, answered) = bounded(1);
        if sender.try_send(Asked { ask: ask_of(order), answer }).is_err() {
            return Reply::Refused { reason: "the window does not answer".to_owned() };
        }
        waker();
        match answered.recv_timeout(ANSWER) {
            Ok(Ok(state)) => Reply::Done { state },
            Ok(Err(reason)) => Reply::Refused { reason },
            Err(_) => Reply::Refused { reason: "the window does not answer".to_owned() },
        }
    };
    match Server::open(&folder, answer) {
        Ok(server) => Some((server, asked)),
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
    }
}
