//! Two traces held against each other: the first decision where they part, and whether that is rounding or a bug.

use serde::Serialize;

use crate::{
    decode::{Decision, top_k},
    parity::{
        Gate,
        comparable::{self, FieldDifference, NotComparable},
        count::{Counts, count},
        evidence::{self, HopEvidence, Stage, StepEvidence},
        hint, index,
        run::{Run, Step},
        walk::{Walk, walk},
    },
};

/// How strictly two traces are compared.
#[derive(Clone, Copy, Debug)]
pub struct CompareOptions {
    /// Steps looked at; `None` for all.
    pub max_steps: Option<usize>,
    /// Two margins below this are a tie, in logits.
    pub epsilon: f32,
    /// Duration flips with both margins at most this are let pass where the path joins again.
    pub tolerate_duration_ties: Option<f32>,
    /// A trace that contradicts itself in its steps, frames or hops makes them different.
    pub check_index: bool,
    /// Other graph files of the same shapes count as the same model.
    pub ignore_weights: bool,
    /// A stage outside its gate makes them different, even where no decision flipped.
    pub strict: bool,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            max_steps: None,
            epsilon: 1e-3,
            tolerate_duration_ties: None,
            check_index: false,
            ignore_weights: false,
            strict: false,
        }
    }
}

/// What kind of difference the first one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// All inputs agree within the gates, and both margins are below epsilon.
    Tie,
    /// All inputs agree within the gates, and the margin is below twice the difference of the logits.
    Numerical,
    /// Inputs or rules differ, but the same tokens stand at other frames.
    Shifted,
    /// Inputs or rules differ.
    Semantic,
}

/// The earliest stage at which the two runs lie outside their bounds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// Which stage.
    pub stage: Stage,
    /// Hop at which it does so first.
    pub hop: usize,
    /// Committed decision at which it was seen first, if it was seen at one.
    pub step: Option<usize>,
    /// In words.
    pub what: String,
}

/// One side of the first divergence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SideStep {
    /// Encoder frame.
    pub frame: u64,
    /// Seconds since the session began.
    pub secs: f64,
    /// Token chosen.
    pub token: u32,
    /// Its piece.
    pub piece: String,
    /// Duration chosen, in encoder frames.
    pub duration: u32,
    /// Frames the cursor moved.
    pub advance: u32,
    /// The two best tokens and their raw logits.
    pub token_top: Vec<(u32, f32)>,
    /// Raw logits.
    pub token_margin: f32,
    /// The two best entries of the duration head and their raw logits.
    pub duration_top: Vec<(u32, f32)>,
    /// Raw logits.
    pub duration_margin: f32,
}

/// The first decision where two runs part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Divergence {
    /// Committed decisions before it, in each run.
    pub index: [usize; 2],
    /// Step within its utterance.
    pub step: u64,
    /// Encoder frame and seconds.
    pub frame: u64,
    /// The same in seconds.
    pub secs: f64,
    /// What differs first: `frame`, `token`, `duration`, `advance`, or `length` where one run ends.
    pub field: &'static str,
    /// First run; `None` where it has ended.
    pub a: Option<SideStep>,
    /// Second run.
    pub b: Option<SideStep>,
    /// How far the inputs lie apart there.
    pub evidence: Option<StepEvidence>,
}

/// A trace that contradicts itself.
pub(super) type IndexFaults = [Vec<index::IndexFault>; 2];

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Same decisions, as far as they were looked at.
    pub same: bool,
    /// Committed decisions of each run.
    pub steps: [usize; 2],
    /// Hops of each run.
    pub hops: [usize; 2],
    /// Whether the trace was cut off, so that only what it holds was compared.
    pub cut_off: [bool; 2],
    /// Bounds used.
    pub gate: Gate,
    /// Kind of the first divergence.
    pub class: Option<Class>,
    /// The first divergence.
    pub first: Option<Divergence>,
    /// What differs earliest, whether or not a decision followed it.
    pub cause: Option<Cause>,
    /// Differences in all.
    pub counts: Counts,
    /// Duration flips that were let pass, as decisions of the first run.
    pub tolerated: Vec<usize>,
    /// Largest distances up to the first divergence, by hop and by step.
    pub worst_hop: HopEvidence,
    /// The same of single steps.
    pub worst_step: StepEvidence,
    /// Faults of each trace in itself.
    pub index_faults: IndexFaults,
    /// What the figures point to.
    pub hints: Vec<String>,
    /// What the headers declare differently, besides contract and windows.
    pub declared: Vec<FieldDifference>,
}

