//! What a file is, by its first bytes: decoders are only asked about what they can read, and errors say what was found.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
};

/// Enough for an Ogg page header and the name of the codec behind it.
const HEAD: usize = 64;

/// `Err` holds what the file looks like instead of one of the supported types. Leaves the file at its start.
pub(super) fn sniff(file: &mut File, path: &Path) -> io::Result<Result<(), String>> {
    let mut head = Vec::with_capacity(HEAD);
    file.take(HEAD as u64).read_to_end(&mut head)?;
    file.rewind()?;
    let mp3_by_name = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mp3"));
    Ok(match unsupported(&head) {
        Some(found) => Err(found.to_owned()),
        None if supported(&head) || mp3_by_name => Ok(()),
        None if is_text(&head) => Err("text".to_owned()),
        None => Err("data of an unknown type".to_owned()),
    })
}

fn supported(head: &[u8]) -> bool {
    let riff = matches!(head.get(..4), Some(b"RIFF" | b"RF64" | b"BW64"));
    (riff && head.get(8..12) == Some(b"WAVE"))
        || head.starts_with(b"fLaC")
        || head.starts_with(b"OggS")
        || head.starts_with(b"ID3")
        || (head.starts_with(b"FORM") && matches!(head.get(8..12), Some(b"AIFF" | b"AIFC")))
        || mpeg_layer(head) == Some(3)
}

fn unsupported(head: &[u8]) -> Option<&'static str> {
    let ogg_codec = if head.starts_with(b"OggS") { head.get(28..36) } else { None };
    match (ogg_codec, head) {
        (Some(b"OpusHead"), _) => Some("Opus in OGG"),
        (Some(b"Speex   "), _) => Some("Speex in OGG"),
        (Some([0x80, b't', b'h', b'e', b'o', b'r', b'a', _]), _) => Some("a video in OGG"),
        _ if head.get(4..8) == Some(b"ftyp") => Some("MP4 or M4A"),
        (_, [0x1a, 0x45, 0xdf, 0xa3, ..]) => Some("Matroska or WebM"),
        (_, [0x30, 0x26, 0xb2, 0x75, ..]) => Some("Windows Media"),
        (_, [b'w', b'v', b'p', b'k', ..]) => Some("WavPack"),
        (_, [b'r', b'i', b'f', b'f', 0x2e, 0x91, ..]) => Some("Wave64"),
        (_, [b'c', b'a', b'f', b'f', ..]) => Some("Core Audio (CAF)"),
        (_, [b'#', b'!', b'A', b'M', b'R', ..]) => Some("AMR"),
        (_, [b'%', b'P', b'D', b'F', ..]) => Some("a PDF document"),
        (_, [b'P', b'K', 3, 4, ..]) => Some("a ZIP archive"),
        (_, [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, 0xff, ..]) => Some("a picture"),
        _ if head.starts_with(b"RIFF") && head.get(8..12) != Some(b"WAVE") => Some("a RIFF file that is not WAV"),
        _ => match mpeg_layer(head) {
            Some(0) => Some("raw AAC"),
            Some(1 | 2) => Some("MPEG audio that is not layer III"),
            _ => None,
        },
    }
}

/// Layer of an MPEG audio frame header (ISO 11172-3, 2.4.1.3); 0 is AAC's ADTS header, which shares the sync word.
fn mpeg_layer(head: &[u8]) -> Option<u8> {
    match head {
        [0xff, second, third, ..] if second & 0xe0 == 0xe0 && third & 0xf0 != 0xf0 => Some(match (second >> 1) & 3 {
            0 => 0,
            bits => 4 - bits,
        }),
        _ => None,
    }
}

fn is_text(head: &[u8]) -> bool {
    !head.is_empty() && head.iter().all(|&byte| byte >= 0x20 || matches!(byte, b'\n' | b'\r' | b'\t'))
}
