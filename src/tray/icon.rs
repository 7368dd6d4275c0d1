//! The icon's picture, drawn by arithmetic: three bars of sound, and a dot in the colour of what the program does.

use ksni::Icon;

use super::TrayState;

/// Edges in pixels; panels take the one that fits.
pub(super) const SIZES: [i32; 3] = [22, 32, 48];

/// Red, green, blue. Ground and bars are those of the program's icon; the dot's colours can be told apart by their lightness too.
const GROUND: [u8; 3] = [24, 28, 33];
const BARS: [u8; 3] = [86, 180, 233];
const IDLE: [u8; 3] = [150, 156, 164];
const LISTENING: [u8; 3] = [32, 190, 140];
const BUSY: [u8; 3] = [230, 159, 0];
const FAILED: [u8; 3] = [255, 90, 60];

/// Middle and half height of the bars, in shares of the edge.
const BAR: [(f32, f32); 3] = [(0.22, 0.13), (0.40, 0.28), (0.58, 0.19)];
const BAR_RADIUS: f32 = 0.065;
const DOT: (f32, f32, f32) = (0.76, 0.74, 0.2);
const CORNER: f32 = 0.2;

/// The picture, `size` pixels high and wide.
pub(super) fn draw(size: i32, state: TrayState) -> Icon {
    let dot = match state {
        TrayState::Busy => BUSY,
        TrayState::Idle => IDLE,
        TrayState::Listening => LISTENING,
        TrayState::Failed => FAILED,
    };
    let edge = size as f32;
    let mut data = Vec::with_capacity((size * size * 4) as usize);
    for y in 0..size {
        for x in 0..size {
            let (u, v) = ((x as f32 + 0.5) / edge, (y as f32 + 0.5) / edge);
            // How much of the pixel lies within, by its distance from the border.
            let cover = |distance: f32| (0.5 - distance * edge).clamp(0.0, 1.0);
            let mut color = GROUND.map(f32::from);
            let mut paint = |share: f32, with: [u8; 3]| {
                for (value, new) in color.iter_mut().zip(with) {
                    *value += share * (f32::from(new) - *value);
                }
            };
            for (middle, half) in BAR {
                paint(cover(capsule(u - middle, v - 0.46, half)), BARS);
            }
            let from_dot = (u - DOT.0).hypot(v - DOT.1);
            // A rim of the ground keeps the dot off the bars.
            paint(cover(from_dot - DOT.2 - 0.05), GROUND);
            paint(cover(from_dot - DOT.2), dot);
            let alpha = 255.0 * cover(rounded(u - 0.5, v - 0.5));
            data.push(alpha.round() as u8);
            data.extend(color.map(|value| value.round() as u8));
        }
    }
    Icon { width: size, height: size, data }
}

/// Distance from an upright bar with round ends, `half` high each way.
fn capsule(x: f32, y: f32, half: f32) -> f32 {
    x.hypot((y.abs() - half + BAR_RADIUS).max(0.0)) - BAR_RADIUS
}

/// Distance from a square of edge 1 with round corners.
fn rounded(x: f32, y: f32) -> f32 {
    let (x, y) = (x.abs() - 0.5 + CORNER, y.abs() - 0.5 + CORNER);
    x.max(0.0).hypot(y.max(0.0)) + x.max(y).min(0.0) - CORNER
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alpha, red, green, blue.
    fn pixel(icon: &Icon, u: f32, v: f32) -> [u8; 4] {
        let (x, y) = ((u * icon.width as f32) as usize, (v * icon.height as f32) as usize);
        let at = 4 * (y * icon.width as usize + x);
        icon.data[at..at + 4].try_into().unwrap()
    }

    #[test]
    fn the_dot_has_the_colour_of_the_state_and_corners_are_clear() {
        for size in SIZES {
            for (state, [r, g, b]) in [
                (TrayState::Idle, IDLE),
                (TrayState::Listening, LISTENING),
                (TrayState::Busy, BUSY),
                (TrayState::Failed, FAILED),
            ] {
                let icon = draw(size, state);
                assert_eq!(icon.data.len(), (size * size * 4) as usize);
                assert_eq!(pixel(&icon, DOT.0, DOT.1), [255, r, g, b]);
                assert_eq!(pixel(&icon, 0.0, 0.0)[0], 0);
            }
        }
    }
}
