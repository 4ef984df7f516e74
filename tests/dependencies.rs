//! What the crate stands on: licences that allow it, and one registry as the only source.
//! `deny.toml` holds the same rules for `cargo deny`, which also asks for advisories.
#![cfg(not(target_arch = "wasm32"))]

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// All packages of the lock file. Those of other platforms are fetched: no build here needs them.
fn packages() -> Vec<Value> {
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .expect("cargo runs");
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
    let all: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    all["packages"]
        .as_array()
        .expect("a list of packages")
        .clone()
}

/// The licences of `deny.toml`.
fn allowed() -> Vec<String> {
    let text = std::fs::read_to_string("deny.toml").expect("readable");
    let list = text
        .split("allow = [")
        .nth(1)
        .and_then(|t| t.split(']').next());
    let quoted = list.expect("a list of licences").split('"');
    quoted.skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether a licence expression can be met: of alternatives one, of conditions all.
fn met(expression: &str, allowed: &[String]) -> bool {
    let flat = expression.replace(['(', ')'], " ");
    flat.split(" AND ").all(|part| {
        part.replace('/', " OR ")
            .split(" OR ")
            .any(|one| allowed.iter().any(|a| a == one.trim()))
    })
}

#[test]
fn every_dependency_has_a_licence_that_allows_it() {
    let (packages, allowed) = (packages(), allowed());
    assert!(
        packages.len() > 100 && allowed.len() > 5,
        "both lists were read"
    );
    let wrong: Vec<String> = packages
        .iter()
        .filter(|p| !p["license"].as_str().is_some_and(|l| met(l, &allowed)))
        .map(|p| format!("{} {}", p["name"], p["license"]))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_dependency_comes_from_one_registry() {
    let packages = packages();
    let own = |p: &Value| {
        let manifest = p["manifest_path"].as_str().expect("a path");
        std::path::Path::new(manifest).starts_with(env!("CARGO_MANIFEST_DIR"))
    };
    let sources: BTreeSet<&str> = packages
        .iter()
        .filter(|p| !own(p))
        .map(|p| p["source"].as_str().unwrap_or("a folder"))
        .collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(
        sources.iter().all(|s| s.starts_with("registry+")),
        "{sources:?}"
    );
}

#[test]
fn licences_are_read_as_they_are_written() {
    let allowed = ["MIT".to_owned(), "Zlib".to_owned()];
    for (expression, wanted) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("Apache-2.0 OR MIT", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
        ("(MIT OR Apache-2.0) AND Zlib", true),
        ("GPL-3.0-only", false),
    ] {
        assert_eq!(met(expression, &allowed), wanted, "{expression}");
    }
}
