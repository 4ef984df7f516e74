//! From a matrix to its spectrum, in short steps.

use super::gram::{Cut, Gram};
use super::{Cells, Eigen, Spectrum, check, scale_of};
use crate::core::{Error, Job, Result, Step};

/// Eigenvalues of a Gram matrix, as a spectrum.
#[derive(Debug)]
pub struct Solving {
    dims: [usize; 2],
    eigen: Eigen,
    scale: f64,
    epsilon: f64,
}

impl Solving {
    /// The lower half of the Gram matrix of a matrix of `dims` that was divided by `scale`, and the
    /// ε of the numbers in which it was added up.
    pub fn new(dims: [usize; 2], gram: Vec<f64>, scale: f64, epsilon: f64) -> Self {
        Self {
            dims,
            eigen: Eigen::new(gram, dims[0].min(dims[1])),
            scale,
            epsilon,
        }
    }
}

impl Job for Solving {
    type Out = Spectrum;

    fn step(&mut self) -> Result<Step<Spectrum>> {
        Ok(match self.eigen.step()? {
            None => Step::Working,
            Some(values) => {
                let found = Spectrum::of(self.dims, values, self.scale, self.epsilon);
                Step::Done(found)
            }
        })
    }

    fn progress(&self) -> f64 {
        self.eigen.progress()
    }
}

#[derive(Debug)]
enum Phase {
    /// How large values are, up to an entry of the longer side.
    Scan {
        at: usize,
        largest: f64,
    },
    Multiply(Gram, f64),
    Solve(Solving),
}

/// The spectrum of a matrix on one CPU thread, in double precision.
#[derive(Debug)]
pub struct Decomposing<C> {
    name: String,
    cells: C,
    cut: Cut,
    phase: Phase,
    buffer: Vec<f64>,
}

impl<C: Cells> Decomposing<C> {
    /// Nothing done yet; `most` is the longest smaller side.
    ///
    /// # Errors
    /// When the matrix is too large or has no entries.
    pub fn new(name: &str, cells: C, most: usize) -> Result<Self> {
        check(cells.dims(), most)?;
        Ok(Self {
            name: name.to_owned(),
            cut: Cut::new(cells.dims()),
            cells,
            phase: Phase::Scan {
                at: 0,
                largest: 0.0,
            },
            buffer: Vec::new(),
        })
    }

    fn scan(&mut self, at: usize, mut largest: f64) -> Result<Phase> {
        let range = self.cut.read(&mut self.cells, at, &mut self.buffer)?;
        for v in &self.buffer {
            if !v.is_finite() {
                return Err(not_finite(&self.name));
            }
            largest = largest.max(v.abs());
        }
        Ok(if range.end < self.cut.long() {
            Phase::Scan {
                at: range.end,
                largest,
            }
        } else {
            let scale = scale_of(largest);
            Phase::Multiply(Gram::new(self.cut, scale), scale)
        })
    }
}

/// Why a tensor has no spectrum.
pub(in super::super) fn not_finite(name: &str) -> Error {
    let problem = "holds infinite values or such as are not a number: no singular values";
    Error::malformed(format!("tensor {name:?}"), problem)
}

impl<C: Cells> Job for Decomposing<C> {
    type Out = Spectrum;

    fn step(&mut self) -> Result<Step<Spectrum>> {
        match &mut self.phase {
            &mut Phase::Scan { at, largest } => self.phase = self.scan(at, largest)?,
            Phase::Multiply(gram, scale) => {
                if gram.step(&mut self.cells)? {
                    let scale = *scale;
                    let done = std::mem::replace(gram, Gram::new(Cut::new([0; 2]), 1.0));
                    let dims = self.cells.dims();
                    let solving = Solving::new(dims, done.finish(), scale, f64::EPSILON);
                    self.phase = Phase::Solve(solving);
                }
            }
            Phase::Solve(solving) => return solving.step(),
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        // Multiplications: s² long/2 for the Gram matrix, 4/3 s³ for its eigenvalues.
        let (side, long) = (self.cut.side() as f64, self.cut.long() as f64);
        let first = long / (long + 8.0 / 3.0 * side);
        match &self.phase {
            Phase::Scan { .. } => 0.0,
            Phase::Multiply(gram, _) => first * gram.progress(),
            Phase::Solve(solving) => first + (1.0 - first) * solving.progress(),
        }
    }
}
