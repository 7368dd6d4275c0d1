//! The command line as text: verbs, flags and their help. What they mean is decided in `options`.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, builder::BoolishValueParser};

use crate::{
    cli::{
        engines::EnginesVerb,
        generate::GenerateArgs,
        history::HistoryArgs,
        margins::MarginsArgs,
        models::ModelsArgs,
        parity::ParityArgs,
        parsers::{above_zero, boost, engine, feature_norm, punctuation, theme, zero_or_more},
        replay::ReplayArgs,
        text::TextArgs,
        tracing::TraceArgs,
        transcribe::TranscribeArgs,
        typing::OutputArgs,
    },
    config::{EngineName, Theme},
    session::{FeatureNorm, Punctuation},
};

/// Real-time dictation that shows why it wrote what it wrote.
///
/// Without a command the window opens.
#[derive(Debug, Parser)]
#[command(name = "dictoscope", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage; of parity: 0 equal, 1 different, 2 not comparable.\n\
    Every flag can be set by the environment variable that stands beside it; a flag wins.\n\
    Log messages: DICTOSCOPE_LOG=info (or debug, trace)."
)]
pub struct Cli {
    #[command(subcommand)]
    pub(super) verb: Option<Verb>,
    #[command(flatten)]
    pub(super) window: WindowArgs,
}

impl Cli {
    /// Reads the command line and the environment; on a fault prints it and ends the program.
    pub fn from_environment() -> Self {
        let mut command = Self::described();
        let matches = command.get_matches_mut();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
    }

    /// All verbs and flags with their variables: what is parsed, and what manual pages and completions are made of.
    pub fn described() -> Command {
        with_variables(Self::command())
    }
}

/// Gives every flag the environment variable of its name: `--dump-audio` reads `DICTOSCOPE_DUMP_AUDIO`.
fn with_variables(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_long() {
        Some(long) if !["help", "version"].contains(&long) => {
            let variable = format!("DICTOSCOPE_{}", long.to_uppercase().replace('-', "_"));
            arg.env(variable)
        }
        _ => arg,
    });
    command.mut_subcommands(with_variables)
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Dictate in the terminal: words go to standard output as they are committed.
    Dictate(DictateArgs),
    /// Write down what recordings say (WAV, FLAC, MP3, OGG, AIFF).
    Transcribe(TranscribeArgs),
    /// List the input devices by the names that --device takes.
    Devices(DevicesArgs),
    /// List what can compute, and why what cannot does not; install and remove its libraries.
    Engines(EnginesArgs),
    /// What models there are, what they are, where more come from.
    Models(ModelsArgs),
    /// Start dictation in the window that is open, or stop it; for a key of the desktop.
    Toggle,
    /// Start dictation in the window that is open.
    Start,
    /// Stop it; what was said is transcribed to its end.
    Stop,
    /// Stop it, and throw away what is not committed or not typed yet.
    Cancel,
    /// What the window that is open does.
    Status,
    /// Bring the window that is open to the front.
    Show,
    /// Close the window that is open, also where closing only hides it.
    Quit,
    /// Go on with another engine in the window that is open.
    UseEngine {
        /// rten, onnxruntime, onnxruntime-cuda or tensorrt.
        #[arg(value_parser = engine())]
        name: EngineName,
    },
    /// What was dictated: list, show, search, export, delete.
    History(HistoryArgs),
    /// Look at a trace in the window, run it again, or hold it against another.
    Replay(ReplayArgs),
    /// Count how close decisions were, and how many would flip under noise.
    Margins(MarginsArgs),
    /// Measure time per hop, latency and memory on a recording.
    Bench(BenchArgs),
    /// Hold two engines, or an engine and dumped tensors, against each other.
    Parity(ParityArgs),
    /// Write manual pages and completions, for packages.
    #[command(hide = true)]
    Generate(GenerateArgs),
}

#[derive(Debug, Args)]
pub(super) struct WindowArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Colours of the window.
    #[arg(long, value_name = "THEME", value_parser = theme())]
    pub(super) theme: Option<Theme>,
    /// Start with the window minimised.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) minimised: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) trace: TraceArgs,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

