//! The files that commands read and write.

use std::path::Path;
use std::{fs, io};

use super::Failure;
use crate::output::Output;

/// Writes a document to a file, whole or not at all, or to stdout.
pub(super) fn write(text: &str, path: Option<&Path>, output: Output) -> Result<(), Failure> {
    let Some(path) = path else {
        output.document(text);
        return Ok(());
    };
    let unwritable = |cause| Failure::Unwritable { path: path.to_owned(), cause };
    let mut name = path
        .file_name()
        .ok_or_else(|| unwritable(io::ErrorKind::InvalidFilename.into()))?
        .to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, format!("{text}\n")).map_err(unwritable)?;
    fs::rename(&part, path).map_err(unwritable)
}

/// Reads a function that was built.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|cause| Failure::Binary { path: path.to_owned(), cause })
}

/// Makes a folder, if it is not there.
pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    let unwritable = |cause| Failure::Unwritable { path: path.to_owned(), cause };
    fs::create_dir_all(path).map_err(unwritable)
}

/// Writes bytes to a file.
pub(super) fn write_bytes(bytes: &[u8], path: &Path) -> Result<(), Failure> {
    let unwritable = |cause| Failure::Unwritable { path: path.to_owned(), cause };
    fs::write(path, bytes).map_err(unwritable)
}
