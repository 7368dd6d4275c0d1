//! Prediction network and joint out of one graph that holds both, as NeMo exports them.
//!
//! The two are parted at the value through which all goes that the joint learns of tokens: the last LSTM layer's output. Where
//! there is none, both are the whole graph: the "prediction" is then token and state, and the joint runs the network itself.

use crate::engine::onnx_graph::{
    OnnxError, OnnxGraph, Port,
    flow::Flow,
    node::{FLOAT, Node},
    rewrite::{Draft, JointPorts, PredictorPorts, Rewritten, element, joint_graph, predictor_graph},
};
use crate::engine::{DType, Dim};

/// Operators that no such graph has (the layers of the largest models stand in single ones): time goes with their square.
const MOST: usize = 1000;
/// Values of a state, or between the two, that no model has.
const MOST_VALUES: usize = 1 << 22;

/// The tensors of a graph with both, and its sizes.
#[derive(Clone, Debug)]
pub struct FusedPorts {
    /// Token, integers.
    pub token: Port,
    /// How many tokens there are, where the graph asks.
    pub length: Option<Port>,
    /// Hidden state before.
    pub h: Port,
    /// Cell state before.
    pub c: Port,
    /// Encoder frame.
    pub frame: Port,
    /// Scores of both heads.
    pub logits: Port,
    /// Hidden state after.
    pub h_next: Port,
    /// Cell state after.
    pub c_next: Port,
    /// LSTM layers.
    pub layers: usize,
    /// Values per layer.
    pub hidden: usize,
    /// Values of a frame.
    pub dim: usize,
    /// Scores.
    pub classes: usize,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// The prediction network.
    pub predictor: Rewritten,
    /// The joint.
    pub joint: Rewritten,
    /// Values that go from one to the other.
    pub width: usize,
    /// The value where they were parted; `None`: they could not be.
    pub at: Option<String>,
}

/// Parts `graph`, whose weights are all in it.
pub fn cut(graph: &OnnxGraph<'_>, ports: &FusedPorts) -> Result<Cut, OnnxError> {
    if graph.nodes.len() > MOST {
        return Err(OnnxError::NotPredictor { why: "it has more operators than any" });
    }
    let state = ports.layers.checked_mul(ports.hidden).filter(|state| *state <= MOST_VALUES);
    if state.is_none() || ports.dim.max(ports.classes) > MOST_VALUES {
        return Err(OnnxError::NotPredictor { why: "its tensors are larger than any model's" });
    }
    let flow = Flow::of(graph)?;
    if flow.depends(&[&ports.h_next.name, &ports.c_next.name], &[&ports.frame.name], &[]) {
        return Err(OnnxError::NotPredictor { why: "its state depends on the encoder's frames" });
    }
    match seam(graph, &flow, ports)? {
        Some(seam) => parted(graph, ports, &seam),
        None => whole(graph, ports),
    }
}

/// The first value that holds all that the logits depend on of token and state, and whose number of axes is known.
fn seam(graph: &OnnxGraph<'_>, flow: &Flow, ports: &FusedPorts) -> Result<Option<Port>, OnnxError> {
    let (frame, logits) = ([ports.frame.name.as_str()], [ports.logits.name.as_str()]);
    let sources = [ports.token.name.as_str(), &ports.h.name, &ports.c.name];
    let noted = graph.noted()?;
    let reached = flow.origin(&logits, &[]).nodes;
    for at in reached {
        let node = &graph.nodes[at];
        for (place, name) in node.outputs().enumerate().filter(|(_, name)| !name.is_empty()) {
            if !flow.depends(&[name], &sources, &[])
                || flow.depends(&[name], &frame, &[])
                || flow.depends(&logits, &sources, &[name])
            {
                continue;
            }
            let recurrent = matches!(node.kind(), "LSTM" | "DynamicQuantizeLSTM") && place == 0;
            if recurrent {
                let shape = Some([1, 1, 1, ports.hidden].map(Dim::Fixed).to_vec());
                return Ok(Some(Port {
                    name: name.to_owned(),
                    dtype: Some(ports.h.dtype.unwrap_or(DType::F32)),
                    shape,
                }));
            }
            if let Some(port) = noted.iter().find(|port| port.name == name && is_one_vector(port)) {
                return Ok(Some(port.clone()));
            }
        }
    }
    Ok(None)
}

