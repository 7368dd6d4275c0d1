//! Plans of the embedded model, built and inspected without a GPU; and what is said where there is none.
//!
//! `make unit` names the library by `DICTOSCOPE_TENSORRT`; without it these tests fail. None executes a plan.
#![cfg(feature = "tensorrt")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::{fs, path::Path};

use common::embedded;
use dictoscope::{
    engine::{
        BuildStep, Capability, Gpu, PlanRequest, PlanSet, PlanSource, Precision, Profile, TensorRt, TensorRtEngine,
        TensorRtError, build_plans,
    },
    models::Model,
};

fn library() -> TensorRt {
    let path = std::env::var_os("DICTOSCOPE_TENSORRT")
        .expect("`make unit` sets DICTOSCOPE_TENSORRT; see scripts/tensorrt-library.sh");
    TensorRt::load(&[path.into()]).unwrap()
}

fn source(model: &Model) -> PlanSource<'_> {
    PlanSource { contract: model.contract(), graphs: model.graphs() }
}

fn request(precision: Precision) -> PlanRequest {
    let profile = Profile::of(embedded().contract(), 498);
    PlanRequest { precision, profile, capabilities: vec![Capability(89), Capability(120)] }
}

fn build(request: &PlanRequest, cache: &Path) -> Result<(PlanSet, Vec<BuildStep>), TensorRtError> {
    let (model, mut steps) = (embedded(), Vec::new());
    let set = build_plans(&library(), source(&model), request, cache, &mut |step| steps.push(step))?;
    Ok((set, steps))
}

#[test]
fn plans_for_two_gpus_hold_what_the_contract_says_and_are_built_once() {
    let cache = tempfile::tempdir().unwrap();
    let mut sizes = Vec::new();
    for precision in Precision::ALL {
        let (set, steps) = build(&request(precision), cache.path()).unwrap();
        let built: Vec<_> = steps
            .iter()
            .filter_map(|step| if let BuildStep::Built(plan, header) = step { Some((plan, header)) } else { None })
            .collect();
        assert_eq!(built.len(), 3, "{steps:?}");
        for (plan, header) in built {
            let header = header.as_ref().unwrap();
            assert_eq!((header.bytes, header.version.as_str()), (plan.bytes, library().version()), "{}", plan.file);
        }
        let graphs = &embedded().contract().graphs.clone();
        for (plan, graph) in set.plans.iter().zip([&graphs.encoder, &graphs.predictor, &graphs.joint]) {
            let names = |tensors: &[dictoscope::engine::PlanTensor]| -> Vec<String> {
                tensors.iter().map(|tensor| tensor.name.clone()).collect()
            };
            let expected = |tensors: &[dictoscope::engine::TensorSpec]| -> Vec<String> {
                tensors.iter().map(|tensor| tensor.name.clone()).collect()
            };
            assert_eq!(names(&plan.inputs), expected(&graph.inputs));
            assert_eq!(names(&plan.outputs), expected(&graph.outputs));
            assert_eq!(fs::metadata(set.folder.join(&plan.file)).unwrap().len(), plan.bytes);
        }
        sizes.push(set.plans[0].bytes);
        let (again, steps) = build(&request(precision), cache.path()).unwrap();
        assert_eq!((again, steps), (set, vec![BuildStep::Found]));
    }
    assert!(sizes[1] * 3 < sizes[0] * 2, "16 bits must show in the size: {sizes:?}");
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 2);
}

#[test]
fn another_profile_builds_anew_and_a_damaged_plan_is_mended() {
    let cache = tempfile::tempdir().unwrap();
    let one = PlanRequest { capabilities: vec![Capability(89)], ..request(Precision::Fp16) };
    let (set, _) = build(&one, cache.path()).unwrap();
    let other = PlanRequest { profile: Profile { usual: 600, ..one.profile }, ..one.clone() };
    let (longer, steps) = build(&other, cache.path()).unwrap();
    assert!(longer.folder != set.folder && !steps.contains(&BuildStep::Found), "{steps:?}");

    let path = set.folder.join("joint.plan");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (mended, steps) = build(&one, cache.path()).unwrap();
    assert!(matches!(&steps[0], BuildStep::Mending(why) if why.contains("joint.plan")), "{steps:?}");
    assert_eq!(mended.folder, set.folder);
    assert_eq!(build(&one, cache.path()).unwrap().1, [BuildStep::Found]);
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 2, "nothing is left beside the plans");
}

#[test]
fn what_cannot_be_built_is_refused_before_it_is_tried() {
    let cache = tempfile::tempdir().unwrap();
    let turing = PlanRequest { capabilities: vec![Capability(75)], ..request(Precision::Fp32) };
    let error = build(&turing, cache.path()).unwrap_err();
    assert!(matches!(error, TensorRtError::Precision { .. }) && error.to_string().contains("fp16"), "{error}");
    build(&PlanRequest { precision: Precision::Fp16, ..turing }, cache.path()).unwrap();
    let mut long = request(Precision::Fp32);
    long.profile.most = 3001;
    assert!(matches!(build(&long, cache.path()), Err(TensorRtError::Profile { limit: 3000, .. })));
}

/// Where there is no supported GPU: an error that names the next engine. With one, plans that are missing are told.
#[test]
fn without_gpu_or_plans_it_says_what_to_do_and_does_not_panic() {
    let cache = tempfile::tempdir().unwrap();
    let error = match Gpu::find(0) {
        Ok(gpu) => TensorRtEngine::open(&library(), gpu, source(&embedded()), cache.path()).unwrap_err(),
        Err(error) => error,
    };
    let text = error.to_string();
    match error {
        TensorRtError::NoDriver | TensorRtError::NoDevice { .. } | TensorRtError::Unsupported { .. } => {
            assert!(text.contains("onnxruntime") && text.contains("rten"), "{text}");
        }
        TensorRtError::NoPlan { .. } => assert!(text.contains("dictoscope engines build"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_process_has_one_library() {
    let (loaded, folder) = (library(), tempfile::tempdir().unwrap());
    assert!(loaded.version().starts_with("1."), "{}", loaded.version());
    let other = folder.path().join("libtensorrt_rtx.so.1");
    fs::write(&other, "").unwrap();
    assert!(matches!(TensorRt::load(&[other]), Err(TensorRtError::OtherLoaded { .. })));
}
