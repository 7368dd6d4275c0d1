//! Two sides tensor by tensor, on the embedded model and a clip: equal ones pass, each fault fails where it is.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::path::Path;

use common::{
    THREADS, clip, embedded,
    faulty::{Fault, WithFault},
};
use dictoscope::{
    decode::TokenId,
    engine::Contract,
    models::Model,
    parity::tensors::{
        Carrier, Head, Input, Layout, NotComparable, Side, SwapOutcome, TensorError, TensorFolder, TensorSet, Verdict,
        check_vectors, compare_encoders, compare_joints, compare_predictors, feature_agreement, swap, tokens_of,
        transposed,
    },
    trace::npy::{self, Array},
};
use tempfile::TempDir;

/// Model, input and a dump of it by the engine without a fault.
struct Stand {
    model: Model,
    input: Input,
    set: TensorSet,
    folder: TempDir,
}

impl Stand {
    fn new() -> Self {
        let model = embedded();
        let input = Input::read(&clip("short.flac"), model.contract()).unwrap();
        let (set, facts) = TensorSet::of(&mut *model.open_rten(THREADS).unwrap(), model.contract(), &input).unwrap();
        let folder = tempfile::tempdir().unwrap();
        set.write(folder.path(), &facts).unwrap();
        Self { model, input, set, folder }
    }

    fn contract(&self) -> &Contract {
        self.model.contract()
    }

    fn engine(&self, fault: Fault) -> Side {
        let engine = WithFault { inner: self.model.open_rten(THREADS).unwrap(), fault };
        Side::Engine { name: "rten".to_owned(), engine: Box::new(engine) }
    }

    fn folder(&self) -> Side {
        Side::Folder(Box::new(TensorFolder::read(self.folder.path(), self.contract()).unwrap()))
    }

    /// The folder with its tensors changed.
    fn changed(&self, change: impl FnOnce(&mut TensorSet)) -> Side {
        let mut folder = TensorFolder::read(self.folder.path(), self.contract()).unwrap();
        change(&mut folder.tensors);
        Side::Folder(Box::new(folder))
    }

    fn features_path(&self) -> std::path::PathBuf {
        self.folder.path().join("features.npy")
    }
}

#[test]
fn a_folder_comes_back_as_it_was_written() {
    let stand = Stand::new();
    let read = TensorFolder::read(stand.folder.path(), stand.contract()).unwrap();
    assert_eq!(read.tensors, stand.set);
    let facts = read.facts.unwrap();
    assert!(facts.engine.engine.contains("rten") && facts.source.ends_with("short.flac"), "{facts:?}");
    let steps = stand.set.path.as_ref().unwrap();
    let tokens = tokens_of(steps, stand.contract().vocabulary.blank).len();
    assert!(tokens > 3 && steps.len() > tokens, "{tokens} tokens in {} steps", steps.len());
    assert_eq!(stand.set.predictor.as_ref().unwrap().shape, [1 + tokens, 320]);
    assert_eq!(stand.set.joint.as_ref().unwrap().shape, [steps.len(), 518]);
}

#[test]
fn a_folder_and_its_engine_are_equal_in_every_comparison() {
    let stand = Stand::new();
    let contract = stand.contract();
    let tokens = tokens_of(stand.set.path.as_ref().unwrap(), contract.vocabulary.blank);
    for reversed in [false, true] {
        let sides = || {
            let pair = (stand.engine(Fault::None), stand.folder());
            if reversed { (pair.1, pair.0) } else { pair }
        };
        let (mut first, other) = sides();
        let encoder = compare_encoders(&mut first, &mut [other], contract, &stand.input).unwrap();
        assert_eq!(encoder.verdict, Verdict::Pass, "{encoder:?}");
        let found = &encoder.sides[0].frames;
        assert!(found.rows == 30 && found.width == 384 && found.difference.values == 30 * 384, "{found:?}");
        let features = if reversed { encoder.reference_features } else { encoder.sides[0].features };
        assert!(features.unwrap().agrees);

        let (mut first, other) = sides();
        let predictor = compare_predictors(&mut first, &mut [other], contract, &tokens).unwrap();
        assert_eq!(predictor.verdict, Verdict::Pass, "{predictor:?}");
        assert_eq!(predictor.sides[0].outputs.rows, 1 + tokens.len());

        let (mut first, other) = sides();
        let joint = compare_joints(&mut first, &mut [other], contract, &stand.input).unwrap();
        assert_eq!(joint.verdict, Verdict::Pass, "{joint:?}");
        assert_eq!(joint.sides[0].token.values, joint.steps * 513);
        assert!(joint.sides[0].flips.is_empty() && joint.reference_softmax.words().is_none());

        let (first, other) = sides();
        let found = swapped(&stand, [first, other], 3);
        assert!(found.iter().all(|carrier| *carrier == Carrier::NoFlip), "{found:?}");
    }
}

