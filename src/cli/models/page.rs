//! The thread that has the models of the window's page: it alone opens, measures, fetches and removes them for it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::bail;
use crossbeam_channel::{Sender, bounded};

use super::{BUILT_IN, rows::Rows};
use crate::{
    cli::{console::message_of, options::ModelChoice, progress::Far},
    config::EngineName,
    download::{Limits, Step},
    models::{Catalogue, Fetch, FetchNotice, Library, Model, measure},
    session::Waker,
    ui::{ModelCost, Models, ModelsAsk, ModelsTold},
};

/// Questions that may wait; the page asks one thing at a time. Answers wait for the window.
const CHANNEL: usize = 64;
/// A download is shown again this often.
const PACE: Duration = Duration::from_millis(200);

/// Where the model is that engines are opened with; `None` is the one in the binary.
pub(in crate::cli) type ModelPath = Arc<Mutex<Option<PathBuf>>>;

/// What the thread works with.
pub(super) struct Desk {
    pub(super) library: Library,
    choice: ModelChoice,
    /// Those that are measured.
    engines: &'static [EngineName],
    /// Shared with whoever opens engines.
    path: ModelPath,
    /// The one before the last change.
    before: Option<PathBuf>,
    mirror: Option<String>,
    stop: Arc<AtomicBool>,
    tell: Sender<ModelsTold>,
    waker: Waker,
}

/// `None` where the system names no data folder, or has no thread left; then there is no page. The thread ends with the window.
pub(in crate::cli) fn start(
    choice: ModelChoice,
    path: ModelPath,
    mirror: Option<String>,
    waker: Waker,
) -> Option<Models> {
    let library = super::library().ok()?;
    let (ask, asked) = bounded(CHANNEL);
    let (tell, told) = bounded(CHANNEL);
    let stop = Arc::new(AtomicBool::new(false));
    let before = path.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let engines = &EngineName::ALL;
    let mut desk = Desk { library, choice, engines, path, before, mirror, stop: Arc::clone(&stop), tell, waker };
    let work = move || {
        for ask in asked {
            if desk.answer(&ask).is_err() {
                return;
            }
        }
    };
    match thread::Builder::new().name("models".to_owned()).spawn(work) {
        Ok(_) => Some(Models { ask, told, stop }),
        Err(error) => {
            log::warn!("no page of models: {error}");
            None
        }
    }
}

/// The window is gone.
pub(super) struct Gone;

impl Desk {
    pub(super) fn tell(&self, told: ModelsTold) -> Result<(), Gone> {
        self.tell.send(told).map_err(|_| Gone)?;
        (self.waker)();
        Ok(())
    }

    /// Path of the model in use.
    pub(super) fn in_use(&self) -> Option<PathBuf> {
        let path = self.path.lock().unwrap_or_else(PoisonError::into_inner).clone();
        path.map(|path| self.library.resolve(&path))
    }

    fn set(&mut self, path: Option<PathBuf>) {
        let mut place = self.path.lock().unwrap_or_else(PoisonError::into_inner);
        self.before = std::mem::replace(&mut *place, path);
    }

    fn answer(&mut self, ask: &ModelsAsk) -> Result<(), Gone> {
        self.stop.store(false, Ordering::SeqCst);
        let result = match ask {
            ModelsAsk::List => Rows(self).list()?,
            ModelsAsk::Use { name } => self.look(name).map(|path| {
                self.set(path.clone());
                Some(ModelsTold::Readable { path })
            }),
            ModelsAsk::Undo => {
                let before = self.before.take();
                self.set(before);
                Ok(None)
            }
            ModelsAsk::Measure { name } => self.measure(name)?.map(|()| None),
            ModelsAsk::Download { name } => self.download(name),
            ModelsAsk::Add { path } => self.add(path),
            ModelsAsk::Remove { name } => self.remove(name),
        };
        match result {
            Ok(told) => told.map_or(Ok(()), |told| self.tell(told))?,
            Err(error) => self.tell(ModelsTold::Failed(message_of(&error)))?,
        }
        let changed = matches!(ask, ModelsAsk::Download { .. } | ModelsAsk::Add { .. } | ModelsAsk::Remove { .. });
        if changed && let Err(error) = Rows(self).list()? {
            self.tell(ModelsTold::Failed(message_of(&error)))?;
        }
        self.tell(ModelsTold::Done)
    }

