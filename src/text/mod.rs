//! What is made of committed words before they are typed, copied or exported: replacements, spoken commands, filler words,
//! numbers, capitals. Pure: no thread, clock, file or device.
//!
//! Committed words come in as they come, in any portions; [`TextCare`] holds a bounded number of them back until no rule can
//! begin at them any more, and gives them out with what a rule made of them. The words themselves stay what they are: what is
//! traced and kept is what the model wrote.

mod care;
mod edges;
mod lists;
mod matcher;
mod numbers;
mod rules;
mod settings;
mod shared;
mod unit;

pub use care::{CaredWord, TextCare};
pub use rules::{Rule, Rules, TextFault};
pub use settings::{Language, Replacement, TextSettings};
pub use shared::SharedRules;
