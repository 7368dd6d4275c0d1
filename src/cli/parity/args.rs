//! The flags of `dictoscope parity`, verb by verb.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::BoolishValueParser};

use super::compare::CompareArgs;
use crate::{
    cli::{args::ModelArgs, parsers::engine},
    config::EngineName,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct ParityArgs {
    #[command(subcommand)]
    pub(super) verb: ParityVerb,
}

#[derive(Debug, Subcommand)]
pub(super) enum ParityVerb {
    /// Find the first decision where two traces part, and whether that is rounding or a bug.
    Compare(CompareArgs),
    /// Write every tensor of one window to a folder: features, encoder, greedy path, predictor, joint.
    Dump(DumpArgs),
    /// Compare our features with dumped ones, or with stored vectors.
    Features(FeaturesArgs),
    /// Compare encoders frame by frame on the same features.
    Encoder(EncoderArgs),
    /// Compare prediction networks on the same tokens.
    Predictor(PredictorArgs),
    /// Compare joints on the same encoder frames and predictor outputs.
    Joint(JointArgs),
    /// Run one joint on all combinations of two sides' encoder frame and predictor output at one step.
    Swap(SwapArgs),
    /// Check an engine against the model's reference outputs anew.
    Gate(GateArgs),
}

/// What most comparisons have.
#[derive(Debug, Args)]
pub(super) struct SidesArgs {
    /// Two sides or more: engines by name, or folders of tensors; the first is the reference.
    #[arg(long, value_name = "A,B", required = true, value_delimiter = ',')]
    pub(super) engines: Vec<String>,
    /// Print one JSON object.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

#[derive(Debug, Args)]
pub(super) struct DumpArgs {
    /// Recording, or features as the encoder is to get them (.npy, f32, [mel frames, mel bins]).
    #[arg(value_name = "INPUT")]
    pub(super) input: PathBuf,
    /// Folder to write to; made if it is not there.
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

#[derive(Debug, Args)]
pub(super) struct FeaturesArgs {
    /// Recording.
    #[arg(value_name = "INPUT", required_unless_present = "vectors", requires = "dump")]
    pub(super) input: Option<PathBuf>,
    /// Folder with features.npy, or a .npy of features.
    #[arg(value_name = "DIR|FILE")]
    pub(super) dump: Option<PathBuf>,
    /// Compare with stored vectors (JSON) instead.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "dump"])]
    pub(super) vectors: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

#[derive(Debug, Args)]
pub(super) struct EncoderArgs {
    /// Recording, or features as the encoder is to get them (.npy, f32, [mel frames, mel bins]).
    #[arg(value_name = "INPUT")]
    pub(super) input: PathBuf,
    /// Print every frame.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) frames: bool,
    #[command(flatten)]
    pub(super) sides: SidesArgs,
}

#[derive(Debug, Args)]
pub(super) struct PredictorArgs {
    /// Recording or features, whose path on the first side gives the tokens. A folder as first side needs none.
    #[arg(value_name = "INPUT", conflicts_with = "tokens")]
    pub(super) input: Option<PathBuf>,
    /// Tokens to feed instead (.npy, i32, `[tokens]` or a path `[steps, 2]`).
    #[arg(long, value_name = "FILE")]
    pub(super) tokens: Option<PathBuf>,
    #[command(flatten)]
    pub(super) sides: SidesArgs,
}

#[derive(Debug, Args)]
pub(super) struct JointArgs {
    /// Recording, or features as the encoder is to get them (.npy, f32, [mel frames, mel bins]).
    #[arg(value_name = "INPUT")]
    pub(super) input: PathBuf,
    #[command(flatten)]
    pub(super) sides: SidesArgs,
}

#[derive(Debug, Args)]
pub(super) struct SwapArgs {
    /// Recording, or features as the encoder is to get them (.npy, f32, [mel frames, mel bins]).
    #[arg(value_name = "INPUT")]
    pub(super) input: PathBuf,
    /// Joint evaluation to look at, counted from 0.
    #[arg(long, value_name = "N")]
    pub(super) step: usize,
    /// Engine whose joint runs; else that of the first side that is an engine.
    #[arg(long, value_name = "NAME", value_parser = engine())]
    pub(super) joint: Option<EngineName>,
    #[command(flatten)]
    pub(super) sides: SidesArgs,
}

#[derive(Debug, Args)]
pub(super) struct GateArgs {
    /// Print one JSON object.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

impl ParityVerb {
    /// Whether JSON was asked for.
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Compare(args) => args.json,
            Self::Dump(_) => false,
            Self::Features(args) => args.json,
            Self::Encoder(args) => args.sides.json,
            Self::Predictor(args) => args.sides.json,
            Self::Joint(args) => args.sides.json,
            Self::Swap(args) => args.sides.json,
            Self::Gate(args) => args.json,
        }
    }
}
