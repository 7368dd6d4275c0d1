//! Events on their way out: a bounded channel with a backlog, so that a sleeping window neither loses one nor holds up a thread.

use std::collections::VecDeque;

use crossbeam_channel::{Sender, TrySendError};

use crate::session::{Event, Waker};

/// One thread's end. The order of its events is kept.
pub(super) struct Outbox {
    sender: Sender<Event>,
    backlog: VecDeque<Event>,
    waker: Waker,
}

impl Outbox {
    pub(super) fn new(sender: Sender<Event>, waker: Waker) -> Self {
        Self { sender, backlog: VecDeque::new(), waker }
    }

    /// Sends or keeps; wakes the receiver either way.
    pub(super) fn send(&mut self, event: Event) {
        self.backlog.push_back(event);
        self.flush();
        self.wake();
    }

    /// Sends what was kept, as far as there is room.
    pub(super) fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(TrySendError::Full(event)) = self.sender.try_send(event) {
                self.backlog.push_front(event);
                return;
            }
        }
    }

    /// Something new to look at.
    pub(super) fn wake(&self) {
        (self.waker)();
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("backlog", &self.backlog.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_full_channel_loses_nothing_and_keeps_the_order() {
        let (sender, receiver) = crossbeam_channel::bounded(2);
        let mut outbox = Outbox::new(sender, Arc::new(|| {}));
        for n in 0..5 {
            outbox.send(Event::Notice(n.to_string()));
        }
        let mut found = Vec::new();
        while found.len() < 5 {
            outbox.flush();
            found.extend(receiver.try_iter().map(|event| match event {
                Event::Notice(text) => text,
                other => panic!("{other:?}"),
            }));
        }
        assert_eq!(found, ["0", "1", "2", "3", "4"]);
    }
}
