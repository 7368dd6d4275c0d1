//! Plans on the disk: a folder for each model, library, precision, profile and set of GPUs, with what stands in it beside.
//!
//! A folder's name holds the hash of all that its plans were made from, so that a plan made from anything else is never
//! taken for them. It is written beside its place and moved there when it is whole.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    engine::{
        Contract, DType, HALF_VERSION, sha256,
        tensorrt::{Capability, PRODUCT, Precision, Profile, TensorRt, TensorRtError},
    },
    private,
};

const FORMAT: &str = "dictoscope-plans-1";
const ABOUT: &str = "plans.json";
/// How every plan begins.
const MAGIC: &[u8] = b"vtrt";

/// What plans are to be made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRequest {
    /// Arithmetic.
    pub precision: Precision,
    /// Lengths of windows.
    pub profile: Profile,
    /// GPUs, in rising order.
    pub capabilities: Vec<Capability>,
}

/// All that decides what is in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanKey {
    /// TensorRT for RTX, or TensorRT.
    product: String,
    /// Version of the library.
    pub(super) version: String,
    /// Name of the model.
    pub(super) model: String,
    /// SHA-256 of the graphs: encoder, predictor, joint.
    pub(super) graphs: [String; 3],
    /// Files beside the graphs that hold weights: name and SHA-256.
    weights: Vec<(String, String)>,
    /// Arithmetic.
    pub precision: Precision,
    /// Version of the conversion to 16-bit floats, where there is one.
    conversion: Option<u32>,
    /// Lengths of windows.
    pub profile: Profile,
    /// GPUs.
    pub capabilities: Vec<Capability>,
}

impl PlanKey {
    /// What would decide on plans of a model.
    pub(super) fn of(library: &TensorRt, contract: &Contract, request: &PlanRequest) -> Self {
        let graphs = [&contract.graphs.encoder, &contract.graphs.predictor, &contract.graphs.joint];
        let weights = graphs.into_iter().flat_map(|graph| &graph.data);
        Self {
            product: PRODUCT.to_owned(),
            version: library.version().to_owned(),
            model: contract.name.clone(),
            graphs: graphs.map(|graph| graph.sha256.clone()),
            weights: weights.map(|data| (data.file.clone(), data.sha256.clone())).collect(),
            precision: request.precision,
            conversion: (request.precision == Precision::Fp16).then_some(HALF_VERSION),
            profile: request.profile,
            capabilities: request.capabilities.clone(),
        }
    }

    /// Name of the folder: readable, and with the hash of the key.
    fn folder_name(&self) -> String {
        let hash = sha256(serde_json::to_string(self).unwrap_or_default().as_bytes());
        let gpus: Vec<_> = self.capabilities.iter().map(|capability| capability.0.to_string()).collect();
        format!(
            "{}-{}-{}-{}",
            &self.graphs[0][..12.min(self.graphs[0].len())],
            self.precision,
            gpus.join("-"),
            &hash[..12]
        )
    }
}

/// One input or output of a plan, as TensorRT has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTensor {
    /// Name.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Sizes; -1 is free.
    pub shape: Vec<i64>,
}

/// One plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// File in the folder.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Time that building took.
    pub seconds: f64,
    /// Inputs.
    pub inputs: Vec<PlanTensor>,
    /// Outputs.
    pub outputs: Vec<PlanTensor>,
}

/// Encoder, predictor and joint.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanSet {
    /// Where they are.
    pub folder: PathBuf,
    /// What they were made from.
    pub key: PlanKey,
    /// The three plans.
    pub plans: [Plan; 3],
}

/// The file beside the plans.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    format: String,
    key: PlanKey,
    plans: [Plan; 3],
}

/// The plans in a folder that were made from `key`, whole; `None` if there are none.
pub(super) fn find(cache: &Path, key: &PlanKey) -> Result<Option<PlanSet>, TensorRtError> {
    let folder = cache.join(key.folder_name());
    if !folder.join(ABOUT).exists() {
        return Ok(None);
    }
    let set = read(&folder)?;
    if set.key != *key {
        let (expected, found) = ("plans made from what its name says".to_owned(), "others".to_owned());
        return Err(TensorRtError::Damaged { path: folder, expected, found });
    }
    for plan in &set.plans {
        set.bytes(plan)?;
    }
    Ok(Some(set))
}

