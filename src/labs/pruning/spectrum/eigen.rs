//! Eigenvalues of a symmetric matrix: Householder's reflections to a tridiagonal matrix, then
//! implicit QL steps on it (Wilkinson and Reinsch, "Handbook for Automatic Computation" II, 1971,
//! tred1 and imtql1), in double precision and in short steps. Errors are of the size of the largest
//! eigenvalue times the rounding. Only additions, products, quotients and roots: the same bits on
//! every platform.

use crate::core::{Error, Result};

/// Entries of the matrix touched in a step.
const ENTRIES: usize = 1 << 17;
/// Rotations in a step.
const ROTATIONS: usize = 1 << 14;
/// QL sweeps for one eigenvalue, at most; two are usual.
const SWEEPS: usize = 90;
/// What is left of a column when its squares are lost.
const NOTHING: f64 = f64::MIN_POSITIVE / f64::EPSILON;

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Row and column `i` are next.
    Reflect,
    /// p = A u so far, up to a row.
    Times { h: f64, row: usize },
    /// A - u qᵀ - q uᵀ so far, up to a row.
    Update { row: usize },
    /// Eigenvalues before `l` are done.
    Rotate { l: usize, sweeps: usize },
}

/// The eigenvalues of a symmetric matrix, in steps.
#[derive(Debug)]
pub struct Eigen {
    n: usize,
    /// Lower half, row after row in a square.
    a: Vec<f64>,
    phase: Phase,
    i: usize,
    u: Vec<f64>,
    p: Vec<f64>,
    d: Vec<f64>,
    e: Vec<f64>,
}

impl Eigen {
    /// Of the lower half of `a`, `n` rows of `n`.
    pub fn new(a: Vec<f64>, n: usize) -> Self {
        debug_assert_eq!(a.len(), n * n, "a square matrix");
        Self {
            n,
            a,
            phase: Phase::Reflect,
            i: n.saturating_sub(1),
            u: Vec::with_capacity(n),
            p: Vec::with_capacity(n),
            d: vec![0.0; n],
            e: vec![0.0; n],
        }
    }

    /// Share done, 0 to 1.
    pub fn progress(&self) -> f64 {
        let left = self.i as f64 / self.n.max(1) as f64;
        match self.phase {
            Phase::Rotate { l, .. } => 0.95 + 0.05 * l as f64 / self.n.max(1) as f64,
            _ => 0.95 * (1.0 - left * left * left),
        }
    }

    /// A short step; the eigenvalues in no order once they are known.
    ///
    /// # Errors
    /// When the iteration does not converge, as with values that are not numbers.
    pub fn step(&mut self) -> Result<Option<Vec<f64>>> {
        self.phase = match self.phase {
            Phase::Reflect => self.reflect(),
            Phase::Times { h, row } => self.times(h, row),
            Phase::Update { row } => self.update(row),
            Phase::Rotate { l, sweeps } => {
                let next = self.rotate(l, sweeps)?;
                if let Phase::Rotate { l, .. } = next
                    && l >= self.n
                {
                    return Ok(Some(std::mem::take(&mut self.d)));
                }
                next
            }
        };
        Ok(None)
    }

    /// The reflection that clears row `i` left of the diagonal's neighbour.
    fn reflect(&mut self) -> Phase {
        let (n, i) = (self.n, self.i);
        if i == 0 {
            for (k, d) in self.d.iter_mut().enumerate() {
                *d = self.a[k * n + k];
            }
            if n > 0 {
                self.e.rotate_left(1);
            }
            // The reduced matrix is not needed any more.
            self.a = Vec::new();
            return Phase::Rotate { l: 0, sweeps: 0 };
        }
        self.u.clear();
        self.u.extend_from_slice(&self.a[i * n..i * n + i]);
        let f = self.u[i - 1];
        let tail: f64 = self.u[..i - 1].iter().map(|v| v * v).sum();
        if tail < NOTHING {
            self.e[i] = f;
            self.i -= 1;
            return Phase::Reflect;
        }
        let size = (tail + f * f).sqrt();
        let g = if f >= 0.0 { -size } else { size };
        self.e[i] = g;
        self.u[i - 1] = f - g;
        self.p.clear();
        self.p.resize(i, 0.0);
        let h = tail + f * f - f * g;
        Phase::Times { h, row: 0 }
    }

