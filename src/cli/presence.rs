//! What stands for the window elsewhere: the icon in the tray and sounds, which the window knows by names of its own.

use crate::{
    remote::{Order, Reply},
    session::Waker,
    sounds::{Player, Sound},
    tray::{Tray, TrayState},
    ui::{Activity, Cue},
};

/// The icon, if the settings want one and this system has a place for it.
pub(super) fn tray(wanted: bool, obey: impl Fn(Order) -> Reply + Send + Sync + 'static, waker: Waker) -> Option<Tray> {
    let obey = move |order| {
        if let Reply::Refused { reason } = obey(order) {
            log::warn!("an order of the tray's menu was refused: {reason}");
        }
    };
    wanted.then(|| Tray::start(obey, move || waker())).flatten()
}

/// What the icon shows for it.
pub(super) fn state(activity: Activity) -> TrayState {
    match activity {
        Activity::Busy => TrayState::Busy,
        Activity::Idle => TrayState::Idle,
        Activity::Listening => TrayState::Listening,
        Activity::Failed => TrayState::Failed,
    }
}

/// Plays sounds; the thread starts with the first.
#[derive(Debug, Default)]
pub(super) struct Sounds(Option<Player>);

impl Sounds {
    pub(super) fn play(&mut self, cue: Cue) {
        let sound = match cue {
            Cue::Start => Sound::Start,
            Cue::Stop => Sound::Stop,
            Cue::Failure => Sound::Failure,
        };
        if self.0.is_none() {
            self.0 = Player::start().inspect_err(|error| log::warn!("no sounds: {error}")).ok();
        }
        if let Some(player) = &self.0 {
            player.play(sound);
        }
    }
}
