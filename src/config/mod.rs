//! The settings file: what is in it, what each value may be, and how it is read and written without losing anything.
//!
//! A missing file means the defaults. A wrong value is named and its default used; a file that is no TOML is set aside
//! and named. What a program does not know, it keeps.

mod audio;
mod error;
mod schema;
mod store;
#[cfg(test)]
mod tests;
mod text;
mod window;

pub use audio::{AudioSettings, Channel};
pub use error::ConfigError;
pub use store::{Loaded, cache_folder, data_folder, runtime_folder, settings_path};
pub(crate) use store::{replace, set_aside};
pub use window::{OverlayPlace, OverlayWhen, WindowSettings};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::{
    hotkeys::{Combination, HotkeySettings},
    output::{Method, OutputSettings, TypeMode},
};

use crate::{session::SessionSettings, text::TextSettings};

/// The version of the file's layout that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// Colours of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the desktop has it.
    #[default]
    System,
    /// Dark text on light ground.
    Light,
    /// Light text on dark ground.
    Dark,
}

/// What computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// The one that is compiled in.
    #[default]
    Rten,
    /// ONNX Runtime, whose library is loaded at run time.
    #[serde(rename = "onnxruntime")]
    OnnxRuntime,
    /// The same on an NVIDIA GPU.
    #[serde(rename = "onnxruntime-cuda")]
    OnnxRuntimeCuda,
    /// TensorRT, in builds that have it; its libraries are loaded at run time.
    #[serde(rename = "tensorrt")]
    TensorRt,
}

impl EngineName {
    /// All of them, by the names that flags and the settings file have.
    pub const ALL: [Self; 4] = [Self::Rten, Self::OnnxRuntime, Self::OnnxRuntimeCuda, Self::TensorRt];

    /// Their names, in the same order.
    pub const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].as_str();
            at += 1;
        }
        names
    };

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rten => "rten",
            Self::OnnxRuntime => "onnxruntime",
            Self::OnnxRuntimeCuda => "onnxruntime-cuda",
            Self::TensorRt => "tensorrt",
        }
    }

    /// The engine of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.as_str() == name)
    }
}

/// What is kept of dictations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistorySettings {
    /// Write committed words down.
    pub keep: bool,
    /// Days after which a dictation is deleted; 0 keeps all.
    pub days: u32,
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self { keep: true, days: 0 }
    }
}

/// Everything that outlives a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Layout of the file: [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Microphone by name; `None` follows the system's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// How microphones are listened to.
    pub audio: AudioSettings,
    /// Colours of the window.
    pub theme: Theme,
    /// Where the program shows itself besides its window.
    pub window: WindowSettings,
    /// Folder of a model, or the file of its encoder; `None` takes the embedded model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// Where models come from instead of Hugging Face.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_mirror: Option<String>,
    /// Threads of the engine; `None` lets the engine choose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// What computes.
    pub engine: EngineName,
    /// What goes on when that one cannot be had or fails; `None` allows nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<EngineName>,
    /// The GPU of the engines that use one, counted as CUDA does; `None` is the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<u8>,
    /// ONNX Runtime's library; `None` looks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onnxruntime: Option<PathBuf>,
    /// The journal of what was dictated.
    pub history: HistorySettings,
    /// Typing into other windows.
    pub output: OutputSettings,
    /// Keys that work whatever window has the focus.
    pub hotkeys: HotkeySettings,
    /// Windows, voice gate, normalisation, punctuation, and the words that the file has under `text`.
    pub session: SessionSettings,
    /// What is made of committed words.
    pub text: TextSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            device: None,
            audio: AudioSettings::default(),
            theme: Theme::default(),
            window: WindowSettings::default(),
            model: None,
            model_mirror: None,
            threads: None,
            engine: EngineName::default(),
            fallback: None,
            gpu: None,
            onnxruntime: None,
            history: HistorySettings::default(),
            output: OutputSettings::default(),
            hotkeys: HotkeySettings::default(),
            session: SessionSettings::default(),
            text: TextSettings::default(),
        }
    }
}
