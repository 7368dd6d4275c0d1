//! `dictoscope` without a verb: the window. Flags hold for this run; the settings file keeps what it had.

use std::{
    cell::RefCell,
    fs,
    rc::Rc,
    sync::{Arc, Mutex, OnceLock},
};

use anyhow::Context;

use crate::{
    cli::{
        Outcome,
        args::WindowArgs,
        history::keeper,
        hotkeys::Keys,
        models, past,
        presence::{self, Sounds},
        remote, typing,
    },
    config::{Loaded, Settings, settings_path},
    output::Typist,
    session::{Guests, LiveHandle, OpenTyping, Source, Waker},
    text::{Rules, SharedRules},
    tray::Tray,
    ui::{self, Connection, Presence, Typing, UiOptions},
};

pub(super) fn run(args: &WindowArgs) -> anyhow::Result<Outcome> {
    if let Some(path) = &args.source.file {
        // Said here and not in a window that opens for nothing.
        fs::metadata(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    }
    if args.source.file.is_none() && remote::raise_running() {
        log::info!("a window is open already; it was brought to the front");
        return Ok(Outcome::Done);
    }
    let path = settings_path();
    let Loaded { settings: stored, mut notices } = path.as_deref().map_or_else(Loaded::default, Settings::load);
    if path.is_none() {
        notices.push("no folder for settings is known here; set DICTOSCOPE_CONFIG_DIR to one".to_owned());
    }
    let settings = with_flags(&stored, args);
    let flagged = settings.clone();
    let (choice, session) = (args.model.over(&settings), settings.session.clone());
    let (model, mirror) = (Arc::new(Mutex::new(choice.folder.clone())), settings.model_mirror.clone());
    let engines = choice.clone().engines_at(Arc::clone(&model));
    let draw: Arc<OnceLock<Waker>> = Arc::default();
    let wake = {
        let draw = Arc::clone(&draw);
        move || {
            if let Some(waker) = draw.get() {
                waker();
            }
        }
    };
    let typist = typing::start(settings.output.clone(), wake, |text| notices.push(text));
    let hands = typist.as_ref().map(|typist| Typing {
        told: typist.messages().clone(),
        set: Box::new(typist.setter()),
        own_focus: typist.own_focus(),
    });
    let rules = SharedRules::new(Arc::new(Rules::new(&settings.text).0));
    let guests = Guests {
        typing: typist.as_ref().map(|typist| Box::new(typist.guests(rules.clone())) as OpenTyping),
        tracing: Some(args.trace.tracing(args.source.name())),
        journal: keeper(&settings, rules.clone(), |text| notices.push(text.to_owned())),
    };
    let held = typist.as_ref().map(Typist::hotkey_held).unwrap_or_default();
    let (keys, tray) = (settings.hotkeys.clone(), settings.window.tray);
    let minimised = args.minimised || settings.window.start_minimised;
    ui::run(UiOptions {
        connect: Box::new(move |waker| {
            draw.get_or_init(|| Arc::clone(&waker));
            let mut notices = Vec::new();
            let (desk, asked) = remote::Desk::open(Arc::clone(&waker));
            let server = remote::listen(desk.clone(), |text| notices.push(text));
            let keyboard = desk.clone();
            let keys = Keys::start(&keys, held, move |order| keyboard.give(order), Arc::clone(&waker));
            let told = keys.told();
            let keys = Rc::new(RefCell::new(keys));
            let (bound, tray) =
                (Rc::clone(&keys), presence::tray(tray, move |order| desk.give(order), Arc::clone(&waker)));
            let mut sounds = Sounds::default();
            let presence = Presence {
                icon_there: tray.as_ref().map(Tray::there).unwrap_or_default(),
                show: Box::new(move |activity| tray.iter().for_each(|tray| tray.show(presence::state(activity)))),
                play: Box::new(move |cue| sounds.play(cue)),
                rule: Box::new(move |settings| rules.set(Rules::new(settings).0)),
                bind: Box::new(move |settings| bound.borrow_mut().bind(settings)),
            };
            let dictating = Box::new(move |dictating| keys.borrow_mut().set_dictating(dictating));
            let past = past::start(Arc::clone(&waker));
            let models = models::start(choice, model, mirror, Arc::clone(&waker));
            let live = LiveHandle::spawn(engines, guests, session, waker);
            Connection {
                live,
                asked,
                told,
                dictating,
                past,
                models,
                presence,
                typing: hands,
                notices,
                keep: Box::new(server),
            }
        }),
        settings,
        minimised,
        source: args.source.file.clone().map(|path| Source::File { path, real_time: true }),
        notices,
        save: Box::new(move |changed| {
            let Some(path) = &path else { return Ok(()) };
            to_store(changed, &flagged, &stored).save(path).map_err(|error| error.to_string())
        }),
    })?;
    // Nobody sees them any more; the words are in the history.
    for message in typist.map(|typist| Typist::finish(typist, typing::FINISH_LIMIT)).unwrap_or_default() {
        log::warn!("{message}");
    }
    Ok(Outcome::Done)
}

fn with_flags(stored: &Settings, args: &WindowArgs) -> Settings {
    let model = args.model.over(stored);
    Settings {
        device: args.source.device.clone().or_else(|| stored.device.clone()),
        theme: args.theme.unwrap_or(stored.theme),
        model: model.folder,
        threads: model.threads,
        engine: model.engine,
        fallback: model.fallback,
        output: args.output.over(stored),
        gpu: Some(model.gpu).filter(|_| args.model.gpu.is_some()).or(stored.gpu),
        ..stored.clone()
    }
}

/// `changed` in the window, but where it still says what a flag said, what the file had.
fn to_store(changed: &Settings, flagged: &Settings, stored: &Settings) -> Settings {
    let mut store = changed.clone();
    if changed.device == flagged.device {
        store.device.clone_from(&stored.device);
    }
    if changed.theme == flagged.theme {
        store.theme = stored.theme;
    }
    if changed.model == flagged.model {
        store.model.clone_from(&stored.model);
    }
    if changed.threads == flagged.threads {
        store.threads = stored.threads;
    }
    if changed.engine == flagged.engine {
        store.engine = stored.engine;
    }
    if changed.output.mode == flagged.output.mode {
        store.output.mode = stored.output.mode;
    }
    (store.fallback, store.gpu) = (stored.fallback, stored.gpu);
    store
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{cli::Cli, config::Theme};

    #[test]
    fn a_flag_holds_for_one_run_and_a_choice_for_good() {
        let stored = Settings { theme: Theme::Light, device: Some("desk".into()), ..Settings::default() };
        let cli = Cli::parse_from(["dictoscope", "--theme", "dark", "--device", "phone", "--threads", "3"]);
        let flagged = with_flags(&stored, &cli.window);
        assert_eq!((flagged.theme, flagged.device.as_deref(), flagged.threads), (Theme::Dark, Some("phone"), Some(3)));
        assert_eq!(to_store(&flagged, &flagged, &stored), stored);

        let mut changed = flagged.clone();
        changed.device = None;
        changed.session.window.hop_secs = 0.4;
        let store = to_store(&changed, &flagged, &stored);
        assert_eq!((store.theme, store.device.as_deref(), store.threads), (Theme::Light, None, None));
        assert!((store.session.window.hop_secs - 0.4).abs() < 1e-9);
    }
}
