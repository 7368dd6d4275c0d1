//! WAV headers that lie about their length: a recorder that was killed leaves 0 or 0xFFFFFFFF, a copy that was cut promises
//! more than there is, beyond 4 GiB 32 bits do not hold it. The header is read as it should be; the file is not touched.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use symphonia::core::io::MediaSource;

/// What a size of 32 bits is short of when it went round once.
const ROUND: u64 = 1 << 32;

/// What the chunk headers say, and what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WavLayout {
    /// Offset of the data chunk's four size bytes.
    size_at: u64,
    /// Size the header gives, if it gives one.
    promised: Option<u64>,
    /// Bytes of sample data the file holds.
    present: u64,
    /// Bytes of one frame.
    frame_bytes: u16,
    /// The header's 32 bits do not hold the size, and nothing else does.
    overflowed: bool,
}

impl WavLayout {
    /// Walks the chunks; `None` if this is no WAV or has no data chunk. Leaves the file at its start.
    pub(super) fn read(file: &mut File) -> io::Result<Option<Self>> {
        let file_len = file.metadata()?.len();
        let layout = Self::walk(file, file_len)?;
        file.rewind()?;
        Ok(layout)
    }

    fn walk(file: &mut File, file_len: u64) -> io::Result<Option<Self>> {
        let mut head = [0; 12];
        if !fill(file, &mut head)? || !matches!(&head[..4], b"RIFF" | b"RF64" | b"BW64") || &head[8..] != b"WAVE" {
            return Ok(None);
        }
        let mut at = 12;
        let mut frame_bytes = 0;
        let mut long_size = None;
        loop {
            let mut chunk = [0; 8];
            file.seek(SeekFrom::Start(at))?;
            if !fill(file, &mut chunk)? {
                return Ok(None);
            }
            let size = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
            let body = at + 8;
            match &chunk[..4] {
                b"fmt " => {
                    let mut format = [0; 16];
                    if fill(file, &mut format)? {
                        frame_bytes = u16::from_le_bytes([format[12], format[13]]);
                    }
                }
                // EBU Tech 3306: the sizes of the whole and of the data in 64 bits, for headers that say 0xFFFFFFFF.
                b"ds64" => {
                    let (mut whole, mut data) = ([0; 8], [0; 8]);
                    if fill(file, &mut whole)? && fill(file, &mut data)? {
                        long_size = Some(u64::from_le_bytes(data));
                    }
                }
                b"data" => {
                    let after = file_len.saturating_sub(body);
                    let mut promised = match (size, long_size) {
                        (u32::MAX, Some(size)) if !matches!(size, 0 | u64::MAX) => Some(size),
                        (0 | u32::MAX, _) => None,
                        (size, _) => Some(size.into()),
                    };
                    let more = after.saturating_sub(promised.unwrap_or(after)) / ROUND * ROUND;
                    let overflowed = more > 0 && !Self::chunk_follows(file, body + u64::from(size), file_len)?;
                    if overflowed {
                        promised = promised.map(|size| size + more);
                    }
                    let present = promised.unwrap_or(after).min(after);
                    return Ok(Some(Self { size_at: at + 4, promised, present, frame_bytes, overflowed }));
                }
                _ => {}
            }
            // Chunks are padded to an even length.
            at = body + u64::from(size) + u64::from(size & 1);
        }
    }

    /// Whether another chunk begins at `at`: four letters, and a size that fits.
    fn chunk_follows(file: &mut File, at: u64, file_len: u64) -> io::Result<bool> {
        let mut chunk = [0; 8];
        file.seek(SeekFrom::Start(at + (at & 1)))?;
        let letters = fill(file, &mut chunk)? && chunk[..4].iter().all(|byte| (0x20..0x7f).contains(byte));
        let size = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
        Ok(letters && at + 8 + u64::from(size) <= file_len)
    }

    /// Frames the header promises; `None` if it gives no length.
    pub(super) fn promised_frames(&self) -> Option<u64> {
        self.promised?.checked_div(self.frame_bytes.into())
    }

    /// Frames that are there, where the decoder cannot be told their number.
    pub(super) fn frames_beyond_32_bits(&self) -> Option<u64> {
        let beyond = self.present > u32::MAX.into();
        beyond.then(|| self.present.checked_div(self.frame_bytes.into())).flatten()
    }

    /// What a person should know of the header.
    pub(super) fn notice(&self) -> Option<&'static str> {
        if self.overflowed {
            return Some("larger than its header can say (4 GiB); read to the end");
        }
        let unfinished = self.promised.is_none() && self.present > 0;
        unfinished.then_some("its header gives no length (an unfinished recording); read to the end of the file")
    }
}