    /// What a name in the list stands for; `None` is the model in the binary.
    fn path_of(&self, name: &str) -> anyhow::Result<Option<PathBuf>> {
        if name == BUILT_IN {
            return Ok(None);
        }
        // The one that the program was started with needs no name.
        let given = self.in_use().filter(|path| path.display().to_string() == name);
        Ok(Some(match given {
            Some(path) => path,
            None => self.library.path_of(&self.library.need(name)?),
        }))
    }

    pub(super) fn open(&self, path: Option<&Path>) -> anyhow::Result<Model> {
        // What is told of a contract that is made belongs to the log.
        Ok(match path {
            Some(path) => self.library.open(path, &mut |text| log::info!("{text}"))?,
            None => Model::embedded()?,
        })
    }

    /// Opens a model to see whether it can be; where it is.
    fn look(&self, name: &str) -> anyhow::Result<Option<PathBuf>> {
        let path = self.path_of(name)?;
        self.open(path.as_deref())?;
        Ok(path)
    }

    fn measure(&self, name: &str) -> Result<anyhow::Result<()>, Gone> {
        let model = match self.path_of(name).and_then(|path| self.open(path.as_deref())) {
            Ok(model) => model,
            Err(error) => return Ok(Err(error)),
        };
        for &engine in self.engines {
            let measured = self
                .choice
                .unchecked(engine, &model)
                .and_then(|mut engine| Ok(measure(&mut *engine, model.contract())?))
                .map(|found| ModelCost {
                    encode_ms: found.encode_ms,
                    step_ms: found.step_ms,
                    real_time_factor: found.real_time_factor,
                });
            let cost = measured.map_err(|error| message_of(&error));
            self.tell(ModelsTold::Cost { name: name.to_owned(), engine: engine.as_str().to_owned(), cost })?;
        }
        Ok(Ok(()))
    }

