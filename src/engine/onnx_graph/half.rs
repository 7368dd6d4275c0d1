//! A graph in 16-bit floats where that is safe: products of matrices, convolutions and recurrences, and what only moves
//! or scales their results.
//!
//! For engines that compute in the types that the graph has, and so need a graph of the wanted types. In 32 bits stay sums
//! of two activations (the residual stream), layer normalisation, softmax, reductions, the error function of GELU (1 is added
//! to what is near -1), masks, and whatever comes of positions and lengths; so do the graph's inputs and outputs. A weight
//! beyond the range of 16 bits keeps its operator in 32.

use std::collections::{HashMap, HashSet};

use crate::engine::onnx_graph::{
    GRAPH_INITIALIZER, GRAPH_OUTPUT, GRAPH_VALUE_INFO, OnnxError, OnnxGraph,
    node::{FLOAT, FLOAT16, Node, Weight},
    types::Types,
    wire::{Message, Value},
};

/// Version of what is converted and how: what was made of a graph by another is made anew.
pub const HALF_VERSION: u32 = 1;

/// Largest finite value in 16 bits.
const LARGEST: f32 = 65504.0;

/// How much was converted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HalfReport {
    /// Operators that compute in 16-bit floats now.
    pub operators: usize,
    /// Weights stored as 32-bit floats before and as 16-bit floats now.
    pub weights: usize,
}

/// Converts the file in `bytes`; weights in files beside it stay there as they are and are converted when they are loaded.
pub fn to_half(bytes: &[u8]) -> Result<(Vec<u8>, HalfReport), OnnxError> {
    let graph = OnnxGraph::parse(bytes)?;
    let conversion = Conversion::of(&graph)?;
    conversion.apply(graph).map(|(graph, report)| (graph.encode(), report))
}

/// What is to become of a graph.
struct Conversion<'a> {
    types: Types,
    /// Weights by name.
    weights: HashMap<String, Weight<'a>>,
    /// 16-bit values of which the graph makes 32-bit ones; by the names of those.
    widened: HashMap<String, String>,
    /// Values that operators in 16 bits make.
    made: HashSet<String>,
    /// For each node, whether it becomes one in 16 bits.
    chosen: Vec<bool>,
    /// Every name in the graph.
    names: HashSet<String>,
}

impl<'a> Conversion<'a> {
    fn of(graph: &OnnxGraph<'a>) -> Result<Self, OnnxError> {
        let mut conversion = Self {
            types: Types::of(graph)?,
            weights: graph.weights()?.into_iter().map(|weight| (weight.name().to_owned(), weight)).collect(),
            widened: HashMap::new(),
            made: HashSet::new(),
            chosen: Vec::with_capacity(graph.nodes.len()),
            names: graph.nodes.iter().flat_map(|node| node.inputs().chain(node.outputs())).map(str::to_owned).collect(),
        };
        conversion.names.extend(conversion.weights.keys().cloned());
        let mut beyond = conversion.beyond_range(graph)?;
        for node in &graph.nodes {
            let chosen = conversion.chooses(node, &beyond);
            conversion.chosen.push(chosen);
            if chosen {
                conversion.made.extend(node.outputs().filter(|name| !name.is_empty()).map(str::to_owned));
            } else if node.op() == "Cast"
                && let (Some(from), Some(to)) = (node.inputs().next(), node.outputs().next())
            {
                if conversion.is_half_weight(from) && conversion.types.is_float(to) {
                    conversion.widened.insert(to.to_owned(), from.to_owned());
                }
            } else if node.inputs().any(|name| beyond.contains(name)) {
                // Of a constant beyond the range another may be made that is, too.
                beyond.extend(node.outputs().filter(|name| conversion.types.is_constant(name)).map(str::to_owned));
            }
        }
        Ok(conversion)
    }