/// Token head and duration head.
fn swapped(stand: &Stand, mut sides: [Side; 2], step: usize) -> [Carrier; 2] {
    match swap(&mut sides, None, stand.contract(), "clip", &stand.input.features, step).unwrap() {
        SwapOutcome::Swapped(report) => {
            assert_eq!(report.verdicts.map(|verdict| verdict.head), [Head::Token, Head::Duration]);
            report.verdicts.map(|verdict| verdict.carrier)
        }
        SwapOutcome::Parted(parting) => panic!("{parting:?}"),
    }
}

#[test]
fn faulty_encoders_fail_with_what_is_wrong() {
    let stand = Stand::new();
    for (fault, part) in [
        (Fault::TransposedFeatures, "least cosine"),
        (Fault::NanEncoder, "1 values are NaN"),
        (Fault::ScaledEncoder(1.01), "max |Δ|"),
    ] {
        let sides = (&mut stand.engine(Fault::None), &mut [stand.engine(Fault::None), stand.engine(fault)]);
        let report = compare_encoders(sides.0, sides.1, stand.contract(), &stand.input).unwrap();
        assert_eq!(report.sides[0].verdict, Verdict::Pass);
        assert_eq!((report.sides[1].verdict, report.verdict), (Verdict::Fail, Verdict::Fail));
        let reasons = &report.sides[1].reasons;
        assert!(reasons.iter().any(|reason| reason.contains(part)), "{fault:?}: {reasons:?}");
    }
    let sides = (&mut stand.engine(Fault::None), &mut [stand.engine(Fault::NanEncoder)]);
    let report = compare_encoders(sides.0, sides.1, stand.contract(), &stand.input).unwrap();
    assert_eq!((report.sides[0].frames.worst_row, report.sides[0].frames.difference.not_finite), (0, 1));
}

#[test]
fn a_predictor_without_state_agrees_after_the_start_and_not_after_tokens() {
    let stand = Stand::new();
    let tokens = tokens_of(stand.set.path.as_ref().unwrap(), stand.contract().vocabulary.blank);
    let (mut first, mut others) = (stand.folder(), [stand.engine(Fault::NoState)]);
    let report = compare_predictors(&mut first, &mut others, stand.contract(), &tokens).unwrap();
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.sides[0].outputs.each[0].1, 0.0);
    assert!(report.sides[0].outputs.worst_row > 0);
}

#[test]
fn a_log_softmaxed_joint_is_named_and_a_raised_class_flips() {
    let stand = Stand::new();
    let (mut first, mut others) =
        (stand.engine(Fault::None), [stand.engine(Fault::LogSoftmax), stand.engine(Fault::RaisedDuration(50.0))]);
    let report = compare_joints(&mut first, &mut others, stand.contract(), &stand.input).unwrap();
    let [softmaxed, raised] = &report.sides[..] else { panic!("{}", report.sides.len()) };
    assert_eq!(softmaxed.verdict, Verdict::Fail);
    assert!(softmaxed.softmax.together && softmaxed.flips.is_empty(), "{softmaxed:?}");
    assert!(softmaxed.normalized_max_abs < 1e-3 && softmaxed.token.max_abs > 0.1, "{softmaxed:?}");

    assert_eq!((raised.verdict, raised.token.max_abs), (Verdict::Fail, 0.0));
    assert!(raised.duration.max_abs > 49.0 && !raised.softmax.together);
    assert!(!raised.flips.is_empty());
    for flip in &raised.flips {
        assert_eq!((flip.head, flip.side.0), (Head::Duration, 4));
        assert!(flip.reference.0 != 4 && flip.reference.1 >= 0.0 && flip.side.1 > 0.0, "{flip:?}");
    }
}

