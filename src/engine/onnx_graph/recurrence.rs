//! One step of an LSTM layer in operators of which each is one short run on a GPU.
//!
//! A library's kernel for recurrent layers is made for long sequences. For one token most of its time is setting up, and not all
//! of it can be recorded.

use crate::engine::onnx_graph::{OnnxError, make, node::Node, wire::Value};

/// What an LSTM node becomes.
pub(super) struct Step<'a> {
    /// Computed from weights alone: the same for all steps.
    pub(super) shared: Vec<Node<'a>>,
    /// Constants that both need.
    pub(super) constants: Vec<Value<'static>>,
    /// The step itself.
    pub(super) nodes: Vec<Node<'a>>,
}

/// The names of a node's tensors, renamed for a step, and of what is shared by all steps.
pub(super) struct Names<'n> {
    /// By ONNX: X, W, R, B, sequence lengths, h, c.
    pub(super) inputs: &'n [String],
    /// Y, h, c.
    pub(super) outputs: &'n [String],
    /// Begins the names of values of this step.
    pub(super) step: &'n str,
    /// Begins the names of values of all steps.
    pub(super) shared: &'n str,
}

/// The step of `node` on one token of one sequence, or `None` for one with options that are not done here: it stays as it is.
///
/// Gates by ONNX's definition of LSTM: `i`, `o`, `f`, `c` of `[x, h] · [W, R]ᵀ + Wb + Rb`.
#[expect(clippy::many_single_char_names, reason = "the names of the definition")]
pub(super) fn step<'a>(node: &Node<'_>, names: &Names<'_>) -> Result<Option<Step<'a>>, OnnxError> {
    let [x, w, r, b, lengths, h, c] = names.inputs else { return Ok(None) };
    let plain = lengths.is_empty() && [x, w, r, b, h, c].iter().all(|name| !name.is_empty());
    if !plain || node.attribute_names()?.iter().any(|name| name != "hidden_size") {
        return Ok(None);
    }
    let Some(hidden) = node.int("hidden_size")? else { return Ok(None) };
    let of = |name: &str| format!("{}/{name}", names.shared);
    let at = |name: &str| format!("{}/{name}", names.step);
    let shapes = ["row", "first", "gates", "halves", "y", "state"].map(of);
    let [row, first, gates, halves, y_shape, state_shape] = &shapes;
    let lists = [&[1, -1][..], &[0], &[3 * hidden, hidden], &[4 * hidden; 2], &[1, 1, 1, hidden], &[1, 1, hidden]];
    let constants = shapes.iter().zip(lists).map(|(name, values)| make::integers(name, values)).collect();
    let shared = vec![
        Node::new("Squeeze", &[w, first], &[&of("w")]),
        Node::new("Squeeze", &[r, first], &[&of("r")]),
        Node::new("Concat", &[&of("w"), &of("r")], &[&of("weights")]).with("axis", 1),
        Node::new("Squeeze", &[b, first], &[&of("b")]),
        Node::new("Split", &[&of("b"), halves], &[&of("wb"), &of("rb")]).with("axis", 0),
        Node::new("Add", &[&of("wb"), &of("rb")], &[&of("bias")]),
    ];
    let split3 = [at("i"), at("o"), at("f")];
    let mut nodes = vec![
        Node::new("Reshape", &[x, row], &[&at("x")]),
        Node::new("Reshape", &[h, row], &[&at("h")]),
        Node::new("Reshape", &[c, row], &[&at("c")]),
        Node::new("Concat", &[&at("x"), &at("h")], &[&at("xh")]).with("axis", 1),
        Node::new("Gemm", &[&at("xh"), &of("weights"), &of("bias")], &[&at("gates")]).with("transB", 1),
        Node::new("Split", &[&at("gates"), gates], &[&at("iof"), &at("g")]).with("axis", 1),
        Node::new("Sigmoid", &[&at("iof")], &[&at("open")]),
        Node::new("Split", &[&at("open")], &split3.each_ref().map(String::as_str)).with("axis", 1),
        Node::new("Tanh", &[&at("g")], &[&at("new")]),
        Node::new("Mul", &[&at("f"), &at("c")], &[&at("kept")]),
        Node::new("Mul", &[&at("i"), &at("new")], &[&at("added")]),
        Node::new("Add", &[&at("kept"), &at("added")], &[&at("cell")]),
        Node::new("Tanh", &[&at("cell")], &[&at("shown")]),
        Node::new("Mul", &[&at("o"), &at("shown")], &[&at("out")]),
    ];
    let made = [("out", y_shape), ("out", state_shape), ("cell", state_shape)];
    for (output, (value, shape)) in names.outputs.iter().zip(made) {
        if !output.is_empty() {
            nodes.push(Node::new("Reshape", &[&at(value), shape], &[output]));
        }
    }
    Ok(Some(Step { shared, constants, nodes }))
}
