//! Several decisions in one run: predictor and joint as one graph, recorded, whose scores and states are there before they are
//! asked for.
//!
//! What the loop on the host asks for next depends on what it decides. The graph guesses that it takes the highest scores; while
//! that holds, a decision costs no run of its own and the bus is crossed once for all of them. A wrong guess costs time only.

use std::ops::Range;

use ort::{
    memory::Allocator,
    session::{IoBinding, RunOptions, Session},
    value::Tensor,
};

use crate::engine::{
    BlockShape, Contract, EngineError, FOUND, GIVEN, GraphSource, Prediction, PredictorState, TokenId, decision_block,
    host::check_finite,
    onnx_runtime::{
        graph::{Means, failed, session},
        resident::Place,
        steady,
    },
};

/// Decisions of a block: with more, those beyond the commit line and the window's end are made for nothing.
const STEPS: usize = 8;
/// Encoder frames of a block. Speech takes one to two a decision.
const FRAMES: usize = 16;
/// Decisions one by one at most before a block is tried again.
const MOST_APART: u32 = 64;
/// Runs before a block's time counts: the provider records the second.
const WARM_UP: usize = 3;

/// Computes decisions ahead.
pub(super) struct Ahead {
    session: Session,
    shape: BlockShape,
    binding: IoBinding,
    options: RunOptions,
    given: [Tensor<f32>; 2],
    found: [Tensor<f32>; 2],
    /// Encoder frames of the newest window, `[frames, dim]`.
    window: Vec<f32>,
    /// What the newest block was given and found; empty before the first.
    newest: (Vec<f32>, Vec<f32>),
    /// Where the loop seems to be: a step of the newest block, a frame of the window.
    near: (usize, usize),
    /// Of the newest block, the steps that were asked for.
    used: usize,
    /// Decisions that are to be computed one by one: so many after a block of which only one was of use, and twice as many
    /// after each further one.
    apart: (u32, u32),
    /// Decisions that will be taken whatever the scores: token and entry of the duration head.
    expected: Vec<(TokenId, usize)>,
}

impl Ahead {
    /// Joins the two graphs, loads what came of it and runs it a few times.
    pub(super) fn open(
        means: &Means<'_>,
        contract: &Contract,
        graphs: &[GraphSource; 3],
        place: Place,
    ) -> Result<Self, String> {
        let [_, GraphSource::Bytes(predictor), GraphSource::Bytes(joint)] = graphs else {
            return Err("predictor or joint has its weights in files beside it".to_owned());
        };
        let shape = BlockShape::new(contract, STEPS, FRAMES);
        let block = decision_block(predictor, joint, contract, shape).map_err(|error| error.to_string())?;
        let mut ahead = Self::load(means, block, shape, place).map_err(|error| error.to_string())?;
        let zeros = Prediction {
            output: vec![0.0; shape.hidden],
            state: PredictorState { h: vec![0.0; shape.state], c: vec![0.0; shape.state], resident: None },
            resident: None,
        };
        ahead.set_window(&vec![0.0; shape.frames * shape.dim]);
        for _ in 0..WARM_UP {
            ahead.run(0, &zeros).map_err(|error| error.to_string())?;
        }
        ahead.set_window(&[]);
        Ok(ahead)
    }

    fn load(means: &Means<'_>, block: Vec<u8>, shape: BlockShape, place: Place) -> ort::Result<Self> {
        let session = session(means, &GraphSource::Bytes(block.into()))?;
        let on_device = Allocator::new(&session, place.memory()?)?;
        let (device_given, mut device_found) =
            (Tensor::<f32>::new(&on_device, [shape.given()])?, Tensor::<f32>::new(&on_device, [shape.found()])?);
        // Not in pinned memory: ONNX Runtime refuses to copy an output there that is bound there.
        let on_host = Allocator::default();
        let (host_given, host_found) =
            (Tensor::<f32>::new(&on_host, [shape.given()])?, Tensor::<f32>::new(&on_host, [shape.found()])?);
        let mut binding = session.create_binding()?;
        binding.bind_input(GIVEN, &device_given)?;
        binding.bind_output(FOUND, &mut device_found)?;
        Ok(Self {
            session,
            shape,
            binding,
            options: steady::options(place, 1)?,
            given: [host_given, device_given],
            found: [host_found, device_found],
            window: Vec::new(),
            newest: (Vec::new(), Vec::new()),
            near: (0, 0),
            used: STEPS,
            apart: (0, 1),
            expected: Vec::new(),
        })
    }

    /// Frames that decisions will be made on, `[frames, dim]`.
    pub(super) fn set_window(&mut self, frames: &[f32]) {
        self.window.clear();
        self.window.extend_from_slice(frames);
        self.near.1 = 0;
    }

    /// What will be decided, as far as it is known.
    pub(super) fn expect(&mut self, decisions: &[(TokenId, usize)]) {
        self.expected.clear();
        self.expected.extend_from_slice(decisions);
    }

