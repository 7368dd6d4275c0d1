//! What the flags mean: flags over the settings file over the defaults, with the model opened.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, bail};

use crate::{
    cli::{
        Console,
        args::{ModelArgs, SessionArgs},
        console::message_of,
        engine_checks, libraries,
        models::{self, ModelPath},
        plans,
    },
    config::{EngineName, Loaded, Settings, settings_path},
    engine::{Engine, OnnxRuntime, Place, preload_cuda},
    models::Model,
    parity::{
        gate::Checked,
        tensors::{Side, TensorFolder, is_tensor_folder},
    },
    session::{Engines, Session, SessionSettings, TopK},
};

/// The settings file, or the defaults; its faults are told.
pub(super) fn load_settings(console: &mut Console<'_>) -> Settings {
    let loaded = settings_path().map_or_else(Loaded::default, |path| Settings::load(&path));
    for notice in &loaded.notices {
        (console.tell)(notice);
    }
    loaded.settings
}

impl SessionArgs {
    /// `settings` with the flags laid over them.
    pub(super) fn over(&self, mut settings: SessionSettings) -> SessionSettings {
        let window = &mut settings.window;
        window.left_secs = self.left.unwrap_or(window.left_secs);
        window.hop_secs = self.hop.unwrap_or(window.hop_secs);
        window.right_secs = self.right.unwrap_or(window.right_secs);
        settings.feature_norm = self.feature_norm.unwrap_or(settings.feature_norm);
        settings.punctuation = self.punctuation.unwrap_or(settings.punctuation);
        settings.top_k = self.top_k.map_or(settings.top_k, |k| TopK::from(usize::from(k)));
        settings.custom_words.words = self.words.clone().unwrap_or(settings.custom_words.words);
        settings.custom_words.boost = self.boost.unwrap_or(settings.custom_words.boost);
        settings.endpoint.enabled &= !self.no_endpoint;
        settings.debug_steps = self.debug_steps.or(settings.debug_steps);
        settings
    }

    /// Whether any of these flags was given.
    pub(super) fn is_given(&self) -> bool {
        self.names_window()
            || self.feature_norm.is_some()
            || self.punctuation.is_some()
            || self.top_k.is_some()
            || self.words.is_some()
            || self.boost.is_some()
            || self.debug_steps.is_some()
            || self.no_endpoint
    }

    /// Whether a flag speaks of windows, which only streaming has.
    pub(super) fn names_window(&self) -> bool {
        self.left.or(self.hop).or(self.right).is_some()
    }
}

/// Where the model is and how many threads it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelChoice {
    /// Path or name; `None` is the embedded model.
    pub(super) folder: Option<PathBuf>,
    /// Threads of the engine; `None` lets the engine choose.
    pub(super) threads: Option<usize>,
    /// What computes, unless a verb names another.
    pub(super) engine: EngineName,
    /// What goes on when that one cannot be had or fails; `None` where the user allowed nothing.
    pub(super) fallback: Option<EngineName>,
    /// The GPU, counted as CUDA does, of the engines that use one.
    pub(super) gpu: u8,
    /// Whether a GPU's work may be recorded and replayed.
    pub(super) cuda_graphs: bool,
    /// ONNX Runtime's library by the settings; `None` looks for it.
    pub(super) onnxruntime: Option<PathBuf>,
    /// Use an engine that failed its check all the same.
    pub(super) force: bool,
}

impl ModelArgs {
    /// The flags over the settings.
    pub(super) fn over(&self, settings: &Settings) -> ModelChoice {
        ModelChoice {
            folder: self.model.clone().or_else(|| settings.model.clone()),
            threads: self.threads.map(usize::from).or(settings.threads),
            engine: self.engine.unwrap_or(settings.engine),
            fallback: self.fallback.or(settings.fallback),
            gpu: self.gpu.or(settings.gpu).unwrap_or_default(),
            cuda_graphs: !self.no_cuda_graphs,
            onnxruntime: settings.onnxruntime.clone(),
            force: self.force,
        }
    }
}

impl ModelChoice {
    /// Reads the model's contract and files, and checks them.
    pub(super) fn model(&self) -> anyhow::Result<Model> {
        match &self.folder {
            // What is told of a contract that is made belongs to no result.
            Some(folder) => {
                models::library()?.open(folder, &mut |text| log::warn!("{text}")).with_context(|| cannot_open(folder))
            }
            None => Model::embedded().context("the embedded model cannot be used"),
        }
    }

    /// The engine that runs `model` unless another is asked for.
    pub(super) fn engine(&self, model: &Model) -> anyhow::Result<Box<dyn Engine>> {
        self.engine_named(self.engine, model)
    }

    /// An engine, held against the model's reference outputs when it is first used with the model. The only
    /// way to an engine.
    pub(super) fn engine_named(&self, name: EngineName, model: &Model) -> anyhow::Result<Box<dyn Engine>> {
        let mut engine = self.unchecked(name, model)?;
        let check = engine_checks::check(&mut *engine, model, false)?;
        if check.report.failed() && !self.force {
            let (info, reference) = (engine.info(), check.report.made_by.unwrap_or_default());
            let reasons = check.report.reasons.join("; ");
            bail!(
                "{} ({}) does not agree with the reference outputs of {} ({reference}): {reasons}; --force to go on with it, \
                 `dictoscope parity gate` to check it anew",
                info.engine,
                info.device,
                info.model
            );
        }
        let parity = check.report.summary(&check.date, self.force);
        Ok(Box::new(Checked::new(engine, parity)))
    }

