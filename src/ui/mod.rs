//! The window: draws what the session says, decides nothing.
//!
//! [`UiModel`] is made from events and plots alone; [`Screen`] lays it out; [`run`] ties both to threads and a display.

mod app;
mod history;
mod mel;
mod model;
mod notice;
mod panels;
mod screen;
mod theme;
mod transcript;

pub use app::{Connect, Save, UiError, UiOptions, run};
pub use model::UiModel;
pub use screen::{Part, Screen};