#[test]
fn a_changed_encoder_frame_or_predictor_output_is_named_by_the_swap() {
    let stand = Stand::new();
    let path = stand.set.path.clone().unwrap();
    let blank = stand.contract().vocabulary.blank;
    // A step that emits a token; a frame of silence in its place makes it a blank.
    let step = path.iter().position(|step| step.token != blank).unwrap();
    let at = path[step].frame.0 as usize;
    let last_blank = path.iter().rfind(|step| step.token == blank).unwrap();
    let quiet = stand.set.encoder.as_ref().unwrap().row(last_blank.frame.0 as usize).unwrap().to_vec();
    let encoder = stand.changed(|set| {
        set.encoder.as_mut().unwrap().data[at * 384..(at + 1) * 384].copy_from_slice(&quiet);
    });
    assert_eq!(swapped(&stand, [stand.engine(Fault::None), encoder], step)[0], Carrier::Encoder);

    // After the first token: an output that pulls the joint elsewhere.
    let later = (step + 1..path.len()).find(|step| path[*step].token != blank).unwrap();
    let predictor = stand.changed(|set| {
        let row = &mut set.predictor.as_mut().unwrap().data[320..640];
        for x in row.iter_mut() {
            *x *= -40.0;
        }
    });
    assert_eq!(swapped(&stand, [stand.engine(Fault::None), predictor], later)[0], Carrier::Predictor);
}

#[test]
fn a_faulty_joint_is_neither_input() {
    let stand = Stand::new();
    // Token 0 wins on the faulty side from the first step on.
    let step = 0;
    assert_ne!(stand.set.path.as_ref().unwrap()[step].token, TokenId(0));
    let sides = [stand.engine(Fault::None), stand.engine(Fault::ShiftedJoint(100.0))];
    assert_eq!(swapped(&stand, sides, step)[0], Carrier::Neither);
}

#[test]
fn a_swap_after_the_paths_parted_names_where() {
    let stand = Stand::new();
    let mut sides = [stand.engine(Fault::None), stand.engine(Fault::ShiftedJoint(100.0))];
    let outcome = swap(&mut sides, None, stand.contract(), "clip", &stand.input.features, 4).unwrap();
    let first = stand.set.path.as_ref().unwrap()[0].token;
    let SwapOutcome::Parted(parting) = outcome else { panic!("{outcome:?}") };
    assert_eq!((parting.step, parting.head, parting.found), (0, Head::Token, [u64::from(first.0), 0]));

    let mut sides = [stand.engine(Fault::None), stand.folder()];
    let beyond = swap(&mut sides, None, stand.contract(), "clip", &stand.input.features, 9999).unwrap_err();
    assert!(beyond.to_string().contains("expected more than 9999"), "{beyond}");
    let mut sides = [stand.folder(), stand.folder()];
    let jointless = swap(&mut sides, None, stand.contract(), "clip", &stand.input.features, 0).unwrap_err();
    assert!(jointless.to_string().contains("--joint rten"), "{jointless}");
}

