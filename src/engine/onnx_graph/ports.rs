//! What a graph says of itself: its inputs and outputs, and the notes of whoever exported it.

use std::collections::{BTreeMap, HashSet};

use crate::engine::{
    DType, Dim,
    onnx_graph::{
        GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_VALUE_INFO, OnnxError, OnnxGraph,
        make::{
            DIM_PARAM, DIM_VALUE, SHAPE_DIM, TENSOR_ELEMENT_TYPE, TENSOR_SHAPE, TYPE_TENSOR, VALUE_NAME, VALUE_TYPE,
        },
        node::{FLOAT, FLOAT16, INT32, INT64},
        wire::Message,
    },
};

// Field numbers of onnx.proto.
const MODEL_METADATA: u32 = 14;
const METADATA_KEY: u32 = 1;
const METADATA_VALUE: u32 = 2;

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its element type; `None` for one that no model here has.
    pub dtype: Option<DType>,
    /// Fixed sizes and names of free ones; `None` where not even the number of axes is told.
    pub shape: Option<Vec<Dim>>,
}

impl Port {
    /// Whether it holds floats.
    pub fn is_float(&self) -> bool {
        matches!(self.dtype, Some(DType::F32 | DType::F16))
    }

    /// Whether it holds integers.
    pub fn is_integer(&self) -> bool {
        matches!(self.dtype, Some(DType::I32 | DType::I64))
    }

    /// Number of axes.
    pub fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(Vec::len)
    }

    /// The size of an axis, if it is fixed.
    pub fn fixed(&self, axis: usize) -> Option<usize> {
        match self.shape.as_ref()?.get(axis)? {
            Dim::Fixed(size) => Some(*size),
            Dim::Free(_) => None,
        }
    }
}

impl OnnxGraph<'_> {
    /// Inputs in their order, without those that are weights.
    pub fn inputs(&self) -> Result<Vec<Port>, OnnxError> {
        let weights: HashSet<String> = self.weights()?.iter().map(|weight| weight.name().to_owned()).collect();
        Ok(self.ports(GRAPH_INPUT)?.into_iter().filter(|port| !weights.contains(&port.name)).collect())
    }

    /// Outputs in their order.
    pub fn outputs(&self) -> Result<Vec<Port>, OnnxError> {
        self.ports(GRAPH_OUTPUT)
    }

    /// Values within whose type was noted.
    pub(super) fn noted(&self) -> Result<Vec<Port>, OnnxError> {
        self.ports(GRAPH_VALUE_INFO)
    }

    /// What the exporter noted, by key.
    pub fn metadata(&self) -> Result<BTreeMap<String, String>, OnnxError> {
        let entry = |bytes| {
            let entry = Message::parse_cow(bytes)?;
            Ok((entry.text(METADATA_KEY).to_owned(), entry.text(METADATA_VALUE).to_owned()))
        };
        self.model.all_bytes(MODEL_METADATA).map(entry).collect()
    }

    fn ports(&self, field: u32) -> Result<Vec<Port>, OnnxError> {
        self.graph.all_bytes(field).map(|bytes| port(&Message::parse_cow(bytes)?)).collect()
    }
}

fn port(info: &Message<'_>) -> Result<Port, OnnxError> {
    let name = info.text(VALUE_NAME).to_owned();
    let mut port = Port { name, dtype: None, shape: None };
    let Some(kind) = info.bytes(VALUE_TYPE) else { return Ok(port) };
    let Some(tensor) = Message::parse(kind)?.bytes(TYPE_TENSOR).cloned() else { return Ok(port) };
    let tensor = Message::parse_cow(&tensor)?;
    port.dtype = match tensor.varint(TENSOR_ELEMENT_TYPE).map(|element| element as i32) {
        Some(FLOAT) => Some(DType::F32),
        Some(FLOAT16) => Some(DType::F16),
        Some(INT32) => Some(DType::I32),
        Some(INT64) => Some(DType::I64),
        _ => None,
    };
    if let Some(shape) = tensor.bytes(TENSOR_SHAPE) {
        let mut dims = Vec::new();
        for bytes in Message::parse_cow(shape)?.all_bytes(SHAPE_DIM) {
            let dim = Message::parse_cow(bytes)?;
            // 0 and what would be negative stand for a free size, too.
            let size = dim.varint(DIM_VALUE).filter(|size| (1..1 << 63).contains(size));
            dims.push(match size {
                Some(size) => Dim::Fixed(usize::try_from(size).unwrap_or(usize::MAX)),
                None => Dim::Free(dim.text(DIM_PARAM).to_owned()),
            });
        }
        port.shape = Some(dims);
    }
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::onnx_graph::embedded_graphs;

    #[test]
    fn the_embedded_graphs_say_what_their_contract_says() {
        let [encoder, predictor, _] = embedded_graphs().map(|bytes| OnnxGraph::parse(bytes).unwrap());
        let inputs = encoder.inputs().unwrap();
        assert_eq!(inputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>(), ["audio_signal", "length"]);
        assert_eq!((inputs[0].dtype, inputs[0].rank(), inputs[0].fixed(1)), (Some(DType::F32), Some(3), Some(80)));
        assert_eq!((inputs[1].dtype, inputs[0].fixed(2)), (Some(DType::I64), None));
        let outputs = predictor.outputs().unwrap();
        assert_eq!(outputs.iter().map(|port| port.fixed(port.rank().unwrap() - 2)).nth(1), Some(None));
        assert!(outputs[0].is_float() && !outputs[0].is_integer());
    }
}
