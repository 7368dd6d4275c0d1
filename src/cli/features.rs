//! Features that were computed elsewhere, in place of a recording: one `.npy`, one window.

use std::path::Path;

use anyhow::{bail, ensure};

use crate::{
    engine::Contract,
    features::FeatureFrames,
    session::Window,
    trace::npy,
    units::{EncIdx, MEL_PER_ENC, MelIdx},
};

/// `[mel frames, mel bins]` f32 as the encoder is to get them, if `path` ends in `.npy`, and the window they make.
pub(super) fn read_if_npy(path: &Path, contract: &Contract) -> anyhow::Result<Option<(Window, FeatureFrames)>> {
    if path.extension().is_none_or(|ending| ending != "npy") {
        return Ok(None);
    }
    let array = npy::read::<f32>(path)?;
    let (name, bins, most) = (path.display(), contract.front_end.mel_bins, contract.encoder.max_mel_frames);
    match array.shape[..] {
        [_, width] if width == bins => {}
        [height, width] if height == bins => bail!(
            "{name}: expected features [mel frames, {bins}], found [{height}, {width}]: this is channel-major; \
             transpose it"
        ),
        _ => bail!("{name}: expected features [mel frames, {bins}], found {:?}", array.shape),
    }
    ensure!(array.len() <= most, "{name}: expected at most {most} mel frames in one window, found {}", array.len());
    let end = EncIdx(array.len().div_ceil(MEL_PER_ENC) as u64);
    let window = Window { commit_to: end, end, last: true, ..Window::default() };
    Ok(Some((window, FeatureFrames { start: MelIdx(0), mel_bins: bins, data: array.data })))
}