#[test]
fn a_dump_read_in_another_order_or_normalised_otherwise_is_recognised() {
    let stand = Stand::new();
    let (frames, bins) = (stand.input.features.len(), 80);
    let ours = stand.input.features.data.clone();
    let array = |shape: [usize; 2], data: Vec<f32>| Array { shape: shape.to_vec(), data };
    let across = transposed(&ours, bins);
    let masked = [&ours[..], &[0.0; 80]].concat();
    let cases = [
        (array([frames, bins], ours.clone()), Layout::TimeMajor, true),
        (array([frames + 1, bins], masked), Layout::TimeMajor, true),
        (array([bins, frames], across.clone()), Layout::Transposed, false),
        (array([frames, bins], across), Layout::Reinterpreted, false),
        (array([bins, frames], ours.clone()), Layout::ReinterpretedTransposed, false),
    ];
    for (dump, layout, agrees) in cases {
        let found = feature_agreement(stand.contract(), &stand.input, &dump);
        let reading = found.reading.unwrap();
        assert_eq!((reading.layout, reading.explains, found.agrees), (layout, true, agrees), "{found}");
    }

    let mut normalized = stand.input.clone();
    let norm = dictoscope::features::Normalization::PerFeature;
    let samples = stand.input.samples.as_ref().unwrap();
    normalized.features = dictoscope::parity::tensors::features_of(&stand.contract().front_end, norm, samples);
    let dump = array([frames, bins], normalized.features.data);
    let found = feature_agreement(stand.contract(), &stand.input, &dump);
    let reading = found.reading.unwrap();
    assert!(!found.agrees && reading.explains && reading.normalization == norm, "{found}");
    assert!(found.to_string().contains("per_feature"), "{found}");

    let mut bent = array([frames, bins], ours);
    bent.data[100] += 0.001;
    let found = feature_agreement(stand.contract(), &stand.input, &bent);
    assert!(!found.agrees && !found.reading.unwrap().explains, "{found}");
    let other = feature_agreement(stand.contract(), &stand.input, &array([frames, 128], vec![0.0; frames * 128]));
    assert!(other.reading.is_none() && !other.agrees);
}

#[test]
fn an_encoder_fed_with_other_features_is_not_blamed() {
    let stand = Stand::new();
    let folder = stand.changed(|set| {
        let features = set.features.as_mut().unwrap();
        features.data = transposed(&features.data, 80);
    });
    let report = compare_encoders(&mut stand.engine(Fault::None), &mut [folder], stand.contract(), &stand.input);
    let report = report.unwrap();
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.sides[0].features.unwrap().reading.unwrap().layout, Layout::Reinterpreted);
    assert!(report.sides[0].reasons[0].contains("different features"), "{:?}", report.sides[0].reasons);
}

#[test]
fn stored_vectors_agree_and_bent_ones_do_not() {
    let stand = Stand::new();
    let front_end = &stand.contract().front_end;
    let file = common::root().join("tests/data/features_nemo.json");
    let cases = check_vectors(&file, front_end).unwrap();
    assert_eq!(cases.len(), 6);
    assert!(cases.iter().all(|case| case.verdict == Verdict::Pass && case.shape[1] == 128), "{cases:?}");

    let mut value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    value["cases"]["1000"]["norm"][5][2] = serde_json::json!(9.0);
    let bent = stand.folder.path().join("bent.json");
    std::fs::write(&bent, value.to_string()).unwrap();
    let failed = check_vectors(&bent, front_end).unwrap();
    let failed: Vec<usize> =
        failed.iter().filter(|case| case.verdict == Verdict::Fail).map(|case| case.samples).collect();
    assert_eq!(failed, [1000]);
    std::fs::write(&bent, "{}").unwrap();
    assert!(check_vectors(&bent, front_end).unwrap_err().to_string().contains("bent.json"));
}

#[test]
fn features_as_input_give_what_the_recording_gives() {
    let stand = Stand::new();
    let input = Input::read(&stand.features_path(), stand.contract()).unwrap();
    assert_eq!((&input.features.data, input.samples.is_none()), (&stand.input.features.data, true));
    let report = compare_encoders(&mut stand.engine(Fault::None), &mut [stand.folder()], stand.contract(), &input);
    assert_eq!(report.unwrap().verdict, Verdict::Pass);
}

