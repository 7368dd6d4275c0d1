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

/// A whole file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    fs::read(path).map_err(ModelError::read(path))
}

/// The path of a file that the contract or graph at `file` names.
pub(super) fn beside(file: &Path, name: &str) -> Result<PathBuf, ModelError> {
    let plain = Path::new(name);
    // One plain component: no folders, no `..`, no root.
    if plain.file_name() != Some(plain.as_os_str()) || name.contains(['/', '\\', ':']) {
        return Err(ModelError::Outside { file: file.to_owned(), found: name.to_owned() });
    }
    Ok(file.with_file_name(plain))
}

/// SHA-256 of a file that may be larger than the memory.
pub(super) fn sha256_of(path: &Path) -> Result<String, ModelError> {
    let mut hasher = Sha256::new();
    let mut reader = BufReader::with_capacity(1 << 20, fs::File::open(path).map_err(ModelError::read(path))?);
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
        let mut stream = fs::File::open(&path).map_err(ModelError::read(&path))?;
        stream.seek(SeekFrom::Start(offset)).map_err(ModelError::read(&path))?;
        stream.take(length).read_to_end(&mut bytes).map_err(ModelError::read(&path))?;
        values.insert(name, bytes);
    }
    graph.with_values(&mut values).map_err(ModelError::graph(path))
}
