//! The engine gate: the embedded engine passes against the reference outputs of its model, and each fault is refused.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use common::{
    THREADS, embedded,
    faulty::{Fault, WithFault},
};
use dictoscope::{
    engine::{Arithmetic, Contract, Engine},
    models::Model,
    parity::{
        PROBE_SAMPLES, ProbeFile,
        gate::{Checked, GateReport, GateStatus, check},
        tensors::{features_of, noise},
    },
};

fn probe(model: &Model) -> ProbeFile {
    let bytes = model.probe().expect("the embedded model has reference outputs");
    ProbeFile::parse("probe.safetensors", bytes, model.contract()).unwrap()
}

fn report_of(fault: Fault) -> GateReport {
    let model = embedded();
    let mut engine = WithFault { inner: model.open_rten(THREADS).unwrap(), fault };
    check(&mut engine, model.contract(), Some(&probe(&model)))
}

#[test]
fn the_embedded_engine_agrees_with_the_reference() {
    let report = report_of(Fault::None);
    assert_eq!(report.status, GateStatus::Passed, "{report:?}");
    let found = report.measured.unwrap();
    // Two programs that add in another order never agree in every bit: 0 would mean that nothing was compared.
    assert!(found.encoder_max_abs > 0.0 && found.encoder_max_abs < 1e-4, "{found:?}");
    assert!(found.features_max_abs > 0.0 && found.features_max_abs < 5e-4, "{found:?}");
    assert!(found.joint_max_abs < 1e-3 && found.predictor_max_abs < 1e-4 && found.finite, "{found:?}");
    let summary = report.summary("2026-11-24", false);
    assert!(summary.starts_with("passed (max |Δ| ") && summary.ends_with(", 2026-11-24)"), "{summary}");
}

#[test]
fn reference_outputs_of_f16_graphs_have_the_bounds_of_f16() {
    let model = embedded();
    let contract = Contract { arithmetic: Some(Arithmetic::F16), ..model.contract().clone() };
    let mut engine = WithFault { inner: model.open_rten(THREADS).unwrap(), fault: Fault::ScaledEncoder(1.001) };
    let report = check(&mut engine, &contract, Some(&probe(&model)));
    assert_eq!(report.status, GateStatus::Passed, "{report:?}");
    assert_eq!(report.gate.unwrap().arithmetic, Arithmetic::F16);
    assert!(report_of(Fault::ScaledEncoder(1.001)).failed());
}

#[test]
fn the_reference_is_of_the_same_signal() {
    let model = embedded();
    let probe = probe(&model);
    let front_end = &model.contract().front_end;
    let ours = features_of(front_end, front_end.normalization, &noise(PROBE_SAMPLES));
    assert_eq!(probe.features.shape, [ours.len(), ours.mel_bins]);
    assert!(probe.made_by.contains("ONNX Runtime"), "{}", probe.made_by);
}

#[test]
fn each_fault_is_refused_by_its_stage() {
    for (fault, part) in [
        (Fault::TransposedFeatures, "encoder least cosine"),
        (Fault::NanEncoder, "NaN or infinity"),
        (Fault::ScaledEncoder(1.01), "encoder max |Δ|"),
        (Fault::NoState, "predictor least cosine"),
        (Fault::LogSoftmax, "joint max |Δ|"),
        (Fault::RaisedDuration(0.1), "joint max |Δ|"),
    ] {
        let report = report_of(fault);
        assert_eq!(report.status, GateStatus::Failed, "{fault:?}: {report:?}");
        assert!(report.reasons.iter().any(|reason| reason.contains(part)), "{fault:?}: {:?}", report.reasons);
        let summary = report.summary("2026-11-24", true);
        assert!(summary.contains(part) && summary.ends_with("forced"), "{summary}");
    }
}

#[test]
fn our_front_end_is_checked_too() {
    let model = embedded();
    let mut engine = model.open_rten(THREADS).unwrap();
    let mut probe = probe(&model);
    probe.features.data[1234] += 0.01;
    let report = check(&mut *engine, model.contract(), Some(&probe));
    assert!(report.reasons.iter().any(|reason| reason.contains("features max |Δ|")), "{report:?}");
}

#[test]
fn without_a_reference_it_says_so() {
    let model = embedded();
    let mut engine = model.open_rten(THREADS).unwrap();
    let report = check(&mut *engine, model.contract(), None);
    assert_eq!((report.status, report.failed()), (GateStatus::NotChecked, false));
    assert_eq!(report.summary("2026-11-24", false), "not checked: the model has no reference outputs");
}

#[test]
fn an_engine_that_gives_up_has_failed() {
    let model = embedded();
    let mut engine = common::scripted::Faulty {
        inner: model.open_rten(THREADS).unwrap(),
        fail_on: vec![1],
        panic_on: Vec::new(),
        calls: 0,
    };
    let report = check(&mut engine, model.contract(), Some(&probe(&model)));
    assert!(report.failed() && report.measured.is_none(), "{report:?}");
    assert!(report.reasons[0].contains("not finite"), "{:?}", report.reasons);
}

#[test]
fn a_checked_engine_says_how_its_check_ended_and_computes_the_same() {
    let model = embedded();
    let plain = model.open_rten(THREADS).unwrap();
    let info = plain.info().clone();
    let mut engine = Checked::new(plain, "passed (x)".to_owned());
    assert_eq!(engine.info().parity.as_deref(), Some("passed (x)"));
    assert_eq!((&engine.info().engine, &engine.info().encoder_sha256), (&info.engine, &info.encoder_sha256));
    assert_eq!(check(&mut engine, model.contract(), Some(&probe(&model))).status, GateStatus::Passed);
}

#[test]
fn reference_outputs_of_another_model_or_size_are_refused() {
    let model = embedded();
    let bytes = model.probe().unwrap();
    let refusal = |change: fn(&mut Contract)| {
        let mut contract = model.contract().clone();
        change(&mut contract);
        ProbeFile::parse("probe.safetensors", bytes, &contract).unwrap_err().to_string()
    };
    let other = refusal(|contract| contract.graphs.joint.sha256 = "0".repeat(64));
    assert!(other.contains("probe.safetensors: joint_sha256: expected 000"), "{other}");
    let wide = refusal(|contract| contract.encoder.dim = 512);
    assert!(wide.contains("encoder: expected F32 [25, 512], found F32 [25, 384]"), "{wide}");
    let cut = ProbeFile::parse("probe.safetensors", &bytes[..1000], model.contract()).unwrap_err().to_string();
    assert!(cut.contains("probe.safetensors"), "{cut}");
}
