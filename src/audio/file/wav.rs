//! WAV headers that lie about their length: a recorder that was killed leaves 0 or 0xFFFFFFFF, a copy that was cut promises
//! more than there is. The header is read as it should be; the file is not touched.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use symphonia::core::io::MediaSource;

/// What the chunk headers say, and what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WavLayout {
    /// Offset of the data chunk's four size bytes.
    size_at: u64,
    /// Size the header gives.
    promised: u32,
    /// Bytes of sample data the file holds.
    present: u64,
    /// Bytes of one frame.
    frame_bytes: u16,
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
        if !fill(file, &mut head)? || !matches!(&head[..4], b"RIFF" | b"RF64") || &head[8..] != b"WAVE" {
            return Ok(None);
        }
        let mut at = 12;
        let mut frame_bytes = 0;
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
                b"data" => {
                    let after = file_len.saturating_sub(body);
                    let unknown = matches!(size, 0 | u32::MAX);
                    let present = if unknown { after } else { after.min(size.into()) };
                    return Ok(Some(Self { size_at: at + 4, promised: size, present, frame_bytes }));
                }
                _ => {}
            }
            // Chunks are padded to an even length.
            at = body + u64::from(size) + u64::from(size & 1);
        }
    }

    /// Frames the header promises; `None` if it gives no length.
    pub(super) fn promised_frames(&self) -> Option<u64> {
        let known = !matches!(self.promised, 0 | u32::MAX) && self.frame_bytes > 0;
        known.then(|| u64::from(self.promised) / u64::from(self.frame_bytes))
    }

    /// Whether the header gives no length although there are samples: the recorder never finished the file.
    pub(super) fn is_unfinished(&self) -> bool {
        matches!(self.promised, 0 | u32::MAX) && self.present > 0
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
        let len = file.metadata()?.len();
        // Beyond 4 GiB: "unknown" makes the decoder read to the end.
        let size = u32::try_from(layout.present).unwrap_or(u32::MAX);
        let patches = [(0, *b"RIFF"), (4, u32::MAX.to_le_bytes()), (layout.size_at, size.to_le_bytes())];
        Ok(Self { file, len, at: 0, patches })
    }
}

impl Read for WavSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
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
