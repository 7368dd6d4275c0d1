//! The asking side.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    time::Duration,
};

use interprocess::local_socket::{GenericFilePath, Stream, prelude::*};

use crate::remote::{MOST_BYTES, Order, RemoteError, Reply, socket};

/// The program answers at once or not at all.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends an order to the program that listens in `folder`.
pub fn ask(folder: &Path, order: &Order) -> Result<Reply, RemoteError> {
    let path = socket(folder);
    let io = |source| RemoteError::Io { path: path.clone(), source };
    let name = path.as_path().to_fs_name::<GenericFilePath>().map_err(io)?;
    // A socket that nobody listens at, or none at all.
    let mut stream = Stream::connect(name).map_err(|_| RemoteError::NotRunning { path: path.clone() })?;
    stream.set_recv_timeout(Some(LIMIT)).map_err(io)?;
    stream.set_send_timeout(Some(LIMIT)).map_err(io)?;
    let mut line = serde_json::to_string(order).map_err(|error| io(error.into()))?;
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(io)?;
    let mut answer = String::new();
    BufReader::new(stream.take(MOST_BYTES)).read_line(&mut answer).map_err(io)?;
    serde_json::from_str(&answer)
        .map_err(|_| RemoteError::Answer { path: path.clone(), found: answer.trim().to_owned() })
}
