//! The model that the binary carries: `assets/model`.

macro_rules! model_file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/model/", $name))
    };
}

/// Its contract.
pub(super) const CONTRACT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/model/contract.json"));

static ENCODER: &[u8] = model_file!("encoder.onnx");
static PREDICTOR: &[u8] = model_file!("predictor.onnx");
static JOINT: &[u8] = model_file!("joint.onnx");
static PROBE: &[u8] = model_file!("probe.safetensors");
static VOCABULARY: &[u8] = model_file!("vocab.txt");

/// One of its files by the name that the contract uses.
pub(super) fn file(name: &str) -> Option<&'static [u8]> {
    match name {
        "encoder.onnx" => Some(ENCODER),
        "predictor.onnx" => Some(PREDICTOR),
        "joint.onnx" => Some(JOINT),
        "probe.safetensors" => Some(PROBE),
        "vocab.txt" => Some(VOCABULARY),
        _ => None,
    }
}
