//! Every tensor of a file, wherever it stands: what an engine would read of it, or make of its sizes, is known before.

use crate::engine::onnx_graph::{
    GRAPH_INITIALIZER, GRAPH_NODE, OnnxError, OnnxGraph,
    node::{ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS, ATTRIBUTE_TENSOR, DEPTH, NODE_ATTRIBUTE, Weight},
    wire::Message,
};

// Field numbers of onnx.proto.
const MODEL_TRAINING: u32 = 20;
const MODEL_FUNCTION: u32 = 25;
const TRAINING_GRAPHS: [u32; 2] = [1, 2];
const FUNCTION_NODE: u32 = 7;
const FUNCTION_ATTRIBUTE: u32 = 11;
const GRAPH_SPARSE: u32 = 15;
const ATTRIBUTE_TENSORS: u32 = 10;
const ATTRIBUTE_SPARSE: [u32; 2] = [22, 23];
/// Values and indices.
const SPARSE_TENSORS: [u32; 2] = [1, 2];

/// Values that no graph makes of nothing: 1 GB of 32-bit floats.
const MOST_MADE: u64 = 1 << 28;

impl<'a> OnnxGraph<'a> {
    /// Weights, constants and the values of attributes: of the graph, of graphs within it, of functions.
    pub(super) fn tensors(&self) -> Result<Vec<Weight<'a>>, OnnxError> {
        let mut found = Found(Vec::new());
        found.of_graph(&self.graph, DEPTH)?;
        for node in &self.nodes {
            found.of_attributes(&node.message, NODE_ATTRIBUTE, DEPTH)?;
        }
        for training in self.model.all_bytes(MODEL_TRAINING) {
            let training = Message::parse_cow(training)?;
            for graph in TRAINING_GRAPHS.iter().flat_map(|field| training.all_bytes(*field)) {
                found.of_graph(&Message::parse_cow(graph)?, DEPTH)?;
            }
        }
        for function in self.model.all_bytes(MODEL_FUNCTION) {
            let function = Message::parse_cow(function)?;
            found.of_attributes(&function, FUNCTION_ATTRIBUTE, DEPTH)?;
            for node in function.all_bytes(FUNCTION_NODE) {
                found.of_attributes(&Message::parse_cow(node)?, NODE_ATTRIBUTE, DEPTH)?;
            }
        }
        Ok(found.0)
    }

    /// Refuses operators that make gigabytes of a few constants: engines compute such values while they load a graph.
    pub(super) fn check_made(&self) -> Result<(), OnnxError> {
        let mut constants = std::collections::HashMap::new();
        for weight in self.weights()? {
            constants.insert(weight.name().to_owned(), weight);
        }
        for node in self.nodes.iter().filter(|node| node.op() == "Constant") {
            if let (Some(name), Some(weight)) = (node.outputs().next(), node.tensor("value")?) {
                constants.insert(name.to_owned(), weight);
            }
        }
        for node in &self.nodes {
            let (input, factors) = match node.op() {
                "ConstantOfShape" => (0, true),
                "Expand" | "Tile" | "OneHot" => (1, true),
                "Range" => (1, false),
                _ => continue,
            };
            let Some(sizes) = node.inputs().nth(input).and_then(|name| constants.get(name)?.integers()) else {
                continue;
            };
            let sizes = sizes.iter().map(|size| u64::try_from(*size).unwrap_or(0));
            let most = if factors { sizes.clone().try_fold(1, u64::checked_mul) } else { sizes.clone().max() };
            if most.is_none_or(|most| most > MOST_MADE) {
                let name = node.outputs().next().unwrap_or_default().to_owned();
                let found = format!("{} of the sizes {:?}", node.op(), sizes.collect::<Vec<_>>());
                return Err(OnnxError::Weight { name, expected: format!("{MOST_MADE} values at most"), found });
            }
        }
        Ok(())
    }
}

struct Found<'a>(Vec<Weight<'a>>);

impl<'a> Found<'a> {
    fn of_graph(&mut self, graph: &Message<'a>, depth: usize) -> Result<(), OnnxError> {
        for tensor in graph.all_bytes(GRAPH_INITIALIZER) {
            self.0.push(Weight::parse(tensor)?);
        }
        for sparse in graph.all_bytes(GRAPH_SPARSE) {
            self.of_sparse(&Message::parse_cow(sparse)?)?;
        }
        for node in graph.all_bytes(GRAPH_NODE) {
            self.of_attributes(&Message::parse_cow(node)?, NODE_ATTRIBUTE, depth)?;
        }
        Ok(())
    }

    fn of_attributes(&mut self, holder: &Message<'a>, field: u32, depth: usize) -> Result<(), OnnxError> {
        let Some(depth) = depth.checked_sub(1) else { return Err(OnnxError::Depth { limit: DEPTH }) };
        for bytes in holder.all_bytes(field) {
            let attribute = Message::parse_cow(bytes)?;
            for tensor in attribute.all_bytes(ATTRIBUTE_TENSOR).chain(attribute.all_bytes(ATTRIBUTE_TENSORS)) {
                self.0.push(Weight::parse(tensor)?);
            }
            for sparse in ATTRIBUTE_SPARSE.iter().flat_map(|field| attribute.all_bytes(*field)) {
                self.of_sparse(&Message::parse_cow(sparse)?)?;
            }
            for graph in attribute.all_bytes(ATTRIBUTE_GRAPH).chain(attribute.all_bytes(ATTRIBUTE_GRAPHS)) {
                self.of_graph(&Message::parse_cow(graph)?, depth)?;
            }
        }
        Ok(())
    }

    fn of_sparse(&mut self, sparse: &Message<'a>) -> Result<(), OnnxError> {
        for tensor in SPARSE_TENSORS.iter().flat_map(|field| sparse.all_bytes(*field)) {
            self.0.push(Weight::parse(tensor)?);
        }
        Ok(())
    }
}
