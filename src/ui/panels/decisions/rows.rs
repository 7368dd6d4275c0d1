//! The rows of the decision view: what each shows, in which unit, how high.

use crate::ui::history::{History, Placed};

/// One row, from the sound at the top to the probabilities at the bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Row {
    Waveform,
    Mel,
    Tokens,
    /// Tokens and durations of the run beside this one.
    OtherRun,
    Differences,
    TokenMargin,
    TokenConfidence,
    Durations,
    DurationMargin,
    DurationConfidence,
    Blank,
}

impl Row {
    const ALL: [Self; 11] = [
        Self::Waveform,
        Self::Mel,
        Self::Tokens,
        Self::OtherRun,
        Self::Differences,
        Self::TokenMargin,
        Self::TokenConfidence,
        Self::Durations,
        Self::DurationMargin,
        Self::DurationConfidence,
        Self::Blank,
    ];

    /// All rows, in order; those that compare only where there is another run.
    pub(crate) fn shown(compared: bool) -> impl Iterator<Item = Self> + Clone {
        Self::ALL.into_iter().filter(move |row| compared || !matches!(row, Self::OtherRun | Self::Differences))
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Waveform => "Waveform",
            Self::Mel => "Log-mel",
            Self::Tokens => "Tokens, durations",
            Self::OtherRun => "Other run",
            Self::Differences => "Differences",
            Self::TokenMargin => "Token margin",
            Self::TokenConfidence => "Token confidence",
            Self::Durations => "Duration head",
            Self::DurationMargin => "Duration margin",
            Self::DurationConfidence => "Duration confid.",
            Self::Blank => "Blank",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Waveform => "full scale",
            Self::Mel => "mel bin",
            Self::Tokens | Self::OtherRun => "frames jumped",
            Self::Differences => "this run, other run",
            Self::TokenMargin | Self::DurationMargin => "logits",
            Self::TokenConfidence | Self::DurationConfidence | Self::Durations | Self::Blank => "probability",
        }
    }

    /// The whole meaning, for a tooltip.
    pub(crate) fn explanation(self) -> &'static str {
        match self {
            Self::Waveform => "Least and largest sample of each 10 ms; 1 is full scale.",
            Self::Mel => {
                "Features as the encoder got them: mel bins from low (bottom) to high, 10 ms a column, loud is bright."
            }
            Self::Tokens => {
                "The piece each decision wrote, at its frame, and an arc from that frame to the next one looked at. \
                 Its height is the duration chosen. Triangles below mark near ties."
            }
            Self::OtherRun => "The same of the run that this one is held against.",
            Self::Differences => {
                "Where the two runs decided differently, this run's value before the other's. What comes after the \
                 first may follow from it."
            }
            Self::TokenMargin => "Chosen token's raw logit minus the best other allowed one.",
            Self::TokenConfidence => "Softmax probability of the chosen token (or blank) within the token head.",
            Self::Durations => {
                "Softmax of the duration head, stacked from 0 frames at the bottom; the duration chosen is outlined."
            }
            Self::DurationMargin => "Best minus second-best raw logit of the duration head.",
            Self::DurationConfidence => "Softmax probability of the chosen duration within the duration head.",
            Self::Blank => "Softmax probability of blank within the token head, whatever was chosen.",
        }
    }

    /// Height in points where there is no room to spare.
    pub(crate) fn height(self) -> f32 {
        match self {
            Self::Mel => 56.0,
            Self::Tokens | Self::OtherRun => 88.0,
            Self::Differences => 34.0,
            Self::Durations => 48.0,
            Self::TokenMargin => 40.0,
            Self::Waveform | Self::TokenConfidence | Self::DurationMargin | Self::DurationConfidence | Self::Blank => {
                36.0
            }
        }
    }

    /// Bottom and top of the values drawn, and the values with a tick.
    pub(crate) fn scale(self, history: &History, placed: &[Placed<'_>], view: (f64, f64)) -> Scale {
        match self {
            Self::Waveform => {
                let peak = visible_peak(history, view);
                let top = [0.1, 0.25, 0.5].into_iter().find(|top| peak <= *top).unwrap_or(1.0);
                Scale::new(-top, top, vec![-top, 0.0, top])
            }
            Self::Mel => {
                let bins = history.mel.blocks.back().map_or(80, |block| block.bins) as f64;
                Scale { low: 0.0, high: bins, ticks: vec![0.25 * bins, 0.75 * bins] }
            }
            Self::Differences => Scale { low: 0.0, high: 1.0, ticks: Vec::new() },
            Self::Tokens | Self::OtherRun => {
                let most = placed.iter().map(|place| place.decision.advance.max(place.decision.duration)).max();
                let most = f64::from(most.unwrap_or(4).max(4));
                Scale { low: -TIE_LANE * most, high: 2.0 * most, ticks: vec![0.0, 0.5 * most, most] }
            }
            Self::TokenMargin => margin_scale(placed.iter().map(|place| place.decision.token_margin)),
            Self::DurationMargin => margin_scale(placed.iter().map(|place| place.decision.duration_margin)),
            Self::TokenConfidence | Self::Durations | Self::DurationConfidence | Self::Blank => {
                Scale::new(0.0, 1.0, vec![0.0, 0.5, 1.0])
            }
        }
    }
}

/// Room for the marks of near ties below the arcs, as a share of the longest.
const TIE_LANE: f64 = 0.4;

/// Values of one row's vertical axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) ticks: Vec<f64>,
}

impl Scale {
    /// With room at both ends for half a tick label.
    fn new(low: f64, high: f64, ticks: Vec<f64>) -> Self {
        let room = 0.12 * (high - low);
        Self { low: low - room, high: high + room, ticks }
    }
}

fn margin_scale(margins: impl Iterator<Item = f32>) -> Scale {
    let largest = margins.filter(|margin| margin.is_finite()).fold(0.0, f32::max);
    // In steps of 10, so that the axis does not breathe with every decision.
    let top = (f64::from(largest) / 10.0).ceil().max(1.0) * 10.0;
    Scale::new(0.0, top, vec![0.0, 0.5 * top, top])
}

fn visible_peak(history: &History, (from, to): (f64, f64)) -> f64 {
    let first = history.levels.partition_point(|level| (level.at.0 as f64) < from * 8.0);
    let visible = history.levels.range(first..).take_while(|level| (level.at.0 as f64) < to * 8.0);
    visible.fold(0.0, |peak, level| peak.max(-f64::from(level.min)).max(f64::from(level.max)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_get_round_tops() {
        assert_eq!(margin_scale([3.0, 12.5].into_iter()).ticks, [0.0, 10.0, 20.0]);
        assert_eq!(margin_scale([f32::NAN].into_iter()).ticks, [0.0, 5.0, 10.0]);
    }
}
