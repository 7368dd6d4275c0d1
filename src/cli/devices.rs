//! `dictoscope devices`: the input devices, by the names that `--device` takes.

use serde_json::json;

use crate::{
    audio::input_devices,
    cli::{Console, Outcome, args::DevicesArgs},
};

pub(super) fn run(args: &DevicesArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let devices = input_devices()?;
    if devices.is_empty() {
        (console.tell)("no input device found; plug in a microphone");
    }
    for device in &devices {
        if args.json {
            console.json(&json!({
                "name": device.name,
                "id": device.id,
                "host": device.host,
                "is_default": device.is_default,
                "rate_hz": device.rate_hz,
                "channels": device.channels,
            }))?;
            continue;
        }
        let mark = if device.is_default { '*' } else { ' ' };
        write!(console.out, "{mark} {} ({}", device.name, device.host)?;
        match (device.rate_hz, device.channels) {
            (Some(rate), Some(channels)) => writeln!(console.out, ", {rate} Hz, {channels} ch)")?,
            _ => writeln!(console.out, ", busy)")?,
        }
    }
    console.out.flush()?;
    Ok(Outcome::Done)
}
