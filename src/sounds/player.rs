//! The thread `sounds`: opens the default output for each sound and closes it after it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cpal::{
    FromSample, SampleFormat, SizedSample, Stream, StreamConfig,
    traits::{DeviceTrait, HostTrait, StreamTrait},
};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    audio::{answering_host, quiet_alsa},
    sounds::Sound,
};

/// Sounds that may wait; who is late is left out.
const SOUNDS: usize = 4;
/// An output that takes none of a sound for so long hangs.
const LIMIT: Duration = Duration::from_secs(3);
/// What was handed over is still in buffers on its way to the loudspeaker.
const REST: Duration = Duration::from_millis(250);
const TICK: Duration = Duration::from_millis(10);

/// Plays sounds until it is dropped; one that plays is not waited for.
#[derive(Debug)]
pub struct Player {
    sounds: Sender<Sound>,
}

impl Player {
    /// Starts the thread. The output is looked for when there is something to play.
    pub fn start() -> io::Result<Self> {
        let (sounds, receiver) = bounded(SOUNDS);
        thread::Builder::new().name("sounds".to_owned()).spawn(move || run(&receiver))?;
        Ok(Self { sounds })
    }

    /// Plays a sound soon; never waits.
    pub fn play(&self, sound: Sound) {
        if self.sounds.try_send(sound).is_err() {
            log::debug!("{sound:?} was not played: others wait");
        }
    }
}

fn run(sounds: &Receiver<Sound>) {
    let mut told = false;
    for sound in sounds {
        if let Err(reason) = play(sound) {
            // Once: there is no output, or there is one.
            if !std::mem::replace(&mut told, true) {
                log::warn!("no sounds: {reason}");
            }
        }
    }
}

fn play(sound: Sound) -> Result<(), String> {
    quiet_alsa();
    let host = answering_host(None).map_err(|error| error.to_string())?;
    let device = host.default_output_device().ok_or("the audio system lists no default output")?;
    let config = device.default_output_config().map_err(|error| error.to_string())?;
    let (format, config) = (config.sample_format(), config.config());
    let samples = sound.samples(config.sample_rate);
    let (done, over) = (Arc::<AtomicBool>::default(), Instant::now() + LIMIT);
    let stream = match format {
        SampleFormat::F32 => open::<f32>(&device, config, samples, Arc::clone(&done)),
        SampleFormat::I16 => open::<i16>(&device, config, samples, Arc::clone(&done)),
        SampleFormat::I32 => open::<i32>(&device, config, samples, Arc::clone(&done)),
        SampleFormat::U8 => open::<u8>(&device, config, samples, Arc::clone(&done)),
        other => return Err(format!("expected an output of 8, 16 or 32 bits, found {other}")),
    };
    let stream = stream.map_err(|error| error.to_string())?;
    stream.play().map_err(|error| error.to_string())?;
    while !done.load(Ordering::SeqCst) {
        if Instant::now() > over {
            return Err(format!("the output took nothing for {} s", LIMIT.as_secs()));
        }
        thread::sleep(TICK);
    }
    thread::sleep(REST);
    Ok(())
}

/// `done` is set once all samples were handed over. Nothing is allocated on the callback.
fn open<T: SizedSample + FromSample<f32>>(
    device: &cpal::Device,
    config: StreamConfig,
    samples: Vec<f32>,
    done: Arc<AtomicBool>,
) -> Result<Stream, cpal::Error> {
    let (channels, mut at) = (usize::from(config.channels.max(1)), 0);
    let fill = move |out: &mut [T], _: &cpal::OutputCallbackInfo| {
        for frame in out.chunks_mut(channels) {
            let sample = samples.get(at).copied().unwrap_or(0.0);
            frame.fill(T::from_sample(sample));
            at += 1;
        }
        if at >= samples.len() {
            done.store(true, Ordering::SeqCst);
        }
    };
    device.build_output_stream(config, fill, |error| log::debug!("while a sound played: {error}"), Some(LIMIT))
}
