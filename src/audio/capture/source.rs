//! What the capture thread asks of a device: one trait, so that it can be tested without a sound card.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, TryRecvError, bounded};

use crate::audio::{AudioError, InputReader};

/// A device may take this long to open; a Bluetooth headset changes its profile meanwhile.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// Dropping a stream of a dead sound server may never return (ALSA's Pulse plugin deadlocks); then it is leaked.
const DROP_LIMIT: Duration = Duration::from_millis(500);

/// Which input to capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureConfig {
    /// A device by name, id or a part of either that fits only one; `None` follows the system's default.
    pub device: Option<String>,
    /// One channel, counted from 0; `None` takes the mean of all.
    pub channel: Option<u16>,
    /// 16 kHz samples before a dictation's beginning that belong to it, where the device was open then.
    pub pre_roll_samples: u64,
    /// The same after its end.
    pub tail_samples: u64,
    /// The device stays open between dictations.
    pub keep_open: bool,
}

/// A running stream.
pub struct OpenStream {
    /// Name of the device.
    pub device: String,
    /// Audio system that delivers it.
    pub host: String,
    /// Rate of the samples in the ring.
    pub rate_hz: u32,
    /// Channels of the device.
    pub channels: u16,
    /// What the callback writes into.
    pub reader: InputReader,
    /// Dropping it ends the stream.
    pub stream: Box<dyn Send>,
}

impl fmt::Debug for OpenStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenStream")
            .field("device", &self.device)
            .field("host", &self.host)
            .field("rate_hz", &self.rate_hz)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

/// Opens streams. May block: it is called on a thread of its own.
pub trait StreamSource: Send + Sync + 'static {
    /// Opens and starts what `config` asks for. `same_host` names the audio system that is preferred over others.
    fn open(&self, config: &CaptureConfig, same_host: Option<&str>) -> Result<OpenStream, AudioError>;
}

/// An opening under way on its own thread: a hung sound server cannot hold up a stop.
#[derive(Debug)]
pub(crate) struct Opening {
    result: Receiver<Result<OpenStream, AudioError>>,
    began: Instant,
    device: String,
}

impl Opening {
    pub(crate) fn begin(
        source: &Arc<impl StreamSource>,
        config: &CaptureConfig,
        same_host: Option<String>,
        now: Instant,
    ) -> Result<Self, AudioError> {
        let (sender, result) = bounded(1);
        let (source, wanted) = (Arc::clone(source), config.clone());
        let name = "capture-open";
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // Nobody waits any more after a stop; then the stream is dropped here.
                drop(sender.send(source.open(&wanted, same_host.as_deref())));
            })
            .map_err(|source| AudioError::Thread { name, source })?;
        let device = config.device.clone().unwrap_or_else(|| "the default input".to_owned());
        Ok(Self { result, began: now, device })
    }

    /// The outcome, once there is one.
    pub(crate) fn poll(&self, now: Instant) -> Option<Result<OpenStream, AudioError>> {
        match self.result.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Disconnected) => Some(Err(AudioError::CaptureEnded)),
            Err(TryRecvError::Empty) if now.saturating_duration_since(self.began) > OPEN_LIMIT => {
                Some(Err(AudioError::OpenTimeout { device: self.device.clone(), limit_secs: OPEN_LIMIT.as_secs() }))
            }
            Err(TryRecvError::Empty) => None,
        }
    }
}

/// Drops a stream on a thread of its own, waiting for at most [`DROP_LIMIT`]. False if it had to be leaked.
pub(crate) fn dispose(stream: Box<dyn Send>) -> bool {
    let (done, finished) = bounded::<()>(1);
    let dropper = std::thread::Builder::new().name("capture-drop".to_owned()).spawn(move || {
        drop(stream);
        drop(done);
    });
    // The channel closes when the drop is done; on failure to start, the closure and the stream are gone already.
    dropper.is_err() || finished.recv_timeout(DROP_LIMIT) != Err(crossbeam_channel::RecvTimeoutError::Timeout)
}
