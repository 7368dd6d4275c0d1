//! How far long recordings are: one line on the terminal while nothing else is written there.

use std::{collections::BTreeMap, path::Path, time::Instant};

use crate::{
    cli::progress::{ProgressLine, time_text},
    units::SampleIdx,
};

/// What is told of the recordings at work.
#[derive(Debug)]
pub(super) struct Watch {
    /// `None` where text grows on the terminal: that tells how far it is.
    line: Option<ProgressLine>,
    count: usize,
    done: usize,
    at_work: BTreeMap<usize, AtWork>,
}

#[derive(Debug)]
struct AtWork {
    name: String,
    began: Instant,
    at: SampleIdx,
    secs: Option<f64>,
}

impl Watch {
    /// `grows`: whether text grows on the terminal.
    pub(super) fn new(count: usize, grows: bool) -> Self {
        let line = (!grows).then(ProgressLine::new);
        Self { line, count, done: 0, at_work: BTreeMap::new() }
    }

    pub(super) fn begun(&mut self, index: usize, path: &Path) {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        self.at_work.insert(index, AtWork { name, began: Instant::now(), at: SampleIdx(0), secs: None });
    }

    pub(super) fn far(&mut self, index: usize, at: SampleIdx, secs: Option<f64>) {
        if let Some(work) = self.at_work.get_mut(&index) {
            (work.at, work.secs) = (at, secs);
        }
    }

    pub(super) fn ended(&mut self, index: usize) {
        self.done += usize::from(self.at_work.remove(&index).is_some());
    }

    /// Writes the line again if it is time to.
    pub(super) fn show(&mut self) {
        let Some((work, line)) = self.at_work.values().next().zip(self.line.as_mut()) else { return };
        let of_all = if self.count > 1 { format!("{} of {} done, ", self.done, self.count) } else { String::new() };
        let text = far_text(&work.name, work.at.secs(), work.secs, work.began.elapsed().as_secs_f64());
        line.draw(&format!("{of_all}{text}"));
    }

    /// Takes the line away, so that something else can be written.
    pub(super) fn clear(&mut self) {
        if let Some(line) = &mut self.line {
            line.clear();
        }
    }
}

/// `talk.mp3: 12:34 of 1:00:00, 20 %, RTF 0.031, 89 s left`
fn far_text(name: &str, at: f64, secs: Option<f64>, elapsed: f64) -> String {
    let mut text = format!("{name}: {}", clock(at));
    let secs = secs.filter(|secs| *secs > 0.0);
    if let Some(secs) = secs {
        text = format!("{text} of {}, {:.0} %", clock(secs), (at / secs * 100.0).clamp(0.0, 100.0).floor());
    }
    if at <= 0.0 {
        return text;
    }
    let factor = elapsed / at;
    text = format!("{text}, RTF {factor:.3}");
    secs.map_or(text.clone(), |secs| format!("{text}, {} left", time_text((secs - at).max(0.0) * factor)))
}

/// `0:07`, `12:34`, `1:00:00`
fn clock(secs: f64) -> String {
    let secs = secs as u64;
    let (hours, minutes, rest) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_what_it_knows() {
        let whole = far_text("talk.mp3", 754.0, Some(3600.0), 23.4);
        assert_eq!(whole, "talk.mp3: 12:34 of 1:00:00, 20 %, RTF 0.031, 89 s left");
        assert_eq!(far_text("a.mp3", 7.0, None, 0.7), "a.mp3: 0:07, RTF 0.100");
        assert_eq!(far_text("a.wav", 0.0, Some(61.0), 0.5), "a.wav: 0:00 of 1:01, 0 %");
        // A header that promised less than there is.
        assert_eq!(far_text("a.wav", 20.0, Some(10.0), 2.0), "a.wav: 0:20 of 0:10, 100 %, RTF 0.100, 0 s left");
    }

    #[test]
    fn the_first_recording_at_work_is_shown_and_none_where_transcripts_are() {
        let mut watch = Watch::new(3, true);
        assert!(watch.line.is_none());
        for (index, name) in ["a.wav", "b.wav"].iter().enumerate() {
            watch.begun(index, Path::new(name));
        }
        watch.far(1, SampleIdx(16_000), Some(2.0));
        watch.ended(0);
        watch.ended(0);
        assert_eq!(watch.done, 1);
        assert_eq!(
            watch.at_work.values().map(|work| (work.name.as_str(), work.at)).collect::<Vec<_>>(),
            [("b.wav", SampleIdx(16_000))]
        );
    }
}
