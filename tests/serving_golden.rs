//! The serving lab against every reference file of it.

use schedlab::core::Error;
use schedlab::labs::golden::{GoldenFile, evaluate};
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shared(path: &str) -> Option<String> {
    std::fs::read_to_string(root().join("../shared").join(path))
        .or_else(|_| std::fs::read_to_string(root().join("../../shared").join(path)))
        .ok()
}

#[test]
fn every_reference_file_passes() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("tests/golden/serving")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file = GoldenFile::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        match evaluate(&file, &shared) {
            Ok(Some(cases)) => {
                assert!(!cases.is_empty(), "{name}: no cases");
                for case in cases {
                    assert!(case.pass, "{name}: {case:?}");
                    seen += 1;
                }
            }
            Ok(None) => panic!("{name}: kind {} is not supported", file.kind),
            Err(Error::MissingData { name: data }) => println!("{name}: skipped, no {data}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
    assert!(seen >= 40, "only {seen} cases");
    println!("{seen} cases");
}