    /// Constants in the graph that 16 bits cannot hold.
    fn beyond_range(&self, graph: &OnnxGraph<'a>) -> Result<HashSet<String>, OnnxError> {
        let is_beyond = |tensor: &Weight<'_>| {
            tensor.floats().is_some_and(|values| values.iter().any(|value| value.abs() > LARGEST))
        };
        let weights = self.weights.iter().filter(|(_, weight)| is_beyond(weight));
        let mut beyond: HashSet<String> = weights.map(|(name, _)| name.clone()).collect();
        for node in graph.nodes.iter().filter(|node| node.op() == "Constant") {
            if node.tensor("value")?.is_some_and(|tensor| is_beyond(&tensor)) {
                beyond.extend(node.outputs().map(str::to_owned));
            }
        }
        Ok(beyond)
    }

    fn is_half_weight(&self, name: &str) -> bool {
        self.weights.get(name).is_some_and(|weight| weight.element_type() == FLOAT16)
    }

    /// Whether a node, all before it decided, is to compute in 16 bits.
    fn chooses(&self, node: &Node<'_>, beyond: &HashSet<String>) -> bool {
        let floats: Vec<&str> = node.inputs().filter(|name| self.types.is_float(name)).collect();
        let half = floats.iter().filter(|name| self.made.contains(**name)).count();
        let constant = floats.iter().filter(|name| self.types.is_constant(name)).count();
        if floats.is_empty() || floats.iter().any(|name| beyond.contains(*name)) {
            return false;
        }
        // All of it is 16 bits already or can be, and something is.
        let follows = half > 0 && half + constant == floats.len();
        match node.op() {
            // Computed from constants alone it is no work at run time.
            "MatMul" | "Gemm" | "Conv" | "ConvTranspose" | "LSTM" | "GRU" => constant < floats.len(),
            "Transpose" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten" | "Slice" | "Split" | "Concat" | "Expand"
            | "Gather" | "Pad" | "Identity" | "Relu" | "Sigmoid" | "Tanh" | "Mul" => follows,
            // With a constant: a bias, a scale. Without: the residual stream, whose sums grow from layer to layer.
            "Add" | "Sub" | "Div" => follows && constant > 0,
            _ => false,
        }
    }

    /// A name for a value in 16 bits that nothing in the graph has.
    fn half_name(&self, name: &str) -> String {
        let mut half = format!("{name}:f16");
        while self.names.contains(&half) {
            half.push('\'');
        }
        half
    }

    fn apply(self, mut graph: OnnxGraph<'a>) -> Result<(OnnxGraph<'a>, HalfReport), OnnxError> {
        let mut writer = Writer { plan: &self, nodes: Vec::new(), there: HashSet::new(), new_weights: Vec::new() };
        let wide = self.needed_wide(&graph)?;
        let mut report = HalfReport::default();
        for (node, chosen) in std::mem::take(&mut graph.nodes).into_iter().zip(&self.chosen) {
            if *chosen {
                report.operators += 1;
                writer.in_half(node, &wide)?;
            } else {
                writer.as_it_is(node);
            }
        }
        let Writer { nodes, new_weights, .. } = writer;
        report.weights = new_weights.len();
        graph.nodes = nodes;
        for weight in new_weights {
            graph.graph.push(GRAPH_INITIALIZER, weight);
        }
        self.clear(&mut graph)?;
        Ok((graph, report))
    }

    /// Values made in 16 bits that somebody reads in 32: other operators, graphs within, the graph's outputs.
    fn needed_wide(&self, graph: &OnnxGraph<'_>) -> Result<HashSet<String>, OnnxError> {
        let mut needed = HashSet::new();
        for bytes in graph.graph.all_bytes(GRAPH_OUTPUT) {
            needed.insert(Message::parse_cow(bytes)?.text(1).to_owned());
        }
        for (node, chosen) in graph.nodes.iter().zip(&self.chosen) {
            needed.extend(node.names_within()?);
            if !chosen && !asks_shape(node) {
                needed.extend(node.inputs().map(str::to_owned));
            }
        }
        needed.retain(|name| self.made.contains(name));
        Ok(needed)
    }

    /// Takes out what nothing reads any more, and what was said of types that have changed.
    fn clear(&self, graph: &mut OnnxGraph<'a>) -> Result<(), OnnxError> {
        let mut read: HashSet<String> = graph.nodes.iter().flat_map(Node::inputs).map(str::to_owned).collect();
        for node in &graph.nodes {
            read.extend(node.names_within()?);
        }
        let outputs = graph.graph.all_bytes(GRAPH_OUTPUT).map(Message::parse_cow);
        for output in outputs {
            read.insert(output?.text(1).to_owned());
        }
        // Weights that were widened for operators that take them as they are now.
        graph.nodes.retain(|node| {
            node.op() != "Cast" || node.outputs().any(|name| read.contains(name) || !self.widened.contains_key(name))
        });
        let mut kept = Vec::with_capacity(graph.graph.fields.len());
        for field in std::mem::take(&mut graph.graph.fields) {
            let keep = match (&field.value, field.number) {
                (Value::Bytes(bytes), GRAPH_INITIALIZER) => {
                    let weight = Weight::parse(bytes)?;
                    weight.element_type() != FLOAT || read.contains(weight.name())
                }
                (Value::Bytes(bytes), GRAPH_VALUE_INFO) => !self.made.contains(Message::parse_cow(bytes)?.text(1)),
                _ => true,
            };
            if keep {
                kept.push(field);
            }
        }
        graph.graph.fields = kept;
        Ok(())
    }
}

