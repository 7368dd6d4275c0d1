//! Prediction network and joint as contracts have them, out of graphs that others exported: what is left out, is left out, and
//! what has another shape gets one node more at its end. Batch and tokens are 1, so that a shape is all that can differ.

use crate::engine::{
    DType, Dim, TensorSpec,
    onnx_graph::{
        GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_NAME, GRAPH_NODE, GRAPH_OUTPUT, OnnxError, OnnxGraph, Port,
        flow::Flow,
        make,
        node::{FLOAT, FLOAT16, INT32, INT64, Node, TENSOR_NAME},
        set_graph,
        wire::{Message, Value},
    },
};

/// The tensors of a prediction network, and its sizes.
#[derive(Clone, Debug)]
pub struct PredictorPorts {
    /// Token, integers.
    pub token: Port,
    /// How many tokens there are, where the graph asks: 1.
    pub length: Option<Port>,
    /// Hidden state before.
    pub h: Port,
    /// Cell state before.
    pub c: Port,
    /// Output.
    pub prediction: Port,
    /// Hidden state after.
    pub h_next: Port,
    /// Cell state after.
    pub c_next: Port,
    /// LSTM layers.
    pub layers: usize,
    /// Values per layer.
    pub hidden: usize,
    /// Values of the output.
    pub width: usize,
}

/// The tensors of a joint, and its sizes.
#[derive(Clone, Debug)]
pub struct JointPorts {
    /// Encoder frame.
    pub frame: Port,
    /// The prediction network's output.
    pub prediction: Port,
    /// Scores of both heads.
    pub logits: Port,
    /// Values of a frame.
    pub dim: usize,
    /// Values of the prediction.
    pub width: usize,
    /// Scores.
    pub classes: usize,
}

/// A graph as a contract has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewritten {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its inputs.
    pub inputs: Vec<TensorSpec>,
    /// Its outputs.
    pub outputs: Vec<TensorSpec>,
}

/// The prediction network `graph`, whose weights are all in it, with the tensors that contracts ask for.
pub fn predictor_graph(graph: &OnnxGraph<'_>, ports: &PredictorPorts) -> Result<Rewritten, OnnxError> {
    let mut draft = Draft::new(graph)?;
    draft.take_token(&ports.token);
    draft.settle(ports.length.as_ref());
    draft.take_state("h", &ports.h, ports.layers, ports.hidden);
    draft.take_state("c", &ports.c, ports.layers, ports.hidden);
    draft.give_prediction(&ports.prediction, ports.width);
    draft.give_state("h_next", &ports.h_next, ports.layers, ports.hidden);
    draft.give_state("c_next", &ports.c_next, ports.layers, ports.hidden);
    Ok(draft.finish("predictor"))
}

/// The joint `graph`, whose weights are all in it, with the tensors that contracts ask for.
pub fn joint_graph(graph: &OnnxGraph<'_>, ports: &JointPorts) -> Result<Rewritten, OnnxError> {
    let mut draft = Draft::new(graph)?;
    draft.take_frame(&ports.frame, ports.dim);
    draft.take_prediction(&ports.prediction, ports.width);
    draft.give_logits(&ports.logits, ports.classes);
    Ok(draft.finish("joint"))
}

