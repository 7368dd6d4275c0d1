//! Input devices: list, choose by name, describe.

use std::time::Duration;

use cpal::{
    Device, ErrorKind, Host,
    traits::{DeviceTrait, HostTrait},
};
use crossbeam_channel::bounded;

use crate::audio::AudioError;

/// A listing that takes longer than this is given up: the sound server hangs.
const LIST_LIMIT: Duration = Duration::from_secs(10);
/// Reports itself available without a server, and has no default input then.
const JACK: &str = "JACK";
/// The system's own name in cpal.
const ALSA: &str = "ALSA";

/// An input device as a person picks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputDevice {
    /// Name for people; unique in a list, the same on every start.
    pub name: String,
    /// The audio system's own name, which picks the device too.
    pub id: String,
    /// Audio system.
    pub host: String,
    /// Whether it is the system's default input.
    pub is_default: bool,
    /// Native sample rate; `None` while another program holds the device.
    pub rate_hz: Option<u32>,
    /// Native channels; `None` while another program holds the device.
    pub channels: Option<u16>,
}

/// All input devices of the audio system that answers, the default first.
pub fn input_devices() -> Result<Vec<InputDevice>, AudioError> {
    let name = "device-list";
    let (sender, listed) = bounded(1);
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            quiet_alsa();
            let devices = answering_host(None).and_then(|host| Ok(list(&host)?.into_iter().map(|it| it.0).collect()));
            // Nobody listens after the limit.
            drop(sender.send(devices));
        })
        .map_err(|source| AudioError::Thread { name, source })?;
    listed.recv_timeout(LIST_LIMIT).unwrap_or_else(|_| {
        Err(AudioError::OpenTimeout { device: "the list of inputs".to_owned(), limit_secs: LIST_LIMIT.as_secs() })
    })
}

/// The audio system's own name of its default input; `None` where there is none, or nobody answers within `limit`.
pub fn default_input(limit: Duration) -> Option<String> {
    let (sender, found) = bounded(1);
    let asked = std::thread::Builder::new().name("device-default".to_owned()).spawn(move || {
        quiet_alsa();
        let default = answering_host(None).ok().and_then(|host| host.default_input_device());
        // Nobody listens after the limit.
        drop(sender.send(default.map(|device| id_of(&device))));
    });
    asked.ok()?;
    found.recv_timeout(limit).ok()?
}

/// The first audio system that answers, in cpal's order: on Linux `PipeWire` (if built in), `PulseAudio`, ALSA.
pub(crate) fn answering_host(only: Option<&str>) -> Result<Host, AudioError> {
    let mut refusals = Vec::new();
    for &id in cpal::ALL_HOSTS {
        if id.name() == JACK || only.is_some_and(|only| only != id.name()) {
            continue;
        }
        match cpal::host_from_id(id) {
            Ok(host) => return Ok(host),
            Err(error) => refusals.push(format!("{}: {error}", id.name())),
        }
    }
    Err(AudioError::NoInputDevice {
        host: only.unwrap_or("any").to_owned(),
        reason: if refusals.is_empty() { "no audio system is there".to_owned() } else { refusals.join("; ") },
    })
}

/// The device that `wanted` names, or the default, with its name.
pub(crate) fn choose(host: &Host, wanted: Option<&str>) -> Result<(Device, String), AudioError> {
    let host_name = host.id().name();
    let Some(wanted) = wanted else {
        let device = host.default_input_device().ok_or_else(|| AudioError::NoInputDevice {
            host: host_name.to_owned(),
            reason: "it lists no default input".to_owned(),
        })?;
        let name = describe(&device);
        return Ok((device, name));
    };
    // An exact id also picks what the list leaves out, such as ALSA's `hw:` devices.
    let exact = inputs(host)?.into_iter().find(|device| id_of(device) == wanted && id_of(device) != "null");
    if let Some(device) = exact {
        let name = describe(&device);
        return Ok((device, name));
    }
    let mut listed = list(host)?;
    let infos: Vec<InputDevice> = listed.iter().map(|(info, _)| info.clone()).collect();
    let (info, device) = listed.swap_remove(match_name(wanted, &infos)?);
    Ok((device, info.name))
}

/// Position of the device that `wanted` names: a name or an id, in any case, or a part that fits only one.
fn match_name(wanted: &str, devices: &[InputDevice]) -> Result<usize, AudioError> {
    let wanted_lower = wanted.to_lowercase();
    let find = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..devices.len())
            .filter(|&i| fits(&devices[i].name.to_lowercase()) || fits(&devices[i].id.to_lowercase()))
            .collect()
    };
    let mut found = find(&|text| text == wanted_lower);
    if found.is_empty() {
        found = find(&|text| text.contains(&wanted_lower));
    }
    let names = |which: &[usize]| which.iter().map(|&i| devices[i].name.clone()).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(AudioError::NoSuchDevice {
            wanted: wanted.to_owned(),
            available: names(&(0..devices.len()).collect::<Vec<_>>()),
        }),
        several => Err(AudioError::AmbiguousDevice { wanted: wanted.to_owned(), candidates: names(several) }),
    }
}

