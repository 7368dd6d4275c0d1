//! What the program does: of the engine, of the audio, and both in a word.

/// Whether the model can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Engine {
    #[default]
    Loading,
    Ready,
    Failed,
}

/// Whether audio comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Run {
    #[default]
    Stopped,
    /// The last start found no audio.
    Failed,
    Starting,
    Running,
    Reconnecting,
    Stopping,
}

/// What the status line says the program does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The model is being loaded.
    #[default]
    Loading,
    /// Nothing runs.
    Ready,
    /// No audio could be had.
    NoAudio,
    /// Waiting for the first samples.
    Starting,
    /// Dictation runs.
    Listening,
    /// The device is gone and being looked for.
    Reconnecting,
    /// The rest is being transcribed.
    Stopping,
    /// The engine failed; it can be loaded again.
    EngineFailed,
}
