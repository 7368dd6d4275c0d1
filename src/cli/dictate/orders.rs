//! Orders on standard input while dictation runs: `engine NAME` goes on with another engine.

use std::{
    io::{BufRead, BufReader, IsTerminal, stdin},
    thread,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{config::EngineName, session::Command};

/// What a line says, or why it says nothing.
pub(super) type Order = Result<Command, String>;

/// Reads lines as they come; nothing comes where there is no standard input. `wake` is called after each.
pub(super) fn listen(wake: impl Fn() + Send + 'static) -> Receiver<Order> {
    let (sender, receiver) = bounded(16);
    // Left behind at the end: nothing wakes a thread that waits for a line.
    let spawned =
        thread::Builder::new().name("orders".to_owned()).spawn(move || read(BufReader::new(stdin()), &sender, wake));
    if let Err(error) = spawned {
        log::warn!("standard input is not read: {error}");
    }
    receiver
}

/// Whether a person may type orders.
pub(super) fn is_typed() -> bool {
    stdin().is_terminal()
}

fn read(lines: impl BufRead, orders: &Sender<Order>, wake: impl Fn()) {
    for line in lines.lines().map_while(Result::ok) {
        let Some(order) = parse(&line) else { continue };
        if orders.send(order).is_err() {
            return;
        }
        wake();
    }
}

/// An empty line is none.
fn parse(line: &str) -> Option<Order> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let names = EngineName::NAMES.join(", ");
    match words[..] {
        [] => None,
        ["engine", name] if EngineName::parse(name).is_some() => Some(Ok(Command::UseEngine(name.to_owned()))),
        _ => Some(Err(format!("expected `engine` and one of {names}, found {:?}", line.trim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_an_engine_or_is_told_what_would() {
        let (sender, receiver) = bounded(16);
        read("\nengine  onnxruntime \nengine tract\nstop\n".as_bytes(), &sender, || ());
        drop(sender);
        let orders: Vec<Order> = receiver.iter().collect();
        assert!(matches!(&orders[0], Ok(Command::UseEngine(name)) if name == "onnxruntime"), "{:?}", orders[0]);
        for (order, found) in [(&orders[1], "\"engine tract\""), (&orders[2], "\"stop\"")] {
            let error = order.as_ref().unwrap_err();
            assert!(error.contains("rten") && error.contains(found), "{error}");
        }
        assert_eq!(orders.len(), 3);
    }
}
