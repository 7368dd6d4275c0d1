//! Where transcripts go that are files: their names, what is refused before any work, and how they come to be there.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::cli::transcribe::args::Format;

/// The file that a recording's transcript becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    path: PathBuf,
    overwrite: bool,
}

/// The place of each recording in `files`: `output` itself if it is a file, else one by each name in that folder, which is
/// made if there is none.
pub(super) fn places(files: &[PathBuf], output: &Path, format: Format, overwrite: bool) -> anyhow::Result<Vec<Place>> {
    let named_as_folder = output.as_os_str().as_encoded_bytes().last().is_some_and(|last| matches!(last, b'/' | b'\\'));
    let is_folder = named_as_folder || output.is_dir();
    if files.len() > 1 && !is_folder && output.exists() {
        bail!("--output {}: expected a folder for several recordings, found a file", output.display());
    }
    let path_of = |file: &PathBuf| {
        if files.len() == 1 && !is_folder {
            return output.to_owned();
        }
        let mut name = file.file_stem().unwrap_or(file.as_os_str()).to_owned();
        name.push(".");
        name.push(format.ending());
        output.join(name)
    };
    let places: Vec<Place> = files.iter().map(|file| Place { path: path_of(file), overwrite }).collect();
    for (index, place) in places.iter().enumerate() {
        if let Some(first) = places[..index].iter().position(|other| other == place) {
            let (first, second, path) = (files[first].display(), files[index].display(), place.path.display());
            bail!("{first} and {second} would both become {path}; transcribe them into two folders");
        }
    }
    if files.len() > 1 || is_folder {
        fs::create_dir_all(output).with_context(|| format!("--output {}: cannot be made", output.display()))?;
    }
    Ok(places)
}

impl Place {
    /// Refuses before the work what would be refused after it.
    pub(super) fn check(&self, source: &Path) -> anyhow::Result<()> {
        let path = self.path.display();
        let Ok(found) = fs::metadata(&self.path) else {
            let folder = self.folder();
            if !folder.is_dir() {
                bail!("{path}: cannot be made: there is no folder {}", folder.display());
            }
            return Ok(());
        };
        if same_file(&self.path, source) {
            bail!("{path}: is the recording itself");
        }
        if !found.is_file() {
            bail!("{path}: expected a file or nothing there, found something else");
        }
        if !self.overwrite {
            bail!("{path}: is there already; --overwrite replaces it");
        }
        Ok(())
    }

    /// Writes beside the place first, so that what stands there is whole.
    pub(super) fn write(&self, text: &str) -> anyhow::Result<()> {
        self.try_write(text).with_context(|| format!("{}: cannot be written", self.path.display()))
    }

    fn try_write(&self, text: &str) -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".dictoscope-");
        // As any new file; the default lets nobody else read it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(self.folder())?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        if self.overwrite {
            // A link stays one.
            let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
            file.persist(target)?;
        } else {
            file.persist_noclobber(&self.path)?;
        }
        Ok(())
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(places: &[Place]) -> Vec<String> {
        places.iter().map(|place| place.path.display().to_string()).collect()
    }

    #[test]
    fn names_come_from_the_recordings_and_two_of_one_name_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new");
        let files = ["x/a.wav", "y/b.tar.mp3"].map(PathBuf::from);
        let found = places(&files, &out, Format::Text, false).unwrap();
        assert_eq!(paths(&found), [out.join("a.txt"), out.join("b.tar.txt")].map(|path| path.display().to_string()));
        assert!(out.is_dir());
        let twice = ["x/a.wav", "y/a.mp3"].map(PathBuf::from);
        let error = places(&twice, &out, Format::Json, false).unwrap_err().to_string();
        assert!(error.contains("x/a.wav and y/a.mp3") && error.contains("a.json"), "{error}");
        let one = places(&files[..1], &out.join("talk.srt"), Format::Text, false).unwrap();
        assert_eq!(paths(&one), [out.join("talk.srt").display().to_string()]);
        let file = out.join("file");
        fs::write(&file, "").unwrap();
        assert!(places(&files, &file, Format::Text, true).unwrap_err().to_string().contains("expected a folder"));
    }

    #[test]
    fn what_is_there_stays_unless_it_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let place = |overwrite| Place { path: path.clone(), overwrite };
        place(false).check(Path::new("a.wav")).unwrap();
        place(false).write("one").unwrap();
        // Refused before the work, and after it if the file came meanwhile.
        assert!(place(false).check(Path::new("a.wav")).unwrap_err().to_string().contains("--overwrite"));
        assert!(place(false).write("two").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        place(true).check(Path::new("a.wav")).unwrap();
        place(true).write("two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert!(place(true).check(&path).unwrap_err().to_string().contains("the recording itself"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        let nowhere = Place { path: folder.path().join("no/such/a.txt"), overwrite: false };
        assert!(nowhere.check(Path::new("a.wav")).unwrap_err().to_string().contains("no folder"));
        let folder = Place { path: folder.path().to_owned(), overwrite: true };
        assert!(folder.check(Path::new("a.wav")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_transcript_can_be_read_as_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        Place { path: ours.clone(), overwrite: false }.write("").unwrap();
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
