//! The reference files under `tests/golden` (and the whole collection in `../shared/golden` where
//! it is there): every supported file agrees in every case.

use schedlab::core::Error;
use schedlab::labs::golden::{GoldenFile, evaluate};
use std::path::{Path, PathBuf};

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for path in entries.flatten().map(|e| e.path()) {
        if path.is_dir() {
            found.extend(json_files(&path));
        } else if path.extension().is_some_and(|e| e == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Data files that reference files name lie in `../shared/data` and are not part of the repository.
fn read_data(name: &str) -> Option<String> {
    std::fs::read_to_string(Path::new("../shared").join(name)).ok()
}

/// Whether the repository holds the same file, byte for byte: then it is evaluated once.
fn is_copy(path: &Path) -> bool {
    let Ok(inner) = path.strip_prefix("../shared/golden") else {
        return false;
    };
    let own = std::fs::read_to_string(Path::new("tests/golden").join(inner));
    matches!((std::fs::read_to_string(path), own), (Ok(a), Ok(b)) if a == b)
}

/// `Some(first disagreement)` of a file; `None` when it is fine.
fn disagreement(path: &Path, may_be_unsupported: bool) -> Option<String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Some(error.to_string()),
    };
    let file = match GoldenFile::parse(&text) {
        Ok(file) => file,
        Err(error) => return Some(error.to_string()),
    };
    match evaluate(&file, &read_data) {
        Err(Error::MissingData { name }) => {
            println!("SKIPPED: {} needs {name}", path.display());
            None
        }
        Err(error) => Some(error.to_string()),
        Ok(None) if may_be_unsupported => None,
        Ok(None) => Some(format!("kind {} is not supported", file.kind)),
        Ok(Some(cases)) if cases.is_empty() => Some("no case was evaluated".to_owned()),
        Ok(Some(cases)) => {
            let failed = cases.iter().filter(|c| !c.pass).count();
            let total = cases.len();
            println!(
                "{}: {} of {total} cases agree",
                path.display(),
                total - failed
            );
            let first = cases.into_iter().find(|c| !c.pass)?;
            Some(format!(
                "{failed} of {total} cases; first {}: {} ({})",
                first.name, first.detail, first.tolerance
            ))
        }
    }
}

fn report(files: &[PathBuf], may_be_unsupported: bool) {
    let problems: Vec<String> = files
        .iter()
        .filter_map(|path| {
            let what = disagreement(path, may_be_unsupported)?;
            Some(format!("{}: {what}", path.display()))
        })
        .collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_reference_file_of_the_repository_agrees() {
    let files = json_files(Path::new("tests/golden"));
    assert!(!files.is_empty(), "tests/golden holds reference files");
    report(&files, false);
}

#[test]
fn every_supported_reference_file_of_the_collection_agrees() {
    let files = json_files(Path::new("../shared/golden"));
    if files.is_empty() {
        println!("SKIPPED: ../shared/golden is not here");
    }
    let others: Vec<PathBuf> = files.into_iter().filter(|f| !is_copy(f)).collect();
    report(&others, true);
}

#[test]
fn a_changed_expected_value_is_found() {
    // The check itself can fail: flip one number of one file and look.
    let path = json_files(Path::new("tests/golden"))
        .into_iter()
        .find(|p| p.ends_with("lr/torch_cosine.json"))
        .expect("a schedule file");
    let text = std::fs::read_to_string(path).expect("readable");
    let mut file = GoldenFile::parse(&text).expect("a reference file");
    assert!(
        bump_last_float(&mut file.content["cases"][0]),
        "a number to change"
    );
    let cases = evaluate(&file, &read_data)
        .expect("still well-formed")
        .expect("supported");
    assert!(cases.iter().any(|c| !c.pass), "the change was not seen");
}

/// Adds 0.5 to the last float of a JSON value that is not a whole number.
fn bump_last_float(value: &mut serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Number(n) if n.is_f64() => {
            let bumped = n.as_f64().map(|f| f + 0.5);
            bumped.is_some_and(|f| {
                *value = serde_json::json!(f);
                true
            })
        }
        Value::Array(items) => items.iter_mut().rev().any(bump_last_float),
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(name, _)| *name != "params" && *name != "kwargs" && *name != "args")
            .any(|(_, v)| bump_last_float(v)),
        _ => false,
    }
}
