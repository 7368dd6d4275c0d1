//! The parts of a graph that are looked at: nodes, their attributes, and weights.

use std::borrow::Cow;

use crate::engine::onnx_graph::{
    OnnxError,
    wire::{Message, Value},
};

// Field numbers of onnx.proto.
pub(super) const NODE_INPUT: u32 = 1;
pub(super) const NODE_OUTPUT: u32 = 2;
pub(super) const NODE_NAME: u32 = 3;
pub(super) const NODE_OP_TYPE: u32 = 4;
pub(super) const NODE_ATTRIBUTE: u32 = 5;
const NODE_DOMAIN: u32 = 7;
pub(super) const ATTRIBUTE_NAME: u32 = 1;
pub(super) const ATTRIBUTE_INT: u32 = 3;
const ATTRIBUTE_TENSOR: u32 = 5;
const ATTRIBUTE_GRAPH: u32 = 6;
const ATTRIBUTE_GRAPHS: u32 = 11;
pub(super) const TENSOR_DIMS: u32 = 1;
pub(super) const TENSOR_DATA_TYPE: u32 = 2;
const TENSOR_FLOATS: u32 = 4;
pub(super) const TENSOR_NAME: u32 = 8;
pub(super) const TENSOR_RAW: u32 = 9;
const TENSOR_EXTERNAL: u32 = 13;
const ENTRY_KEY: u32 = 1;
const ENTRY_VALUE: u32 = 2;
const GRAPH_NODE: u32 = 1;

/// Element types by their numbers in onnx.proto.
pub(super) const FLOAT: i32 = 1;
pub(super) const INT32: i32 = 6;
pub(super) const INT64: i32 = 7;
pub(super) const BOOL: i32 = 9;
pub(super) const FLOAT16: i32 = 10;

/// One operation.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) message: Message<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn parse(bytes: &Cow<'a, [u8]>) -> Result<Self, OnnxError> {
        Ok(Self { message: Message::parse_cow(bytes)? })
    }

    /// A node that changes the element type.
    pub(super) fn cast(from: &str, to: &str, element_type: i32) -> Self {
        Self::new("Cast", &[from], &[to]).with("to", i64::from(element_type))
    }

    /// The operator; empty for one that is not of ONNX itself.
    pub(super) fn op(&self) -> &str {
        match self.message.text(NODE_DOMAIN) {
            "" | "ai.onnx" => self.message.text(NODE_OP_TYPE),
            _ => "",
        }
    }

    /// Names of what it reads; one that is left out is empty.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &str> {
        self.message.texts(NODE_INPUT)
    }

    /// Names of what it makes.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &str> {
        self.message.texts(NODE_OUTPUT)
    }

    pub(super) fn set_inputs(&mut self, names: &[String]) {
        self.message.replace_texts(NODE_INPUT, names);
    }

    pub(super) fn set_outputs(&mut self, names: &[String]) {
        self.message.replace_texts(NODE_OUTPUT, names);
    }

    /// Gives it the name of a value that it makes.
    pub(super) fn set_name(&mut self, name: &str) {
        self.message.fields.retain(|field| field.number != NODE_NAME);
        self.message.push_text(NODE_NAME, name);
    }

    fn attribute(&self, name: &str) -> Result<Option<Message<'a>>, OnnxError> {
        for bytes in self.message.all_bytes(NODE_ATTRIBUTE) {
            let attribute = Message::parse_cow(bytes)?;
            if attribute.text(ATTRIBUTE_NAME) == name {
                return Ok(Some(attribute));
            }
        }
        Ok(None)
    }

    /// Names of its attributes.
    pub(super) fn attribute_names(&self) -> Result<Vec<String>, OnnxError> {
        let name = |bytes| Ok(Message::parse_cow(bytes)?.text(ATTRIBUTE_NAME).to_owned());
        self.message.all_bytes(NODE_ATTRIBUTE).map(name).collect()
    }

    /// Whether it has an attribute of this name.
    pub(super) fn has(&self, name: &str) -> Result<bool, OnnxError> {
        Ok(self.attribute(name)?.is_some())
    }

    /// An attribute that is an integer.
    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, OnnxError> {
        Ok(self.attribute(name)?.and_then(|attribute| attribute.varint(ATTRIBUTE_INT)).map(u64::cast_signed))
    }

    /// An attribute that is a tensor.
    pub(super) fn tensor(&self, name: &str) -> Result<Option<Weight<'a>>, OnnxError> {
        let Some(attribute) = self.attribute(name)? else { return Ok(None) };
        attribute.bytes(ATTRIBUTE_TENSOR).map(Weight::parse).transpose()
    }

    /// Every name that the graphs within it read: they may be names of the graph around.
    pub(super) fn names_within(&self) -> Result<Vec<String>, OnnxError> {
        let mut names = Vec::new();
        for bytes in self.message.all_bytes(NODE_ATTRIBUTE) {
            let attribute = Message::parse_cow(bytes)?;
            for graph in attribute.all_bytes(ATTRIBUTE_GRAPH).chain(attribute.all_bytes(ATTRIBUTE_GRAPHS)) {
                for bytes in Message::parse_cow(graph)?.all_bytes(GRAPH_NODE) {
                    let node = Node::parse(bytes)?;
                    names.extend(node.inputs().map(str::to_owned));
                    names.extend(node.names_within()?);
                }
            }
        }
        Ok(names)
    }
}

