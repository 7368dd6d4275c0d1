//! What the inference thread tells the window: words as events, the newest state, the plot feed, and what a hop cost.

use crate::{
    audio::AudioBlock,
    session::{Event, HopPlot, HopTiming, LiveSnapshot, PlotItem, Probe, Stage, StageTimer, Window, outbox::Outbox},
    units::{MelIdx, SAMPLES_PER_ENC, SampleIdx},
};

/// Listens to the session on the inference thread.
pub(super) struct LiveProbe {
    pub(super) outbox: Outbox,
    plots: rtrb::Producer<PlotItem>,
    live: triple_buffer::Input<LiveSnapshot>,
    /// What [`LiveProbe::publish`] makes visible.
    pub(super) snapshot: LiveSnapshot,
    /// Hops done so far, and at the last publishing.
    pub(super) hops: u64,
    published_hops: u64,
    /// One past the newest sample taken in, and past the newest one encoded.
    taken: SampleIdx,
    encoded: SampleIdx,
    hop: HopPlot,
    /// First mel frame the plots have not seen.
    mel_end: MelIdx,
    timer: StageTimer,
}

impl LiveProbe {
    pub(super) fn new(
        outbox: Outbox,
        plots: rtrb::Producer<PlotItem>,
        live: triple_buffer::Input<LiveSnapshot>,
    ) -> Self {
        Self {
            outbox,
            plots,
            live,
            snapshot: LiveSnapshot::default(),
            hops: 0,
            published_hops: 0,
            taken: SampleIdx(0),
            encoded: SampleIdx(0),
            hop: HopPlot::default(),
            mel_end: MelIdx(0),
            timer: StageTimer::default(),
        }
    }

    /// Makes the snapshot visible. `queued`: samples that wait between capture and inference.
    pub(super) fn publish(&mut self, queued: u64) {
        self.snapshot.queued_samples = queued;
        self.snapshot.audio_secs = self.taken.secs();
        // In silence there are no hops, and nothing that is late.
        if self.hops != self.published_hops {
            let behind = SampleIdx((self.taken.0 + queued).saturating_sub(self.encoded.0));
            self.snapshot.latency_millis = behind.secs() as f32 * 1000.0;
            self.published_hops = self.hops;
        }
        self.live.write(self.snapshot.clone());
        self.outbox.wake();
    }

    /// The grid line at or after the newest sample taken in.
    pub(super) fn taken(&self) -> SampleIdx {
        SampleIdx(self.taken.0.next_multiple_of(SAMPLES_PER_ENC as u64))
    }

    /// Draws the waveform of a block that is about to be pushed.
    pub(super) fn plot_level(&mut self, block: &AudioBlock) {
        self.taken = block.end();
        let (min, max) = block.samples().iter().fold((0.0_f32, 0.0_f32), |(min, max), x| (min.min(*x), max.max(*x)));
        self.plot(PlotItem::Level { at: block.start.mel(), min, max });
    }

    /// Feeds the plots. A full feed loses the item: plots may, words may not.
    fn plot(&mut self, item: PlotItem) {
        self.plots.push(item).ok();
    }

    fn end_hop(&mut self, window: &Window, timing: HopTiming) {
        self.hops += 1;
        self.encoded = window.end.sample();
        self.hop.timing = timing;
        self.snapshot.timing = timing;
        let hop = std::mem::take(&mut self.hop);
        self.plot(PlotItem::Hop(Box::new(hop)));
    }
}

impl Probe for LiveProbe {
    fn on(&mut self, stage: Stage<'_>) {
        let timing = self.timer.hear(stage);
        match stage {
            Stage::UtteranceStart(at) => {
                self.snapshot.speaking = true;
                self.plot(PlotItem::UtteranceStart(at));
            }
            Stage::Window(window) => self.hop = HopPlot { window: *window, ..HopPlot::default() },
            Stage::Features(features) => {
                let skip = self.mel_end.0.saturating_sub(features.start.0) as usize;
                self.hop.mel_start = MelIdx(features.start.0 + skip as u64);
                self.hop.mel_bins = features.mel_bins;
                self.hop.mel = features.data.get(skip * features.mel_bins..).unwrap_or_default().to_vec();
                self.mel_end = self.mel_end.max(MelIdx(features.start.0 + features.len() as u64));
                self.timer.resume();
            }
            Stage::Decision(decision) => self.hop.decisions.push(decision.clone()),
            Stage::TailDecision(decision) => self.hop.tail.push(decision.clone()),
            Stage::Committed(words) => self.outbox.send(Event::Committed(words.to_vec())),
            Stage::Tail(words) => self.snapshot.tail = words.to_vec(),
            Stage::HopEnd(window) => self.end_hop(window, timing.unwrap_or_default()),
            Stage::UtteranceEnd(at, reason) => {
                self.snapshot.speaking = false;
                self.plot(PlotItem::UtteranceEnd(at, reason));
                self.outbox.send(Event::UtteranceEnd { at: at.sample(), reason });
            }
            Stage::Setting(at, setting) => {
                self.plot(PlotItem::Setting(at, setting.clone()));
                self.outbox.send(Event::SettingApplied { at: at.sample(), setting: setting.clone() });
            }
            Stage::Gap(at, samples) => {
                self.snapshot.lost_samples += samples;
                self.plot(PlotItem::Gap(at.enc(), samples));
                self.outbox.send(Event::AudioLost { at, samples });
            }
            Stage::Audio(_) | Stage::Samples(_) | Stage::Encoder(_) | Stage::Step(_) | Stage::Cancelled => {}
        }
    }
}
