//! A run that is over: all of it taken in at once, and the other run beside it.

use crate::{
    session::Event,
    ui::{
        history::History,
        model::UiModel,
        recording::{Difference, OtherRun, Recording},
        transcript::Transcript,
    },
};

/// What a recorded run has beside its events and plots.
#[derive(Clone, Debug)]
pub(crate) struct RecordedRun {
    /// The file.
    pub(crate) title: String,
    pub(crate) other: Option<Beside>,
}

/// The run it is held against.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    pub(crate) name: String,
    pub(crate) verdict: String,
    pub(crate) report: Vec<String>,
    /// Its decisions and nothing else.
    pub(crate) history: History,
    /// By frame.
    pub(crate) differences: Vec<Difference>,
}

impl Beside {
    fn new(other: OtherRun) -> Self {
        let OtherRun { name, verdict, report, decisions, mut differences } = other;
        let mut history = History::keeping(None);
        history.decisions.extend(decisions);
        differences.sort_by_key(|difference| difference.at);
        Self { name, verdict, report, history, differences }
    }

    /// Which difference is the first: the one that says so, else the earliest.
    pub(crate) fn first(&self) -> Option<usize> {
        let named = self.differences.iter().position(|difference| difference.first);
        named.or_else(|| (!self.differences.is_empty()).then_some(0))
    }
}

impl UiModel {
    /// A model of a run that is over.
    pub(crate) fn of_recording(recording: Recording) -> Self {
        let Recording { title, ready, settings, text, events, plots, other } = recording;
        let mut model =
            Self { transcript: Transcript::keeping_tokens(), history: History::keeping(None), ..Self::new(settings) };
        model.use_rules(&text);
        model.apply(Event::Ready(ready));
        for event in events.into_iter().filter(is_of_the_run) {
            model.apply(event);
        }
        model.apply(Event::Stopped);
        for item in plots {
            model.push(item);
        }
        let other = other.map(Beside::new);
        if let Some(last) = other.as_ref().and_then(|other| other.history.decisions.back()) {
            model.history.reach = last.next_frame();
        }
        model.recorded = Some(RecordedRun { title, other });
        model
    }

    /// The run that this one is held against.
    pub(crate) fn other_run(&self) -> Option<&Beside> {
        self.recorded.as_ref()?.other.as_ref()
    }
}

/// What says something of the run itself. The rest was for whoever sat before it: devices, traces, what to do next.
fn is_of_the_run(event: &Event) -> bool {
    matches!(
        event,
        Event::Started { .. } | Event::Committed(_) | Event::UtteranceEnd { .. } | Event::SettingApplied { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_the_one_that_says_so() {
        let difference = |at, first| Difference { at: crate::units::EncIdx(at), what: String::new(), first };
        let beside = |differences| {
            Beside::new(OtherRun {
                name: String::new(),
                verdict: String::new(),
                report: Vec::new(),
                decisions: Vec::new(),
                differences,
            })
        };
        assert_eq!(beside(vec![difference(9, false), difference(4, true), difference(2, false)]).first(), Some(1));
        assert_eq!(beside(vec![difference(9, false), difference(4, false)]).first(), Some(0));
        assert_eq!(beside(Vec::new()).first(), None);
    }
}
