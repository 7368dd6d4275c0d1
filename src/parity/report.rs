//! A comparison in words.

use std::fmt::{self, Write as _};

use crate::parity::{
    compare::{Class, Comparison, SideStep},
    evidence::Distance,
    hint::distance_words,
};

impl Class {
    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tie => "numerical (tie)",
            Self::Numerical => "numerical",
            Self::Shifted => "shifted",
            Self::Semantic => "semantic",
        }
    }
}

impl Comparison {
    /// The finding in one line, for a title.
    pub fn verdict(&self) -> String {
        match (&self.class, &self.cause, &self.first) {
            (Some(class), Some(cause), _) => {
                format!("{}: first difference in the {}, at hop {}", class.name(), cause.stage.name(), cause.hop)
            }
            (Some(class), None, Some(first)) => {
                format!("{}: a flipped {}, all inputs agree", class.name(), first.field)
            }
            (_, Some(cause), _) => {
                format!("same decisions, but a difference in the {} from hop {} on", cause.stage.name(), cause.hop)
            }
            _ if !self.same => "same decisions, but a trace contradicts itself".to_owned(),
            _ => "same decisions".to_owned(),
        }
    }
}

impl fmt::Display for Comparison {
    /// Lines without the closing PASS or FAIL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "decisions: {} against {}, hops: {} against {}",
            self.steps[0], self.steps[1], self.hops[0], self.hops[1]
        )?;
        for (name, cut) in ["A", "B"].into_iter().zip(self.cut_off) {
            if cut {
                writeln!(f, "{name} was cut off; compared as far as it goes")?;
            }
        }
        for d in &self.declared {
            writeln!(f, "declared: {} is {} against {}", d.field, d.a, d.b)?;
        }
        match &self.first {
            None => writeln!(f, "no divergence")?,
            Some(first) => {
                writeln!(
                    f,
                    "first divergence: {} at decision {} (step {}, frame {}, {:.2} s)",
                    first.field, first.index[0], first.step, first.frame, first.secs
                )?;
                f.write_str(&side("A", first.a.as_ref()))?;
                f.write_str(&side("B", first.b.as_ref()))?;
                if let Some(found) = &first.evidence {
                    writeln!(f, "  encoder frame there: {}", distance_words(found.encoder))?;
                    writeln!(f, "  prediction there:    {}", distance_words(found.predictor))?;
                    writeln!(f, "  logits there:        max |Δ| {:.2e}", found.logit_max_abs)?;
                }
            }
        }
        if let Some(class) = self.class {
            writeln!(f, "class: {}", class.name())?;
        }
        if let Some(cause) = &self.cause {
            writeln!(f, "earliest difference: {} at hop {}: {}", cause.stage.name(), cause.hop, cause.what)?;
        }
        for hint in &self.hints {
            writeln!(f, "points to: {hint}")?;
        }
        let upto = if self.first.is_some() { "up to the divergence" } else { "in all" };
        writeln!(f, "largest distances {upto}, gate for {:?}:", self.gate.arithmetic)?;
        let bounds = format!(
            "cosine ≥ {}{}",
            self.gate.encoder_cosine,
            self.gate.encoder_max_abs.map(|most| format!(", max |Δ| ≤ {most}")).unwrap_or_default()
        );
        let rows: [(&str, Option<Distance>, &str); 4] = [
            ("audio", self.worst_hop.audio, ""),
            ("features", self.worst_hop.features, "max |Δ| ≤ 0.0005"),
            ("encoder", self.worst_hop.encoder.or(self.worst_step.encoder), &bounds),
            ("predictor", self.worst_step.predictor, &bounds),
        ];
        for (name, distance, bounds) in rows {
            let known = distance_words(distance);
            writeln!(
                f,
                "  {name:<10} {known}{}",
                if bounds.is_empty() { String::new() } else { format!("   ({bounds})") }
            )?;
        }
        writeln!(f, "  logits     max |Δ| {:.2e}   (≤ {})", self.worst_step.logit_max_abs, self.gate.logit_max_abs)?;
        let counts = &self.counts;
        writeln!(
            f,
            "differing in all: {} tokens, {} durations, {} frames, {} words",
            counts.tokens, counts.durations, counts.frames, counts.words
        )?;
        if !self.tolerated.is_empty() {
            writeln!(f, "duration ties let pass: {} (decisions {:?})", self.tolerated.len(), self.tolerated)?;
        }
        for (name, faults) in ["A", "B"].into_iter().zip(&self.index_faults) {
            for fault in faults.iter().take(5) {
                writeln!(
                    f,
                    "{name} contradicts itself at decision {} (hop {}, frame {}): {}",
                    fault.index, fault.hop, fault.frame, fault.what
                )?;
            }
            if faults.len() > 5 {
                writeln!(f, "{name}: {} more such", faults.len() - 5)?;
            }
        }
        Ok(())
    }
}

fn side(name: &str, side: Option<&SideStep>) -> String {
    let Some(side) = side else { return format!("  {name}: has ended\n") };
    let mut text = format!(
        "  {name}: token {:?} ({}), duration {}, frame {}\n",
        side.piece, side.token, side.duration, side.frame
    );
    let pairs = |top: &[(u32, f32)]| {
        top.iter().map(|(class, logit)| format!("{class} {logit:.4}")).collect::<Vec<_>>().join(", ")
    };
    for (head, top, margin) in
        [("token", &side.token_top, side.token_margin), ("duration", &side.duration_top, side.duration_margin)]
    {
        // Writing to a String cannot fail.
        writeln!(text, "     {head:<8} head: {}; margin {margin:.4}", pairs(top)).ok();
    }
    text
}
