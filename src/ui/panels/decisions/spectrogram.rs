//! Mel blocks as textures, made when they come into view and made anew when they grow or their scale moves.

use std::collections::HashMap;

use eframe::egui::{self, ColorImage, TextureHandle, TextureOptions};

use crate::ui::{
    history::History,
    mel::{BLOCK_FRAMES, MelBlock},
    theme,
};

/// Session and first mel frame of a block.
type Key = (u64, u64);

struct Entry {
    texture: TextureHandle,
    /// Frames and colour range it was made from.
    made_from: (usize, f32, f32),
}

/// Textures of the blocks in view.
#[derive(Default)]
pub(crate) struct Spectrogram {
    textures: HashMap<Key, Entry>,
}

impl std::fmt::Debug for Spectrogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spectrogram").field("textures", &self.textures.len()).finish()
    }
}

/// One block as it is drawn.
#[derive(Debug)]
pub(crate) struct Strip {
    pub(crate) texture: egui::TextureId,
    /// First mel frame and number of mel frames.
    pub(crate) start: u64,
    pub(crate) frames: usize,
    pub(crate) bins: usize,
}

impl Spectrogram {
    /// The blocks that touch `from..to` (mel frames); textures of others are freed.
    pub(crate) fn strips(&mut self, ctx: &egui::Context, history: &History, from: f64, to: f64) -> Vec<Strip> {
        let mel = &history.mel;
        let in_view = |block: &&MelBlock| {
            let start = block.start.0 as f64;
            start < to && start + block.frames() as f64 > from
        };
        let visible: Vec<&MelBlock> = mel.blocks.iter().filter(in_view).collect();
        let keys: Vec<Key> = visible.iter().map(|block| (history.session, block.start.0)).collect();
        self.textures.retain(|key, _| keys.contains(key));
        let strips = visible.into_iter().zip(keys).map(|(block, key)| {
            let (low, high) = mel.range(block);
            let made_from = (block.frames(), low, high);
            let entry = self.textures.entry(key).or_insert_with(|| Entry {
                texture: ctx.load_texture("log-mel", image(block, low, high), TextureOptions::LINEAR),
                made_from,
            });
            if entry.made_from != made_from {
                entry.texture.set(image(block, low, high), TextureOptions::LINEAR);
                entry.made_from = made_from;
            }
            Strip { texture: entry.texture.id(), start: block.start.0, frames: block.frames(), bins: block.bins }
        });
        strips.collect()
    }
}

/// `BLOCK_FRAMES` wide whatever the block holds, so that a growing block keeps its texture's size; bin 0 at the bottom.
fn image(block: &MelBlock, low: f32, high: f32) -> ColorImage {
    let span = (high - low).max(f32::MIN_POSITIVE);
    let last = block.frames().saturating_sub(1);
    let mut pixels = Vec::with_capacity(BLOCK_FRAMES * block.bins);
    for bin in (0..block.bins).rev() {
        // What lies beyond the newest frame repeats it: linear filtering then has no dark edge to mix in.
        pixels.extend((0..BLOCK_FRAMES).map(|frame| {
            let value = block.data.get(frame.min(last) * block.bins + bin).copied().unwrap_or(low);
            theme::heat((value - low) / span)
        }));
    }
    ColorImage::new([BLOCK_FRAMES, block.bins], pixels)
}

/// Share of a texture's width that holds frames.
pub(crate) fn used_share(strip: &Strip) -> f32 {
    strip.frames as f32 / BLOCK_FRAMES as f32
}
