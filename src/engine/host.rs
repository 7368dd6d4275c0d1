//! What engines share on the host's side: layouts, lengths, and values that must be finite.

use crate::{
    engine::{Arithmetic, Contract, EncoderOutput, EngineError, EngineInfo, JointLogits, PredictorState},
    features::FeatureFrames,
};

/// More threads than this were never meant.
const MAX_THREADS: usize = 256;

/// As many as were asked for, or as the machine runs at once, but then no more than 4: a hop is short work, and the
/// desktop goes on beside it.
pub(super) fn threads(asked: Option<usize>) -> Result<usize, EngineError> {
    let default = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4);
    let count = asked.unwrap_or_else(default);
    if (1..=MAX_THREADS).contains(&count) {
        return Ok(count);
    }
    Err(EngineError::Threads { limit: MAX_THREADS, found: count })
}

/// `CPU, 2 threads`.
pub(super) fn cpu(threads: usize) -> String {
    format!("CPU, {threads} {}", if threads == 1 { "thread" } else { "threads" })
}

/// Compares the length of a caller's slice with the contract's size.
pub(super) fn check_len(call: &'static str, tensor: &str, expected: usize, found: usize) -> Result<(), EngineError> {
    if expected == found {
        return Ok(());
    }
    Err(EngineError::Shape { call, tensor: tensor.to_owned(), expected: vec![expected], found: vec![found] })
}

/// What runs: an engine and its version on a device, with `contract`'s model.
pub(super) fn info(
    contract: &Contract,
    engine: String,
    device: String,
    precision: &str,
    arithmetic: Arithmetic,
) -> EngineInfo {
    EngineInfo {
        engine,
        device,
        precision: format!("{precision} (weights stored as {})", contract.weights),
        arithmetic,
        model: contract.name.clone(),
        encoder_sha256: contract.graphs.encoder.sha256.clone(),
        parity: None,
    }
}

/// Checks a window, empties `out` for it and lays its features out as graphs have them, `[mel bins, frames]`; the numbers
/// of its mel frames and of its encoder frames.
pub(super) fn begin_encode(
    contract: &Contract,
    input: &FeatureFrames,
    out: &mut EncoderOutput,
    channels_first: &mut Vec<f32>,
) -> Result<[usize; 2], EngineError> {
    check_len("encode", "features", contract.front_end.mel_bins, input.mel_bins)?;
    let (limit, found) = (contract.encoder.max_mel_frames, input.len());
    if found > limit {
        return Err(EngineError::TooLong { limit, found });
    }
    out.start = input.start.enc();
    out.dim = contract.encoder.dim;
    out.data.clear();
    transpose(&input.data, input.mel_bins, channels_first);
    Ok([found, found.div_ceil(contract.encoder.subsampling)])
}

/// Shape of the encoder's output for so many encoder frames.
pub(super) fn frames_shape(contract: &Contract, encoded: usize) -> [usize; 3] {
    let dim = contract.encoder.dim;
    if contract.frames_time_first() { [1, encoded, dim] } else { [1, dim, encoded] }
}

/// The encoder's output, of [`frames_shape`], as `[encoder frames, dim]`.
pub(super) fn finish_encode(contract: &Contract, frames: &[f32], encoded: usize, out: &mut Vec<f32>) {
    if contract.frames_time_first() {
        out.clear();
        out.extend_from_slice(frames);
    } else {
        transpose(frames, encoded, out);
    }
}

/// Hidden and cell state, `zeros` where a state is empty, checked.
pub(super) fn state_or<'a>(state: &'a PredictorState, zeros: &'a [f32]) -> Result<[&'a [f32]; 2], EngineError> {
    let or_zeros = |values: &'a [f32]| if values.is_empty() { zeros } else { values };
    let (h, c) = (or_zeros(&state.h), or_zeros(&state.c));
    check_len("predict", "h", zeros.len(), h.len())?;
    check_len("predict", "c", zeros.len(), c.len())?;
    Ok([h, c])
}

/// Checks the two inputs of a joint step.
pub(super) fn check_joint(contract: &Contract, frame: &[f32], prediction: &[f32]) -> Result<(), EngineError> {
    check_len("joint", "frame", contract.encoder.dim, frame.len())?;
    check_len("joint", "prediction", contract.prediction_width(), prediction.len())
}

/// Moves the duration head, which the joint appends to the token head, to its own place.
pub(super) fn split_heads(contract: &Contract, out: &mut JointLogits) {
    out.durations.clear();
    out.durations.extend(out.tokens.drain(contract.token_classes()..));
}

/// Refuses NaN and infinity.
pub(super) fn check_finite(call: &'static str, tensor: &str, values: &[f32]) -> Result<(), EngineError> {
    if values.iter().all(|x| x.is_finite()) {
        return Ok(());
    }
    Err(EngineError::NotFinite { call, tensor: tensor.to_owned() })
}

/// Rows of `columns` values to columns: `[rows, columns]` to `[columns, rows]`.
pub(super) fn transpose(data: &[f32], columns: usize, out: &mut Vec<f32>) {
    out.clear();
    let rows = data.len().checked_div(columns).unwrap_or(0);
    out.reserve(data.len());
    for column in 0..columns {
        out.extend((0..rows).map(|row| data[row * columns + column]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_rows() {
        let mut out = vec![9.0];
        transpose(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, &mut out);
        assert_eq!(out, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        transpose(&[], 0, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn threads_have_bounds() {
        assert_eq!(threads(Some(256)).unwrap(), 256);
        assert!((1..=4).contains(&threads(None).unwrap()));
        for wrong in [0, 257] {
            assert!(matches!(threads(Some(wrong)), Err(EngineError::Threads { limit: 256, found }) if found == wrong));
        }
        assert_eq!((cpu(1), cpu(2)), ("CPU, 1 thread".to_owned(), "CPU, 2 threads".to_owned()));
    }

    #[test]
    fn what_is_not_finite_is_named() {
        assert!(check_finite("joint", "logits", &[0.0, -1e30]).is_ok());
        let error = check_finite("joint", "logits", &[0.0, f32::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "joint: tensor \"logits\" holds a value that is not finite");
    }
}
