//! Engines with one fault each, around one that has none.

use dictoscope::{
    engine::{EncoderOutput, Engine, EngineError, EngineInfo, JointLogits, Prediction, PredictorState, TokenId},
    features::FeatureFrames,
    parity::tensors::transposed,
};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Reads features as if they lay mel bin by mel bin.
    TransposedFeatures,
    /// One value of the encoder's output is NaN.
    NanEncoder,
    /// The encoder's output is larger by this factor.
    ScaledEncoder(f32),
    /// Forgets the predictor's state.
    NoState,
    /// A log-softmax over both heads as one.
    LogSoftmax,
    /// Adds this to the last logit of the duration head.
    RaisedDuration(f32),
    /// Adds this to the first logit of the token head.
    ShiftedJoint(f32),
}

/// `inner` with a fault.
pub(crate) struct WithFault<E> {
    pub(crate) inner: E,
    pub(crate) fault: Fault,
}

impl<E: Engine> Engine for WithFault<E> {
    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        if self.fault == Fault::TransposedFeatures {
            let scrambled = FeatureFrames { data: transposed(&input.data, input.mel_bins), ..input.clone() };
            return self.inner.encode(&scrambled, out);
        }
        self.inner.encode(input, out)?;
        match self.fault {
            Fault::NanEncoder => out.data[7] = f32::NAN,
            Fault::ScaledEncoder(factor) => out.data.iter_mut().for_each(|x| *x *= factor),
            _ => {}
        }
        Ok(())
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        let nothing = PredictorState::default();
        self.inner.predict(token, if self.fault == Fault::NoState { &nothing } else { state }, out)
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        self.inner.joint(frame, prediction, out)?;
        match self.fault {
            Fault::LogSoftmax => {
                let all = [&out.tokens[..], &out.durations].concat();
                let lse = dictoscope::decode::log_sum_exp(&all);
                out.tokens.iter_mut().chain(&mut out.durations).for_each(|x| *x -= lse);
            }
            Fault::RaisedDuration(by) => *out.durations.last_mut().expect("a duration head") += by,
            Fault::ShiftedJoint(by) => out.tokens[0] += by,
            _ => {}
        }
        Ok(())
    }
}