/// Whether a node reads no values of its input, only its sizes.
fn asks_shape(node: &Node<'_>) -> bool {
    ["Shape", "Size"].contains(&node.op())
}

/// The new nodes.
struct Writer<'p, 'a> {
    plan: &'p Conversion<'a>,
    nodes: Vec<Node<'a>>,
    /// Values in 16 bits that are there, by the names of those in 32.
    there: HashSet<String>,
    new_weights: Vec<Value<'a>>,
}

impl<'a> Writer<'_, 'a> {
    /// A node that stays in 32 bits.
    fn as_it_is(&mut self, mut node: Node<'a>) {
        if asks_shape(&node) {
            let inputs: Vec<String> = node.inputs().map(|name| self.made_name(name)).collect();
            node.set_inputs(&inputs);
        }
        self.nodes.push(node);
    }

    /// A node that computes in 16 bits; its results are widened where that is needed.
    fn in_half(&mut self, mut node: Node<'a>, wide: &HashSet<String>) -> Result<(), OnnxError> {
        let inputs: Vec<String> = node.inputs().map(str::to_owned).collect();
        let inputs: Result<Vec<String>, OnnxError> = inputs.iter().map(|name| self.input(name)).collect();
        node.set_inputs(&inputs?);
        let outputs: Vec<String> = node.outputs().map(str::to_owned).collect();
        let names: Vec<String> = outputs.iter().map(|name| self.made_name(name)).collect();
        node.set_outputs(&names);
        self.nodes.push(node);
        for (name, half) in outputs.iter().zip(&names).filter(|(name, _)| wide.contains(*name)) {
            self.nodes.push(Node::cast(half, name, FLOAT));
        }
        Ok(())
    }

    /// The name of a value where it is made in 16 bits, else its own.
    fn made_name(&self, name: &str) -> String {
        if self.plan.made.contains(name) { self.plan.half_name(name) } else { name.to_owned() }
    }

    /// The name under which an operator in 16 bits reads a value; makes it if it is not there.
    fn input(&mut self, name: &str) -> Result<String, OnnxError> {
        if !self.plan.types.is_float(name) || self.plan.made.contains(name) {
            return Ok(self.made_name(name));
        }
        if let Some(weight) = self.plan.widened.get(name) {
            return Ok(weight.clone());
        }
        let half = self.plan.half_name(name);
        if self.there.insert(name.to_owned()) {
            let weight = self.plan.weights.get(name);
            match weight.and_then(|weight| Some((weight, weight.floats()?))) {
                Some((weight, values)) => self.new_weights.push(weight.in_half(&half, &values)?),
                None => self.nodes.push(Node::cast(name, &half, FLOAT16)),
            }
        }
        Ok(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::onnx_graph::embedded_graphs;

    #[test]
    fn what_multiplies_is_converted_and_what_normalises_is_not() {
        for bytes in embedded_graphs() {
            let (converted, report) = to_half(bytes).unwrap();
            let (before, after) = (OnnxGraph::parse(bytes).unwrap(), OnnxGraph::parse(&converted).unwrap());
            let types = Types::of(&after).unwrap();
            for node in &after.nodes {
                let floats = node.inputs().filter(|name| types.is_float(name)).count();
                match node.op() {
                    "MatMul" | "Conv" | "LSTM" => assert_eq!(floats, 0, "{:?}", node.outputs().collect::<Vec<_>>()),
                    "LayerNormalization" | "Softmax" | "ReduceMax" => assert!(floats > 0),
                    _ => {}
                }
            }
            let count = |graph: &OnnxGraph<'_>, op| graph.operators().filter(|found| *found == op).count();
            assert!(report.operators >= count(&before, "MatMul") + count(&before, "Conv") + count(&before, "LSTM"));
            // Weights are stored in 16 bits already, and are taken as they are.
            assert!(converted.len() < bytes.len() + 100_000, "{} of {}", converted.len(), bytes.len());
        }
    }

    #[test]
    fn a_converted_graph_has_nothing_left_to_convert() {
        let [_, _, joint] = embedded_graphs();
        let (once, _) = to_half(joint).unwrap();
        let (_, again) = to_half(&once).unwrap();
        assert_eq!(again, HalfReport::default());
    }
}
