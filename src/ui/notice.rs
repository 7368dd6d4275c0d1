//! Messages above the transcript: few, counted where they repeat, gone when dismissed.

use std::collections::VecDeque;

/// Most messages kept; the oldest goes first.
const MAX_NOTICES: usize = 20;

/// Seconds for which a message that needs nothing done stays.
const INFO_SECS: f64 = 10.0;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Worth reading; goes by itself.
    Info,
    /// Something is not as it should be; the program goes on.
    Warning,
    /// Something failed.
    Error,
}

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) severity: Severity,
    pub(crate) text: String,
    /// How often it came.
    pub(crate) count: u32,
    at_secs: f64,
}

/// Bounded list of messages, newest last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notices {
    list: VecDeque<Notice>,
}

impl Notices {
    pub(crate) fn add(&mut self, severity: Severity, text: String, now_secs: f64) {
        if let Some(known) = self.list.iter_mut().find(|notice| notice.text == text) {
            known.count += 1;
            known.at_secs = now_secs;
            return;
        }
        if self.list.len() == MAX_NOTICES {
            self.list.pop_front();
        }
        self.list.push_back(Notice { severity, text, count: 1, at_secs: now_secs });
    }

    pub(crate) fn expire(&mut self, now_secs: f64) {
        self.list.retain(|notice| notice.severity != Severity::Info || now_secs < notice.at_secs + INFO_SECS);
    }

    /// Seconds until a message goes by itself.
    pub(crate) fn next_expiry(&self, now_secs: f64) -> Option<f64> {
        let infos = self.list.iter().filter(|notice| notice.severity == Severity::Info);
        infos.map(|notice| (notice.at_secs + INFO_SECS - now_secs).max(0.0)).reduce(f64::min)
    }

    pub(crate) fn dismiss(&mut self, index: usize) {
        self.list.remove(index);
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Notice> + ExactSizeIterator {
        self.list.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_messages_are_counted_and_the_list_is_bounded() {
        let mut notices = Notices::default();
        for _ in 0..3 {
            notices.add(Severity::Error, "no microphone".into(), 0.0);
        }
        assert_eq!(notices.iter().map(|notice| notice.count).collect::<Vec<_>>(), [3]);
        for number in 0..50 {
            notices.add(Severity::Warning, format!("lost {number}"), 0.0);
        }
        assert_eq!(notices.iter().len(), MAX_NOTICES);
    }

    #[test]
    fn only_information_goes_by_itself() {
        let mut notices = Notices::default();
        notices.add(Severity::Info, "device is back".into(), 5.0);
        notices.add(Severity::Error, "device busy".into(), 5.0);
        assert_eq!(notices.next_expiry(6.0), Some(9.0));
        notices.expire(15.5);
        assert_eq!(notices.iter().map(|notice| notice.text.as_str()).collect::<Vec<_>>(), ["device busy"]);
        assert_eq!(notices.next_expiry(16.0), None);
    }
}