    /// Some rows of p = A u, from the lower half alone; then q = p/h - u (u·p)/(2h²).
    fn times(&mut self, h: f64, from: usize) -> Phase {
        let (n, i) = (self.n, self.i);
        let (mut row, mut touched) = (from, 0);
        while row < i && touched < ENTRIES {
            let values = &self.a[row * n..row * n + row];
            let own = self.u[row];
            let sum = both(values, &self.u[..row], own, &mut self.p[..row]);
            self.p[row] += sum + self.a[row * n + row] * own;
            touched += row + 1;
            row += 1;
        }
        if row < i {
            return Phase::Times { h, row };
        }
        let along: f64 = self.u.iter().zip(&self.p).map(|(u, p)| u * p).sum();
        let k = along / (2.0 * h);
        for (p, u) in self.p.iter_mut().zip(&self.u) {
            *p = (*p - k * u) / h;
        }
        Phase::Update { row: 0 }
    }

    /// Some rows of A - u qᵀ - q uᵀ.
    fn update(&mut self, from: usize) -> Phase {
        let (n, i) = (self.n, self.i);
        let (mut row, mut touched) = (from, 0);
        while row < i && touched < ENTRIES {
            let values = &mut self.a[row * n..=row * n + row];
            let (u, q) = (self.u[row], self.p[row]);
            for ((a, uk), qk) in values.iter_mut().zip(&self.u).zip(&self.p) {
                *a -= u * qk + q * uk;
            }
            touched += row + 1;
            row += 1;
        }
        if row < i {
            return Phase::Update { row };
        }
        self.i -= 1;
        Phase::Reflect
    }

    /// Some QL sweeps on the tridiagonal matrix.
    fn rotate(&mut self, mut l: usize, mut sweeps: usize) -> Result<Phase> {
        let n = self.n;
        let mut turned = 0;
        while l < n && turned < ROTATIONS {
            let small = |m: &usize| {
                let size = self.d[*m].abs() + self.d[*m + 1].abs();
                self.e[*m].abs() <= f64::EPSILON * size
            };
            let m = (l..n - 1).find(small).unwrap_or(n - 1);
            turned += m - l + 1;
            if m == l {
                (l, sweeps) = (l + 1, 0);
                continue;
            }
            sweeps += 1;
            if sweeps > SWEEPS {
                return Err(Error::Stuck(format!(
                    "eigenvalue {l} of {n} did not converge in {SWEEPS} sweeps"
                )));
            }
            self.sweep(l, m);
        }
        Ok(Phase::Rotate { l, sweeps })
    }

    /// One implicit QL sweep on rows `l` to `m`.
    fn sweep(&mut self, l: usize, m: usize) {
        let (d, e) = (&mut self.d, &mut self.e);
        let g = (d[l + 1] - d[l]) / (2.0 * e[l]);
        let r = (g * g + 1.0).sqrt();
        let mut g = d[m] - d[l] + e[l] / (g + if g >= 0.0 { r } else { -r });
        let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
        for i in (l..m).rev() {
            let (f, b) = (s * e[i], c * e[i]);
            let r = (f * f + g * g).sqrt();
            e[i + 1] = r;
            if r == 0.0 {
                // The matrix falls apart here.
                d[i + 1] -= p;
                e[m] = 0.0;
                return;
            }
            (s, c) = (f / r, g / r);
            let before = d[i + 1] - p;
            let t = (d[i] - before) * s + 2.0 * c * b;
            p = s * t;
            d[i + 1] = before + p;
            g = c * t - b;
        }
        d[l] -= p;
        e[l] = g;
        e[m] = 0.0;
    }
}

/// Σ row·u, and p + row·own, in one look at the row.
fn both(row: &[f64], u: &[f64], own: f64, p: &mut [f64]) -> f64 {
    let ((rows, rest), (us, u_rest)) = (row.as_chunks::<4>(), u.as_chunks::<4>());
    let (ps, p_rest) = p.as_chunks_mut::<4>();
    let mut sums = [0.0; 4];
    for ((row, u), p) in rows.iter().zip(us).zip(ps) {
        for (((sum, p), row), u) in sums.iter_mut().zip(p).zip(row).zip(u) {
            *sum += row * u;
            *p += row * own;
        }
    }
    let mut sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for ((row, u), p) in rest.iter().zip(u_rest).zip(p_rest) {
        sum += row * u;
        *p += row * own;
    }
    sum
}
