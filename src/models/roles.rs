//! Which input and output of a graph is which: by type and number of axes, then by order, and by name where those leave a doubt.

use std::path::Path;

use crate::{
    engine::{FusedPorts, JointPorts, OnnxGraph, Port, PredictorPorts},
    models::ModelError,
};

/// A graph with its file, for messages.
pub(super) struct Named<'p, 'g, 'a> {
    pub(super) path: &'p Path,
    pub(super) graph: &'g OnnxGraph<'a>,
}

/// The encoder's tensors.
#[derive(Clone, Debug)]
pub(super) struct EncoderPorts {
    pub(super) features: Port,
    pub(super) length: Port,
    pub(super) frames: Port,
    pub(super) lengths: Option<Port>,
}

/// What the two graphs of the decoder agree on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) layers: usize,
    pub(super) hidden: usize,
}

impl Named<'_, '_, '_> {
    fn inputs(&self) -> Result<Vec<Port>, ModelError> {
        self.graph.inputs().map_err(ModelError::graph(self.path))
    }

    fn outputs(&self) -> Result<Vec<Port>, ModelError> {
        self.graph.outputs().map_err(ModelError::graph(self.path))
    }

    pub(super) fn wrong(&self, what: &str, expected: impl Into<String>, found: impl Into<String>) -> ModelError {
        ModelError::Layout {
            path: self.path.to_owned(),
            what: what.to_owned(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    fn kind(&self, found: &str) -> ModelError {
        ModelError::Kind { path: self.path.to_owned(), found: found.to_owned() }
    }

    /// The encoder's tensors.
    pub(super) fn encoder(&self) -> Result<EncoderPorts, ModelError> {
        let (inputs, outputs) = (self.inputs()?, self.outputs()?);
        if inputs.iter().any(|port| port.name.contains("cache")) {
            return Err(self.kind("an encoder that streams with caches, not one that sees a whole window"));
        }
        let (floats, integers) = parted(&inputs);
        let ([features], [length]) = (&floats[..], &integers[..]) else {
            return Err(self.wrong("inputs", "features (floats) and their length (integers)", list(&inputs)));
        };
        let (frames, lengths) = parted(&outputs);
        let Some(frames) = frames.first() else {
            return Err(self.wrong("outputs", "frames (floats)", list(&outputs)));
        };
        for port in [features, frames] {
            if port.rank() != Some(3) {
                return Err(self.wrong(&port.name, "three axes", describe(port)));
            }
        }
        Ok(EncoderPorts {
            features: features.clone(),
            length: length.clone(),
            frames: frames.clone(),
            lengths: lengths.first().cloned(),
        })
    }

    /// The prediction network's tensors.
    pub(super) fn predictor(&self) -> Result<PredictorPorts, ModelError> {
        let (inputs, outputs) = (self.inputs()?, self.outputs()?);
        let (floats, integers) = parted(&inputs);
        let (made, _) = parted(&outputs);
        let ([h, c], [prediction, h_next, c_next]) = (&floats[..], &made[..]) else {
            return Err(self.no_lstm(&inputs, &outputs));
        };
        let (token, length) = self.token(&integers, &inputs)?;
        let [h, c] = in_order([h, c]);
        let [h_next, c_next] = in_order([h_next, c_next]);
        let Sizes { layers, hidden } = self.state(&h, &c)?;
        let fixed = (0..prediction.rank().unwrap_or_default()).filter_map(|axis| prediction.fixed(axis));
        let own = fixed.filter(|size| *size > 1).max();
        let width = own.unwrap_or(hidden);
        let prediction = prediction.clone();
        Ok(PredictorPorts { token, length, h, c, prediction, h_next, c_next, layers, hidden, width })
    }

    /// The joint's tensors; the encoder's frames have `dim` values.
    pub(super) fn joint(&self, dim: usize, width: usize) -> Result<JointPorts, ModelError> {
        let (inputs, outputs) = (self.inputs()?, self.outputs()?);
        let (floats, _) = parted(&inputs);
        let [first, second] = &floats[..] else {
            return Err(self.wrong("inputs", "an encoder frame and a prediction (floats)", list(&inputs)));
        };
        let of_encoder = |port: &Port| port.name.to_lowercase().contains("enc");
        let holds =
            |port: &Port, size: usize| (0..port.rank().unwrap_or_default()).any(|axis| port.fixed(axis) == Some(size));
        // Sizes tell most, names next, the order last.
        let swapped = if dim != width && holds(first, width) != holds(first, dim) {
            holds(first, width)
        } else {
            of_encoder(second) && !of_encoder(first)
        };
        let (frame, prediction) = if swapped { (second, first) } else { (first, second) };
        let logits = self.logits(&outputs)?;
        let classes = self.classes(&logits)?;
        self.frame_of(frame, dim)?;
        Ok(JointPorts { frame: frame.clone(), prediction: prediction.clone(), logits, dim, width, classes })
    }

    /// The tensors of a graph with both.
    pub(super) fn fused(&self, dim: usize) -> Result<FusedPorts, ModelError> {
        let (inputs, outputs) = (self.inputs()?, self.outputs()?);
        let (floats, integers) = parted(&inputs);
        let (made, _) = parted(&outputs);
        if floats.len() != 3 || made.len() != 3 {
            return Err(self.no_lstm(&inputs, &outputs));
        }
        let (token, length) = self.token(&integers, &inputs)?;
        let at = floats.iter().position(|port| port.name.to_lowercase().contains("enc")).unwrap_or(0);
        let frame = floats[at].clone();
        let states: Vec<&Port> = floats.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, port)| port).collect();
        let [h, c] = in_order([states[0], states[1]]);
        let Sizes { layers, hidden } = self.state(&h, &c)?;
        // The logits have four axes or two, a state has three.
        let at = made.iter().position(|port| port.rank() != Some(3)).unwrap_or(0);
        let states: Vec<&Port> = made.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, port)| port).collect();
        let [h_next, c_next] = in_order([states[0], states[1]]);
        let logits = self.logits(&made[at..=at])?;
        let classes = self.classes(&logits)?;
        self.frame_of(&frame, dim)?;
        Ok(FusedPorts { token, length, h, c, frame, logits, h_next, c_next, layers, hidden, dim, classes })
    }

    /// Token and, if the graph asks for it, the number of tokens.
    fn token(&self, integers: &[Port], inputs: &[Port]) -> Result<(Port, Option<Port>), ModelError> {
        match integers {
            [token] => Ok((token.clone(), None)),
            // A token has batch and time, a number has the batch alone.
            [length, token] if token.rank() > length.rank() => Ok((token.clone(), Some(length.clone()))),
            [token, length] => Ok((token.clone(), Some(length.clone()))),
            _ => Err(self.wrong("inputs", "a token (integers)", list(inputs))),
        }
    }

    fn no_lstm(&self, inputs: &[Port], outputs: &[Port]) -> ModelError {
        let expected = "an LSTM's hidden and cell state among inputs and outputs";
        self.wrong("inputs, outputs", expected, format!("{} and {}", list(inputs), list(outputs)))
    }

    /// Layers and size of the state `[layers, batch, hidden]`, by its shape, else by the operators.
    fn state(&self, h: &Port, c: &Port) -> Result<Sizes, ModelError> {
        for port in [h, c] {
            if port.rank() != Some(3) || port.fixed(1).is_some_and(|batch| batch != 1) {
                return Err(self.wrong(&port.name, "a state [layers, batch, hidden]", describe(port)));
            }
        }
        let lstm = self.graph.recurrent_layers().map_err(ModelError::graph(self.path))?;
        let layers = h.fixed(0).or(Some(lstm.len()).filter(|layers| *layers > 0));
        let hidden = h.fixed(2).or_else(|| usize::try_from((*lstm.first()?)?).ok());
        match (layers, hidden) {
            (Some(layers), Some(hidden)) => Ok(Sizes { layers, hidden }),
            _ => Err(self.wrong(&h.name, "a state with fixed layers and values", describe(h))),
        }
    }

    fn logits(&self, outputs: &[Port]) -> Result<Port, ModelError> {
        let logits = outputs.iter().find(|port| port.is_float());
        logits.cloned().ok_or_else(|| self.wrong("outputs", "scores (floats)", list(outputs)))
    }

    fn classes(&self, logits: &Port) -> Result<usize, ModelError> {
        let last = logits.rank().and_then(|rank| logits.fixed(rank.checked_sub(1)?));
        last.ok_or_else(|| self.wrong(&logits.name, "scores whose number is fixed, on the last axis", describe(logits)))
    }

    /// An encoder frame must be as wide as the encoder makes it.
    fn frame_of(&self, frame: &Port, dim: usize) -> Result<(), ModelError> {
        let sizes: Vec<usize> = (0..frame.rank().unwrap_or_default()).filter_map(|axis| frame.fixed(axis)).collect();
        if frame.rank().is_none() || (sizes.iter().any(|size| *size > 1) && !sizes.contains(&dim)) {
            return Err(self.wrong(&frame.name, format!("the encoder's {dim} values"), describe(frame)));
        }
        Ok(())
    }
}

/// Floats, and integers.
fn parted(ports: &[Port]) -> (Vec<Port>, Vec<Port>) {
    let of = |is: fn(&Port) -> bool| ports.iter().filter(|port| is(port)).cloned().collect();
    (of(Port::is_float), of(Port::is_integer))
}

/// Hidden before cell state, as every exporter has them but one that names them.
fn in_order([first, second]: [&Port; 2]) -> [Port; 2] {
    let begins = |port: &Port, with: char| port.name.to_lowercase().starts_with(with);
    let swapped = begins(first, 'c') && begins(second, 'h');
    if swapped { [second.clone(), first.clone()] } else { [first.clone(), second.clone()] }
}

/// `targets I32 [B, U]`
pub(super) fn describe(port: &Port) -> String {
    let dtype = port.dtype.map_or("another type".to_owned(), |dtype| format!("{dtype:?}"));
    let shape = port.shape.as_ref().map_or("of no told shape".to_owned(), |shape| format!("{shape:?}"));
    format!("{} {dtype} {shape}", port.name)
}

fn list(ports: &[Port]) -> String {
    if ports.is_empty() { "none".to_owned() } else { ports.iter().map(describe).collect::<Vec<_>>().join("; ") }
}
