//! Reads a trace back. A last line that was cut off by a crash is left out; any other broken line is an error that names it.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use crate::{
    decode::Word,
    trace::{DecisionLine, FORMAT, Header, HopLine, Line, Tensors, npy::NpyError},
};

/// A trace could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file could not be read.
    #[error("{}: cannot read this trace: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not of the format.
    #[error("{}: line {line}: not a line of a trace: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Where in the line.
        source: serde_json::Error,
    },
    /// The first line is no header of this format.
    #[error("{}: line 1: expected the header of a {FORMAT}, found {found}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What stands there.
        found: String,
    },
    /// A side file that the header names cannot be used.
    #[error("a side file of the trace cannot be used: {0}")]
    Tensors(#[from] NpyError),
}

/// A whole trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What ran.
    pub header: Header,
    /// Hops in order.
    pub hops: Vec<Hop>,
    /// Lines that are not part of a hop.
    pub marks: Vec<Mark>,
    /// The run did not end as it should: there is no last line that says so.
    pub truncated: bool,
}

/// A line that is not part of a hop.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Hops before it.
    pub hops: usize,
    /// The line.
    pub line: Line,
}

/// A hop and what was decided in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// Borders, statistics, cost.
    pub line: HopLine,
    /// Committed decisions.
    pub decisions: Vec<DecisionLine>,
    /// Decisions on the right context.
    pub tail: Vec<DecisionLine>,
    /// Words committed.
    pub words: Vec<Word>,
}

impl Trace {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, TraceError> {
        let read_error = |source| TraceError::Read { path: path.to_owned(), source };
        let mut lines = BufReader::new(File::open(path).map_err(read_error)?).split(b'\n').enumerate().peekable();
        let mut header = None;
        let (mut hops, mut marks, mut truncated) = (Vec::<Hop>::new(), Vec::new(), true);
        while let Some((index, bytes)) = lines.next() {
            let bytes = bytes.map_err(read_error)?;
            let line: Line = match serde_json::from_slice(&bytes) {
                Ok(line) => line,
                Err(_) if index > 0 && lines.peek().is_none() => break,
                Err(source) => return Err(TraceError::Line { path: path.to_owned(), line: index + 1, source }),
            };
            match (line, hops.last_mut()) {
                (Line::Header(found), _) if found.format == FORMAT && index == 0 => header = Some(*found),
                (Line::Hop(line), _) => {
                    hops.push(Hop { line: *line, decisions: Vec::new(), tail: Vec::new(), words: Vec::new() });
                }
                (Line::Decision(decision), Some(hop)) => {
                    let list = if decision.tail { &mut hop.tail } else { &mut hop.decisions };
                    list.push(*decision);
                }
                (Line::Committed { words }, Some(hop)) => hop.words.extend(words),
                (Line::End { .. }, _) if index > 0 => truncated = false,
                (line, _) if index > 0 => marks.push(Mark { hops: hops.len(), line }),
                (line, _) => {
                    let found = serde_json::to_string(&line).unwrap_or_default().chars().take(120).collect();
                    return Err(TraceError::Header { path: path.to_owned(), found });
                }
            }
        }
        let header =
            header.ok_or_else(|| TraceError::Header { path: path.to_owned(), found: "an empty file".to_owned() })?;
        Ok(Self { header, hops, marks, truncated })
    }

    /// The side files of the trace at `path`; empty where there are none.
    pub fn tensors(&self, path: &Path) -> Result<Tensors, TraceError> {
        let files = self.header.tensors.as_ref();
        Ok(files.map(|files| Tensors::read(path, files)).transpose()?.unwrap_or_default())
    }

    /// All committed decisions in order.
    pub fn decisions(&self) -> impl Iterator<Item = &DecisionLine> {
        self.hops.iter().flat_map(|hop| &hop.decisions)
    }

    /// All committed words in order.
    pub fn words(&self) -> impl Iterator<Item = &Word> {
        self.hops.iter().flat_map(|hop| &hop.words)
    }
}
