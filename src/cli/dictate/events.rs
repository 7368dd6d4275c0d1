//! Dictation for programs: one JSON object a line, each with an `event`.

use std::io;

use serde_json::{Value, json};

use super::View;
use crate::{
    cli::{
        Console,
        json::{lasting, sample_secs, words},
        text,
    },
    decode::{Word, text_of},
    session::{EndReason, Event},
    text::TextCare,
};

/// Every event, and the tail whenever its text changed.
#[derive(Debug, Default)]
pub(super) struct JsonView {
    tail: String,
    care: TextCare,
}

impl JsonView {
    /// What rules make of committed words is told beside them.
    pub(super) fn new(care: TextCare) -> Self {
        Self { care, ..Self::default() }
    }
}

impl View for JsonView {
    fn event(&mut self, event: &Event, console: &mut Console<'_>) -> io::Result<()> {
        console.json(&as_json(event))?;
        let cared = match event {
            Event::Committed(words) if !self.care.is_off() => self.care.push(words),
            Event::UtteranceEnd { .. } | Event::Stopped => self.care.finish(),
            _ => return Ok(()),
        };
        if cared.is_empty() {
            return Ok(());
        }
        console.json(&json!({ "event": "text", "words": text::as_json(&cared) }))
    }

    fn tail(&mut self, words: &[Word], console: &mut Console<'_>) -> io::Result<()> {
        let text = text_of(words);
        if text == self.tail {
            return Ok(());
        }
        self.tail = text;
        console.json(&json!({ "event": "tail", "text": self.tail }))
    }

    fn end(&mut self, _: &mut Console<'_>) -> io::Result<()> {
        Ok(())
    }
}

fn as_json(event: &Event) -> Value {
    match event {
        Event::Ready(ready) => json!({ "event": "ready", "name": ready.name, "engine": ready.engine }),
        Event::Devices(devices) => json!({
            "event": "devices",
            "names": devices.iter().map(|device| device.name.as_str()).collect::<Vec<_>>(),
        }),
        Event::Idle { open } => json!({ "event": "idle", "open": open }),
        Event::Started { source, skipped_samples } => {
            json!({ "event": "started", "source": source, "skipped_secs": lasting(*skipped_samples) })
        }
        Event::Committed(list) => json!({ "event": "committed", "text": text_of(list), "words": words(list) }),
        Event::UtteranceEnd { at, reason } => {
            let reason = match reason {
                EndReason::Silence => "silence",
                EndReason::Stopped => "stopped",
                EndReason::Gap => "gap",
                EndReason::Cancelled => "cancelled",
            };
            json!({ "event": "utterance_end", "at_secs": sample_secs(*at), "reason": reason })
        }
        Event::SettingApplied { at, setting } => {
            json!({ "event": "setting_applied", "at_secs": sample_secs(*at), "setting": setting })
        }
        Event::SettingRefused { setting, reason } => {
            json!({ "event": "setting_refused", "setting": setting, "reason": reason })
        }
        Event::AudioLost { at, samples } => {
            json!({ "event": "audio_lost", "at_secs": sample_secs(*at), "lost_secs": lasting(*samples) })
        }
        Event::DeviceLost { reason } => json!({ "event": "device_lost", "reason": reason }),
        Event::DeviceBack { source } => json!({ "event": "device_back", "source": source }),
        Event::TraceStarted { path } => json!({ "event": "trace_started", "file": path }),
        Event::TraceStopped { path } => json!({ "event": "trace_stopped", "file": path }),
        Event::Notice(text) => json!({ "event": "notice", "text": text }),
        Event::SourceFailed { reason } => json!({ "event": "source_failed", "reason": reason }),
        Event::EngineRefused { name, reason } => {
            json!({ "event": "engine_refused", "name": name, "reason": reason })
        }
        Event::EngineFailed { reason } => json!({ "event": "engine_failed", "reason": reason }),
        Event::Stopped => json!({ "event": "stopped" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SampleIdx;

    #[test]
    fn every_line_is_an_object_with_an_event() {
        let mut out = Vec::new();
        let mut view = JsonView::default();
        let console = &mut Console { out: &mut out, out_is_terminal: false, tell: &mut |_| {} };
        view.event(&Event::AudioLost { at: SampleIdx(16_000), samples: 800 }, console).unwrap();
        view.event(&Event::UtteranceEnd { at: SampleIdx(24_000), reason: EndReason::Gap }, console).unwrap();
        view.tail(&[], console).unwrap();
        view.event(&Event::Stopped, console).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3, "an empty tail that stays empty is no event: {text}");
        assert_eq!(lines[0], json!({ "event": "audio_lost", "at_secs": 1.0, "lost_secs": 0.05 }));
        assert_eq!(lines[1]["reason"], "gap");
        assert_eq!(lines[2]["event"], "stopped");
    }
}