#[derive(Debug, Args)]
pub(super) struct DictateArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Stop after this many seconds.
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(super) seconds: Option<f64>,
    /// Start when a hotkey, `dictoscope start` or a line `start` on standard input says so, and wait again after a stop.
    #[arg(long, conflicts_with = "file", value_parser = BoolishValueParser::new())]
    pub(super) wait: bool,
    /// Print JSON Lines: one event a line.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) trace: TraceArgs,
    #[command(flatten)]
    pub(super) session: SessionArgs,
    #[command(flatten)]
    pub(super) text: TextArgs,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

#[derive(Debug, Args)]
pub(super) struct DevicesArgs {
    /// Print JSON Lines: one device a line.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct EnginesArgs {
    #[command(subcommand)]
    pub(super) verb: Option<EnginesVerb>,
    /// Print JSON Lines: one engine a line.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// Arithmetic. In fp16 normalisation, softmax and sums of the residual stream stay fp32.
    #[arg(long, value_name = "WHICH", default_value = "fp32", value_parser = ["fp32", "fp16"])]
    pub(super) precision: String,
    /// GPUs by compute capability, as `sm_89,sm_120`; `here` is the one in this machine.
    #[arg(long = "for", value_name = "GPUS", default_value = "here", value_delimiter = ',')]
    pub(super) gpus: Vec<String>,
    /// A model, instead of that of the settings.
    #[arg(long, value_name = "PATH")]
    pub(super) model: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Recording to measure on.
    #[arg(value_name = "FILE", required_unless_present = "calls")]
    pub(super) file: Option<PathBuf>,
    /// Play the recording over and over until this many seconds of audio are through.
    #[arg(long, value_name = "SECONDS", value_parser = above_zero)]
    pub(super) repeat_to: Option<f64>,
    /// Play this many seconds once before what is measured, for engines that are slow at first.
    #[arg(long, value_name = "SECONDS", value_parser = above_zero)]
    pub(super) warm_up: Option<f64>,
    /// Let the loop take so many decisions a second from a table of real speech, whatever the model's weights say: all is
    /// computed, and the logits of the chosen classes are lifted above the others. For models with random weights.
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(super) decisions_per_second: Option<f64>,
    /// Measure the long windows that transcribe makes, --runs times (10) after as many for warming up
    /// as an engine needs.
    #[arg(long, conflicts_with_all = ["left", "hop", "right", "warm_up", "trace"], value_parser = BoolishValueParser::new())]
    pub(super) whole: bool,
    /// Measure the engine's functions one by one instead of a recording.
    #[arg(
        long, conflicts_with_all = ["file", "repeat_to", "warm_up", "decisions_per_second", "whole", "trace"],
        value_parser = BoolishValueParser::new()
    )]
    pub(super) calls: bool,
    /// Windows for --calls.
    #[arg(
        long, value_name = "SECONDS,...", value_delimiter = ',', default_values_t = [2.0, 5.0, 10.0, 12.5, 30.0],
        value_parser = above_zero
    )]
    pub(super) windows: Vec<f64>,
    /// Calls that are measured with --calls (50), or times that the recording is with --whole.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) runs: Option<u32>,
    /// Print one JSON object.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) trace: TraceArgs,
    #[command(flatten)]
    pub(super) session: SessionArgs,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

/// Where a live dictation hears.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    /// Microphone, as `dictoscope devices` prints it; else the system's default.
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    pub(super) device: Option<String>,
    /// Dictate a recording at the pace it was spoken instead of a microphone.
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
}

impl SourceArgs {
    /// The file, the microphone by name, or the default microphone; how a trace names it.
    pub(super) fn name(&self) -> String {
        let file = self.file.as_ref().map(|path| path.display().to_string());
        file.or_else(|| self.device.clone()).unwrap_or_else(|| "microphone".to_owned())
    }
}