/// A graph that is being made of nodes of another.
pub(super) struct Draft<'g, 'a> {
    graph: &'g OnnxGraph<'a>,
    flow: Flow,
    /// Nodes before and after those of the graph.
    before: Vec<Node<'a>>,
    after: Vec<Node<'a>>,
    constants: Vec<Value<'a>>,
    /// Inner names that come from outside.
    given: Vec<String>,
    /// Inner names that are wanted.
    wanted: Vec<String>,
    inputs: Vec<(TensorSpec, Value<'a>)>,
    outputs: Vec<(TensorSpec, Value<'a>)>,
}

impl<'g, 'a> Draft<'g, 'a> {
    pub(super) fn new(graph: &'g OnnxGraph<'a>) -> Result<Self, OnnxError> {
        Ok(Self {
            graph,
            flow: Flow::of(graph)?,
            before: Vec::new(),
            after: Vec::new(),
            constants: Vec::new(),
            given: Vec::new(),
            wanted: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        })
    }

    pub(super) fn take_token(&mut self, port: &Port) {
        let canonical = port.rank() == Some(2);
        self.take("token", port, canonical, &[1, 1], "batch,token", [free("B"), free("U")].into());
    }

    /// Where a graph asks how many tokens there are: one.
    pub(super) fn settle(&mut self, length: Option<&Port>) {
        if let Some(port) = length {
            self.given.push(port.name.clone());
            self.constants.push(make::integer(&port.name, element(port.dtype), port.rank().unwrap_or(1), 1));
        }
    }

    pub(super) fn take_state(&mut self, role: &str, port: &Port, layers: usize, hidden: usize) {
        let canonical = port.rank() == Some(3) && port.dtype == Some(DType::F32);
        let shape = vec![Dim::Fixed(layers), free("B"), Dim::Fixed(hidden)];
        self.take(role, port, canonical, &[layers, 1, hidden], "layer,batch,hidden", shape);
    }

    pub(super) fn take_prediction(&mut self, port: &Port, width: usize) {
        let canonical = is_channels_first(port, width);
        let shape = vec![free("B"), Dim::Fixed(width), free("U")];
        self.take("prediction", port, canonical, &[1, width, 1], "batch,hidden,token", shape);
    }

    pub(super) fn take_frame(&mut self, port: &Port, dim: usize) {
        let canonical = is_channels_first(port, dim);
        // With time before values one transposition serves any number of frames; anything else takes one frame at a time.
        let times = if canonical || is_time_first(port, dim) { free("T") } else { Dim::Fixed(1) };
        let shape = vec![free("B"), Dim::Fixed(dim), times];
        if is_time_first(port, dim) && !canonical {
            let outside = outside("frame");
            self.before.push(Node::new("Transpose", &[&outside], &[&port.name]).with_list("perm", &[0, 2, 1]));
            self.given.push(port.name.clone());
            let info = make::shaped_info(&outside, FLOAT, &shape);
            self.inputs.push((spec("frame", outside, DType::F32, shape, "batch,dim,time"), info));
            return;
        }
        self.take("frame", port, canonical, &[1, dim, 1], "batch,dim,time", shape);
    }

    pub(super) fn give_prediction(&mut self, port: &Port, width: usize) {
        let canonical = is_channels_first(port, width);
        let shape = vec![free("B"), Dim::Fixed(width), free("U")];
        self.give("prediction", port, canonical, &[1, width as i64, 1], "batch,hidden,token", shape);
    }

    pub(super) fn give_state(&mut self, role: &str, port: &Port, layers: usize, hidden: usize) {
        let canonical = port.rank() == Some(3) && port.dtype == Some(DType::F32);
        let shape = vec![Dim::Fixed(layers), free("B"), Dim::Fixed(hidden)];
        self.give(role, port, canonical, &[layers as i64, 1, hidden as i64], "layer,batch,hidden", shape);
    }

    pub(super) fn give_logits(&mut self, port: &Port, classes: usize) {
        let canonical = port.rank() == Some(4) && port.dtype == Some(DType::F32);
        let shape = vec![free("B"), free("T"), free("U"), Dim::Fixed(classes)];
        self.give("logits", port, canonical, &[1, -1, 1, classes as i64], "batch,time,token,class", shape);
    }

    /// An input of the graph. Where it is not as contracts have it, one of `sizes` is put into its shape and type.
    fn take(&mut self, role: &str, port: &Port, canonical: bool, sizes: &[usize], layout: &str, shape: Vec<Dim>) {
        self.given.push(port.name.clone());
        let integer = port.is_integer();
        let dtype = if integer { port.dtype.unwrap_or(DType::I64) } else { DType::F32 };
        if canonical {
            let info = make::shaped_info(&port.name, element(Some(dtype)), &shape);
            self.inputs.push((spec(role, port.name.clone(), dtype, shape, layout), info));
            return;
        }
        let name = outside(role);
        let mut from = name.clone();
        if port.dtype == Some(DType::F16) {
            let narrow = format!("{name}/narrow");
            self.before.push(Node::cast(&from, &narrow, FLOAT16));
            from = narrow;
        }
        let inner: Vec<i64> = match &port.shape {
            // A single free axis among others of 1 takes what there is.
            Some(shape) => shape.iter().map(|dim| if let Dim::Fixed(n) = dim { *n as i64 } else { 1 }).collect(),
            None => vec![-1],
        };
        let whole = inner.iter().product::<i64>() == sizes.iter().product::<usize>() as i64;
        let list = format!("{name}/shape");
        self.constants.push(make::integers(&list, &if whole { inner } else { vec![-1] }));
        self.before.push(Node::new("Reshape", &[&from, &list], &[&port.name]));
        let fixed = sizes.iter().map(|size| Dim::Fixed(*size)).collect();
        let info = make::info(&name, element(Some(dtype)), sizes);
        self.inputs.push((spec(role, name, dtype, fixed, layout), info));
    }

    /// An input that is no port of the graph: what the nodes that are added read.
    pub(super) fn take_anew(&mut self, role: &str, sizes: &[usize], layout: &str) -> String {
        let name = outside(role);
        let shape = sizes.iter().map(|size| Dim::Fixed(*size)).collect();
        let info = make::info(&name, FLOAT, sizes);
        self.inputs.push((spec(role, name.clone(), DType::F32, shape, layout), info));
        name
    }

    /// An output that nodes that are added make.
    pub(super) fn give_anew(&mut self, role: &str, sizes: &[usize], layout: &str) -> String {
        let name = outside(role);
        let shape = sizes.iter().map(|size| Dim::Fixed(*size)).collect();
        let info = make::info(&name, FLOAT, sizes);
        self.outputs.push((spec(role, name.clone(), DType::F32, shape, layout), info));
        name
    }

    fn give(&mut self, role: &str, port: &Port, canonical: bool, sizes: &[i64], layout: &str, shape: Vec<Dim>) {
        self.wanted.push(port.name.clone());
        if canonical {
            let info = make::shaped_info(&port.name, FLOAT, &shape);
            self.outputs.push((spec(role, port.name.clone(), DType::F32, shape, layout), info));
            return;
        }
        let name = outside(role);
        let list = format!("{name}/shape");
        self.constants.push(make::integers(&list, sizes));
        if port.dtype == Some(DType::F16) {
            let narrow = format!("{name}/narrow");
            self.after.push(Node::new("Reshape", &[&port.name, &list], &[&narrow]));
            self.after.push(Node::cast(&narrow, &name, FLOAT));
        } else {
            self.after.push(Node::new("Reshape", &[&port.name, &list], &[&name]));
        }
        let info = make::shaped_info(&name, FLOAT, &shape);
        self.outputs.push((spec(role, name, DType::F32, shape, layout), info));
    }

    /// A node before those of the graph, which may make values that these read.
    pub(super) fn add_before(&mut self, node: Node<'a>) {
        self.given.extend(node.outputs().map(str::to_owned));
        self.before.push(node);
    }

    /// A list of integers for such nodes.
    pub(super) fn constant(&mut self, name: &str, values: &[i64]) {
        self.constants.push(make::integers(name, values));
    }

    /// The file: what the outputs are made of, and nothing else.
    pub(super) fn finish(self, name: &str) -> Rewritten {
        let wanted: Vec<&str> = self.wanted.iter().map(String::as_str).collect();
        let given: Vec<&str> = self.given.iter().map(String::as_str).collect();
        let origin = self.flow.origin(&wanted, &given);
        let mut graph = Message::default();
        let kept = origin.nodes.iter().map(|at| &self.graph.nodes[*at]);
        for node in self.before.iter().chain(kept).chain(&self.after) {
            graph.push(GRAPH_NODE, Value::Bytes(node.message.encode().into()));
        }
        graph.push_text(GRAPH_NAME, name);
        for bytes in self.graph.graph.all_bytes(GRAPH_INITIALIZER) {
            let named = Message::parse_cow(bytes).map(|weight| origin.ends.contains(weight.text(TENSOR_NAME)));
            if named.unwrap_or_default() {
                graph.push(GRAPH_INITIALIZER, Value::Bytes(bytes.clone()));
            }
        }
        for constant in self.constants {
            graph.push(GRAPH_INITIALIZER, constant);
        }
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for (spec, info) in self.inputs {
            graph.push(GRAPH_INPUT, info);
            inputs.push(spec);
        }
        for (spec, info) in self.outputs {
            graph.push(GRAPH_OUTPUT, info);
            outputs.push(spec);
        }
        let mut model = self.graph.model.clone();
        set_graph(&mut model, &graph);
        Rewritten { bytes: model.encode(), inputs, outputs }
    }
}

fn is_channels_first(port: &Port, size: usize) -> bool {
    port.rank() == Some(3) && port.dtype == Some(DType::F32) && port.fixed(1) == Some(size)
}

fn is_time_first(port: &Port, size: usize) -> bool {
    port.rank() == Some(3) && port.dtype == Some(DType::F32) && port.fixed(2) == Some(size)
}

/// A name that no exporter gives.
fn outside(role: &str) -> String {
    format!("dictoscope/{role}")
}

fn free(name: &str) -> Dim {
    Dim::Free(name.to_owned())
}

/// The number of an element type in onnx.proto.
pub(super) fn element(dtype: Option<DType>) -> i32 {
    match dtype {
        Some(DType::F16) => FLOAT16,
        Some(DType::I32) => INT32,
        Some(DType::I64) => INT64,
        _ => FLOAT,
    }
}

fn spec(role: &str, name: String, dtype: DType, shape: Vec<Dim>, layout: &str) -> TensorSpec {
    TensorSpec { role: role.to_owned(), name, dtype, shape, layout: layout.to_owned() }
}