fn list(host: &Host) -> Result<Vec<(InputDevice, Device)>, AudioError> {
    let host_name = host.id().name();
    let default = host.default_input_device().map(|device| id_of(&device));
    let mut listed: Vec<(InputDevice, Device)> = inputs(host)?
        .into_iter()
        .filter_map(|device| {
            let id = id_of(&device);
            if host_name == ALSA && !alsa_name_is_for_people(&id) {
                return None;
            }
            let config = match device.default_input_config() {
                Ok(config) => Some(config),
                Err(error) if error.kind() == ErrorKind::DeviceBusy => None,
                Err(_) => return None,
            };
            let info = InputDevice {
                name: describe(&device),
                is_default: default.as_ref() == Some(&id),
                id,
                host: host_name.to_owned(),
                rate_hz: config.map(|config| config.sample_rate()),
                channels: config.map(|config| config.channels()),
            };
            Some((info, device))
        })
        .collect();
    listed.sort_by_key(|(info, _)| !info.is_default);
    let names: Vec<String> = listed.iter().map(|(info, _)| info.name.clone()).collect();
    for (info, _) in &mut listed {
        // Two microphones of one make have one description.
        if names.iter().filter(|name| **name == info.name).count() > 1 {
            info.name = format!("{} ({})", info.name, info.id);
        }
    }
    Ok(listed)
}

fn inputs(host: &Host) -> Result<Vec<Device>, AudioError> {
    let no_list =
        |error: cpal::Error| AudioError::NoInputDevice { host: host.id().name().to_owned(), reason: error.to_string() };
    Ok(host.input_devices().map_err(no_list)?.collect())
}

/// ALSA lists every plugin, and `null` records silence; people pick cards. Cards by number change between starts.
fn alsa_name_is_for_people(id: &str) -> bool {
    let by_number = id.split_once("CARD=").is_some_and(|(_, card)| card.starts_with(|c: char| c.is_ascii_digit()));
    matches!(id, "default" | "pulse" | "pipewire") || (id.starts_with("plughw:") && !by_number)
}

fn id_of(device: &Device) -> String {
    device.id().map(|id| id.id().to_owned()).unwrap_or_default()
}

fn describe(device: &Device) -> String {
    device.description().map_or_else(|_| id_of(device), |description| description.name().to_owned())
}

/// Keeps alsa-lib, which writes to stderr when there is no card, quiet on this thread.
pub(crate) fn quiet_alsa() {
    #[cfg(target_os = "linux")]
    drop(alsa::Output::local_error_handler());
}

#[cfg(test)]
mod tests {
    use super::{InputDevice, alsa_name_is_for_people, match_name};
    use crate::audio::AudioError;

    fn devices(names: &[(&str, &str)]) -> Vec<InputDevice> {
        names
            .iter()
            .map(|(name, id)| InputDevice {
                name: (*name).to_owned(),
                id: (*id).to_owned(),
                host: "PulseAudio".to_owned(),
                is_default: false,
                rate_hz: Some(48_000),
                channels: Some(1),
            })
            .collect()
    }

    #[test]
    fn a_name_an_id_or_a_unique_part_picks_a_device() {
        let devices = devices(&[
            ("Yeti Stereo Microphone", "alsa_input.usb-Blue_Yeti"),
            ("Monitor of Built-in Audio", "alsa_output.pci.monitor"),
            ("Built-in Audio", "alsa_input.pci"),
        ]);
        assert_eq!(match_name("yeti", &devices).ok(), Some(0));
        assert_eq!(match_name("built-in audio", &devices).ok(), Some(2), "a whole name beats a part");
        assert_eq!(match_name("alsa_output.pci.monitor", &devices).ok(), Some(1));
        assert!(matches!(
            match_name("built-in", &devices),
            Err(AudioError::AmbiguousDevice { candidates, .. }) if candidates.len() == 2
        ));
        let error = match_name("webcam", &devices).unwrap_err().to_string();
        assert!(error.contains("webcam") && error.contains("\"Yeti Stereo Microphone\""), "{error}");
    }

    #[test]
    fn alsa_plugins_are_not_offered() {
        assert!(alsa_name_is_for_people("default"));
        assert!(alsa_name_is_for_people("plughw:CARD=PCH,DEV=0"));
        for id in ["null", "plughw:CARD=0,DEV=0", "hw:CARD=PCH,DEV=0", "speexrate", "surround51:CARD=PCH"] {
            assert!(!alsa_name_is_for_people(id), "{id}");
        }
    }
}
