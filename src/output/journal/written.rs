//! How many lines the thread of a journal has written, for those who wait for them.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

/// Lines that were written.
#[derive(Debug, Default)]
pub(super) struct Written {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: u64,
    /// The thread is done, or gave up.
    ended: bool,
}

impl Written {
    /// Whether so many lines are written; waits until they are, or no more come, or for `limit`.
    pub(super) fn reached(&self, lines: u64, limit: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |state: &mut State| state.lines < lines && !state.ended;
        let waited = self.changed.wait_timeout_while(state, limit, waits);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.lines >= lines
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).ended
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

/// The thread's half: says that no more lines come when it is dropped.
pub(super) struct Done(pub(super) Arc<Written>);

impl Done {
    /// One more line is written.
    pub(super) fn line(&self) {
        self.0.change(|state| state.lines += 1);
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.0.change(|state| state.ended = true);
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Instant};

    use super::*;

    #[test]
    fn a_line_is_waited_for_until_it_is_written_or_none_comes() {
        let written = Arc::<Written>::default();
        let done = Done(Arc::clone(&written));
        assert!(written.reached(0, Duration::ZERO));
        assert!(!written.reached(1, Duration::from_millis(5)), "in vain");
        done.line();
        assert!(written.reached(1, Duration::ZERO));
        let began = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                drop(done);
            });
            assert!(!written.reached(2, Duration::from_mins(1)));
        });
        assert!(written.has_ended() && began.elapsed() < Duration::from_secs(30));
    }
}