/// The plans of a model for a GPU that this library can run: those built last.
pub(super) fn find_for(
    cache: &Path,
    library: &TensorRt,
    contract: &Contract,
    capability: Capability,
) -> Result<PlanSet, TensorRtError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let (folder, about) = (entry.path(), entry.path().join(ABOUT));
        let Ok(changed) = fs::metadata(&about).and_then(|metadata| metadata.modified()) else { continue };
        let Ok(set) = read(&folder) else { continue };
        let PlanKey { precision, profile, ref capabilities, .. } = set.key;
        let request = PlanRequest { precision, profile, capabilities: capabilities.clone() };
        if capabilities.contains(&capability) && set.key == PlanKey::of(library, contract, &request) {
            found.push((changed, set));
        }
    }
    found.sort_by_key(|(changed, _)| *changed);
    found.pop().map(|(_, set)| set).ok_or_else(|| TensorRtError::NoPlan {
        folder: cache.to_owned(),
        model: contract.name.clone(),
        version: library.version().to_owned(),
        capability,
    })
}

fn read(folder: &Path) -> Result<PlanSet, TensorRtError> {
    let path = folder.join(ABOUT);
    let damaged = |found: String| TensorRtError::Damaged { path: path.clone(), expected: FORMAT.to_owned(), found };
    let text = fs::read_to_string(&path).map_err(|source| TensorRtError::Io { path: path.clone(), source })?;
    let about: About = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if about.format != FORMAT {
        return Err(damaged(about.format));
    }
    Ok(PlanSet { folder: folder.to_owned(), key: about.key, plans: about.plans })
}

impl PlanSet {
    /// The bytes of one of the plans, which are those that were built.
    pub(super) fn bytes(&self, plan: &Plan) -> Result<Vec<u8>, TensorRtError> {
        let path = self.folder.join(&plan.file);
        let bytes = fs::read(&path).map_err(|source| TensorRtError::Io { path: path.clone(), source })?;
        let (expected, found) = (&plan.sha256, sha256(&bytes));
        if *expected == found {
            return Ok(bytes);
        }
        let text = |hash: &str, size: usize| format!("{size} bytes with SHA-256 {hash}");
        let (expected, found) = (text(expected, plan.bytes as usize), text(&found, bytes.len()));
        Err(TensorRtError::Damaged { path, expected, found })
    }
}

/// Plans on their way to the disk.
pub(super) struct Writing<'a> {
    cache: &'a Path,
    key: PlanKey,
    folder: tempfile::TempDir,
    plans: Vec<Plan>,
}

impl<'a> Writing<'a> {
    /// Makes a folder beside the place where the plans will be.
    pub(super) fn begin(cache: &'a Path, key: PlanKey) -> Result<Self, TensorRtError> {
        let io = |source| TensorRtError::Io { path: cache.to_owned(), source };
        private::folder(cache).map_err(io)?;
        let folder = tempfile::Builder::new().prefix(".new-").tempdir_in(cache).map_err(io)?;
        Ok(Self { cache, key, folder, plans: Vec::with_capacity(3) })
    }

    /// Writes one plan; `plan` says all of it but size and hash.
    pub(super) fn add(&mut self, plan: Plan, bytes: &[u8]) -> Result<(), TensorRtError> {
        let path = self.folder.path().join(&plan.file);
        fs::write(&path, bytes).map_err(|source| TensorRtError::Io { path, source })?;
        self.plans.push(Plan { bytes: bytes.len() as u64, sha256: sha256(bytes), ..plan });
        Ok(())
    }

