//! `dictoscope parity`: one file a verb.

mod args;
mod compare;
mod dump;
mod encoder;
mod features;
mod gate;
mod joint;
mod predictor;
mod sides;
mod swap;

pub(super) use args::ParityArgs;

use args::ParityVerb;
use serde_json::json;

use crate::{
    cli::{Console, Outcome, console::message_of},
    parity::tensors::TensorError,
};

pub(super) fn run(args: &ParityArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let done = match &args.verb {
        ParityVerb::Compare(args) => compare::run(args, console),
        ParityVerb::Dump(args) => dump::run(args, console),
        ParityVerb::Features(args) => features::run(args, console),
        ParityVerb::Encoder(args) => encoder::run(args, console),
        ParityVerb::Predictor(args) => predictor::run(args, console),
        ParityVerb::Joint(args) => joint::run(args, console),
        ParityVerb::Swap(args) => swap::run(args, console),
        ParityVerb::Gate(args) => gate::run(args, console),
    };
    match done {
        Err(error) if matches!(error.downcast_ref(), Some(TensorError::NotComparable(_))) => {
            let reason = message_of(&error);
            if args.verb.json() {
                console.json(&json!({ "verdict": "not_comparable", "reason": reason }))?;
            }
            (console.tell)(&reason);
            Ok(Outcome::NotComparable)
        }
        done => done,
    }
}
