//! Singular values of a tensor, read as the matrix `[out, in · kh · kw]`: the roots of the
//! eigenvalues of the Gram matrix of its smaller side, A Aᵀ or Aᵀ A. The matrix itself is read in
//! pieces; in memory is the Gram matrix alone.
//!
//! Forming the Gram matrix squares the values: of a singular value that is much smaller than the
//! largest one nothing but rounding is left ([`Spectrum::floor`]). Stable rank ‖A‖²_F/σ₁²;
//! effective rank exp(-Σ p ln p) with p = σ/Σσ (Roy and Vetterli, "The effective rank", EUSIPCO
//! 2007); energy of the first k: Σ_{i≤k} σ²/Σ σ².

mod eigen;
mod gram;
mod job;

pub use eigen::Eigen;
#[cfg(feature = "app")]
pub(super) use job::not_finite;
pub use job::{Decomposing, Solving};

use crate::core::Arrange as _;
use crate::core::{Error, Result, num};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

/// Longest smaller side on screen: its Gram matrix takes 32 MiB.
pub const MOST_ON_SCREEN: usize = 2048;
/// Longest smaller side on the command line.
pub const MOST_IN_COMMAND: usize = 4096;

/// A matrix that is read in pieces.
pub trait Cells {
    /// Rows and columns.
    fn dims(&self) -> [usize; 2];

    /// Replaces `into` by some columns of some rows, row after row.
    ///
    /// # Errors
    /// When they cannot be read.
    fn block(&mut self, rows: Range<usize>, cols: Range<usize>, into: &mut Vec<f64>) -> Result<()>;
}

/// A matrix in memory.
#[derive(Debug, Clone)]
pub struct Flat {
    values: Arc<[f32]>,
    dims: [usize; 2],
}

impl Flat {
    /// Values of a matrix, row after row.
    ///
    /// # Errors
    /// When they are not rows · columns.
    pub fn new(values: Arc<[f32]>, dims: [usize; 2]) -> Result<Self> {
        if values.len() != dims[0] * dims[1] {
            let problem = format!("{} values for {} × {}", values.len(), dims[0], dims[1]);
            return Err(Error::malformed("the matrix", problem));
        }
        Ok(Self { values, dims })
    }
}

impl Cells for Flat {
    fn dims(&self) -> [usize; 2] {
        self.dims
    }

    fn block(&mut self, rows: Range<usize>, cols: Range<usize>, into: &mut Vec<f64>) -> Result<()> {
        into.clear();
        for row in rows {
            let start = row * self.dims[1];
            let values = &self.values[start + cols.start..start + cols.end];
            into.extend(values.iter().map(|&v| f64::from(v)));
        }
        Ok(())
    }
}

/// Whether a matrix of this size has a spectrum here; `most` is the longest smaller side.
///
/// # Errors
/// The side that is too long, or 0.
pub fn check(dims: [usize; 2], most: usize) -> Result<()> {
    let side = dims[0].min(dims[1]);
    if (1..=most).contains(&side) {
        return Ok(());
    }
    Err(Error::out_of_range(
        "the smaller side of the matrix",
        side,
        format!("1 to {most}: work grows with its third power"),
    ))
}

/// The power of two that divides values up to `largest` so that they lie below 2. Exact.
pub fn scale_of(largest: f64) -> f64 {
    f64::from_bits(largest.to_bits() & 0x7ff0_0000_0000_0000).max(f64::MIN_POSITIVE)
}

/// The singular values of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Rows and columns of the matrix.
    pub dims: [usize; 2],
    /// Singular values, descending: as many as its smaller side.
    pub values: Vec<f64>,
    /// About the smallest singular value that is more than rounding: √(ε σ₁ ‖A‖_F), where ε is that
    /// of the numbers in which the Gram matrix was added up. A rule of thumb, not a bound.
    pub floor: f64,
}

impl Spectrum {
    /// From the eigenvalues of the Gram matrix of a matrix that was divided by `scale`; `epsilon`
    /// is that of the numbers in which it was added up.
    pub(super) fn of(
        dims: [usize; 2],
        mut eigenvalues: Vec<f64>,
        scale: f64,
        epsilon: f64,
    ) -> Self {
        eigenvalues.arrange_by(|a, b| b.total_cmp(a));
        // Rounding makes some of those that are 0 negative.
        let squares = || eigenvalues.iter().map(|&v| v.max(0.0));
        let first = squares().next().unwrap_or(0.0);
        let floor = (epsilon * (first * num::sum(squares())).sqrt()).sqrt();
        Self {
            dims,
            values: squares().map(|v| v.sqrt() * scale).collect(),
            floor: floor * scale,
        }
    }

    /// The largest; 0 where there is none.
    pub fn largest(&self) -> f64 {
        self.values.first().copied().unwrap_or(0.0)
    }

    /// Squares in units of the largest: they neither overflow nor vanish.
    fn shares(&self) -> impl Iterator<Item = f64> + '_ {
        let first = self.largest();
        let share = move |v: &f64| if first > 0.0 { v / first } else { 0.0 };
        self.values.iter().map(share)
    }

    /// ‖A‖²_F/σ₁²; 0 for a matrix of zeros.
    pub fn stable_rank(&self) -> f64 {
        num::sum(self.shares().map(|v| v * v))
    }

    /// exp of the entropy of σ/Σσ; 0 for a matrix of zeros.
    pub fn effective_rank(&self) -> f64 {
        let sum = num::sum(self.shares());
        if sum <= 0.0 {
            return 0.0;
        }
        let term = |v: f64| match v / sum {
            p if p > 0.0 => -p * num::ln(p),
            _ => 0.0,
        };
        num::exp(num::sum(self.shares().map(term)))
    }

    /// How many singular values are more than rounding.
    pub fn above_floor(&self) -> usize {
        self.values.iter().filter(|v| **v > self.floor).count()
    }

    /// Energy of the first 1, 2, … singular values as a share of all; 0 for a matrix of zeros.
    pub fn energies(&self) -> Vec<f64> {
        let all = self.stable_rank();
        let add = |sum: &mut f64, v: f64| {
            *sum += v * v;
            Some(if all > 0.0 {
                (*sum / all).min(1.0)
            } else {
                0.0
            })
        };
        self.shares().scan(0.0, add).collect()
    }

    /// How many singular values it takes for a share of the energy.
    pub fn first_with(&self, share: f64) -> usize {
        let energies = self.energies();
        let below = energies.iter().take_while(|e| **e < share).count();
        (below + 1).min(energies.len())
    }

    /// Head of [`Self::to_csv`].
    pub const CSV_HEAD: &'static str =
        "tensor,rows,columns,index,singular_value,energy_share_so_far,floor\n";

    /// One line a singular value, full precision.
    pub fn to_csv(&self, tensor: &str) -> String {
        let name = format!("\"{}\"", tensor.replace('"', "\"\""));
        let [rows, cols] = self.dims;
        let mut out = String::new();
        for (i, (v, e)) in self.values.iter().zip(self.energies()).enumerate() {
            let floor = self.floor;
            writeln!(out, "{name},{rows},{cols},{},{v},{e},{floor}", i + 1).ok();
        }
        out
    }
}

#[cfg(test)]
mod tests;
