//! Predictor and joint as one graph that goes several decisions ahead: each step scores a frame, takes the best token and
//! duration, and steps the predictor and the cursor on.
//!
//! It decides nothing. What it takes for the decisions is a guess at what the loop on the host will decide, and right as long as
//! the loop takes the highest logits; the scores and states that it gives out are those of the two graphs it was made from.

use std::collections::HashMap;

use crate::engine::{
    Contract, DType, TensorSpec,
    onnx_graph::{
        GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_NAME, GRAPH_NODE, GRAPH_OUTPUT, OnnxError, OnnxGraph, make,
        node::{FLOAT, INT32, INT64, Node},
        part::{FRAMES, Part},
        set_graph,
        wire::{Message, Value},
    },
};

/// Name of the input, `[given]`.
pub(in crate::engine) const GIVEN: &str = "given";
/// Name of the output, `[found]`.
pub(in crate::engine) const FOUND: &str = "found";

/// Sizes of a block. Both its tensors are lists of floats, so that each crosses the bus in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct BlockShape {
    /// Decisions.
    pub(in crate::engine) steps: usize,
    /// Encoder frames that the cursor can reach.
    pub(in crate::engine) frames: usize,
    /// Values per frame.
    pub(in crate::engine) dim: usize,
    /// Values of the predictor's output.
    pub(in crate::engine) hidden: usize,
    /// Values of its hidden state, and of its cell state.
    pub(in crate::engine) state: usize,
    /// Logits of both heads.
    pub(in crate::engine) classes: usize,
}

impl BlockShape {
    /// A block for `contract`'s model.
    pub(in crate::engine) fn new(contract: &Contract, steps: usize, frames: usize) -> Self {
        Self {
            steps,
            frames,
            dim: contract.encoder.dim,
            hidden: contract.prediction_width(),
            state: contract.predictor.layers * contract.predictor.hidden,
            classes: contract.joint_classes(),
        }
    }

    /// Floats of `g`, `h`, `c` together.
    pub(in crate::engine) fn prediction(&self) -> usize {
        self.hidden + 2 * self.state
    }

    /// Floats of the input: frames; `g`, `h`, `c` before the first step; for each step the token that it shall take and
    /// then for each step the entry of the duration head, or -1 for the best.
    pub(in crate::engine) fn given(&self) -> usize {
        self.frames * self.dim + self.prediction() + 2 * self.steps
    }

    /// Floats that each step gives: logits; `g`, `h`, `c` after it.
    pub(in crate::engine) fn step(&self) -> usize {
        self.classes + self.prediction()
    }

    /// Floats of the output: the steps; then the token that each took; then the row of the frame that each stood on.
    pub(in crate::engine) fn found(&self) -> usize {
        self.steps * (self.step() + 2)
    }
}

/// The graph of a block. Fails where a graph has what cannot be put together: the two are then run one by one.
pub(in crate::engine) fn decision_block(
    predictor: &[u8],
    joint: &[u8],
    contract: &Contract,
    shape: BlockShape,
) -> Result<Vec<u8>, OnnxError> {
    if contract.is_fused() || !contract.joins_rows() {
        return Err(OnnxError::NotJoined {
            why: "a joint that runs the prediction network, or takes one frame at a time",
        });
    }
    let (predictor, joint) = (OnnxGraph::parse(predictor)?, OnnxGraph::parse(joint)?);
    if predictor.opset()? != joint.opset()? || predictor.opset()? < 13 {
        return Err(OnnxError::NotJoined { why: "predictor and joint have different operator sets, or ones below 13" });
    }
    let mut model = predictor.model.clone();
    let frame = name(&contract.graphs.joint.inputs, "frame")?;
    let block = Block {
        predictor: Part::new(predictor, "p", None)?,
        joint: Part::new(joint, "j", Some(frame))?,
        contract,
        shape,
        nodes: Vec::new(),
        constants: Vec::new(),
    };
    set_graph(&mut model, &block.write()?);
    Ok(model.encode())
}

struct Block<'a> {
    predictor: Part<'a>,
    joint: Part<'a>,
    contract: &'a Contract,
    shape: BlockShape,
    nodes: Vec<Node<'a>>,
    constants: Vec<Value<'a>>,
}

/// Names of the values that one step hands to the next.
struct Carried {
    row: String,
    prediction: [String; 3],
}

