//! Files of a model: read, hashed, and never outside its folder.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    engine::{ContractError, External, OnnxGraph, hexadecimal},
    models::ModelError,
};

/// Bytes of the largest graph: more a message of Protocol Buffers cannot have.
const LARGEST: u64 = 1 << 31;
/// Bytes of the largest contract, vocabulary or note.
const LARGEST_TEXT: u64 = 64 << 20;

/// A whole file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    read_most(path, LARGEST)
}

/// A whole file of `most` bytes at most.
fn read_most(path: &Path, most: u64) -> Result<Vec<u8>, ModelError> {
    let (file, bytes) = open(path)?;
    if bytes > most {
        let (expected, found) = (format!("{most} bytes at most"), bytes.to_string());
        return Err(ModelError::File { path: path.to_owned(), expected, found });
    }
    let mut content = Vec::with_capacity(bytes as usize);
    // One more: a file that grows meanwhile is none to go on with.
    file.take(bytes + 1).read_to_end(&mut content).map_err(ModelError::read(path))?;
    Ok(content)
}

/// A text of [`LARGEST_TEXT`] at most.
pub(super) fn read_text(path: &Path) -> Result<String, ModelError> {
    String::from_utf8(read_most(path, LARGEST_TEXT)?)
        .map_err(|source| ModelError::Text { file: path.display().to_string(), source })
}

/// The file and its bytes. A device or pipe, which may have no end or keep one waiting, is not even opened.
fn open(path: &Path) -> Result<(fs::File, u64), ModelError> {
    let data = fs::metadata(path).map_err(ModelError::read(path))?;
    if !data.is_file() {
        let found = if data.is_dir() { "a folder" } else { "a device or pipe" };
        let (expected, found) = ("a file".to_owned(), found.to_owned());
        return Err(ModelError::File { path: path.to_owned(), expected, found });
    }
    Ok((fs::File::open(path).map_err(ModelError::read(path))?, data.len()))
}

/// The path of a file that the contract or graph at `file` names.
pub(super) fn beside(file: &Path, name: &str) -> Result<PathBuf, ModelError> {
    let plain = Path::new(name);
    // One plain component: no folders, no `..`, no root.
    if plain.file_name() != Some(plain.as_os_str()) || name.contains(['/', '\\', ':', '\0']) {
        return Err(ModelError::Outside { file: file.to_owned(), found: name.to_owned() });
    }
    let path = file.with_file_name(plain);
    if fs::symlink_metadata(&path).is_ok_and(|data| data.is_symlink()) {
        stays_inside(&path)?;
    }
    Ok(path)
}

/// Refuses a link out of its folder: whoever made the folder could have any file of this machine read. Hugging Face's cache is
/// nothing but links, out of `snapshots/REVISION` into `blobs` beside it.
fn stays_inside(link: &Path) -> Result<(), ModelError> {
    let target = fs::canonicalize(link).map_err(ModelError::read(link))?;
    let folder = link.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::canonicalize(folder).map_err(ModelError::read(folder))?;
    let cache = folder.parent().filter(|above| above.ends_with("snapshots")).and_then(Path::parent);
    let blobs = cache.map(|cache| cache.join("blobs"));
    if target.starts_with(&folder) || blobs.is_some_and(|blobs| target.parent() == Some(&blobs)) {
        return Ok(());
    }
    let (expected, found) = ("a file, or a link that stays in its folder".to_owned(), target.display().to_string());
    Err(ModelError::File { path: link.to_owned(), expected, found })
}

/// SHA-256 of a file that may be larger than the memory.
pub(super) fn sha256_of(path: &Path) -> Result<String, ModelError> {
    let mut hasher = Sha256::new();
    let mut reader = BufReader::with_capacity(1 << 20, open(path)?.0);
    loop {
        let bytes = reader.fill_buf().map_err(ModelError::read(path))?;
        if bytes.is_empty() {
            return Ok(hexadecimal(&hasher.finalize()));
        }
        hasher.update(bytes);
        let count = bytes.len();
        reader.consume(count);
    }
}

/// Refuses a hash that is not the contract's.
pub(super) fn compare_hash(file: &str, expected: &str, found: String) -> Result<(), ContractError> {
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(ContractError::Hash { file: file.to_owned(), expected: expected.to_owned(), found })
}

/// Reads a graph, and holds its weights against their sizes and files; names of the files that hold some.
pub(super) fn parse_graph<'b>(path: &Path, bytes: &'b [u8]) -> Result<(OnnxGraph<'b>, Vec<String>), ModelError> {
    let wrong = || ModelError::graph(path);
    let graph = OnnxGraph::parse(bytes).map_err(wrong())?;
    let files: Vec<String> = graph.external_files().map_err(wrong())?.into_iter().collect();
    for file in &files {
        beside(path, file)?;
    }
    let size_of = |file: &str| Some(fs::metadata(path.with_file_name(file)).ok()?.len());
    graph.check_weights(&size_of).map_err(wrong())?;
    Ok((graph, files))
}

/// The graph with the weights in it that stand in files beside it; what it takes was checked by [`parse_graph`].
pub(super) fn inline<'b>(path: &Path, graph: OnnxGraph<'b>) -> Result<OnnxGraph<'b>, ModelError> {
    let mut values = HashMap::new();
    for (name, External { file, offset, .. }, length) in graph.external_weights().map_err(ModelError::graph(path))? {
        let path = beside(path, &file)?;
        let mut bytes = Vec::new();
        let (mut stream, _) = open(&path)?;
        stream.seek(SeekFrom::Start(offset)).map_err(ModelError::read(&path))?;
        stream.take(length).read_to_end(&mut bytes).map_err(ModelError::read(&path))?;
        values.insert(name, bytes);
    }
    graph.with_values(&mut values).map_err(ModelError::graph(path))
}
