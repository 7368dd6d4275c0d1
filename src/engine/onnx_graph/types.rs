//! Which element type each value of a graph has, as far as it can be told from the operators.

use std::collections::{HashMap, HashSet};

use crate::engine::onnx_graph::{
    GRAPH_INPUT, OnnxError, OnnxGraph,
    make::{TENSOR_ELEMENT_TYPE, TYPE_TENSOR, VALUE_NAME, VALUE_TYPE},
    node::{BOOL, FLOAT, INT64, Node},
    wire::Message,
};

/// What is known of the values.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// Element types; a value whose type cannot be told is not in it.
    element: HashMap<String, i32>,
    /// Values that do not depend on the graph's inputs.
    constant: HashSet<String>,
}

impl Types {
    /// Walks the graph once.
    pub(super) fn of(graph: &OnnxGraph<'_>) -> Result<Self, OnnxError> {
        let mut types = Self::default();
        for bytes in graph.graph.all_bytes(GRAPH_INPUT) {
            let input = Message::parse_cow(bytes)?;
            let Some(kind) = input.bytes(VALUE_TYPE) else { continue };
            let Some(tensor) = Message::parse(kind)?.bytes(TYPE_TENSOR).cloned() else { continue };
            if let Some(element) = Message::parse_cow(&tensor)?.varint(TENSOR_ELEMENT_TYPE) {
                types.element.insert(input.text(VALUE_NAME).to_owned(), element as i32);
            }
        }
        for weight in graph.weights()? {
            types.element.insert(weight.name().to_owned(), weight.element_type());
            types.constant.insert(weight.name().to_owned());
        }
        for node in &graph.nodes {
            types.add(node)?;
        }
        Ok(types)
    }

    /// The element type of a value, if it can be told.
    pub(super) fn element(&self, name: &str) -> Option<i32> {
        self.element.get(name).copied()
    }

    /// Whether a value is of 32-bit floats.
    pub(super) fn is_float(&self, name: &str) -> bool {
        self.element.get(name) == Some(&FLOAT)
    }

    /// Whether a value does not depend on the graph's inputs.
    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constant.contains(name)
    }

    fn add(&mut self, node: &Node<'_>) -> Result<(), OnnxError> {
        let of_input = |at: usize| node.inputs().nth(at).and_then(|name| self.element.get(name).copied());
        let first = match node.op() {
            "Cast" => node.int("to")?.map(|to| to as i32),
            "Constant" => constant(node)?,
            "ConstantOfShape" => Some(node.tensor("value")?.map_or(FLOAT, |value| value.element_type())),
            "Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" => Some(INT64),
            "Equal" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual" | "And" | "Or" | "Not" | "Xor"
            | "IsNaN" | "IsInf" => Some(BOOL),
            "Where" | "CastLike" => of_input(1),
            "OneHot" => of_input(2),
            // Of another domain, with graphs within, quantised, or of a type that only an attribute tells.
            ""
            | "If"
            | "Loop"
            | "Scan"
            | "QuantizeLinear"
            | "DequantizeLinear"
            | "DynamicQuantizeLinear"
            | "MatMulInteger"
            | "ConvInteger"
            | "QLinearConv"
            | "QLinearMatMul"
            | "EyeLike"
            | "RandomNormal"
            | "RandomUniform"
            | "RandomNormalLike"
            | "RandomUniformLike"
            | "Bernoulli"
            | "Multinomial" => None,
            _ => of_input(0),
        };
        let others = match node.op() {
            "TopK" | "MaxPool" | "Unique" => Some(INT64),
            "Dropout" => Some(BOOL),
            _ => first,
        };
        let named = |name: &&str| !name.is_empty();
        let constant = first.is_some()
            && (node.op() == "Constant" || node.inputs().next().is_some())
            && node.inputs().filter(named).all(|name| self.constant.contains(name));
        let outputs: Vec<String> = node.outputs().map(str::to_owned).collect();
        for (at, name) in outputs.into_iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            if constant {
                self.constant.insert(name.clone());
            }
            if let Some(element) = if at == 0 { first } else { others } {
                self.element.insert(name, element);
            }
        }
        Ok(())
    }
}

/// The element type of a node that holds a value.
fn constant(node: &Node<'_>) -> Result<Option<i32>, OnnxError> {
    if let Some(value) = node.tensor("value")? {
        return Ok(Some(value.element_type()));
    }
    if node.has("value_float")? || node.has("value_floats")? {
        return Ok(Some(FLOAT));
    }
    Ok((node.has("value_int")? || node.has("value_ints")?).then_some(INT64))
}