impl<'a> Block<'a> {
    fn write(mut self) -> Result<Message<'a>, OnnxError> {
        self.write_constants();
        let carried = self.write_given()?;
        let [steps_made, tokens, rows] = self.write_steps(carried)?;
        self.nodes.extend([
            concat(&tokens, "b/tokens"),
            concat(&rows, "b/rows"),
            Node::cast("b/tokens", "b/tokens_f", FLOAT),
            Node::cast("b/rows", "b/rows_f", FLOAT),
        ]);
        let ends = ["b/tokens_f", "b/rows_f"].map(str::to_owned);
        self.nodes.push(concat(&[steps_made, ends.to_vec()].concat(), FOUND));
        let mut graph = Message::default();
        for node in &self.nodes {
            graph.push(GRAPH_NODE, Value::Bytes(node.message.encode().into()));
        }
        graph.push_text(GRAPH_NAME, "decisions");
        for weight in self.predictor.weights().chain(self.joint.weights()).chain(self.constants) {
            graph.push(GRAPH_INITIALIZER, weight);
        }
        graph.push(GRAPH_INPUT, make::floats_info(GIVEN, self.shape.given()));
        graph.push(GRAPH_OUTPUT, make::floats_info(FOUND, self.shape.found()));
        Ok(graph)
    }

    fn constant(&mut self, name: &str, values: &[i64]) {
        self.constants.push(make::integers(name, values));
    }

    fn write_constants(&mut self) {
        let BlockShape { steps, frames, dim, hidden, state, classes } = self.shape;
        let layers = self.contract.predictor.layers as i64;
        let tokens = self.contract.token_classes();
        let durations: Vec<i64> = self.contract.durations.iter().map(|frames| i64::from(*frames)).collect();
        let sizes = |sizes: &[usize]| sizes.iter().map(|size| *size as i64).collect::<Vec<_>>();
        for (name, values) in [
            ("b/parts", sizes(&[frames * dim, hidden, state, state, 2 * steps])),
            ("b/frames_shape", sizes(&[1, frames, dim])),
            ("b/g_shape", sizes(&[1, hidden, 1])),
            ("b/state_shape", vec![layers, 1, state as i64 / layers]),
            ("b/token_shape", vec![1, 1]),
            ("b/flat", vec![-1]),
            ("b/none", vec![-1]),
            ("b/zero", vec![0]),
            ("b/ones", vec![1; 2 * steps]),
            ("b/last_row", sizes(&[frames - 1])),
            ("b/heads", sizes(&[tokens, classes - tokens])),
            ("b/blank", vec![i64::from(self.contract.vocabulary.blank.0)]),
            ("b/durations", durations),
        ] {
            self.constant(name, &values);
        }
    }

    /// Takes the input apart; what goes into the first step.
    fn write_given(&mut self) -> Result<Carried, OnnxError> {
        let steps = self.shape.steps;
        let forced: Vec<String> = (0..2 * steps).map(|i| format!("b/forced{i}")).collect();
        let is_forced: Vec<String> = (0..2 * steps).map(|i| format!("b/is_forced{i}")).collect();
        let parts = ["b/frames_flat", "b/g_flat", "b/h_flat", "b/c_flat", "b/forced_f"];
        self.nodes.extend([
            Node::new("Split", &[GIVEN, "b/parts"], &parts).with("axis", 0),
            Node::new("Reshape", &["b/frames_flat", "b/frames_shape"], &["b/frames"]),
            Node::new("Transpose", &["b/frames"], &[FRAMES]).with_list("perm", &[0, 2, 1]),
            Node::new("Reshape", &["b/g_flat", "b/g_shape"], &["b/g"]),
            Node::new("Reshape", &["b/h_flat", "b/state_shape"], &["b/h"]),
            Node::new("Reshape", &["b/c_flat", "b/state_shape"], &["b/c"]),
            Node::cast("b/forced_f", "b/forced", INT64),
            Node::new("Greater", &["b/forced", "b/none"], &["b/is_forced"]),
            split(&["b/forced", "b/ones"], &forced),
            split(&["b/is_forced", "b/ones"], &is_forced),
        ]);
        self.joint.write_once(&mut self.nodes);
        self.predictor.write_once(&mut self.nodes);
        let mut prediction = ["b/g", "b/h", "b/c"].map(str::to_owned);
        let element = self.narrow_type()?;
        if element != FLOAT {
            for value in &mut prediction {
                let narrow = format!("{value}_narrow");
                self.nodes.push(Node::cast(value, &narrow, element));
                *value = narrow;
            }
        }
        Ok(Carried { row: "b/zero".to_owned(), prediction })
    }

    /// The type in which predictions are handed from step to step: what the graphs themselves compute in, if all ends agree.
    fn narrow_type(&mut self) -> Result<i32, OnnxError> {
        let specs = &self.contract.graphs;
        let mut ends = Vec::new();
        for role in ["h", "c"] {
            ends.push(self.predictor.narrowed_input(name(&specs.predictor.inputs, role)?)?);
        }
        for role in ["prediction", "h_next", "c_next"] {
            ends.push(self.predictor.widened_output(name(&specs.predictor.outputs, role)?)?);
        }
        ends.push(self.joint.narrowed_input(name(&specs.joint.inputs, "prediction")?)?);
        let element = ends[0].unwrap_or(FLOAT);
        if ends.iter().any(|end| end.unwrap_or(FLOAT) != element) || element == FLOAT {
            return Ok(FLOAT);
        }
        self.predictor.peel();
        self.joint.peel();
        Ok(element)
    }

    /// All steps: names of what each gives, of its token and of its row.
    fn write_steps(&mut self, mut carried: Carried) -> Result<[Vec<String>; 3], OnnxError> {
        let (mut made, mut tokens, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for step in 0..self.shape.steps {
            rows.push(carried.row.clone());
            carried = self.write_step(step, &carried)?;
            made.push(format!("b{step}/made"));
            tokens.push(format!("b{step}/token"));
        }
        Ok([made, tokens, rows])
    }

    fn write_step(&mut self, step: usize, before: &Carried) -> Result<Carried, OnnxError> {
        let specs = &self.contract.graphs;
        let at = |name: &str| format!("b{step}/{name}");
        let steps = self.shape.steps;
        // The joint on the cursor's frame.
        let [g, h, c] = &before.prediction;
        let inputs = HashMap::from([(name(&specs.joint.inputs, "prediction")?, g.clone())]);
        self.joint.write_step(&mut self.nodes, &mut self.constants, step, &inputs, Some(&before.row))?;
        let logits = self.joint.output(name(&specs.joint.outputs, "logits")?, step);
        self.nodes.extend([
            Node::new("Reshape", &[&logits, "b/flat"], &[&at("logits")]),
            Node::new("Split", &[&at("logits"), "b/heads"], &[&at("tokens"), &at("durations")]).with("axis", 0),
            Node::new("ArgMax", &[&at("tokens")], &[&at("best_token")]).with("axis", 0),
            Node::new("ArgMax", &[&at("durations")], &[&at("best_duration")]).with("axis", 0),
            where_(&[&format!("b/is_forced{step}"), &format!("b/forced{step}"), &at("best_token")], &at("token")),
            where_(
                &[&format!("b/is_forced{}", steps + step), &format!("b/forced{}", steps + step), &at("best_duration")],
                &at("duration"),
            ),
            Node::new("Equal", &[&at("token"), "b/blank"], &[&at("is_blank")]),
            // A blank goes on by one frame at least.
            Node::new("Gather", &["b/durations", &at("duration")], &[&at("frames")]).with("axis", 0),
            Node::cast(&at("is_blank"), &at("least"), INT64),
            Node::new("Max", &[&at("frames"), &at("least")], &[&at("advance")]),
            Node::new("Add", &[&before.row, &at("advance")], &[&at("beyond")]),
            Node::new("Min", &[&at("beyond"), "b/last_row"], &[&at("row")]),
            Node::new("Reshape", &[&at("token"), "b/token_shape"], &[&at("token2")]),
        ]);
        // The predictor on the token; a blank leaves it where it is.
        let token_spec = spec(&specs.predictor.inputs, "token")?;
        let mut token = at("token2");
        if token_spec.dtype == DType::I32 {
            token = at("token32");
            self.nodes.push(Node::cast(&at("token2"), &token, INT32));
        }
        let inputs = HashMap::from([
            (token_spec.name.as_str(), token),
            (name(&specs.predictor.inputs, "h")?, h.clone()),
            (name(&specs.predictor.inputs, "c")?, c.clone()),
        ]);
        self.predictor.write_step(&mut self.nodes, &mut self.constants, step, &inputs, None)?;
        let mut prediction = before.prediction.clone();
        let mut flat = Vec::new();
        for (value, role) in prediction.iter_mut().zip(["prediction", "h_next", "c_next"]) {
            let stepped = self.predictor.output(name(&specs.predictor.outputs, role)?, step);
            let next = at(role);
            self.nodes.push(where_(&[&at("is_blank"), value, &stepped], &next));
            flat.push(at(&format!("{role}_flat")));
            self.nodes.push(Node::new("Reshape", &[&next, "b/flat"], &[&flat[flat.len() - 1]]));
            *value = next;
        }
        self.nodes.extend([
            concat(&flat, &at("after_flat")),
            Node::cast(&at("after_flat"), &at("after"), FLOAT),
            concat(&[at("logits"), at("after")], &at("made")),
        ]);
        Ok(Carried { row: at("row"), prediction })
    }
}

fn split(inputs: &[&str], outputs: &[String]) -> Node<'static> {
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    Node::new("Split", inputs, &outputs).with("axis", 0)
}

fn where_(inputs: &[&str; 3], output: &str) -> Node<'static> {
    Node::new("Where", inputs, &[output])
}

fn spec<'s>(specs: &'s [TensorSpec], role: &'static str) -> Result<&'s TensorSpec, OnnxError> {
    specs.iter().find(|spec| spec.role == role).ok_or(OnnxError::NotJoined { why: role })
}

fn name<'s>(specs: &'s [TensorSpec], role: &'static str) -> Result<&'s str, OnnxError> {
    let spec = spec(specs, role)?;
    if role != "token" && spec.dtype != DType::F32 {
        return Err(OnnxError::NotJoined { why: "a tensor of the contract is not of 32-bit floats" });
    }
    Ok(&spec.name)
}

fn concat(inputs: &[String], output: &str) -> Node<'static> {
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    Node::new("Concat", &inputs, &[output]).with("axis", 0)
}
