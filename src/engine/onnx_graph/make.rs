//! Parts of a graph made anew: nodes, constants, inputs and outputs.

use std::borrow::Cow;

use crate::engine::{
    Dim,
    onnx_graph::{
        node::{
            ATTRIBUTE_INT, ATTRIBUTE_NAME, FLOAT, INT32, INT64, NODE_ATTRIBUTE, NODE_INPUT, NODE_NAME, NODE_OP_TYPE,
            NODE_OUTPUT, Node, TENSOR_DATA_TYPE, TENSOR_DIMS, TENSOR_NAME, TENSOR_RAW,
        },
        wire::{Message, Value},
    },
};

// Field numbers of onnx.proto.
const ATTRIBUTE_INTS: u32 = 8;
const ATTRIBUTE_TYPE: u32 = 20;
const TYPE_INT: u64 = 2;
const TYPE_INTS: u64 = 7;
pub(super) const VALUE_NAME: u32 = 1;
pub(super) const VALUE_TYPE: u32 = 2;
pub(super) const TYPE_TENSOR: u32 = 1;
pub(super) const TENSOR_ELEMENT_TYPE: u32 = 1;
pub(super) const TENSOR_SHAPE: u32 = 2;
pub(super) const SHAPE_DIM: u32 = 1;
pub(super) const DIM_VALUE: u32 = 1;
pub(super) const DIM_PARAM: u32 = 2;

impl Node<'_> {
    /// A node of ONNX's own operators, named after its first output.
    pub(super) fn new(op: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let mut message = Message::default();
        for input in inputs {
            message.push_text(NODE_INPUT, input);
        }
        for output in outputs {
            message.push_text(NODE_OUTPUT, output);
        }
        message.push_text(NODE_NAME, &format!("{}/{op}", outputs.first().copied().unwrap_or_default()));
        message.push_text(NODE_OP_TYPE, op);
        Self { message }
    }

    /// The node with an integer for an attribute.
    pub(super) fn with(mut self, name: &str, value: i64) -> Self {
        let mut attribute = Message::default();
        attribute.push_text(ATTRIBUTE_NAME, name);
        attribute.push(ATTRIBUTE_INT, Value::Varint(value.cast_unsigned()));
        attribute.push(ATTRIBUTE_TYPE, Value::Varint(TYPE_INT));
        self.message.push(NODE_ATTRIBUTE, message(&attribute));
        self
    }

    /// The node with integers for an attribute.
    pub(super) fn with_list(mut self, name: &str, values: &[i64]) -> Self {
        let mut attribute = Message::default();
        attribute.push_text(ATTRIBUTE_NAME, name);
        for value in values {
            attribute.push(ATTRIBUTE_INTS, Value::Varint(value.cast_unsigned()));
        }
        attribute.push(ATTRIBUTE_TYPE, Value::Varint(TYPE_INTS));
        self.message.push(NODE_ATTRIBUTE, message(&attribute));
        self
    }
}

/// A list of 64-bit integers as a weight of the graph.
pub(super) fn integers(name: &str, values: &[i64]) -> Value<'static> {
    let mut tensor = Message::default();
    tensor.push(TENSOR_DIMS, Value::Varint(values.len() as u64));
    tensor.push(TENSOR_DATA_TYPE, Value::Varint(INT64 as u64));
    tensor.push_text(TENSOR_NAME, name);
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor.push(TENSOR_RAW, Value::Bytes(Cow::Owned(raw)));
    message(&tensor)
}

/// One integer of a type as a weight of the graph, with as many axes as `rank`.
pub(super) fn integer(name: &str, element: i32, rank: usize, value: i64) -> Value<'static> {
    let mut tensor = Message::default();
    for _ in 0..rank {
        tensor.push(TENSOR_DIMS, Value::Varint(1));
    }
    tensor.push(TENSOR_DATA_TYPE, Value::Varint(element as u64));
    tensor.push_text(TENSOR_NAME, name);
    let raw = if element == INT32 { (value as i32).to_le_bytes().to_vec() } else { value.to_le_bytes().to_vec() };
    tensor.push(TENSOR_RAW, Value::Bytes(Cow::Owned(raw)));
    message(&tensor)
}

/// An input or output of the graph: a list of `len` 32-bit floats.
pub(super) fn floats_info(name: &str, len: usize) -> Value<'static> {
    info(name, FLOAT, &[len])
}

/// An input or output of the graph with fixed sizes.
pub(super) fn info(name: &str, element: i32, sizes: &[usize]) -> Value<'static> {
    shaped_info(name, element, &sizes.iter().map(|size| Dim::Fixed(*size)).collect::<Vec<_>>())
}

/// An input or output of the graph.
pub(super) fn shaped_info(name: &str, element: i32, dims: &[Dim]) -> Value<'static> {
    let mut shape = Message::default();
    for size in dims {
        let mut dim = Message::default();
        match size {
            Dim::Fixed(size) => dim.push(DIM_VALUE, Value::Varint(*size as u64)),
            Dim::Free(name) => dim.push_text(DIM_PARAM, name),
        }
        shape.push(SHAPE_DIM, message(&dim));
    }
    let mut tensor = Message::default();
    tensor.push(TENSOR_ELEMENT_TYPE, Value::Varint(element as u64));
    tensor.push(TENSOR_SHAPE, message(&shape));
    let mut kind = Message::default();
    kind.push(TYPE_TENSOR, message(&tensor));
    let mut info = Message::default();
    info.push_text(VALUE_NAME, name);
    info.push(VALUE_TYPE, message(&kind));
    message(&info)
}

fn message(inner: &Message<'_>) -> Value<'static> {
    Value::Bytes(Cow::Owned(inner.encode()))
}