/// What a session can be told; a flag left out falls back to the settings file.
#[derive(Debug, Default, Args)]
pub(super) struct SessionArgs {
    /// Seconds of audio before the commit line that each window encodes again.
    #[arg(long, value_name = "S", value_parser = zero_or_more, help_heading = "Recognition")]
    pub(super) left: Option<f64>,
    /// Seconds between inferences.
    #[arg(long, value_name = "S", value_parser = above_zero, help_heading = "Recognition")]
    pub(super) hop: Option<f64>,
    /// Seconds of audio that must follow a word before it is committed.
    #[arg(long, value_name = "S", value_parser = zero_or_more, help_heading = "Recognition")]
    pub(super) right: Option<f64>,
    /// Feature normalisation: the model's own, over each window, since the utterance began, or none.
    #[arg(long, value_name = "MODE", value_parser = feature_norm(), help_heading = "Recognition")]
    pub(super) feature_norm: Option<FeatureNorm>,
    /// Punctuation suppression: none, before an utterance's first word, everywhere.
    #[arg(long, value_name = "WHERE", value_parser = punctuation(), help_heading = "Recognition")]
    pub(super) punctuation: Option<Punctuation>,
    /// Candidates of the token head that each decision keeps (2 to 100).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=100), help_heading = "Recognition")]
    pub(super) top_k: Option<u16>,
    /// Words or phrases that the model may not know, which the decoder is drawn to.
    #[arg(long, value_name = "WORD,...", value_delimiter = ',', help_heading = "Recognition")]
    pub(super) words: Option<Vec<String>>,
    /// The largest bonus that a token of such a word can get, in logits (0 to 10).
    #[arg(long, value_name = "LOGITS", value_parser = boost, help_heading = "Recognition")]
    pub(super) boost: Option<f32>,
    /// End after this many committed decisions.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Recognition")]
    pub(super) debug_steps: Option<u64>,
    /// Take everything as one utterance: no end by silence, and silence is decoded too.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = "Recognition")]
    pub(super) no_endpoint: bool,
}

/// Which model, and how it runs; a flag left out falls back to the settings file.
#[derive(Debug, Default, Args)]
pub(super) struct ModelArgs {
    /// A model, instead of the embedded one: its folder, the file of its encoder, or a name that `dictoscope models` lists.
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    pub(super) model: Option<PathBuf>,
    /// Threads of the engine (1 to 256).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Model")]
    pub(super) threads: Option<u16>,
    /// What computes: rten is compiled in, the others need libraries (`dictoscope engines install`).
    #[arg(long, value_name = "NAME", value_parser = engine(), help_heading = "Model")]
    pub(super) engine: Option<EngineName>,
    /// What goes on when that engine cannot be had or fails while dictating; without it nothing does.
    #[arg(long, value_name = "NAME", value_parser = engine(), help_heading = "Model")]
    pub(super) fallback: Option<EngineName>,
    /// The GPU of an engine that uses one, counted from 0.
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub(super) gpu: Option<u8>,
    /// Launch the work of each window anew on a GPU instead of replaying a recording of it.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = "Model")]
    pub(super) no_cuda_graphs: bool,
    /// Go on with an engine that does not agree with the model's reference outputs.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = "Model")]
    pub(super) force: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_variable_of_its_name() {
        fn check(command: &Command) {
            for arg in command.get_arguments() {
                let Some(long) = arg.get_long().filter(|long| !["help", "version"].contains(long)) else { continue };
                let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned());
                let expected = format!("DICTOSCOPE_{}", long.to_uppercase().replace('-', "_"));
                assert_eq!(variable, Some(expected), "{} --{long}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        let command = Cli::described();
        assert!(command.get_subcommands().count() > 3);
        check(&command);
    }

    #[test]
    fn window_flags_do_not_mix_with_verbs() {
        assert!(Cli::try_parse_from(["dictoscope", "--theme", "dark"]).is_ok());
        assert!(Cli::try_parse_from(["dictoscope", "--theme", "dark", "devices"]).is_err());
    }

    #[test]
    fn seconds_must_be_numbers_that_make_sense() {
        for (flag, value) in [("--hop", "0"), ("--hop", "nan"), ("--left", "-1"), ("--right", "inf"), ("--right", "x")]
        {
            assert!(Cli::try_parse_from(["dictoscope", "transcribe", "a.wav", flag, value]).is_err(), "{flag} {value}");
        }
        assert!(Cli::try_parse_from(["dictoscope", "transcribe", "a.wav", "--right", "0", "--hop", ".5"]).is_ok());
    }
}
