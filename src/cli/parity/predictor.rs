//! `dictoscope parity predictor`: prediction networks on the same tokens.

use anyhow::bail;
use clap::{CommandFactory, error::ErrorKind};

use super::{
    args::PredictorArgs,
    sides::{Opened, end, held_to, named, open, outcome, print_reasons, read_input},
};
use crate::{
    cli::{Cli, Console, Outcome},
    decode::TokenId,
    parity::tensors::{PredictorReport, Side, compare_predictors, read_tokens, tokens_of},
};

pub(super) fn run(args: &PredictorArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let mut opened = open(&args.sides, usize::MAX, console)?;
    if opened.model.contract().is_fused() {
        bail!(
            "{}: prediction network and joint cannot be parted, so there is no prediction to compare; `parity joint` compares both",
            opened.model.contract().name
        );
    }
    let tokens = tokens(args, &mut opened, console)?;
    let report = compare_predictors(&mut opened.first, &mut opened.others, opened.model.contract(), &tokens)?;
    if args.sides.json {
        console.json(&report)?;
    } else {
        print(&report, console)?;
    }
    Ok(outcome(report.verdict))
}

/// The tokens of the flag, of the first folder's path, or of the first engine's path on the input.
fn tokens(args: &PredictorArgs, opened: &mut Opened, console: &mut Console<'_>) -> anyhow::Result<Vec<TokenId>> {
    let contract = opened.model.contract();
    let blank = contract.vocabulary.blank;
    if let Some(file) = &args.tokens {
        return Ok(read_tokens(file, contract)?);
    }
    if let Side::Folder(folder) = &opened.first {
        return Ok(tokens_of(&folder.greedy()?.path, blank));
    }
    let Some(input) = &args.input else {
        let usage = "the first side is an engine: expected INPUT or --tokens FILE, found neither";
        Cli::command().error(ErrorKind::MissingRequiredArgument, usage).exit();
    };
    let input = read_input(input, &opened.model, console)?;
    let run = opened.first.run(contract, &input.features)?;
    Ok(tokens_of(&run.greedy.path, blank))
}

fn print(report: &PredictorReport, console: &mut Console<'_>) -> anyhow::Result<()> {
    writeln!(console.out, "{} tokens after the start of sequence", report.tokens.len())?;
    writeln!(console.out, "reference {}", named(&report.reference))?;
    for side in &report.sides {
        let found = &side.outputs;
        let after = match found.worst_row.checked_sub(1) {
            None => "the start of sequence".to_owned(),
            Some(token) => format!("token {token}"),
        };
        writeln!(console.out, "side {} ({})", named(&side.side), held_to(&side.gate))?;
        writeln!(
            console.out,
            "  {} outputs of {}: least cosine {:.6} after {after}, mean cosine {:.6}",
            found.rows, found.width, found.cosine_min, found.cosine_mean
        )?;
        writeln!(console.out, "  {}", found.difference)?;
        print_reasons(&side.reasons, console)?;
    }
    Ok(end(report.verdict, console)?)
}
