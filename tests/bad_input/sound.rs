//! The resampler as a function of bytes: rate, sizes of portions, samples.

use dictoscope::audio::Resampler;

/// 4 bytes of rate, a byte for the number of sizes, the sizes, then samples.
pub fn resample(bytes: &[u8]) {
    let Some((head, rest)) = bytes.split_first_chunk::<5>() else { return };
    let rate = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    let Some((sizes, samples)) = rest.split_at_checked(usize::from(head[4] % 16) + 1) else { return };
    let Ok(mut whole) = Resampler::new(rate) else { return };
    let Ok(mut parts) = Resampler::new(rate) else { return };
    let samples: Vec<f32> = samples.iter().map(|byte| f32::from(*byte) / 128.0 - 1.0).collect();
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    whole.push(&samples, &mut expected);
    whole.finish(&mut expected);
    let mut left = samples.as_slice();
    for size in sizes.iter().map(|size| usize::from(*size) * 7 + 1).cycle() {
        if left.is_empty() {
            break;
        }
        let (now, later) = left.split_at(size.min(left.len()));
        parts.push(now, &mut found);
        left = later;
    }
    parts.finish(&mut found);
    assert_eq!(found.len() as u64, whole.output_len(samples.len() as u64));
    assert!(found.iter().all(|sample| sample.is_finite()));
    assert_eq!(found, expected, "portions make no difference");
}
