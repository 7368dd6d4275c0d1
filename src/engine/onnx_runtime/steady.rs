//! The encoder's work for window sizes that keep coming: bound to buffers of its own, recorded once, replayed.

use ort::{
    memory::Allocator,
    session::{IoBinding, RunOptions},
    value::Tensor,
};

use crate::engine::onnx_runtime::{
    graph::{Graph, bind_index},
    resident::{Place, to_host},
};

/// Runs of a size after which it is recorded: a window that grows at the start of an utterance is not.
const RUNS: u32 = 3;
/// Sizes that are recorded at most. The steady state of a session has one, or two where the hop is no multiple of 80 ms;
/// each holds device memory.
const SIZES: usize = 4;
/// What the provider calls the run of a graph: a number for each recording.
const RECORDING: &str = "gpu_graph_id";

/// `[1, mel bins, frames]` and `[1, dim, encoder frames]`.
type Shapes = [[usize; 3]; 2];

/// A recorded size.
struct Recorded {
    shapes: Shapes,
    features: Tensor<f32>,
    output: Tensor<f32>,
    binding: IoBinding,
    options: RunOptions,
}

/// The sizes that came, and what was recorded of them.
pub(super) struct Steady {
    place: Place,
    seen: Vec<(Shapes, u32)>,
    recorded: Vec<Recorded>,
    unrecorded: RunOptions,
}

impl Steady {
    pub(super) fn new(place: Place) -> ort::Result<Self> {
        Ok(Self { place, seen: Vec::new(), recorded: Vec::new(), unrecorded: options(place, -1)? })
    }

    /// How a run of another size must be made, so that it is not recorded.
    pub(super) fn unrecorded(&self) -> &RunOptions {
        &self.unrecorded
    }

    /// The encoder's output, `[dim, encoder frames]`, if windows of this size are recorded.
    pub(super) fn run(&mut self, encoder: &mut Graph, shapes: Shapes, values: &[f32]) -> ort::Result<Option<Vec<f32>>> {
        if !self.is_steady(shapes) {
            return Ok(None);
        }
        let at = match self.recorded.iter().position(|recorded| recorded.shapes == shapes) {
            Some(at) => at,
            None if self.recorded.len() < SIZES => {
                let recorded = Recorded::new(self.place, encoder, shapes, self.recorded.len() as i32 + 1)?;
                self.recorded.push(recorded);
                self.recorded.len() - 1
            }
            None => return Ok(None),
        };
        let Recorded { features, output, binding, options, .. } = &mut self.recorded[at];
        Tensor::from_array((shapes[0], values.to_vec()))?.copy_into(features)?;
        encoder.session.run_binding_with_options(binding, options)?;
        to_host(output).map(Some)
    }

    fn is_steady(&mut self, shapes: Shapes) -> bool {
        let at = self.seen.iter().position(|(seen, _)| *seen == shapes).unwrap_or_else(|| {
            self.seen.push((shapes, 0));
            self.seen.len() - 1
        });
        let runs = &mut self.seen[at].1;
        *runs = runs.saturating_add(1);
        *runs > RUNS
    }
}

impl Recorded {
    fn new(place: Place, encoder: &Graph, shapes: Shapes, id: i32) -> ort::Result<Self> {
        let allocator = Allocator::new(&encoder.session, place.memory()?)?;
        let features = Tensor::<f32>::new(&allocator, shapes[0])?;
        let mut output = Tensor::<f32>::new(&allocator, shapes[1])?;
        let mut binding = encoder.session.create_binding()?;
        binding.bind_input(encoder.inputs[0].name.as_str(), &features)?;
        bind_index(&mut binding, &encoder.inputs[1], [1], shapes[0][2])?;
        binding.bind_output(encoder.outputs[0].name.as_str(), &mut output)?;
        Ok(Self { shapes, features, output, binding, options: options(place, id)? })
    }
}

/// How a run is made that is recording number `id`; -1 for none.
pub(super) fn options(place: Place, id: i32) -> ort::Result<RunOptions> {
    let mut options = RunOptions::new()?;
    if matches!(place, Place::Cuda { .. }) {
        options.set(RECORDING, id.to_string())?;
    }
    Ok(options)
}
