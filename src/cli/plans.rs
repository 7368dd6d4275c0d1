//! TensorRT on the command line: `dictoscope engines build`, and opening what it built. Builds without it say how to get it.

#[cfg(feature = "tensorrt")]
pub(super) use with::{build, library, note, open};
#[cfg(not(feature = "tensorrt"))]
pub(super) use without::{build, library, note, open};

#[cfg(feature = "tensorrt")]
mod with {
    use anyhow::Context;

    use crate::{
        cli::{
            Console, Outcome,
            args::{BuildArgs, ModelArgs},
            libraries,
            options::load_settings,
        },
        config::cache_folder,
        engine::{
            BuildStep, Capability, Engine, Gpu, Plan, PlanRequest, PlanSource, PlanTensor, Precision, Profile,
            TensorRt, TensorRtEngine, build_plans,
        },
        models::Model,
        session::WindowSettings,
        units::{SAMPLE_RATE_HZ, SAMPLES_PER_MEL},
    };

    fn folder() -> anyhow::Result<std::path::PathBuf> {
        let cache = cache_folder().context("no folder for plans is known here; set DICTOSCOPE_CACHE_DIR to one")?;
        Ok(cache.join("tensorrt"))
    }

    fn source(model: &Model) -> PlanSource<'_> {
        PlanSource { contract: model.contract(), graphs: model.graphs() }
    }

    /// The engine. The GPU is asked first: a library is not worth getting where there is none for it.
    pub(in crate::cli) fn open(model: &Model, gpu: u8) -> anyhow::Result<Box<dyn Engine>> {
        let gpu = Gpu::find(gpu)?.supported()?;
        let library = TensorRt::load(&libraries::tensorrt(None))?;
        Ok(Box::new(TensorRtEngine::open(&library, gpu, source(model), &folder()?)?))
    }

    /// The library that was found, for the list of engines.
    pub(in crate::cli) fn library() -> Option<String> {
        let library = TensorRt::load(&libraries::tensorrt(None)).ok()?;
        Some(format!("{}, {}", library.path().display(), library.version()))
    }

    /// What is to be known of the engine beside whether it is usable.
    pub(in crate::cli) fn note(gpu: u8) -> String {
        let gpu = Gpu::find(gpu).map_or_else(|_| "no GPU".to_owned(), |gpu| gpu.describe());
        format!("{gpu}; plans are built and inspected, this engine was never executed")
    }

    pub(in crate::cli) fn build(args: &BuildArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
        let settings = load_settings(console);
        let choice = ModelArgs { model: args.model.clone(), ..ModelArgs::default() }.over(&settings);
        let capabilities = capabilities(&args.gpus, choice.gpu)?;
        let library = TensorRt::load(&libraries::tensorrt(None))?;
        let model = choice.model()?;
        let precision = Precision::ALL.into_iter().find(|one| one.as_str() == args.precision).unwrap_or_default();
        let profile = Profile::of(model.contract(), mel_frames(&settings.session.window));
        let request = PlanRequest { precision, profile, capabilities };
        let mut lines = Vec::new();
        let tell = &mut console.tell;
        let mut told = |step: BuildStep| match step {
            BuildStep::Found => lines.push("built before from the same, and whole".to_owned()),
            BuildStep::Mending(why) => tell(&format!("{why}: doing so")),
            BuildStep::Building(at, file) => tell(&format!("{at} of 3: {file}")),
            BuildStep::Built(plan, header) => {
                let header = header.map_or_else(
                    || "its header was not recognised".to_owned(),
                    |header| format!("its header says {} bytes, version {}", header.bytes, header.version),
                );
                lines.push(format!("{}: built in {:.1} s; {header}", plan.file, plan.seconds));
            }
        };
        let set = build_plans(&library, source(&model), &request, &folder()?, &mut told)?;
        for line in lines {
            writeln!(console.out, "{line}")?;
        }
        for plan in &set.plans {
            writeln!(console.out, "{}", describe(plan))?;
        }
        writeln!(
            console.out,
            "inputs and outputs agree with {}'s contract; nothing was executed",
            model.contract().name
        )?;
        writeln!(console.out, "{}", set.folder.display())?;
        console.out.flush()?;
        Ok(Outcome::Done)
    }

    fn capabilities(words: &[String], gpu: u8) -> anyhow::Result<Vec<Capability>> {
        let mut found = Vec::new();
        for word in words {
            found.push(match word.as_str() {
                "here" => Gpu::find(gpu)
                    .and_then(Gpu::supported)
                    .context("--for here: expected a GPU; --for sm_89 builds for one elsewhere")?
                    .capability(),
                other => other.parse()?,
            });
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// A dictation's full window.
    fn mel_frames(window: &WindowSettings) -> usize {
        let seconds = window.left_secs + window.hop_secs + window.right_secs;
        (seconds * f64::from(SAMPLE_RATE_HZ) / SAMPLES_PER_MEL as f64).round() as usize
    }

    fn describe(plan: &Plan) -> String {
        let list = |tensors: &[PlanTensor]| {
            let one = |tensor: &PlanTensor| format!("{} {:?} {:?}", tensor.name, tensor.dtype, tensor.shape);
            tensors.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        let megabytes = plan.bytes as f64 / 1e6;
        format!("{}: {megabytes:.1} MB; {} -> {}", plan.file, list(&plan.inputs), list(&plan.outputs))
    }
}

#[cfg(not(feature = "tensorrt"))]
mod without {
    use anyhow::bail;

    use crate::{
        cli::{Console, Outcome, args::BuildArgs},
        engine::Engine,
        models::Model,
    };

    const LACKS: &str = "this build has no TensorRT; `cargo build --release --features tensorrt` makes one that has";

    pub(in crate::cli) fn open(_: &Model, _: u8) -> anyhow::Result<Box<dyn Engine>> {
        bail!(LACKS)
    }

    pub(in crate::cli) fn library() -> Option<String> {
        None
    }

    pub(in crate::cli) fn note(_: u8) -> String {
        String::new()
    }

    pub(in crate::cli) fn build(_: &BuildArgs, _: &mut Console<'_>) -> anyhow::Result<Outcome> {
        bail!(LACKS)
    }
}
