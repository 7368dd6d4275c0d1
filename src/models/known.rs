//! Models that are recognised by their numbers, whatever their files are called.

use std::sync::LazyLock;

use serde::Deserialize;

const TABLE: &str = include_str!("../../assets/known-models.toml");

/// A model by its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    pub(super) name: String,
    /// Language tags.
    pub(super) languages: Vec<String>,
    mel_bins: usize,
    /// Values of an encoder frame.
    dim: usize,
    /// Layers of the encoder.
    layers: usize,
    /// Pieces without blank.
    pieces: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "model")]
    models: Vec<Known>,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    // A test reads it; a table that cannot be read costs names, not models.
    toml::from_str::<Table>(TABLE).map(|table| table.models).unwrap_or_default()
});

/// The model with these numbers.
pub(super) fn find(mel_bins: usize, dim: usize, layers: usize, pieces: usize) -> Option<&'static Known> {
    KNOWN
        .iter()
        .find(|known| (known.mel_bins, known.dim, known.layers, known.pieces) == (mel_bins, dim, layers, pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parakeets_are_known_by_their_numbers() {
        toml::from_str::<Table>(TABLE).unwrap();
        let name =
            |numbers: [usize; 4]| find(numbers[0], numbers[1], numbers[2], numbers[3]).map(|known| known.name.as_str());
        assert_eq!(name([128, 1024, 24, 1024]), Some("Parakeet-TDT 0.6b v2"));
        assert_eq!(name([128, 1024, 24, 8192]), Some("Parakeet-TDT 0.6b v3"));
        assert_eq!(name([80, 512, 17, 1024]), Some("Parakeet-TDT 110m"));
        assert_eq!(name([80, 1024, 42, 1024]), Some("Parakeet-TDT 1.1b"));
        assert_eq!(name([80, 512, 18, 1024]), None);
        assert_eq!(find(128, 1024, 24, 8192).unwrap().languages.len(), 25);
    }
}
