//! How microphones are listened to, as the settings file has it.

use serde::{Deserialize, Serialize};

use crate::{session::Listening, units::SAMPLE_RATE_HZ};

/// Settings of microphones; which one stands under `device`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AudioSettings {
    /// What becomes of several channels.
    pub channel: Channel,
    /// Seconds before a start that belong to the dictation, 0 to 5. With more than 0 the microphone stays open in between.
    pub pre_roll_secs: f64,
    /// Seconds after a stop that belong to it, 0 to 5.
    pub tail_secs: f64,
}

impl AudioSettings {
    /// Longest pre-roll and longest tail.
    pub const MOST_SECS: f64 = 5.0;

    /// The same as the threads take it.
    pub fn listening(&self) -> Listening {
        let samples = |secs: f64| (secs * f64::from(SAMPLE_RATE_HZ)).round() as u64;
        let Channel(channel) = self.channel;
        Listening { channel, pre_roll_samples: samples(self.pre_roll_secs), tail_samples: samples(self.tail_secs) }
    }
}

impl Default for AudioSettings {
    /// All channels; the microphone is closed between dictations; half a second after a stop.
    fn default() -> Self {
        Self { channel: Channel(None), pre_roll_secs: 0.0, tail_secs: 0.5 }
    }
}

/// One channel, counted from 0; `None`, in the file `"mix"`, is the mean of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Channel(pub Option<u16>);

impl Channel {
    /// What stands in the file for all of them.
    pub const MIX: &str = "mix";
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    One(u16),
    All(String),
}

impl From<Channel> for Written {
    fn from(Channel(channel): Channel) -> Self {
        channel.map_or_else(|| Self::All(Channel::MIX.to_owned()), Self::One)
    }
}

impl TryFrom<Written> for Channel {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::One(channel) => Ok(Self(Some(channel))),
            Written::All(text) if text == Self::MIX => Ok(Self(None)),
            Written::All(text) => Err(format!("expected {:?} or a channel counted from 0, found {text:?}", Self::MIX)),
        }
    }
}
