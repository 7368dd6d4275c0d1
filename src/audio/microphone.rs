//! Microphones through cpal, at the device's own rate and sample format.

use std::sync::Arc;

use cpal::{
    BufferSize, Device, ErrorKind, FromSample, SampleFormat, SizedSample, Stream, StreamConfig,
    traits::{DeviceTrait, StreamTrait},
};

use crate::audio::{
    AudioError, CaptureConfig, Downmix, InputWriter, OpenStream, StreamSource, data_callback,
    device::{answering_host, choose, quiet_alsa},
    error_callback, input_ring,
    pulse::{Pacing, pacing, start_pacer},
};

/// The microphones of this system.
#[derive(Clone, Copy, Debug)]
pub struct Microphone;

impl StreamSource for Microphone {
    fn open(&self, config: &CaptureConfig, same_host: Option<&str>) -> Result<OpenStream, AudioError> {
        quiet_alsa();
        let host = answering_host(same_host)?;
        let host_name = host.id().name();
        let (device, name) = choose(&host, config.device.as_deref())?;
        let failed = |error| open_error(error, &name, host_name, config.device.is_none());
        let supported = device.default_input_config().map_err(failed)?;
        let (rate_hz, channels) = (supported.sample_rate(), supported.channels());
        let downmix = match config.channel {
            None => Downmix::Mean,
            Some(wanted) if wanted < channels => Downmix::Channel(wanted),
            Some(wanted) => return Err(AudioError::NoSuchChannel { device: name, wanted, channels }),
        };
        let format = supported.sample_format();
        let (writer, reader) = input_ring(rate_hz, channels, downmix);
        let errors = || error_callback(Arc::clone(&reader.counters));
        let with_buffer = |buffer_size| StreamConfig { channels, sample_rate: rate_hz, buffer_size };
        let (buffer, pacer) = match pacing(host_name, rate_hz) {
            Pacing::Single(buffer) => (buffer, None),
            Pacing::Paced(by) => {
                let pacer = start_pacer(&device, with_buffer(by), format, errors()).map_err(failed)?;
                (BufferSize::Default, Some(pacer))
            }
        };
        let stream = match build(&device, with_buffer(buffer), format, writer, errors()) {
            Some(stream) => stream.map_err(failed)?,
            None => return Err(AudioError::DeviceFormat { device: name, format: format.to_string() }),
        };
        stream.play().map_err(failed)?;
        Ok(OpenStream {
            device: name,
            host: host_name.to_owned(),
            rate_hz,
            channels,
            reader,
            stream: Box::new((stream, pacer)),
        })
    }
}

/// `None` for sample formats that are not PCM.
fn build(
    device: &Device,
    config: StreamConfig,
    format: SampleFormat,
    writer: InputWriter,
    errors: impl FnMut(cpal::Error) + Send + 'static,
) -> Option<Result<Stream, cpal::Error>> {
    fn of<T>(
        device: &Device,
        config: StreamConfig,
        writer: InputWriter,
        errors: impl FnMut(cpal::Error) + Send + 'static,
    ) -> Result<Stream, cpal::Error>
    where
        T: SizedSample,
        f32: FromSample<T>,
    {
        device.build_input_stream::<T, _, _>(config, data_callback(writer), errors, None)
    }
    Some(match format {
        SampleFormat::F32 => of::<f32>(device, config, writer, errors),
        SampleFormat::F64 => of::<f64>(device, config, writer, errors),
        SampleFormat::I8 => of::<i8>(device, config, writer, errors),
        SampleFormat::I16 => of::<i16>(device, config, writer, errors),
        SampleFormat::I24 => of::<cpal::I24>(device, config, writer, errors),
        SampleFormat::I32 => of::<i32>(device, config, writer, errors),
        SampleFormat::I64 => of::<i64>(device, config, writer, errors),
        SampleFormat::U8 => of::<u8>(device, config, writer, errors),
        SampleFormat::U16 => of::<u16>(device, config, writer, errors),
        SampleFormat::U24 => of::<cpal::U24>(device, config, writer, errors),
        SampleFormat::U32 => of::<u32>(device, config, writer, errors),
        SampleFormat::U64 => of::<u64>(device, config, writer, errors),
        _ => return None,
    })
}

fn open_error(source: cpal::Error, device: &str, host: &str, is_default: bool) -> AudioError {
    let device = device.to_owned();
    match source.kind() {
        ErrorKind::DeviceBusy => AudioError::DeviceBusy { device },
        ErrorKind::PermissionDenied => AudioError::PermissionDenied { device },
        // ALSA always has a "default", which leads nowhere without a card or a server.
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::BackendError if is_default => {
            AudioError::NoInputDevice { host: host.to_owned(), reason: source.to_string() }
        }
        _ => AudioError::OpenDevice { device, host: host.to_owned(), source },
    }
}