    /// The scores of `frame` after `prediction`, or `None` if the frame is none of the window.
    pub(super) fn logits(&mut self, frame: &[f32], prediction: &Prediction) -> Result<Option<&[f32]>, EngineError> {
        const CALL: &str = "joint";
        if self.step_of(frame, prediction).is_none() {
            if self.rests() {
                return Ok(None);
            }
            let Some(row) = self.row_of(frame) else { return Ok(None) };
            self.near.1 = row;
            self.used = 0;
            self.run(row, prediction).map_err(failed(CALL))?;
            self.near.0 = 0;
        }
        let Some(step) = self.step_of(frame, prediction) else { return Ok(None) };
        self.near.0 = step;
        self.used = self.used.max(step + 1);
        let at = step * self.shape.step();
        let logits = &self.newest.1[at..at + self.shape.classes];
        check_finite(CALL, "logits", logits)?;
        Ok(Some(logits))
    }

    /// Whether another block is not worth its time now: the guesses were wrong.
    fn rests(&mut self) -> bool {
        let (left, most) = &mut self.apart;
        if *left > 0 {
            *left -= 1;
            return *left > 0;
        }
        if self.used > 1 {
            *most = 1;
            return false;
        }
        *most = (*most * 2).min(MOST_APART);
        *left = *most;
        true
    }

    /// What the predictor says after `token` on `state`, if that was computed.
    pub(super) fn prediction(&self, token: TokenId, state: &PredictorState) -> Option<Prediction> {
        let BlockShape { hidden, state: size, .. } = self.shape;
        let step = self.steps().find(|step| {
            let before = self.before(*step);
            self.token(*step) == Some(token.0)
                && before.get(hidden..hidden + size) == Some(&state.h)
                && before.get(hidden + size..) == Some(&state.c)
        })?;
        let after = &self.newest.1[self.after(step)];
        Some(Prediction {
            output: after[..hidden].to_vec(),
            state: PredictorState {
                h: after[hidden..hidden + size].to_vec(),
                c: after[hidden + size..].to_vec(),
                resident: None,
            },
            resident: None,
        })
    }

    /// Steps of the newest block, the likeliest first.
    fn steps(&self) -> impl Iterator<Item = usize> + use<> {
        let steps = if self.newest.1.is_empty() { 0 } else { self.shape.steps };
        let near = self.near.0.min(steps);
        (near..steps).chain(0..near)
    }

    fn step_of(&self, frame: &[f32], prediction: &Prediction) -> Option<usize> {
        let BlockShape { steps, dim, hidden, state, .. } = self.shape;
        let rows = &self.newest.1[self.newest.1.len().saturating_sub(steps)..];
        self.steps().find(|step| {
            let row = rows[*step] as usize;
            let before = self.before(*step);
            self.newest.0.get(row * dim..(row + 1) * dim) == Some(frame)
                && before[..hidden] == prediction.output
                && before[hidden..hidden + state] == prediction.state.h
        })
    }

    fn row_of(&self, frame: &[f32]) -> Option<usize> {
        let dim = self.shape.dim;
        let rows = self.window.len() / dim;
        let near = self.near.1.min(rows);
        (near..rows).chain(0..near).find(|row| self.window[row * dim..(row + 1) * dim] == *frame)
    }

    fn token(&self, step: usize) -> Option<u32> {
        self.newest.1.get(self.shape.steps * self.shape.step() + step).map(|token| *token as u32)
    }

    /// Where in what was found the prediction after a step stands.
    fn after(&self, step: usize) -> Range<usize> {
        let end = (step + 1) * self.shape.step();
        end - self.shape.prediction()..end
    }

    /// The prediction before a step.
    fn before(&self, step: usize) -> &[f32] {
        if let Some(step) = step.checked_sub(1) {
            return &self.newest.1[self.after(step)];
        }
        let at = self.shape.frames * self.shape.dim;
        &self.newest.0[at..at + self.shape.prediction()]
    }

    fn run(&mut self, row: usize, prediction: &Prediction) -> ort::Result<()> {
        let BlockShape { steps, frames, dim, .. } = self.shape;
        let (given, found) = &mut self.newest;
        given.clear();
        let end = (row + frames).min(self.window.len() / dim);
        given.extend_from_slice(&self.window[row * dim..end * dim]);
        given.resize(frames * dim, 0.0);
        given.extend(prediction.output.iter().chain(&prediction.state.h).chain(&prediction.state.c));
        let mut forced = [-1.0; 2 * STEPS];
        for (step, (token, duration)) in self.expected.iter().take(steps).enumerate() {
            (forced[step], forced[steps + step]) = (token.0 as f32, *duration as f32);
        }
        given.extend_from_slice(&forced);
        let [host, device] = &mut self.given;
        host.extract_tensor_mut().1.copy_from_slice(given);
        host.copy_into(device)?;
        self.session.run_binding_with_options(&self.binding, &self.options)?;
        let [host, device] = &mut self.found;
        device.copy_into(&mut *host)?;
        found.clear();
        found.extend_from_slice(host.extract_tensor().1);
        Ok(())
    }
}