/// Compares two runs.
pub fn compare(a: &Run<'_>, b: &Run<'_>, options: &CompareOptions) -> Result<Comparison, NotComparable> {
    let (header_a, header_b) = (&a.trace.header, &b.trace.header);
    comparable::check(header_a, header_b, options.ignore_weights)?;
    let gate = Gate::of(header_a.engine.arithmetic, header_b.engine.arithmetic);
    let (steps_a, steps_b) = (a.steps(options.max_steps), b.steps(options.max_steps));
    let cut_off = [a.trace.truncated, b.trace.truncated];
    let Walk { mut first, tolerated, pairs } = walk(&steps_a, &steps_b, options.tolerate_duration_ties);
    // A run that was cut off is compared as far as it goes.
    let ended = |index: usize, steps: &[Step<'_>], cut: bool| cut && index >= steps.len();
    if first.is_some_and(|(ia, ib, _)| ended(ia, &steps_a, cut_off[0]) || ended(ib, &steps_b, cut_off[1])) {
        first = None;
    }
    let index_faults = [index::check(a, &steps_a), index::check(b, &steps_b)];
    let (counts, same_tokens) = count(a, b, &steps_a, &steps_b);

    let sizes = (header_a.contract.encoder.dim, header_a.contract.prediction_width());
    let seen = Seen::up_to(a, b, &gate, &steps_a, &steps_b, &pairs, first.map(|(ia, ib, _)| (ia, ib)), sizes);
    let divergence = first.map(|(ia, ib, field)| {
        let (one, other) = (steps_a.get(ia), steps_b.get(ib));
        let at = one.or(other).map_or((0, 0), |step| (step.decision().step, step.decision().frame.0));
        let evidence = one
            .zip(other)
            .filter(|(one, other)| one.decision().frame == other.decision().frame)
            .map(|(one, other)| evidence::of_step(one.decision(), other.decision(), sizes.0, sizes.1));
        let side = |step: Option<&Step<'_>>| step.map(|step| side_step(step, &header_a.contract.durations));
        let secs = one.or(other).map_or(0.0, |step| step.line.secs);
        Divergence { index: [ia, ib], step: at.0, frame: at.1, secs, field, a: side(one), b: side(other), evidence }
    });
    let mut cause = seen.cause.clone();
    if cause.is_none()
        && let Some(divergence) = &divergence
    {
        cause = rule_cause(divergence, &index_faults, &steps_a, &steps_b);
    }
    let class = divergence.as_ref().map(|first| {
        let rounding = cause.is_none().then(|| rounding(first, options.epsilon)).flatten();
        rounding.unwrap_or(if same_tokens { Class::Shifted } else { Class::Semantic })
    });
    if let (None, Some(first), Some(Class::Semantic | Class::Shifted)) = (&cause, &divergence, class) {
        cause = Some(unexplained(first, &steps_a, &steps_b));
    }
    let hints = hint::hints(a, b, &steps_a, &steps_b, &index_faults, cause.as_ref());
    let index_holds = !options.check_index || index_faults.iter().all(Vec::is_empty);
    let stages_hold = !options.strict || cause.is_none();
    Ok(Comparison {
        same: divergence.is_none() && index_holds && stages_hold,
        steps: [steps_a.len(), steps_b.len()],
        hops: [a.trace.hops.len(), b.trace.hops.len()],
        cut_off,
        gate,
        class,
        first: divergence,
        cause,
        counts,
        tolerated,
        worst_hop: seen.worst_hop,
        worst_step: seen.worst_step,
        index_faults,
        hints,
        declared: comparable::declared(header_a, header_b),
    })
}

fn side_step(step: &Step<'_>, durations: &[u32]) -> SideStep {
    let decision = step.decision();
    let duration_top = top_k(&decision.duration_logits, 2);
    SideStep {
        frame: decision.frame.0,
        secs: step.line.secs,
        token: decision.token.0,
        piece: step.line.piece.clone(),
        duration: decision.duration,
        advance: decision.advance,
        token_top: decision.token_top.iter().take(2).map(|c| (c.token.0, c.logit)).collect(),
        token_margin: decision.token_margin,
        duration_top: duration_top
            .iter()
            .map(|c| (durations.get(c.token.0 as usize).copied().unwrap_or(c.token.0), c.logit))
            .collect(),
        duration_margin: decision.duration_margin,
    }
}

/// Numerical or a tie, where the margins of the head that flipped allow it.
fn rounding(first: &Divergence, epsilon: f32) -> Option<Class> {
    let (a, b, evidence) = (first.a.as_ref()?, first.b.as_ref()?, first.evidence?);
    let margins = match first.field {
        "token" => [a.token_margin, b.token_margin],
        "duration" => [a.duration_margin, b.duration_margin],
        _ => return None,
    };
    // The side that stands farther from its own border must still be within reach of the noise that was measured.
    let margin = margins[0].max(margins[1]);
    if f64::from(margin) >= 2.0 * evidence.logit_max_abs {
        return None;
    }
    Some(if margin < epsilon { Class::Tie } else { Class::Numerical })
}

/// A divergence on agreeing inputs and logits: one side does not follow the rules, which its own trace shows.
fn rule_cause(first: &Divergence, faults: &IndexFaults, a: &[Step<'_>], b: &[Step<'_>]) -> Option<Cause> {
    let found = [("A", &faults[0], a, first.index[0]), ("B", &faults[1], b, first.index[1])];
    found.into_iter().find_map(|(name, faults, steps, index)| {
        let fault = faults.iter().find(|fault| fault.index <= index)?;
        let what = format!("{name} contradicts itself at decision {}: {}", fault.index, fault.what);
        Some(Cause { stage: Stage::Rule, hop: steps.get(fault.index)?.hop, step: Some(fault.index), what })
    })
}

/// A divergence that neither inputs nor logits explain.
fn unexplained(first: &Divergence, steps: &[Step<'_>], others: &[Step<'_>]) -> Cause {
    let delta = first.evidence.map_or(0.0, |evidence| evidence.logit_max_abs);
    let margin = |side: &Option<SideStep>| {
        side.as_ref().map_or(0.0, |s| if first.field == "duration" { s.duration_margin } else { s.token_margin })
    };
    let pair = steps.get(first.index[0]).zip(others.get(first.index[1]));
    let boosted = pair.and_then(|(one, other)| hint::boost_words(one.decision(), other.decision()));
    let what = match (first.field, boosted) {
        (_, Some(boosted)) => boosted,
        ("token" | "duration", _) => format!(
            "inputs and logits agree, but the margins ({:.4} and {:.4}) are not below twice the logits' difference ({delta:.1e})",
            margin(&first.a),
            margin(&first.b)
        ),
        ("length", _) => "inputs and logits agree, but one run ends here".to_owned(),
        (field, _) => format!("inputs and logits agree, but the {field} does not follow in the same way"),
    };
    let hop = steps.get(first.index[0]).or(steps.last()).map_or(0, |step| step.hop);
    Cause { stage: Stage::Rule, hop, step: Some(first.index[0]), what }
}

/// What lies outside its bounds first, and the largest distances, up to and with the first divergence.
#[derive(Debug, Default)]
struct Seen {
    cause: Option<Cause>,
    worst_hop: HopEvidence,
    worst_step: StepEvidence,
}

impl Seen {
    #[expect(clippy::too_many_arguments, reason = "two runs and what was found of them so far")]
    fn up_to(
        a: &Run<'_>,
        b: &Run<'_>,
        gate: &Gate,
        steps_a: &[Step<'_>],
        steps_b: &[Step<'_>],
        pairs: &[(usize, usize)],
        first: Option<(usize, usize)>,
        sizes: (usize, usize),
    ) -> Self {
        let mut seen = Self::default();
        let end = |steps: &[Step<'_>], index: usize, hops: usize| steps.get(index).map_or(hops, |step| step.hop + 1);
        let (hops_a, hops_b) = (a.trace.hops.len(), b.trace.hops.len());
        let hops = match first {
            Some((ia, ib)) => end(steps_a, ia, hops_a).max(end(steps_b, ib, hops_b)).min(hops_a.max(hops_b)),
            None => hops_a.max(hops_b),
        };
        let mut pairs = pairs.iter().copied().chain(first).peekable();
        for hop in 0..hops {
            seen.hop(a, b, gate, hop);
            while let Some((ia, ib)) = pairs.next_if(|(ia, _)| steps_a.get(*ia).is_none_or(|step| step.hop <= hop)) {
                if let (Some(one), Some(other)) = (steps_a.get(ia), steps_b.get(ib)) {
                    seen.step(one.decision(), other.decision(), gate, (ia, hop), sizes);
                }
            }
        }
        seen
    }

    fn hop(&mut self, a: &Run<'_>, b: &Run<'_>, gate: &Gate, index: usize) {
        let (Some(one), Some(other)) = (a.hop(index), b.hop(index)) else {
            let ended = |run: &Run<'_>| run.trace.truncated && run.hop(index).is_none();
            if ended(a) || ended(b) {
                return;
            }
            self.blame(Stage::Windows, index, None, format!("hop {index} stands in one trace only"));
            return;
        };
        let (wa, wb) = (&one.line.window, &other.line.window);
        let borders = |w: &crate::session::Window| [w.start.0, w.commit_from.0, w.commit_to.0, w.end.0];
        if borders(wa) != borders(wb) {
            let what = format!(
                "same declared windows, but hop {index} has the borders {:?} against {:?} (start, commit from, commit \
                 to, end)",
                borders(wa),
                borders(wb)
            );
            self.blame(Stage::Windows, index, None, what);
        }
        let Some(found) = evidence::of_hop(a, b, index) else { return };
        self.worst_hop.audio = worse(self.worst_hop.audio, found.audio);
        self.worst_hop.features = worse(self.worst_hop.features, found.features);
        self.worst_hop.encoder = worse(self.worst_hop.encoder, found.encoder);
        let largest = one.line.features.stats.max.abs().max(one.line.features.stats.min.abs());
        if let Some(stage) = found.outside(gate, largest) {
            let what = hint::hop_words(stage, &found, &one.line, &other.line);
            self.blame(stage, index, None, what);
        }
    }

    fn step(&mut self, a: &Decision, b: &Decision, gate: &Gate, at: (usize, usize), sizes: (usize, usize)) {
        if a.frame != b.frame {
            return;
        }
        let found = evidence::of_step(a, b, sizes.0, sizes.1);
        self.worst_step.encoder = worse(self.worst_step.encoder, found.encoder);
        self.worst_step.predictor = worse(self.worst_step.predictor, found.predictor);
        self.worst_step.logit_max_abs = self.worst_step.logit_max_abs.max(found.logit_max_abs);
        if let Some(stage) = found.outside(gate) {
            let what = hint::step_words(stage, &found, at.0);
            self.blame(stage, at.1, Some(at.0), what);
        }
    }

    fn blame(&mut self, stage: Stage, hop: usize, step: Option<usize>, what: String) {
        self.cause.get_or_insert(Cause { stage, hop, step, what });
    }
}

/// The larger of two distances.
fn worse(a: Option<evidence::Distance>, b: Option<evidence::Distance>) -> Option<evidence::Distance> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.largest() > a.largest() { b } else { a }),
        (a, b) => a.or(b),
    }
}
