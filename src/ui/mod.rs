//! The window: draws what the session says, decides nothing.
//!
//! [`UiModel`] is made from events and plots alone; [`Screen`] lays it out; [`run`] ties both to threads and a display;
//! [`run_recorded`] shows a [`Recording`] instead.

mod app;
mod ask;
mod history;
mod mel;
mod model;
mod models;
mod notice;
mod overlay;
mod panels;
mod past;
mod presence;
mod recording;
mod screen;
#[cfg(target_os = "linux")]
mod screen_area;
mod theme;
mod transcript;
mod window;

pub use app::{Connect, Connection, Save, Typing, UiOptions, run};
pub use ask::{Ask, Asked};
pub use model::UiModel;
pub use models::{ModelCost, ModelPlace, ModelRow, Models, ModelsAsk, ModelsTold};
pub use past::{Past, PastAsk, PastRow, PastTold};
pub use presence::{Activity, Cue, Presence};
pub use recording::{Difference, OtherRun, Recording, run_recorded};
pub use screen::{Part, Screen};
pub use window::UiError;
