//! A graph as a part of a larger one: written once where it depends on weights or frames alone, and once a step where it does not.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::engine::onnx_graph::{
    GRAPH_INPUT, OnnxError, OnnxGraph,
    node::{FLOAT16, Node},
    recurrence::{self, Names},
    types::Types,
    wire::{Message, Value},
};

/// Field of a `ValueInfoProto`.
const VALUE_NAME: u32 = 1;

/// Name in the whole of all encoder frames, `[1, dim, frames]`.
pub(super) const FRAMES: &str = "f/given";

/// What a value depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Weights alone.
    Constant,
    /// Encoder frames: computed for all of them at once, one picked for each step.
    Frames,
    /// The step before.
    Step,
}

/// A graph to be put into another.
pub(super) struct Part<'a> {
    graph: OnnxGraph<'a>,
    /// Begins the names of its values.
    tag: &'static str,
    /// The input that is the same for all steps but for its row.
    frames: Option<String>,
    kinds: HashMap<String, Kind>,
    /// Casts at the ends that could be left out: node, the name outside, the name inside.
    casts: Vec<(usize, String, String)>,
    /// Nodes that are left out.
    skipped: HashSet<usize>,
    /// Names inside for names outside.
    inside: HashMap<String, String>,
    /// Names outside for names inside.
    outside: HashMap<String, String>,
}

impl<'a> Part<'a> {
    /// The part that `graph` is; `frames` names an input `[1, dim, frames]`.
    pub(super) fn new(graph: OnnxGraph<'a>, tag: &'static str, frames: Option<&str>) -> Result<Self, OnnxError> {
        let mut kinds = HashMap::new();
        for weight in graph.weights()? {
            if weight.external()?.is_some() {
                return Err(OnnxError::NotJoined { why: "weights in a file beside the graph" });
            }
            kinds.insert(weight.name().to_owned(), Kind::Constant);
        }
        for bytes in graph.graph.all_bytes(GRAPH_INPUT) {
            let input = Message::parse_cow(bytes)?.text(VALUE_NAME).to_owned();
            let kind = if frames == Some(input.as_str()) { Kind::Frames } else { Kind::Step };
            kinds.entry(input).or_insert(kind);
        }
        for node in &graph.nodes {
            if matches!(node.op(), "" | "If" | "Loop" | "Scan") {
                return Err(OnnxError::NotJoined { why: "an operator that is not of ONNX itself, or holds graphs" });
            }
            let kind = node.inputs().filter_map(|name| kinds.get(name)).max().copied().unwrap_or(Kind::Constant);
            kinds.extend(node.outputs().map(|name| (name.to_owned(), kind)));
        }
        Ok(Self {
            graph,
            tag,
            frames: frames.map(str::to_owned),
            kinds,
            casts: Vec::new(),
            skipped: HashSet::new(),
            inside: HashMap::new(),
            outside: HashMap::new(),
        })
    }

