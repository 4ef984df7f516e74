//! Resolves `// #include "lib/x.wgsl"` lines, for the app and for tests alike. Library files are
//! pure functions; each enters a kernel once, however often it is named.

use crate::core::{Error, Result};

/// The library files by the name used in an include line.
const LIBRARY: &[(&str, &str)] = &[
    ("lib/grid.wgsl", include_str!("../../shaders/lib/grid.wgsl")),
    ("lib/mlp.wgsl", include_str!("../../shaders/lib/mlp.wgsl")),
    (
        "lib/mlp_choose.wgsl",
        include_str!("../../shaders/lib/mlp_choose.wgsl"),
    ),
    (
        "lib/normal.wgsl",
        include_str!("../../shaders/lib/normal.wgsl"),
    ),
    (
        "lib/philox.wgsl",
        include_str!("../../shaders/lib/philox.wgsl"),
    ),
    ("lib/tile.wgsl", include_str!("../../shaders/lib/tile.wgsl")),
];

/// The source with every include line replaced by the file it names.
///
/// # Errors
/// When a file is named that is not in the library.
pub fn resolve(source: &str) -> Result<String> {
    let mut out = String::with_capacity(source.len());
    append(source, &mut Vec::new(), &mut out)?;
    Ok(out)
}

fn append<'a>(source: &'a str, seen: &mut Vec<&'a str>, out: &mut String) -> Result<()> {
    for line in source.lines() {
        let Some(name) = included(line) else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let text = LIBRARY
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| *text)
            .ok_or_else(|| Error::malformed("shader", format!("includes unknown {name:?}")))?;
        append(text, seen, out)?;
    }
    Ok(())
}

fn included(line: &str) -> Option<&str> {
    let rest = line.trim().trim_start_matches('/').trim_start();
    rest.strip_prefix("#include \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_included_once_and_other_lines_stay() {
        let text = "// #include \"lib/grid.wgsl\"\n#include \"lib/grid.wgsl\"\nfn other() {}\n";
        let out = resolve(text).expect("known file");
        assert_eq!(out.matches("fn linear_index").count(), 1, "{out}");
        assert!(out.contains("fn other() {}"), "{out}");
    }

    #[test]
    fn an_unknown_file_is_named_in_the_error() {
        let error = resolve("// #include \"lib/nothing.wgsl\"").unwrap_err();
        assert!(error.to_string().contains("lib/nothing.wgsl"), "{error}");
    }
}
