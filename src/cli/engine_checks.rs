//! What the engine gate found, remembered: an engine is checked when it is first used with a model, not at every start.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    config::{data_folder, replace, set_aside},
    engine::{Arithmetic, Engine},
    models::Model,
    parity::{
        ProbeFile,
        gate::{self, GateReport},
    },
};

const FILE_NAME: &str = "engine-checks.json";
const FORMAT: &str = "dictoscope-engine-checks-1";

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Check {
    key: Key,
    /// Day of the check, UTC, `YYYY-MM-DD`.
    pub(super) date: String,
    /// What it found.
    pub(super) report: GateReport,
}

/// What a check holds for: anything else is checked anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    program: String,
    engine: String,
    device: String,
    arithmetic: Arithmetic,
    encoder_sha256: String,
    predictor_sha256: String,
    joint_sha256: String,
    probe_sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Checks {
    format: String,
    checks: Vec<Check>,
}

/// The check of `engine` with `model`: remembered, or made now and remembered if that can be; made in any case if `anew`.
pub(super) fn check(engine: &mut dyn Engine, model: &Model, anew: bool) -> anyhow::Result<Check> {
    let path = data_folder().map(|folder| folder.join(FILE_NAME));
    let key = key_of(engine, model);
    if !anew && let Some(check) = path.as_deref().and_then(|path| recall(path, &key)) {
        return Ok(check);
    }
    let contract = model.contract();
    let name = contract.probe.as_ref().map_or("", |probe| &probe.file);
    let probe = model.probe().map(|bytes| ProbeFile::parse(name, bytes, contract)).transpose()?;
    let report = gate::check(engine, contract, probe.as_ref());
    let date = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date().to_string();
    let check = Check { key, date, report };
    if let (Some(path), Some(_)) = (path, probe)
        && let Err(error) = remember(&path, &check)
    {
        // The check is made again the next time: slower, but not wrong.
        log::info!("{}: the check of the engine cannot be remembered: {error}", path.display());
    }
    Ok(check)
}

fn key_of(engine: &dyn Engine, model: &Model) -> Key {
    let (info, contract) = (engine.info(), model.contract());
    let graphs = &contract.graphs;
    Key {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        engine: info.engine.clone(),
        device: info.device.clone(),
        arithmetic: info.arithmetic,
        encoder_sha256: graphs.encoder.sha256.clone(),
        predictor_sha256: graphs.predictor.sha256.clone(),
        joint_sha256: graphs.joint.sha256.clone(),
        probe_sha256: contract.probe.as_ref().map(|probe| probe.sha256.clone()).unwrap_or_default(),
    }
}

fn recall(path: &Path, key: &Key) -> Option<Check> {
    load(path).into_iter().find(|check| check.key == *key)
}

/// Replaces the file in one step. What another version of the program found is forgotten.
fn remember(path: &Path, check: &Check) -> io::Result<()> {
    let mut checks = load(path);
    checks.retain(|old| old.key != check.key && old.key.program == check.key.program);
    checks.push(check.clone());
    let file = Checks { format: FORMAT.to_owned(), checks };
    replace(path, &(serde_json::to_string_pretty(&file)? + "\n"))
}

/// What the file has; one that is broken is set aside.
fn load(path: &Path) -> Vec<Check> {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                log::info!("{}: cannot be read: {error}", path.display());
            }
            return Vec::new();
        }
    };
    match serde_json::from_str::<Checks>(&text) {
        Ok(file) if file.format == FORMAT => return file.checks,
        Ok(file) => log::warn!("{}: expected {FORMAT}, found {}", path.display(), file.format),
        Err(error) => log::warn!("{}: expected {FORMAT}: {error}", path.display()),
    }
    match set_aside(path) {
        Ok(aside) => log::warn!("it was set aside as {}", aside.display()),
        Err(error) => log::warn!("it could not be set aside: {error}"),
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_of(engine: &str, program: &str) -> Check {
        let key = Key { engine: engine.to_owned(), program: program.to_owned(), ..Key::default() };
        Check { key, date: "2026-11-24".to_owned(), report: GateReport::not_checked() }
    }

    #[test]
    fn a_check_is_found_by_its_whole_key_and_replaced_by_a_newer_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/engine-checks.json");
        let (a, b) = (check_of("a", "1"), check_of("b", "1"));
        assert_eq!(recall(&path, &a.key), None);
        remember(&path, &a).unwrap();
        remember(&path, &b).unwrap();
        assert_eq!((recall(&path, &a.key), recall(&path, &b.key)), (Some(a.clone()), Some(b)));
        let moved = Key { device: "elsewhere".to_owned(), ..a.key.clone() };
        assert_eq!(recall(&path, &moved), None);
        let later = Check { date: "2026-11-25".to_owned(), ..a.clone() };
        remember(&path, &later).unwrap();
        assert_eq!((load(&path).len(), recall(&path, &a.key)), (2, Some(later)));
        remember(&path, &check_of("a", "2")).unwrap();
        assert_eq!(load(&path).len(), 1, "another version's checks are forgotten");
    }

    #[test]
    fn a_broken_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine-checks.json");
        for (n, text) in [(1, "{"), (2, "{\"format\":\"else\",\"checks\":[]}")] {
            fs::write(&path, text).unwrap();
            assert!(load(&path).is_empty() && !path.exists());
            let aside = folder.path().join(format!("engine-checks.json.broken-{n}"));
            assert_eq!(fs::read_to_string(aside).unwrap(), text);
        }
    }
}
