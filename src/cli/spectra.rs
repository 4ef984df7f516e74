//! `schedlab prune --spectra`: singular values of every matrix of a checkpoint.

use super::run::number;
use super::{PruneArgs, complain, files, say};
use crate::core::{Error, Result, finish};
use crate::labs::pruning::checkpoint::exact_values;
use crate::labs::pruning::header::{Entry, bits_of};
use crate::labs::pruning::rewrite::{Source, read_header};
use crate::labs::pruning::spectrum::{Cells, Decomposing, MOST_IN_COMMAND, Spectrum, check};
use std::ops::Range;
use std::path::Path;

/// A tensor of a file, read in pieces.
struct InFile<'a, S> {
    source: &'a mut S,
    dtype: &'a str,
    /// Its first byte.
    start: u64,
    /// Bytes of a value.
    width: u64,
    dims: [usize; 2],
    bytes: Vec<u8>,
}

impl<S: Source> InFile<'_, S> {
    fn add(&mut self, at: usize, count: usize, into: &mut Vec<f64>) -> Result<()> {
        self.bytes.resize(count * self.width as usize, 0);
        let at = self.start + at as u64 * self.width;
        self.source.read(at, &mut self.bytes)?;
        let values = exact_values(self.dtype, &self.bytes);
        into.extend(values.ok_or_else(|| Error::Unsupported(self.dtype.to_owned()))?);
        Ok(())
    }
}

impl<S: Source> Cells for InFile<'_, S> {
    fn dims(&self) -> [usize; 2] {
        self.dims
    }

    fn block(&mut self, rows: Range<usize>, cols: Range<usize>, into: &mut Vec<f64>) -> Result<()> {
        into.clear();
        let across = self.dims[1];
        if cols.len() == across {
            return self.add(rows.start * across, rows.len() * across, into);
        }
        for row in rows {
            self.add(row * across + cols.start, cols.len(), into)?;
        }
        Ok(())
    }
}

/// Prints what the singular values say of every matrix, and writes all of them.
pub(super) fn spectra(
    args: &PruneArgs,
    csv: &Path,
    name: &str,
    source: &mut impl Source,
) -> Result<()> {
    let header = read_header(name, source)?;
    let has = |part: &String, e: &Entry| e.name.contains(part.as_str());
    let asked = |e: &&Entry| {
        matches!(e.dtype.as_str(), "F64" | "F32" | "F16" | "BF16")
            && e.shape.len() >= 2
            && (args.only.is_empty() || args.only.iter().any(|p| has(p, e)))
            && !args.exclude.iter().any(|p| has(p, e))
    };
    let mut rows = Spectrum::CSV_HEAD.to_owned();
    let mut done = 0;
    for e in header.entries.iter().filter(asked) {
        let down = e.shape.first().copied().unwrap_or(1);
        let dims = [down, e.elements().checked_div(down).unwrap_or(0)].map(|n| n as usize);
        let found = check(dims, MOST_IN_COMMAND).and_then(|()| {
            let cells = InFile {
                source: &mut *source,
                dtype: &e.dtype,
                start: 8 + header.length + e.span[0],
                width: bits_of(&e.dtype).unwrap_or(8) / 8,
                dims,
                bytes: Vec::new(),
            };
            finish(&mut Decomposing::new(&e.name, cells, MOST_IN_COMMAND)?)
        });
        match found {
            Ok(spectrum) => {
                say(&line(&e.name, &spectrum));
                rows.push_str(&spectrum.to_csv(&e.name));
                done += 1;
            }
            Err(error @ Error::Io { .. }) => return Err(error),
            Err(error) => complain(&format!("schedlab: {name}: {}: left out: {error}", e.name)),
        }
    }
    if done == 0 {
        let problem = "none has singular values here; that needs floating point and two dimensions (within --only and --exclude)";
        return Err(Error::import(name, "all tensors", problem));
    }
    files::write(csv, &rows)
}

/// What a spectrum says, in one line.
fn line(name: &str, s: &Spectrum) -> String {
    let n = s.values.len();
    format!(
        "{name}: {} × {}, largest {}, stable rank {}, effective rank {} of {n}, 90 % of the energy in {}, 99 % in {}, {} below the floor of {}\n",
        s.dims[0],
        s.dims[1],
        number(s.largest()),
        number(s.stable_rank()),
        number(s.effective_rank()),
        s.first_with(0.9),
        s.first_with(0.99),
        n - s.above_floor(),
        number(s.floor),
    )
}