/// False if the file ends first.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The file with the true lengths in its header.
#[derive(Debug)]
pub(super) struct WavSource {
    file: File,
    len: u64,
    at: u64,
    /// Offset and bytes of what reads differently.
    patches: [(u64, [u8; 4]); 3],
}

impl WavSource {
    pub(super) fn new(file: File, layout: &WavLayout) -> io::Result<Self> {
        // What lies behind the samples would be taken for some where the decoder cannot be told where they end.
        let len = file.metadata()?.len().min(layout.size_at + 4 + layout.present);
        // Beyond 4 GiB: "unknown" makes the decoder read to the end.
        let size = u32::try_from(layout.present).unwrap_or(u32::MAX);
        let patches = [(0, *b"RIFF"), (4, u32::MAX.to_le_bytes()), (layout.size_at, size.to_le_bytes())];
        Ok(Self { file, len, at: 0, patches })
    }
}

impl Read for WavSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.file.read(&mut buffer[..left])?;
        for (offset, bytes) in self.patches {
            for (i, byte) in bytes.into_iter().enumerate() {
                let position = offset + i as u64;
                if (self.at..self.at + n as u64).contains(&position) {
                    buffer[(position - self.at) as usize] = byte;
                }
            }
        }
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for WavSource {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

impl MediaSource for WavSource {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A file of `len` bytes with holes where nothing is written: `chunks` one after another, then the data chunk's head.
    fn layout(magic: [u8; 4], chunks: &[&[u8]], data: u32, len: u64, behind: &[(u64, &[u8])]) -> WavLayout {
        let format =
            [b"fmt ".as_slice(), &[16, 0, 0, 0, 1, 0, 2, 0], &48_000_u32.to_le_bytes(), &[0; 4], &[4, 0, 16, 0]];
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[&magic[..], &[0xff; 4], b"WAVE"].concat()).unwrap();
        file.write_all(&[chunks.concat(), format.concat()].concat()).unwrap();
        file.write_all(&[&b"data"[..], &data.to_le_bytes()].concat()).unwrap();
        let body = file.stream_position().unwrap();
        for (at, bytes) in behind {
            file.seek(SeekFrom::Start(body + at)).unwrap();
            file.write_all(bytes).unwrap();
        }
        file.set_len(body + len).unwrap();
        file.rewind().unwrap();
        WavLayout::read(&mut file).unwrap().unwrap()
    }

    fn ds64(data: u64) -> Vec<u8> {
        [&b"ds64"[..], &28_u32.to_le_bytes(), &[0; 8], &data.to_le_bytes(), &[0; 12]].concat()
    }

    const SIX_GB: u64 = 6_000_000_000;

    #[test]
    fn sizes_of_64_bits_are_read_and_what_follows_is_no_sound() {
        let long = ds64(SIX_GB);
        for magic in [*b"RF64", *b"BW64"] {
            let found = layout(magic, &[&long], u32::MAX, SIX_GB + 100, &[]);
            assert_eq!((found.promised, found.present, found.notice()), (Some(SIX_GB), SIX_GB, None));
            assert_eq!(found.promised_frames(), Some(SIX_GB / 4));
            assert_eq!(found.frames_beyond_32_bits(), Some(SIX_GB / 4));
        }
        let cut = layout(*b"RF64", &[&long], u32::MAX, 5_000_000_000, &[]);
        assert_eq!((cut.promised, cut.present), (Some(SIX_GB), 5_000_000_000));
        // Killed before it wrote how long it became.
        let found = layout(*b"RF64", &[&ds64(0)], u32::MAX, 400, &[]);
        assert_eq!((found.promised, found.present), (None, 400));
        assert!(found.notice().unwrap().contains("unfinished"));
    }

    #[test]
    fn a_size_that_went_round_is_seen_by_what_follows_it() {
        let found = layout(*b"RIFF", &[], (SIX_GB - ROUND) as u32, SIX_GB + 6, &[]);
        assert_eq!((found.promised, found.present), (Some(SIX_GB), SIX_GB));
        assert!(found.notice().unwrap().contains("4 GiB"));
        // A size that is right, and much behind it.
        let chunk = [&b"bext"[..], &4_000_000_000_u32.to_le_bytes()].concat();
        let found = layout(*b"RIFF", &[], 400, SIX_GB, &[(400, &chunk)]);
        assert_eq!((found.promised, found.present, found.notice()), (Some(400), 400, None));
    }
}