    /// Moves the folder to its place.
    pub(super) fn finish(self) -> Result<PlanSet, TensorRtError> {
        let place = self.cache.join(self.key.folder_name());
        let io = |source| TensorRtError::Io { path: place.clone(), source };
        let plans = <[Plan; 3]>::try_from(self.plans)
            .map_err(|plans| io(std::io::Error::other(format!("expected 3 plans, found {}", plans.len()))))?;
        let about = About { format: FORMAT.to_owned(), key: self.key, plans };
        let text = serde_json::to_string_pretty(&about).map_err(|error| io(error.into()))? + "\n";
        fs::write(self.folder.path().join(ABOUT), text).map_err(io)?;
        // What is there is damaged, or it would have been used.
        if place.exists() {
            fs::remove_dir_all(&place).map_err(io)?;
        }
        fs::rename(self.folder.path(), &place).map_err(io)?;
        // Nothing is left to clear away.
        let _ = self.folder.keep();
        Ok(PlanSet { folder: place, key: about.key, plans: about.plans })
    }
}

/// What a plan says of itself where it begins; `None` where it begins otherwise than those of 1.7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanHeader {
    /// Bytes of the whole plan.
    pub bytes: u64,
    /// Version of the library that built it.
    pub version: String,
}

impl PlanHeader {
    /// Reads it. The layout is not documented: it is that of TensorRT for RTX 1.7.1, so it confirms and never refuses.
    pub fn read(plan: &[u8]) -> Option<Self> {
        let bytes = u64::from_le_bytes(*plan.get(16..)?.first_chunk()?);
        let version: &[u8; 4] = plan.get(24..)?.first_chunk()?;
        let version = version.map(|part| part.to_string()).join(".");
        plan.starts_with(MAGIC).then_some(Self { bytes, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PlanKey {
        PlanKey {
            product: PRODUCT.to_owned(),
            version: "1.7.1.116".to_owned(),
            model: "model".to_owned(),
            graphs: ["a".repeat(64), "b".repeat(64), "c".repeat(64)],
            weights: Vec::new(),
            precision: Precision::Fp32,
            conversion: None,
            profile: Profile { least: 1, usual: 498, most: 3000 },
            capabilities: vec![Capability(89)],
        }
    }

    fn written(cache: &Path) -> PlanSet {
        let mut writing = Writing::begin(cache, key()).unwrap();
        for file in ["encoder.plan", "predictor.plan", "joint.plan"] {
            let plan = Plan {
                file: file.to_owned(),
                bytes: 0,
                sha256: String::new(),
                seconds: 0.5,
                inputs: Vec::new(),
                outputs: Vec::new(),
            };
            writing.add(plan, file.as_bytes()).unwrap();
        }
        writing.finish().unwrap()
    }

    #[test]
    fn what_was_written_is_found_and_nothing_is_left_beside_it() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(find(cache.path(), &key()).unwrap(), None);
        let set = written(cache.path());
        assert_eq!(find(cache.path(), &key()).unwrap(), Some(set));
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
        let other = PlanKey { profile: Profile { least: 1, usual: 400, most: 3000 }, ..key() };
        assert_eq!(find(cache.path(), &other).unwrap(), None);
    }

    #[test]
    fn a_changed_byte_is_found_and_writing_again_mends_it() {
        let cache = tempfile::tempdir().unwrap();
        let set = written(cache.path());
        fs::write(set.folder.join("joint.plan"), "joint.plaN").unwrap();
        let error = find(cache.path(), &key()).unwrap_err();
        assert!(matches!(&error, TensorRtError::Damaged { path, .. } if path.ends_with("joint.plan")), "{error}");
        written(cache.path());
        assert!(find(cache.path(), &key()).unwrap().is_some());
        fs::write(set.folder.join(ABOUT), "{").unwrap();
        assert!(matches!(find(cache.path(), &key()), Err(TensorRtError::Damaged { .. })));
    }

    #[test]
    fn a_header_tells_length_and_version() {
        let mut plan = [0; 64];
        plan[..4].copy_from_slice(MAGIC);
        plan[16] = 64;
        plan[24..28].copy_from_slice(&[1, 7, 1, 116]);
        assert_eq!(PlanHeader::read(&plan), Some(PlanHeader { bytes: 64, version: "1.7.1.116".to_owned() }));
        assert_eq!(PlanHeader::read(b"ELF"), None);
    }
}
