//! Files by name, with errors that say which.

use crate::core::{Error, Result};
use crate::labs::{DataKey, Dataset, Library, sniff};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

pub(super) fn io(path: &Path, error: &std::io::Error) -> Error {
    Error::Io {
        path: path.display().to_string(),
        problem: match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::IsADirectory => "is a folder".to_owned(),
            _ => error.to_string(),
        },
    }
}

/// The bytes of a file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut content))
        .map_err(|e| io(path, &e))?;
    Ok(content)
}

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String> {
    String::from_utf8(bytes(path)?).map_err(|e| Error::Io {
        path: path.display().to_string(),
        problem: format!("is not text (byte {})", e.utf8_error().valid_up_to()),
    })
}

/// Writes a file whole.
pub(super) fn write(path: &Path, content: &str) -> Result<()> {
    write_bytes(path, content.as_bytes())
}

/// Writes bytes whole.
pub(super) fn write_bytes(path: &Path, content: &[u8]) -> Result<()> {
    File::create(path)
        .and_then(|mut file| file.write_all(content))
        .map_err(|e| io(path, &e))
}

/// Reads a data set and adds it to a library under its file name.
pub(super) fn open_data(path: &Path, library: &mut Library) -> Result<(DataKey, Dataset)> {
    let content = bytes(path)?;
    let name = path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    );
    let data = sniff(&name, &content)?;
    let key = DataKey::of(&name, &content);
    library.insert(key.clone(), data.clone());
    Ok((key, data))
}

/// Adds the file's name to an error about its content.
pub(super) fn named(path: &Path, error: Error) -> Error {
    match error {
        Error::Import { .. } | Error::Io { .. } | Error::MissingData { .. } => error,
        other => Error::malformed(path.display().to_string(), other.to_string()),
    }
}

/// All `*.json` files below a folder, or the file itself, in the order of their names.
pub(super) fn json_files(path: &Path) -> Result<Vec<std::path::PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let entries = std::fs::read_dir(path).map_err(|e| io(path, &e))?;
    let mut entries = entries
        .map(|entry| entry.map(|e| e.path()).map_err(|e| io(path, &e)))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            found.extend(json_files(&entry)?);
        } else if entry
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("json"))
        {
            found.push(entry);
        }
    }
    Ok(found)
}
