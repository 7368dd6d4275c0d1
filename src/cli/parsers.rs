//! What the values of flags may be.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::{
    config::{EngineName, Theme},
    session::{CustomWords, FeatureNorm, Punctuation},
};

pub(super) fn engine() -> impl TypedValueParser<Value = EngineName> {
    PossibleValuesParser::new(EngineName::NAMES).map(|name| EngineName::parse(&name).unwrap_or_default())
}

pub(super) fn zero_or_more(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(secs) if secs.is_finite() && secs >= 0.0 => Ok(secs),
        _ => Err("expected seconds, 0 or more".to_owned()),
    }
}

pub(super) fn above_zero(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(secs) if secs.is_finite() && secs > 0.0 => Ok(secs),
        _ => Err("expected seconds, more than 0".to_owned()),
    }
}

pub(super) fn theme() -> impl TypedValueParser<Value = Theme> {
    PossibleValuesParser::new(["system", "light", "dark"]).map(|name| match name.as_str() {
        "light" => Theme::Light,
        "dark" => Theme::Dark,
        _ => Theme::System,
    })
}

pub(super) fn feature_norm() -> impl TypedValueParser<Value = FeatureNorm> {
    PossibleValuesParser::new(FeatureNorm::ALL.map(FeatureNorm::name)).try_map(|name| name.parse())
}

pub(super) fn punctuation() -> impl TypedValueParser<Value = Punctuation> {
    PossibleValuesParser::new(Punctuation::ALL.map(Punctuation::name)).try_map(|name| name.parse())
}

/// Logits that a custom word's token may get.
pub(super) fn boost(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(boost) if (0.0..=CustomWords::MOST).contains(&boost) => Ok(boost),
        _ => Err("expected logits, 0 to 10".to_owned()),
    }
}