    /// The weights under the part's names.
    pub(super) fn weights(&self) -> impl Iterator<Item = Value<'a>> {
        let weights = self.graph.weights().unwrap_or_default();
        weights.into_iter().map(|weight| weight.renamed(&format!("{}/{}", self.tag, weight.name())))
    }

    /// The 16-bit type to which an input is converted first, if that is all that is done with it.
    pub(super) fn narrowed_input(&mut self, name: &str) -> Result<Option<i32>, OnnxError> {
        let mut readers = self.graph.nodes.iter().enumerate().filter(|(_, node)| node.inputs().any(|n| n == name));
        let (Some((at, node)), None) = (readers.next(), readers.next()) else { return Ok(None) };
        if node.op() != "Cast" || node.int("to")? != Some(i64::from(FLOAT16)) {
            return Ok(None);
        }
        let inner = node.outputs().next().unwrap_or_default().to_owned();
        self.casts.push((at, name.to_owned(), inner));
        Ok(Some(FLOAT16))
    }

    /// The 16-bit type from which an output is made last, if nobody else reads it.
    pub(super) fn widened_output(&mut self, name: &str) -> Result<Option<i32>, OnnxError> {
        let types = Types::of(&self.graph)?;
        let mut makers = self.graph.nodes.iter().enumerate().filter(|(_, node)| node.outputs().any(|n| n == name));
        let Some((at, node)) = makers.next() else { return Ok(None) };
        let inner = node.inputs().next().unwrap_or_default().to_owned();
        let read = self.graph.nodes.iter().any(|node| node.inputs().any(|n| n == name));
        if node.op() != "Cast" || read || types.element(&inner) != Some(FLOAT16) {
            return Ok(None);
        }
        self.casts.push((at, name.to_owned(), inner));
        Ok(Some(FLOAT16))
    }

    /// Leaves out the conversions that were found at the ends.
    pub(super) fn peel(&mut self) {
        for (at, outside, inside) in std::mem::take(&mut self.casts) {
            self.skipped.insert(at);
            self.outside.insert(inside.clone(), outside.clone());
            self.inside.insert(outside, inside);
        }
    }

    /// Name of an output in a step.
    pub(super) fn output(&self, name: &str, step: usize) -> String {
        let name = self.inside.get(name).map_or(name, String::as_str);
        self.name(name, step, &HashMap::new())
    }

    /// Writes what all steps share.
    pub(super) fn write_once(&self, nodes: &mut Vec<Node<'a>>) {
        for (node, kind) in self.nodes() {
            if kind == Kind::Step {
                continue;
            }
            let rename = |name: &str| match self.kinds.get(name) {
                _ if name.is_empty() => String::new(),
                Some(Kind::Constant) => format!("{}/{name}", self.tag),
                _ => self.frames_name(name),
            };
            nodes.push(renamed(node, rename));
        }
    }

    /// Writes one step on `inputs`, by their names in the part's graph, on the frame at `row`.
    pub(super) fn write_step(
        &self,
        nodes: &mut Vec<Node<'a>>,
        constants: &mut Vec<Value<'a>>,
        step: usize,
        inputs: &HashMap<&str, String>,
        row: Option<&str>,
    ) -> Result<(), OnnxError> {
        for name in self.picked() {
            let Some(row) = row else { break };
            // The joint's frames are the last axis as they come in and the second within.
            let axis = if self.frames.as_deref() == Some(name) { 2 } else { 1 };
            let from = self.frames_name(name);
            let picked = self.name(name, step, inputs);
            nodes.push(Node::new("Gather", &[&from, row], &[&picked]).with("axis", axis));
        }
        for (index, (node, kind)) in self.nodes().enumerate() {
            if kind != Kind::Step {
                continue;
            }
            if node.op() == "LSTM" && self.write_recurrence(nodes, constants, node, index, step, inputs)? {
                continue;
            }
            nodes.push(renamed(node, |name| self.name(name, step, inputs)));
        }
        Ok(())
    }

    fn write_recurrence(
        &self,
        nodes: &mut Vec<Node<'a>>,
        constants: &mut Vec<Value<'a>>,
        node: &Node<'_>,
        index: usize,
        step: usize,
        inputs: &HashMap<&str, String>,
    ) -> Result<bool, OnnxError> {
        let of = |name: &str| self.name(name, step, inputs);
        let (read, made) = (node.inputs().map(of).collect::<Vec<_>>(), node.outputs().map(of).collect::<Vec<_>>());
        let names = Names {
            inputs: &read,
            outputs: &made,
            step: &format!("{}{step}.lstm{index}", self.tag),
            shared: &format!("{}.lstm{index}", self.tag),
        };
        let Some(written) = recurrence::step(node, &names)? else { return Ok(false) };
        if step == 0 {
            constants.extend(written.constants);
            nodes.extend(written.shared);
        }
        nodes.extend(written.nodes);
        Ok(true)
    }

    fn nodes(&self) -> impl Iterator<Item = (&Node<'a>, Kind)> {
        let kept = self.graph.nodes.iter().enumerate().filter(|(at, _)| !self.skipped.contains(at));
        kept.map(|(_, node)| {
            (node, node.outputs().filter_map(|n| self.kinds.get(n)).max().copied().unwrap_or(Kind::Step))
        })
    }

    /// Values of all frames of which a step needs one.
    fn picked(&self) -> BTreeSet<&str> {
        let steps = self.nodes().filter(|(_, kind)| *kind == Kind::Step);
        steps.flat_map(|(node, _)| node.inputs()).filter(|name| self.kinds.get(*name) == Some(&Kind::Frames)).collect()
    }

    fn frames_name(&self, name: &str) -> String {
        if self.frames.as_deref() == Some(name) { FRAMES.to_owned() } else { format!("f/{name}") }
    }

    fn name(&self, name: &str, step: usize, inputs: &HashMap<&str, String>) -> String {
        let outside = self.outside.get(name).map_or(name, String::as_str);
        if let Some(given) = inputs.get(outside) {
            return given.clone();
        }
        match self.kinds.get(name) {
            _ if name.is_empty() => String::new(),
            Some(Kind::Constant) => format!("{}/{name}", self.tag),
            Some(Kind::Frames) => format!("{}{step}.at/{name}", self.tag),
            _ => format!("{}{step}/{name}", self.tag),
        }
    }
}

fn renamed<'a>(node: &Node<'a>, name: impl Fn(&str) -> String) -> Node<'a> {
    let mut node = node.clone();
    let (inputs, outputs) =
        (node.inputs().map(&name).collect::<Vec<_>>(), node.outputs().map(&name).collect::<Vec<_>>());
    node.set_inputs(&inputs);
    node.set_outputs(&outputs);
    if let Some(first) = outputs.iter().find(|name| !name.is_empty()) {
        node.set_name(first);
    }
    node
}
