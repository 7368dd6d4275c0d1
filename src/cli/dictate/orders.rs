//! Orders on standard input: `start`, `stop`, `toggle`, `cancel`, and `engine NAME`, which goes on with another engine.

use std::{
    io::{BufRead, BufReader, IsTerminal, stdin},
    thread,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{config::EngineName, ui::Ask};

/// What a line says, or why it says nothing.
pub(super) type Line = Result<Ask, String>;

/// Reads lines as they come; nothing comes where there is no standard input. `wake` is called after each.
pub(super) fn listen(wake: impl Fn() + Send + 'static) -> Receiver<Line> {
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

fn read(lines: impl BufRead, orders: &Sender<Line>, wake: impl Fn()) {
    for line in lines.lines().map_while(Result::ok) {
        let Some(order) = parse(&line) else { continue };
        if orders.send(order).is_err() {
            return;
        }
        wake();
    }
}

/// An empty line is none.
fn parse(line: &str) -> Option<Line> {
    let words: Vec<&str> = line.split_whitespace().collect();
    Some(Ok(match words[..] {
        [] => return None,
        ["start"] => Ask::Start,
        ["stop"] => Ask::Stop,
        ["toggle"] => Ask::Toggle,
        ["cancel"] => Ask::Cancel,
        ["engine", name] if EngineName::parse(name).is_some() => Ask::Engine(name.to_owned()),
        _ => {
            let names = EngineName::NAMES.join(", ");
            let expected = format!("start, stop, toggle, cancel, or `engine` and one of {names}");
            return Some(Err(format!("expected {expected}; found {:?}", line.trim())));
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_order_or_is_told_what_would_be() {
        let (sender, receiver) = bounded(16);
        read("\nengine  onnxruntime \nengine tract\n cancel\npause\n".as_bytes(), &sender, || ());
        drop(sender);
        let orders: Vec<Line> = receiver.iter().collect();
        assert_eq!(orders[0], Ok(Ask::Engine("onnxruntime".to_owned())));
        assert_eq!(orders[2], Ok(Ask::Cancel));
        for (order, found) in [(&orders[1], "\"engine tract\""), (&orders[3], "\"pause\"")] {
            let error = order.as_ref().unwrap_err();
            assert!(error.contains("rten") && error.contains("cancel") && error.contains(found), "{error}");
        }
        assert_eq!(orders.len(), 4);
    }
}
