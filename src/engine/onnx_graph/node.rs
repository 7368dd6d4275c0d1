//! The parts of a graph that are looked at: nodes, their attributes, and weights.

use std::{borrow::Cow, collections::BTreeSet};

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
pub(super) const ATTRIBUTE_TENSOR: u32 = 5;
pub(super) const ATTRIBUTE_GRAPH: u32 = 6;
pub(super) const ATTRIBUTE_GRAPHS: u32 = 11;
pub(super) const TENSOR_DIMS: u32 = 1;
pub(super) const TENSOR_DATA_TYPE: u32 = 2;
const TENSOR_FLOATS: u32 = 4;
const TENSOR_INT64: u32 = 7;
/// Floats, 32-bit integers, 64-bit integers, doubles, and 64-bit integers without sign.
const TENSOR_LISTS: [u32; 5] = [TENSOR_FLOATS, 5, TENSOR_INT64, 10, 11];
pub(super) const TENSOR_NAME: u32 = 8;
pub(super) const TENSOR_RAW: u32 = 9;
pub(super) const TENSOR_EXTERNAL: u32 = 13;
pub(super) const TENSOR_DATA_LOCATION: u32 = 14;
pub(super) const ENTRY_KEY: u32 = 1;
pub(super) const ENTRY_VALUE: u32 = 2;
const GRAPH_NODE: u32 = 1;

/// Graphs within graphs that any model has.
pub(super) const DEPTH: usize = 16;

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

    /// The operator, of whatever domain.
    pub(super) fn kind(&self) -> &str {
        self.message.text(NODE_OP_TYPE)
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
        self.names_below(DEPTH)
    }

    fn names_below(&self, depth: usize) -> Result<Vec<String>, OnnxError> {
        let mut names = Vec::new();
        if depth == 0 {
            return Err(OnnxError::Depth { limit: DEPTH });
        }
        for bytes in self.message.all_bytes(NODE_ATTRIBUTE) {
            let attribute = Message::parse_cow(bytes)?;
            for graph in attribute.all_bytes(ATTRIBUTE_GRAPH).chain(attribute.all_bytes(ATTRIBUTE_GRAPHS)) {
                for bytes in Message::parse_cow(graph)?.all_bytes(GRAPH_NODE) {
                    let node = Node::parse(bytes)?;
                    names.extend(node.inputs().map(str::to_owned));
                    names.extend(node.names_below(depth - 1)?);
                }
            }
        }
        Ok(names)
    }
}

/// Where values are that are not in the graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct External {
    /// File name, as the graph has it.
    pub file: String,
    /// First byte.
    pub offset: u64,
    /// Bytes, if told.
    pub length: Option<u64>,
}

/// Bits of an element of a type, by its number in onnx.proto.
fn element_bits(element: i32) -> Option<u64> {
    match element {
        // u8, i8, bool
        2 | 3 | 9 => Some(8),
        // u16, i16, f16, bf16
        4 | 5 | 10 | 16 => Some(16),
        // f32, i32, u32
        1 | 6 | 12 => Some(32),
        // i64, f64, u64
        7 | 11 | 13 => Some(64),
        // u4, i4
        21 | 22 => Some(4),
        _ => None,
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

    /// Where its values are, if they are not in the graph.
    pub(super) fn external(&self) -> Result<Option<External>, OnnxError> {
        let (mut found, mut keys) = (External::default(), BTreeSet::new());
        for bytes in self.message.all_bytes(TENSOR_EXTERNAL) {
            let entry = Message::parse_cow(bytes)?;
            let (key, value) = (entry.text(ENTRY_KEY), entry.text(ENTRY_VALUE));
            // What is no number lies beyond the end of any file.
            let number = || value.parse().unwrap_or(u64::MAX);
            if !keys.insert(key.to_owned()) {
                // Which of two counts, readers do not agree on.
                let expected = format!("one {key}");
                return Err(OnnxError::Weight { name: self.name().to_owned(), expected, found: "two".to_owned() });
            }
            match key {
                "location" => value.clone_into(&mut found.file),
                "offset" => found.offset = number(),
                "length" => found.length = Some(number()),
                _ => {}
            }
        }
        Ok(self.message.bytes(TENSOR_EXTERNAL).is_some().then_some(found))
    }

    /// Its sizes.
    pub(super) fn sizes(&self) -> Result<Vec<u64>, OnnxError> {
        self.message.varints(TENSOR_DIMS)
    }

    /// Bytes of its values, [`u64::MAX`] for more than can be counted; `None` for an element type that is not known here.
    pub(super) fn bytes(&self) -> Result<Option<u64>, OnnxError> {
        let Some(bits) = element_bits(self.element_type()) else { return Ok(None) };
        // As many elements as cannot be counted are as many bytes.
        let elements = self.elements()?;
        let bytes = elements.checked_mul(bits).filter(|_| elements < u64::MAX);
        Ok(Some(bytes.map_or(u64::MAX, |bits| bits.div_ceil(8))))
    }

    /// Number of its values by its sizes, [`u64::MAX`] for more than can be counted.
    pub(super) fn elements(&self) -> Result<u64, OnnxError> {
        Ok(self.sizes()?.into_iter().try_fold(1_u64, u64::checked_mul).unwrap_or(u64::MAX))
    }

    /// Bytes of the lists that hold its values where it has no raw ones.
    pub(super) fn listed(&self) -> u64 {
        let of = |value: &Value<'_>| if let Value::Bytes(bytes) = value { bytes.len() as u64 } else { 1 };
        TENSOR_LISTS.iter().flat_map(|field| self.message.all(*field)).map(of).sum()
    }

    /// Its values, if they are integers in the graph.
    pub(super) fn integers(&self) -> Option<Vec<i64>> {
        if self.element_type() != INT64 || self.message.bytes(TENSOR_EXTERNAL).is_some() {
            return None;
        }
        match self.message.bytes(TENSOR_RAW) {
            Some(raw) => Some(raw.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()),
            None => Some(self.message.varints(TENSOR_INT64).ok()?.into_iter().map(u64::cast_signed).collect()),
        }
    }

    /// Bytes of its raw values, if it has such.
    pub(super) fn raw(&self) -> Option<usize> {
        self.message.bytes(TENSOR_RAW).map(|raw| raw.len())
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
