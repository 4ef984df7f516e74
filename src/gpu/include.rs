//! Resolves `// #include "lib/x.wgsl"` lines, for the app and for tests alike. Library files are
//! pure functions; each enters a kernel once, however often it is named.

use super::kernel::Pooling;
use crate::core::{Error, Result};

/// Makes the invocations of a workgroup free.
pub(super) const WIDTH: &str = "lib/width.wgsl";
/// How counts are pooled: has another form for subgroups.
pub(super) const POOL: &str = "lib/pool.wgsl";

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
    (POOL, include_str!("../../shaders/lib/pool.wgsl")),
    ("lib/tile.wgsl", include_str!("../../shaders/lib/tile.wgsl")),
    (WIDTH, include_str!("../../shaders/lib/width.wgsl")),
];

/// What stands in the place of [`POOL`] on devices with subgroups.
const BY_SUBGROUPS: &str = include_str!("../../shaders/lib/pool_subgroups.wgsl");

/// Whether the source names a library file.
pub(super) fn names(source: &str, file: &str) -> bool {
    source.lines().any(|line| included(line) == Some(file))
}

/// The source with every include line replaced by the file it names.
///
/// # Errors
/// When a file is named that is not in the library.
pub fn resolve(source: &str, pooling: Pooling) -> Result<String> {
    let mut out = String::with_capacity(source.len());
    append(source, pooling, &mut Vec::new(), &mut out)?;
    Ok(out)
}

fn append<'a>(
    source: &'a str,
    pooling: Pooling,
    seen: &mut Vec<&'a str>,
    out: &mut String,
) -> Result<()> {
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
        let known = LIBRARY.iter().find(|(known, _)| *known == name);
        let text = match known {
            Some(_) if name == POOL && pooling == Pooling::Subgroups => BY_SUBGROUPS,
            Some((_, text)) => text,
            None => {
                return Err(Error::malformed(
                    "shader",
                    format!("includes unknown {name:?}"),
                ));
            }
        };
        append(text, pooling, seen, out)?;
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
        let out = resolve(text, Pooling::Alone).expect("known file");
        assert_eq!(out.matches("fn linear_index").count(), 1, "{out}");
        assert!(out.contains("fn other() {}"), "{out}");
    }

    #[test]
    fn subgroups_take_the_place_of_atomics_where_they_are_wanted() {
        let text = "// #include \"lib/pool.wgsl\"\n";
        for (pooling, there) in [(Pooling::Alone, false), (Pooling::Subgroups, true)] {
            let out = resolve(text, pooling).expect("known file");
            assert_eq!(out.contains("subgroupAdd"), there, "{out}");
            assert_eq!(out.matches("fn pool_sum").count(), 1, "{out}");
        }
    }

    #[test]
    fn an_unknown_file_is_named_in_the_error() {
        let error = resolve("// #include \"lib/nothing.wgsl\"", Pooling::Alone).unwrap_err();
        assert!(error.to_string().contains("lib/nothing.wgsl"), "{error}");
    }
}