    /// An engine before it is checked.
    pub(super) fn unchecked(&self, name: EngineName, model: &Model) -> anyhow::Result<Box<dyn Engine>> {
        match name {
            EngineName::Rten => Ok(model.open_rten(self.threads)?),
            EngineName::OnnxRuntime => {
                let runtime = OnnxRuntime::load(&libraries::onnxruntime(self.onnxruntime.as_deref(), false))?;
                Ok(model.open_onnxruntime(&runtime, self.threads)?)
            }
            EngineName::OnnxRuntimeCuda => {
                let runtime = OnnxRuntime::load(&libraries::onnxruntime(self.onnxruntime.as_deref(), true))?;
                if let Some(folder) = libraries::cuda_folder() {
                    preload_cuda(&folder)?;
                }
                let place = Place::Cuda { device: i32::from(self.gpu), graphs: self.cuda_graphs };
                Ok(model.open_onnxruntime_at(&runtime, place)?)
            }
            EngineName::TensorRt => plans::open(model, self.gpu),
        }
    }

    /// What a word of `--engines` stands for: a folder of tensors if it is one, else an engine.
    pub(super) fn side(&self, word: &str, model: &Model) -> anyhow::Result<Side> {
        let path = Path::new(word);
        if is_tensor_folder(path) {
            return Ok(Side::Folder(Box::new(TensorFolder::read(path, model.contract())?)));
        }
        if let Some(name) = EngineName::parse(word) {
            return Ok(Side::Engine { name: word.to_owned(), engine: self.engine_named(name, model)? });
        }
        let found = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => "a folder without them",
            Ok(_) => "a file",
            Err(_) => "no such folder",
        };
        let engines = EngineName::NAMES.join(", ");
        bail!("{word}: expected an engine ({engines}) or a folder with tensors.json or arrays (.npy), found {found}")
    }

    /// A session on the model: in windows as set if `stream`, else in the long windows of recordings.
    pub(super) fn session(&self, settings: SessionSettings, stream: bool) -> anyhow::Result<Session> {
        let model = self.model()?;
        let engine = self.engine(&model)?;
        let session =
            if stream { Session::new(&model, engine, settings) } else { Session::whole_file(&model, engine, settings) };
        Ok(session?)
    }

    /// What the inference thread may choose from: engines by name, each with the model, or the reason as text.
    pub(super) fn engines(self) -> Engines {
        let path = Arc::new(Mutex::new(self.folder.clone()));
        self.engines_at(path)
    }

    /// The same, each with the model that is at `path` when it is opened.
    pub(super) fn engines_at(self, path: ModelPath) -> Engines {
        let (chosen, fallback) = (self.engine.as_str().to_owned(), self.fallback.map(|name| name.as_str().to_owned()));
        let open = move |name: &str| {
            let folder = path.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let choice = Self { folder, ..self.clone() };
            let model = choice.model().map_err(|error| message_of(&error))?;
            let name = EngineName::parse(name).ok_or_else(|| format!("no engine is called {name:?}"))?;
            let engine = choice.engine_named(name, &model).map_err(|error| message_of(&error))?;
            Ok((model, engine))
        };
        Engines { open: Box::new(open), chosen, fallback }
    }
}

fn cannot_open(folder: &Path) -> String {
    format!("cannot use the model in {}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_settings() {
        let mut settings = SessionSettings::default();
        settings.window.left_secs = 9.0;
        settings.window.right_secs = 2.0;
        let flags = SessionArgs { right: Some(0.5), no_endpoint: true, top_k: Some(7), ..SessionArgs::default() };
        let merged = flags.over(settings.clone());
        assert!((merged.window.left_secs, merged.window.right_secs) == (9.0, 0.5));
        assert!(!merged.endpoint.enabled);
        assert_eq!(merged.top_k.get(), 7);
        assert!(flags.names_window());
        assert!(!SessionArgs::default().names_window());
        assert_eq!(SessionArgs::default().over(settings.clone()), settings);
    }

    #[test]
    fn a_model_flag_wins_over_the_settings() {
        let settings = Settings {
            model: Some("/a".into()),
            threads: Some(4),
            engine: EngineName::OnnxRuntime,
            fallback: Some(EngineName::Rten),
            gpu: Some(1),
            onnxruntime: Some("/c".into()),
            ..Settings::default()
        };
        let mut flags = ModelArgs { model: Some("b".into()), ..ModelArgs::default() };
        let mut choice = ModelChoice {
            folder: Some("b".into()),
            threads: Some(4),
            engine: EngineName::OnnxRuntime,
            fallback: Some(EngineName::Rten),
            gpu: 1,
            cuda_graphs: true,
            onnxruntime: Some("/c".into()),
            force: false,
        };
        assert_eq!(flags.over(&settings), choice);
        flags.engine = Some(EngineName::Rten);
        choice.engine = EngineName::Rten;
        assert_eq!(flags.over(&settings), choice);
    }
}
