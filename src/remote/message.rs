//! What can be asked of the running program, and what it answers.

use serde::{Deserialize, Serialize};

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Start dictation if it stands, stop it if it runs.
    Toggle,
    /// Start it; nothing happens if it runs.
    Start,
    /// Stop it: what was said is transcribed to its end.
    Stop,
    /// Stop it and throw away what is not committed yet; nothing happens if it stands.
    Cancel,
    /// What it does now.
    Status,
    /// Go on with another engine.
    Engine {
        /// As the settings name it.
        name: String,
    },
    /// Bring the window to the front.
    Show,
    /// End the program: what was said is transcribed first.
    Quit,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Done, or under way.
    Done {
        /// What the program does now, in a word or two.
        state: String,
    },
    /// Not done.
    Refused {
        /// Why.
        reason: String,
    },
}
