//! The one place to look into a running session. Trace, plots, timing and the command line are guests here.

use serde::{Deserialize, Serialize};

use crate::{
    audio::AudioBlock,
    decode::{Decision, Word},
    engine::{EncoderOutput, JointLogits, Prediction},
    features::FeatureFrames,
    session::Setting,
    units::{EncIdx, SampleIdx},
};

/// One window about to be encoded, in encoder frames since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Counts windows since the session began.
    pub hop: u64,
    /// First frame encoded.
    pub start: EncIdx,
    /// First frame this window commits: the commit line of the window before.
    pub commit_from: EncIdx,
    /// One past the last frame this window commits; what follows is right context, decoded as the grey tail. A recording's
    /// window chooses it when it is decoded: [`Stage::HopEnd`] tells where it came to lie.
    pub commit_to: EncIdx,
    /// One past the last frame encoded.
    pub end: EncIdx,
    /// This window ends its utterance: all is committed.
    pub last: bool,
}

/// Everything that went into one joint evaluation, and what came out.
#[derive(Clone, Debug, PartialEq)]
pub struct StepTensors {
    /// Counts committed decisions of the session, from 0.
    pub index: u64,
    /// Encoder frame.
    pub at: EncIdx,
    /// Its values, `[dim]`.
    pub frame: Vec<f32>,
    /// The prediction network's output and its state after the token before.
    pub prediction: Prediction,
    /// Raw logits of both heads.
    pub logits: JointLogits,
}

/// Why an utterance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Silence, by the voice gate.
    Silence,
    /// The source ended or dictation was stopped.
    Stopped,
    /// Audio was lost: what came before the gap is committed, and a new utterance begins after it.
    Gap,
    /// Dictation was cancelled: what was not committed yet was thrown away.
    Cancelled,
}

/// What an observer may look at, in the order in which it happens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Stage<'a> {
    /// A block was taken in.
    Audio(&'a AudioBlock),
    /// An utterance begins; its first window starts at this frame.
    UtteranceStart(EncIdx),
    /// A hop begins.
    Window(&'a Window),
    /// Samples of the window, 16 kHz; not told where features were fed.
    Samples(&'a [f32]),
    /// Normalised features of the window, as the encoder gets them.
    Features(&'a FeatureFrames),
    /// Encoder frames of the window.
    Encoder(&'a EncoderOutput),
    /// A decision on a committed frame: it will not change.
    Decision(&'a Decision),
    /// A decision on the right context, made on a copy of the decoder state: the next hop makes it again.
    TailDecision(&'a Decision),
    /// The tensors of the committed step that [`crate::session::Session::watch_step`] asked for.
    Step(&'a StepTensors),
    /// Words that will not change any more.
    Committed(&'a [Word]),
    /// The words of the right context, all of them anew each hop.
    Tail(&'a [Word]),
    /// The hop is done.
    HopEnd(&'a Window),
    /// An utterance ended at this frame.
    UtteranceEnd(EncIdx, EndReason),
    /// Dictation was cancelled: what is not committed will not be. An open utterance ends next.
    Cancelled,
    /// A setting acts from this frame on.
    Setting(EncIdx, &'a Setting),
    /// Samples missing in the source before this position.
    Gap(SampleIdx, u64),
}

/// Listens to a session. Implemented by guests; composed as tuples.
pub trait Probe {
    /// Called on the thread that pushes audio; must not block.
    fn on(&mut self, stage: Stage<'_>);

    /// Why it cannot go on, once, if it cannot: whoever runs the session tells the user and lets the guest go.
    fn fault(&mut self) -> Option<String> {
        None
    }
}

impl Probe for () {
    fn on(&mut self, _: Stage<'_>) {}
}

impl<P: Probe + ?Sized> Probe for &mut P {
    fn on(&mut self, stage: Stage<'_>) {
        (**self).on(stage);
    }

    fn fault(&mut self) -> Option<String> {
        (**self).fault()
    }
}

impl<P: Probe + ?Sized> Probe for Box<P> {
    fn on(&mut self, stage: Stage<'_>) {
        (**self).on(stage);
    }

    fn fault(&mut self) -> Option<String> {
        (**self).fault()
    }
}

impl<P: Probe> Probe for Option<P> {
    fn on(&mut self, stage: Stage<'_>) {
        if let Some(probe) = self {
            probe.on(stage);
        }
    }

    fn fault(&mut self) -> Option<String> {
        self.as_mut().and_then(Probe::fault)
    }
}

impl<A: Probe, B: Probe> Probe for (A, B) {
    fn on(&mut self, stage: Stage<'_>) {
        self.0.on(stage);
        self.1.on(stage);
    }

    fn fault(&mut self) -> Option<String> {
        self.0.fault().or_else(|| self.1.fault())
    }
}
