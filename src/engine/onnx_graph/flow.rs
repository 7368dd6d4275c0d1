//! Which value of a graph is made of which.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::engine::onnx_graph::{OnnxError, OnnxGraph};

/// Who makes and who reads each value.
#[derive(Debug)]
pub(super) struct Flow {
    /// The node that makes a value.
    makers: HashMap<String, usize>,
    /// What each node reads, graphs within it included.
    reads: Vec<Vec<String>>,
}

/// What some values are made of.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// Nodes, in the graph's order.
    pub(super) nodes: BTreeSet<usize>,
    /// Names that no node makes: inputs, weights, and what was taken as given.
    pub(super) ends: HashSet<String>,
}

impl Flow {
    pub(super) fn of(graph: &OnnxGraph<'_>) -> Result<Self, OnnxError> {
        let mut makers = HashMap::new();
        let mut reads = Vec::with_capacity(graph.nodes.len());
        for (at, node) in graph.nodes.iter().enumerate() {
            makers.extend(node.outputs().filter(|name| !name.is_empty()).map(|name| (name.to_owned(), at)));
            let mut names: Vec<String> = node.inputs().filter(|name| !name.is_empty()).map(str::to_owned).collect();
            names.extend(node.names_within()?);
            reads.push(names);
        }
        Ok(Self { makers, reads })
    }

    /// What `values` are made of, if the values in `given` come from outside.
    pub(super) fn origin(&self, values: &[&str], given: &[&str]) -> Origin {
        let mut origin = Origin::default();
        let mut open: Vec<&str> = values.to_vec();
        while let Some(name) = open.pop() {
            match self.makers.get(name).filter(|_| !given.contains(&name)) {
                Some(node) => {
                    if origin.nodes.insert(*node) {
                        open.extend(self.reads[*node].iter().map(String::as_str));
                    }
                }
                None => {
                    origin.ends.insert(name.to_owned());
                }
            }
        }
        origin
    }

    /// Whether one of `values` is made of one of `sources`, if the values in `given` come from outside.
    pub(super) fn depends(&self, values: &[&str], sources: &[&str], given: &[&str]) -> bool {
        let ends = self.origin(values, given).ends;
        sources.iter().any(|source| !given.contains(source) && ends.contains(*source))
    }
}
