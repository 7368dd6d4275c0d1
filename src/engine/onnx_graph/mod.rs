//! ONNX graphs read, edited and written: what stands in the file and is not understood stays as it was.

mod block;
mod cut;
mod external;
mod flow;
mod half;
mod make;
mod node;
mod part;
mod ports;
mod recurrence;
mod rewrite;
mod tensors;
mod types;
mod wire;

pub(super) use block::{BlockShape, FOUND, GIVEN, decision_block};
pub use cut::{Cut, FusedPorts, cut};
pub use half::{HALF_VERSION, HalfReport, to_half};
pub use node::External;
pub use ports::Port;
pub use rewrite::{JointPorts, PredictorPorts, Rewritten, joint_graph, predictor_graph};

use std::borrow::Cow;

use node::{Node, Weight};
use wire::{Message, Value};

/// An ONNX file is not what it should be, or cannot be converted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// Not a Protocol Buffers message.
    #[error("not an ONNX graph: at byte {at} expected {expected}, found {found}")]
    Malformed {
        /// Offset in its message.
        at: usize,
        /// What should be there.
        expected: &'static str,
        /// What is.
        found: String,
    },
    /// A message, but none with a graph.
    #[error("not an ONNX graph: expected a model with a graph, found {found}")]
    NoGraph {
        /// What is there.
        found: String,
    },
    /// A weight is not what it says it is.
    #[error("weight {name:?}: expected {expected}, found {found}")]
    Weight {
        /// Its name.
        name: String,
        /// What it should be, by its shape and type.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Graphs within graphs without end.
    #[error("expected at most {limit} graphs within each other, found more")]
    Depth {
        /// As many are read.
        limit: usize,
    },
    /// What is no prediction network of a transducer.
    #[error("not a prediction network: {why}")]
    NotPredictor {
        /// What it is instead.
        why: &'static str,
    },
    /// Graphs that cannot be put together to one.
    #[error("predictor and joint cannot be joined: {why}")]
    NotJoined {
        /// What stands against it.
        why: &'static str,
    },
}

// Field numbers of onnx.proto.
const MODEL_GRAPH: u32 = 7;
const MODEL_OPSET: u32 = 8;
const OPSET_DOMAIN: u32 = 1;
const OPSET_VERSION: u32 = 2;
const GRAPH_NODE: u32 = 1;
const GRAPH_NAME: u32 = 2;
const GRAPH_INITIALIZER: u32 = 5;
const GRAPH_INPUT: u32 = 11;
const GRAPH_OUTPUT: u32 = 12;
const GRAPH_VALUE_INFO: u32 = 13;

/// A model with one graph, whose nodes and weights can be changed.
#[derive(Clone, Debug)]
pub struct OnnxGraph<'a> {
    /// The model; its graph is empty.
    model: Message<'a>,
    /// The graph without its nodes.
    graph: Message<'a>,
    /// Nodes in their order, which is that of the data.
    nodes: Vec<Node<'a>>,
    /// Where in the graph's fields the nodes stood.
    nodes_at: usize,
}

impl<'a> OnnxGraph<'a> {
    /// Reads a file's bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, OnnxError> {
        // Formats of their own that engines would see in the same bytes.
        if bytes.starts_with(b"RTEN") || bytes.get(4..8) == Some(b"ORTM") {
            return Err(OnnxError::NoGraph { found: "a file in the format of an engine".to_owned() });
        }
        let mut model = Message::parse(bytes)?;
        let fields = model.fields.len();
        // Two would be one to a reader that puts them together, as engines do.
        let graphs = model.all(MODEL_GRAPH).count();
        if graphs > 1 {
            return Err(OnnxError::NoGraph { found: format!("{graphs} of them") });
        }
        let slot = model.fields.iter_mut().rfind(|field| field.number == MODEL_GRAPH);
        let Some(Value::Bytes(bytes)) = slot.map(|field| &mut field.value) else {
            return Err(OnnxError::NoGraph { found: format!("a message of {fields} fields without it") });
        };
        let mut graph = Message::parse_cow(bytes)?;
        *bytes = Cow::Borrowed(&[]);
        let nodes_at = graph.fields.iter().position(|field| field.number == GRAPH_NODE).unwrap_or(0);
        let mut nodes = Vec::new();
        for bytes in graph.all_bytes(GRAPH_NODE) {
            nodes.push(Node::parse(bytes)?);
        }
        graph.fields.retain(|field| field.number != GRAPH_NODE);
        Ok(Self { model, graph, nodes, nodes_at })
    }

    /// The file's bytes. An unchanged graph gives the bytes it was read from, if a usual writer wrote them.
    pub fn encode(&self) -> Vec<u8> {
        let mut graph = self.graph.clone();
        let nodes = self
            .nodes
            .iter()
            .map(|node| wire::Field { number: GRAPH_NODE, value: Value::Bytes(Cow::Owned(node.message.encode())) });
        graph.fields.splice(self.nodes_at..self.nodes_at, nodes);
        let mut model = self.model.clone();
        set_graph(&mut model, &graph);
        model.encode()
    }

    /// Version of ONNX's own operators.
    fn opset(&self) -> Result<u64, OnnxError> {
        let mut version = 0;
        for bytes in self.model.all_bytes(MODEL_OPSET) {
            let set = Message::parse_cow(bytes)?;
            if matches!(set.text(OPSET_DOMAIN), "" | "ai.onnx") {
                version = set.varint(OPSET_VERSION).unwrap_or(0);
            }
        }
        Ok(version)
    }

    /// The operators in the order of the data.
    pub fn operators(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(Node::op)
    }

    fn weights(&self) -> Result<Vec<Weight<'a>>, OnnxError> {
        self.graph.all_bytes(GRAPH_INITIALIZER).map(Weight::parse).collect()
    }
}

/// Puts a graph in the place of the model's.
fn set_graph(model: &mut Message<'_>, graph: &Message<'_>) {
    if let Some(field) = model.fields.iter_mut().rfind(|field| field.number == MODEL_GRAPH) {
        field.value = Value::Bytes(Cow::Owned(graph.encode()));
    }
}

/// The graphs of the model in the binary, for tests: encoder, predictor, joint.
#[cfg(test)]
pub(super) fn embedded_graphs() -> [&'static [u8]; 3] {
    macro_rules! graph {
        ($name:literal) => {
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/model/", $name))
        };
    }
    [graph!("encoder.onnx"), graph!("predictor.onnx"), graph!("joint.onnx")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_graph_comes_back_byte_for_byte() {
        for bytes in embedded_graphs() {
            let graph = OnnxGraph::parse(bytes).unwrap();
            assert!(graph.operators().count() > 5);
            assert!(graph.external_files().unwrap().is_empty());
            assert!(graph.encode() == bytes, "{} bytes", bytes.len());
        }
    }

    #[test]
    fn what_is_no_graph_is_told() {
        assert!(matches!(OnnxGraph::parse(b""), Err(OnnxError::NoGraph { .. })));
        assert!(matches!(OnnxGraph::parse(b"\x7fELF"), Err(OnnxError::Malformed { .. })));
    }
}
