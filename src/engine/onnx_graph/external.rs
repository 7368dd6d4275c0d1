//! Weights against what they say of themselves: their sizes, and the files beside the graph that hold them.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use crate::engine::onnx_graph::{
    GRAPH_INITIALIZER, OnnxError, OnnxGraph,
    flow::Flow,
    node::{ENTRY_KEY, ENTRY_VALUE, External, TENSOR_DATA_LOCATION, TENSOR_EXTERNAL, TENSOR_RAW, Weight},
    wire::{Message, Value},
};

/// Bytes of a weight that no memory holds.
const MOST: u64 = 1 << 40;

impl<'a> OnnxGraph<'a> {
    /// Names of the files beside the graph that hold values, wherever in the graph they are named; none if all are in the graph.
    pub fn external_files(&self) -> Result<BTreeSet<String>, OnnxError> {
        let mut files = BTreeSet::new();
        for tensor in self.tensors()? {
            files.extend(tensor.external()?.map(|external| external.file));
        }
        Ok(files)
    }

    /// Holds the size of every tensor against its bytes, or against those of its file; `size_of` knows the files.
    pub fn check_weights(&self, size_of: &dyn Fn(&str) -> Option<u64>) -> Result<(), OnnxError> {
        for weight in self.tensors()? {
            let fault =
                |expected: String, found: String| OnnxError::Weight { name: weight.name().to_owned(), expected, found };
            let Some(bytes) = weight.bytes()? else { continue };
            if bytes > MOST {
                return Err(fault(format!("{MOST} bytes at most"), format!("the sizes {:?}", weight.sizes()?)));
            }
            if let Some(external) = weight.external()? {
                let Some(size) = size_of(&external.file) else {
                    return Err(fault(format!("the file {}", external.file), "nothing".to_owned()));
                };
                let length = external.length.unwrap_or(bytes);
                if length != bytes || external.offset.checked_add(bytes).is_none_or(|end| end > size) {
                    let found = format!("{length} bytes from byte {} of a file of {size}", external.offset);
                    return Err(fault(format!("{bytes} bytes in {}", external.file), found));
                }
            } else if let Some(raw) = weight.raw() {
                if raw as u64 != bytes {
                    return Err(fault(format!("{bytes} bytes"), format!("{raw}")));
                }
            } else if weight.elements()? > 2 * weight.listed() {
                // A list takes a byte for two values at least.
                let found = format!("the sizes {:?} and {} bytes of values", weight.sizes()?, weight.listed());
                return Err(fault("as many values as its sizes say".to_owned(), found));
            }
        }
        self.check_made()
    }

    /// Weights that stand in files: name, place, and bytes by shape and type.
    pub fn external_weights(&self) -> Result<Vec<(String, External, u64)>, OnnxError> {
        let mut found = Vec::new();
        for weight in self.weights()? {
            if let (Some(external), Some(bytes)) = (weight.external()?, weight.bytes()?) {
                found.push((weight.name().to_owned(), external, bytes));
            }
        }
        Ok(found)
    }

    /// Puts values, by the weights' names, into the graph that stood in files.
    pub fn with_values(mut self, values: &mut HashMap<String, Vec<u8>>) -> Result<Self, OnnxError> {
        for field in self.graph.fields.iter_mut().filter(|field| field.number == GRAPH_INITIALIZER) {
            let Value::Bytes(bytes) = &mut field.value else { continue };
            let Some(raw) = values.remove(Weight::parse(bytes)?.name()) else { continue };
            let mut message: Message<'a> = Message::parse_cow(bytes)?;
            message.fields.retain(|field| ![TENSOR_EXTERNAL, TENSOR_DATA_LOCATION].contains(&field.number));
            message.push(TENSOR_RAW, Value::Bytes(Cow::Owned(raw)));
            *bytes = Cow::Owned(message.encode());
        }
        Ok(self)
    }

    /// Gives the files that hold its weights other names.
    pub fn with_files_renamed(mut self, name: &dyn Fn(&str) -> String) -> Result<Self, OnnxError> {
        for field in self.graph.fields.iter_mut().filter(|field| field.number == GRAPH_INITIALIZER) {
            let Value::Bytes(bytes) = &mut field.value else { continue };
            let mut message: Message<'a> = Message::parse_cow(bytes)?;
            let mut changed = false;
            for entry in message.fields.iter_mut().filter(|field| field.number == TENSOR_EXTERNAL) {
                let Value::Bytes(bytes) = &mut entry.value else { continue };
                let mut pair: Message<'a> = Message::parse_cow(bytes)?;
                if pair.text(ENTRY_KEY) == "location" {
                    let renamed = name(pair.text(ENTRY_VALUE));
                    pair.replace_texts(ENTRY_VALUE, &[renamed]);
                    *bytes = Cow::Owned(pair.encode());
                    changed = true;
                }
            }
            if changed {
                *bytes = Cow::Owned(message.encode());
            }
        }
        Ok(self)
    }

    /// Elements of the weights by the number of their type in onnx.proto, and the sizes of each weight.
    pub fn weight_sizes(&self) -> Result<Vec<(i32, Vec<u64>)>, OnnxError> {
        let mut found = Vec::new();
        for weight in self.weights()? {
            found.push((weight.element_type(), weight.sizes()?));
        }
        for node in self.nodes.iter().filter(|node| node.op() == "Constant") {
            if let Some(value) = node.tensor("value")? {
                found.push((value.element_type(), value.sizes()?));
            }
        }
        Ok(found)
    }

    /// Whether `values` are made of `source`.
    pub fn depends(&self, values: &[&str], source: &str) -> Result<bool, OnnxError> {
        Ok(Flow::of(self)?.depends(values, &[source], &[]))
    }

    /// LSTM layers, and the size that they say they have.
    pub fn recurrent_layers(&self) -> Result<Vec<Option<i64>>, OnnxError> {
        let lstm = self.nodes.iter().filter(|node| matches!(node.kind(), "LSTM" | "DynamicQuantizeLSTM"));
        lstm.map(|node| node.int("hidden_size")).collect()
    }
}
