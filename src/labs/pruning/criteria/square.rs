//! Square matrices: inverse and Cholesky factor, in steps.

/// A square matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Square {
    pub(super) n: usize,
    pub(super) a: Vec<f64>,
}

impl Square {
    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.a[i * self.n + j]
    }

    /// Inverse by elimination with pivoting; `None` when singular.
    pub fn inverse(&self) -> Option<Self> {
        let mut elimination = Elimination::new(self);
        while !elimination.step()? {}
        Some(elimination.inverse())
    }

    /// U with UᵀU = this matrix, upper triangular; `None` when it is not positive definite.
    pub fn upper_cholesky(&self) -> Option<Self> {
        let mut root = Root::new(self);
        while !root.step()? {}
        Some(root.upper())
    }
}

/// Inverts a matrix by elimination with pivoting, a column in a step.
#[derive(Debug, Clone)]
pub struct Elimination {
    n: usize,
    a: Vec<f64>,
    b: Vec<f64>,
    next: usize,
}

impl Elimination {
    /// Nothing done yet.
    pub fn new(matrix: &Square) -> Self {
        let n = matrix.n;
        let mut b = vec![0.0; n * n];
        for i in 0..n {
            b[i * n + i] = 1.0;
        }
        Self {
            n,
            a: matrix.a.clone(),
            b,
            next: 0,
        }
    }

    /// Clears one column; whether that was the last. `None` when the matrix is singular.
    pub fn step(&mut self) -> Option<bool> {
        let (n, c) = (self.n, self.next);
        if c == n {
            return Some(true);
        }
        let (a, b) = (&mut self.a, &mut self.b);
        let pivot = (c..n).max_by(|&i, &j| a[i * n + c].abs().total_cmp(&a[j * n + c].abs()))?;
        if a[pivot * n + c] == 0.0 {
            return None;
        }
        for j in 0..n {
            a.swap(pivot * n + j, c * n + j);
            b.swap(pivot * n + j, c * n + j);
        }
        let p = a[c * n + c];
        for j in 0..n {
            a[c * n + j] /= p;
            b[c * n + j] /= p;
        }
        for i in (0..n).filter(|&i| i != c) {
            let f = a[i * n + c];
            if f != 0.0 {
                for j in 0..n {
                    a[i * n + j] -= f * a[c * n + j];
                    b[i * n + j] -= f * b[c * n + j];
                }
            }
        }
        self.next += 1;
        Some(self.next == n)
    }

    /// The inverse, once every column is cleared.
    pub fn inverse(self) -> Square {
        Square {
            n: self.n,
            a: self.b,
        }
    }
}

/// The upper Cholesky factor of a matrix, a row in a step.
#[derive(Debug, Clone)]
pub struct Root {
    of: Square,
    u: Vec<f64>,
    next: usize,
}

impl Root {
    /// Nothing done yet.
    pub fn new(matrix: &Square) -> Self {
        Self {
            u: vec![0.0; matrix.a.len()],
            of: matrix.clone(),
            next: 0,
        }
    }

    /// Finds one row; whether that was the last. `None` when the matrix is not positive definite.
    pub fn step(&mut self) -> Option<bool> {
        let (n, i) = (self.of.n, self.next);
        if i == n {
            return Some(true);
        }
        let u = &mut self.u;
        for j in i..n {
            let inner: f64 = (0..i).map(|k| u[k * n + i] * u[k * n + j]).sum();
            let rest = self.of.at(i, j) - inner;
            if i == j {
                if rest <= 0.0 {
                    return None;
                }
                u[i * n + i] = rest.sqrt();
            } else {
                u[i * n + j] = rest / u[i * n + i];
            }
        }
        self.next += 1;
        Some(self.next == n)
    }

    /// U, once every row is found.
    pub fn upper(self) -> Square {
        Square {
            n: self.of.n,
            a: self.u,
        }
    }
}