/// Whether it is known to have just one axis that is not 1 with batch and tokens 1: one fixed size, others free or 1.
fn is_one_vector(port: &Port) -> bool {
    let Some(shape) = &port.shape else { return false };
    let sizes = shape.iter().filter(|dim| matches!(dim, Dim::Fixed(size) if *size > 1)).count();
    let fits = shape.iter().all(|dim| !matches!(dim, Dim::Fixed(size) if *size > MOST_VALUES));
    port.is_float() && sizes == 1 && fits
}

fn parted(graph: &OnnxGraph<'_>, ports: &FusedPorts, seam: &Port) -> Result<Cut, OnnxError> {
    let width = (0..seam.rank().unwrap_or_default()).filter_map(|axis| seam.fixed(axis)).product();
    let FusedPorts { token, length, h, c, h_next, c_next, layers, hidden, .. } = ports.clone();
    let prediction = seam.clone();
    let predictor = PredictorPorts { token, length, h, c, prediction, h_next, c_next, layers, hidden, width };
    let FusedPorts { frame, logits, dim, classes, .. } = ports.clone();
    let joint = JointPorts { frame, prediction: seam.clone(), logits, dim, width, classes };
    Ok(Cut {
        predictor: predictor_graph(graph, &predictor)?,
        joint: joint_graph(graph, &joint)?,
        width,
        at: Some(seam.name.clone()),
    })
}

/// Both as the whole graph. Between them go token, h and c as they were before, one after the other.
fn whole(graph: &OnnxGraph<'_>, ports: &FusedPorts) -> Result<Cut, OnnxError> {
    let FusedPorts { layers, hidden, .. } = *ports;
    let state = layers * hidden;
    let width = 1 + 2 * state;
    let mut predictor = Draft::new(graph)?;
    predictor.take_token(&ports.token);
    predictor.settle(ports.length.as_ref());
    predictor.take_state("h", &ports.h, layers, hidden);
    predictor.take_state("c", &ports.c, layers, hidden);
    let made = predictor.give_anew("prediction", &[1, width, 1], "batch,hidden,token");
    predictor.constant("whole/column", &[1, -1, 1]);
    for (part, port) in [("token", &ports.token), ("h", &ports.h), ("c", &ports.c)] {
        let (value, flat) = (format!("whole/{part}_f"), format!("whole/{part}_flat"));
        predictor.add_before(Node::cast(&port.name, &value, FLOAT));
        predictor.add_before(Node::new("Reshape", &[&value, "whole/column"], &[&flat]));
    }
    let flat = ["whole/token_flat", "whole/h_flat", "whole/c_flat"];
    predictor.add_before(Node::new("Concat", &flat, &[&made]).with("axis", 1));
    predictor.give_state("h_next", &ports.h_next, layers, hidden);
    predictor.give_state("c_next", &ports.c_next, layers, hidden);

    let mut joint = Draft::new(graph)?;
    joint.take_frame(&ports.frame, ports.dim);
    let prediction = joint.take_anew("prediction", &[1, width, 1], "batch,hidden,token");
    joint.settle(ports.length.as_ref());
    joint.constant("whole/row", &[-1]);
    joint.add_before(Node::new("Reshape", &[&prediction, "whole/row"], &["whole/all"]));
    for (part, port, from, to, shape) in [
        ("token", &ports.token, 0, 1, vec![1; ports.token.rank().unwrap_or(2)]),
        ("h", &ports.h, 1, 1 + state, vec![layers as i64, 1, hidden as i64]),
        ("c", &ports.c, 1 + state, width, vec![layers as i64, 1, hidden as i64]),
    ] {
        let at = |what: &str| format!("whole/{part}_{what}");
        joint.constant(&at("from"), &[from as i64]);
        joint.constant(&at("to"), &[to as i64]);
        joint.constant(&at("shape"), &shape);
        joint.add_before(Node::new("Slice", &["whole/all", &at("from"), &at("to")], &[&at("part")]));
        joint.add_before(Node::cast(&at("part"), &at("value"), element(port.dtype)));
        joint.add_before(Node::new("Reshape", &[&at("value"), &at("shape")], &[&port.name]));
    }
    joint.give_logits(&ports.logits, ports.classes);
    Ok(Cut { predictor: predictor.finish("predictor"), joint: joint.finish("joint"), width, at: None })
}