    fn download(&self, name: &str) -> anyhow::Result<Option<ModelsTold>> {
        let catalogue = Catalogue::load()?;
        let entry = catalogue.entry(name)?;
        let fetch = Fetch { entry, mirror: self.mirror.as_deref(), accept_changed: false, limits: Limits::default() };
        let mut shown: Option<Instant> = None;
        let mut show = |notice: &FetchNotice<'_>| match notice {
            FetchNotice::Fetching(file, progress) if shown.is_none_or(|shown| shown.elapsed() >= PACE) => {
                shown = Some(Instant::now());
                let far = Far { done: progress.done, total: progress.total, rate: progress.rate };
                let step = match progress.step {
                    Step::Checking => "checking what came before, ",
                    Step::Receiving => "",
                    Step::Waiting => "the connection broke; trying again, ",
                };
                let total = progress.total.filter(|total| *total > 0);
                let share = total.map(|total| (progress.done as f64 / total as f64) as f32);
                // Whether the window is still there is seen at the end.
                let _ = self.tell(ModelsTold::Progress { share, text: format!("{}: {step}{}", file.file, far.text()) });
            }
            FetchNotice::Fetching(..) => {}
            FetchNotice::Trusted(file, sha256) => log::info!("{}: SHA-256 {sha256} is trusted from now on", file.file),
            FetchNotice::Told(text) => log::info!("{text}"),
        };
        Ok(Some(ModelsTold::Said(match self.library.download(&fetch, &self.stop, &mut show)? {
            None => format!("{name} is here already."),
            Some(record) => format!("{name} is here, in {}.", self.library.path_of(&record).display()),
        })))
    }

    fn add(&self, path: &Path) -> anyhow::Result<Option<ModelsTold>> {
        let record = self.library.add(path, None, &mut |text| log::info!("{text}"))?;
        let place = self.library.path_of(&record);
        Ok(Some(ModelsTold::Said(format!("{} is known now; its files stay in {}.", record.name, place.display()))))
    }

    fn remove(&self, name: &str) -> anyhow::Result<Option<ModelsTold>> {
        let path = self.path_of(name)?;
        if path == self.in_use() {
            bail!("{name} is in use; use another one first");
        }
        let record = self.library.remove(name)?;
        Ok(Some(ModelsTold::Said(match record.path {
            Some(path) => format!("{name} is no longer known; its files stay in {}.", path.display()),
            None => format!("{name} was removed."),
        })))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::{
        cli::args::ModelArgs,
        config::Settings,
        ui::{ModelPlace, ModelRow},
    };

    struct Room {
        folder: TempDir,
        desk: Desk,
        told: crossbeam_channel::Receiver<ModelsTold>,
    }

    impl Room {
        fn new() -> Self {
            let folder = TempDir::new().expect("a folder");
            let (tell, told) = bounded(CHANNEL);
            let desk = Desk {
                library: Library::new(folder.path().join("models")),
                choice: ModelArgs::default().over(&Settings::default()),
                // A process loads ONNX Runtime once, and other tests want that to be theirs.
                engines: &[EngineName::Rten],
                path: Arc::default(),
                before: None,
                mirror: None,
                stop: Arc::default(),
                tell,
                waker: Arc::new(|| ()),
            };
            Self { folder, desk, told }
        }

        fn ask(&mut self, ask: &ModelsAsk) -> Vec<ModelsTold> {
            assert!(self.desk.answer(ask).is_ok());
            let mut told: Vec<_> = self.told.try_iter().collect();
            assert_eq!(told.pop(), Some(ModelsTold::Done));
            told
        }

        /// The row of a name as it was told last.
        fn row(&mut self, name: &str) -> Option<ModelRow> {
            self.ask(&ModelsAsk::List).into_iter().rev().find_map(|told| match told {
                ModelsTold::Row(row) if row.name == name => Some(row),
                _ => None,
            })
        }
    }

    #[test]
    fn a_model_is_added_measured_used_given_back_and_forgotten() {
        let mut room = Room::new();
        // A copy: a contract is written beside the model.
        let path = room.folder.path().join("sherpa");
        fs::create_dir(&path).expect("a folder");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/sherpa");
        for file in fs::read_dir(shipped).expect("the fixture").flatten() {
            fs::copy(file.path(), path.join(file.file_name())).expect("a copy");
        }
        assert!(room.row(BUILT_IN).expect("a row").chosen);
        room.ask(&ModelsAsk::Add { path: path.clone() });
        let row = room.row("sherpa").expect("a row");
        assert!(row.place == ModelPlace::Elsewhere && !row.chosen && row.fault.is_none(), "{row:?}");
        assert!(row.facts.contains(&("Vocabulary", "30 pieces and blank".to_owned())), "{row:?}");

        let name = "sherpa".to_owned();
        let costs = room.ask(&ModelsAsk::Measure { name: name.clone() });
        assert_eq!(costs.len(), 1);
        let measured =
            |cost: &ModelsTold| matches!(cost, ModelsTold::Cost { engine, cost: Ok(_), .. } if engine == "rten");
        assert!(costs.iter().any(measured), "{costs:?}");

        let used = room.ask(&ModelsAsk::Use { name: name.clone() });
        let [ModelsTold::Readable { path: Some(used) }] = &used[..] else { panic!("{used:?}") };
        assert_eq!(room.desk.in_use().as_ref(), Some(used));
        assert!(room.row("sherpa").expect("a row").chosen);
        let refused = room.ask(&ModelsAsk::Remove { name: name.clone() });
        assert!(matches!(&refused[0], ModelsTold::Failed(text) if text.contains("in use")), "{refused:?}");

        room.ask(&ModelsAsk::Undo);
        assert_eq!(room.desk.in_use(), None);
        room.ask(&ModelsAsk::Remove { name });
        assert!(room.row("sherpa").is_none() && path.join("encoder.onnx").is_file(), "only the name goes");
    }

    #[test]
    fn the_model_of_a_flag_is_listed_by_its_path_and_a_missing_one_says_why() {
        let mut room = Room::new();
        let gone = room.folder.path().join("gone");
        room.desk.set(Some(gone.clone()));
        let row = room.row(&gone.display().to_string()).expect("a row");
        assert!(row.chosen && row.place == ModelPlace::Given && row.fault.is_some(), "{row:?}");
        let told = room.ask(&ModelsAsk::Use { name: "nothing".to_owned() });
        assert!(matches!(&told[0], ModelsTold::Failed(text) if text.contains("nothing")), "{told:?}");
        assert_eq!(room.desk.in_use(), Some(gone), "the one before stays");
    }
}