/// A tensor that stands in the file, or names where it stands.
#[derive(Clone, Debug)]
pub(super) struct Weight<'a> {
    message: Message<'a>,
}

impl<'a> Weight<'a> {
    pub(super) fn parse(bytes: &Cow<'a, [u8]>) -> Result<Self, OnnxError> {
        Ok(Self { message: Message::parse_cow(bytes)? })
    }

    /// Its name in the graph.
    pub(super) fn name(&self) -> &str {
        self.message.text(TENSOR_NAME)
    }

    /// Its element type.
    pub(super) fn element_type(&self) -> i32 {
        self.message.varint(TENSOR_DATA_TYPE).unwrap_or(0) as i32
    }

    /// The file that holds its values, if they are not in the graph.
    pub(super) fn external_file(&self) -> Result<Option<String>, OnnxError> {
        for bytes in self.message.all_bytes(TENSOR_EXTERNAL) {
            let entry = Message::parse_cow(bytes)?;
            if entry.text(ENTRY_KEY) == "location" {
                return Ok(Some(entry.text(ENTRY_VALUE).to_owned()));
            }
        }
        Ok(None)
    }

    /// The same tensor under another name, as a field of the graph.
    pub(super) fn renamed(&self, name: &str) -> Value<'a> {
        let mut message = self.message.clone();
        message.replace_texts(TENSOR_NAME, &[name.to_owned()]);
        Value::Bytes(Cow::Owned(message.encode()))
    }

    /// Its values, if they are 32-bit floats in the graph.
    pub(super) fn floats(&self) -> Option<Vec<f32>> {
        if self.element_type() != FLOAT || self.message.bytes(TENSOR_EXTERNAL).is_some() {
            return None;
        }
        let of_bytes = |bytes: &[u8]| -> Vec<f32> {
            bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        };
        if let Some(raw) = self.message.bytes(TENSOR_RAW) {
            return Some(of_bytes(raw));
        }
        let mut values = Vec::new();
        for value in self.message.all(TENSOR_FLOATS) {
            match value {
                Value::Fixed32(bytes) => values.push(f32::from_le_bytes(*bytes)),
                Value::Bytes(packed) => values.extend(of_bytes(packed)),
                _ => {}
            }
        }
        Some(values)
    }

    /// The same tensor of 16-bit floats under another name, as a field of the graph.
    pub(super) fn in_half(&self, name: &str, values: &[f32]) -> Result<Value<'static>, OnnxError> {
        let mut message = Message::default();
        for size in self.message.varints(TENSOR_DIMS)? {
            message.push(TENSOR_DIMS, Value::Varint(size));
        }
        message.push(TENSOR_DATA_TYPE, Value::Varint(FLOAT16 as u64));
        message.push_text(TENSOR_NAME, name);
        let raw = values.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect();
        message.push(TENSOR_RAW, Value::Bytes(Cow::Owned(raw)));
        Ok(Value::Bytes(Cow::Owned(message.encode())))
    }
}