#[test]
fn inputs_that_do_not_fit_are_refused_with_what_was_found() {
    let stand = Stand::new();
    let path = stand.features_path();
    let refusal = |path: &Path| Input::read(path, stand.contract()).unwrap_err().to_string();
    npy::write(&path, &[80, 235], &vec![0.0; 80 * 235]).unwrap();
    let text = refusal(&path);
    assert!(["features.npy", "80]", "[80, 235]", "transposed"].iter().all(|part| text.contains(part)), "{text}");
    npy::write(&path, &[235, 128], &vec![0.0; 235 * 128]).unwrap();
    assert!(refusal(&path).contains("[235, 128]"));
    npy::write(&path, &[3001, 80], &vec![0.0; 3001 * 80]).unwrap();
    let text = refusal(&path);
    assert!(text.contains("1 to 3000") && text.contains("3001"), "{text}");
    npy::write(&path, &[0, 80], &[]).unwrap();
    assert!(refusal(&path).contains("found 0"));
    npy::write(&path, &[1, 80], &[f32::NAN; 80]).unwrap();
    assert!(refusal(&path).contains("found 80 that are not"));
}

#[test]
fn folders_that_are_not_about_the_same_say_so() {
    let stand = Stand::new();
    let folder = stand.folder.path();
    let read = || TensorFolder::read(folder, stand.contract());

    // Other tokens.
    let tokens = tokens_of(stand.set.path.as_ref().unwrap(), stand.contract().vocabulary.blank);
    let mut others = tokens.clone();
    others[2].0 = (others[2].0 + 1) % stand.contract().vocabulary.blank.0;
    let report = compare_predictors(&mut stand.engine(Fault::None), &mut [stand.folder()], stand.contract(), &others);
    let error = report.unwrap_err();
    assert!(matches!(&error, TensorError::NotComparable(NotComparable::Path { at: 2, .. })), "{error}");

    // Another number of frames.
    let short = stand.changed(|set| {
        let encoder = set.encoder.as_mut().unwrap();
        encoder.data.truncate(29 * 384);
        encoder.shape[0] = 29;
    });
    let error = compare_encoders(&mut stand.engine(Fault::None), &mut [short], stand.contract(), &stand.input);
    let error = error.unwrap_err();
    assert!(error.to_string().contains("[30, 384]") && error.to_string().contains("[29, 384]"), "{error}");

    // Another dimension, a path that does not fit, a file too few, another model.
    let encoder = folder.join("encoder.npy");
    npy::write(&encoder, &[30, 512], &vec![0.0; 30 * 512]).unwrap();
    assert!(matches!(read().unwrap_err(), TensorError::NotComparable(NotComparable::Shape { .. })));
    npy::write(&encoder, &[5, 384], &vec![0.0; 5 * 384]).unwrap();
    assert!(read().unwrap_err().to_string().contains("path.npy"));
    std::fs::remove_file(&encoder).unwrap();
    let mut side = Side::Folder(Box::new(read().unwrap()));
    let missing = side.encode(stand.contract(), &stand.input.features).unwrap_err().to_string();
    assert!(missing.contains("expected encoder.npy") && missing.contains("joint.npy"), "{missing}");
    npy::write_i32(&folder.join("path.npy"), &[1, 2], &[0, 999]).unwrap();
    assert!(read().unwrap_err().to_string().contains("token 999"));
    let facts = folder.join("tensors.json");
    let hash = stand.contract().graphs.encoder.sha256.clone();
    let text = std::fs::read_to_string(&facts).unwrap().replace(&hash, &"0".repeat(64));
    std::fs::write(&facts, text).unwrap();
    assert!(matches!(read().unwrap_err(), TensorError::NotComparable(NotComparable::Model { .. })));
}

#[test]
fn a_folder_beside_a_trace_serves_where_its_files_suffice() {
    let stand = Stand::new();
    let beside = tempfile::tempdir().unwrap();
    for file in ["features.npy", "encoder.npy"] {
        std::fs::copy(stand.folder.path().join(file), beside.path().join(file)).unwrap();
    }
    let side = || Side::Folder(Box::new(TensorFolder::read(beside.path(), stand.contract()).unwrap()));
    let report = compare_encoders(&mut stand.engine(Fault::None), &mut [side()], stand.contract(), &stand.input);
    assert_eq!(report.unwrap().verdict, Verdict::Pass);
    let report = compare_joints(&mut stand.engine(Fault::None), &mut [side()], stand.contract(), &stand.input);
    assert!(report.unwrap_err().to_string().contains("expected path.npy"));
}
