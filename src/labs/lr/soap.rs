//! SOAP: Adam in the eigenbasis of Shampoo's preconditioner (N. Vyas and others, "SOAP: Improving and
//! Stabilizing Shampoo using Adam", arXiv 2409.11321; nikhilvyas/SOAP, `soap.py`).
//!
//! ```text
//! L <- b L + (1 - b) G Gᵀ,  R <- b R + (1 - b) Gᵀ G        after every update
//! G' = Q_Lᵀ G Q_R,  M' <- b M' + (1 - b) G',  V <- b V + (1 - b) G'²
//! W <- W - eta √(1 - b^t) / (1 - b^t) Q_L (M' / (√V + 1e-8)) Q_Rᵀ, then W <- (1 - eta wd) W
//! every 10 updates: columns of Q by falling qᵀ L q, then Q <- QR(L Q), and M' to the new basis
//! ```
//!
//! As in the authors' code the first gradient moves nothing: it gives the first bases, the eigenvectors
//! of L and R. Every matrix of weights has its two bases; biases take the same Adam as they are. V
//! follows the order of the columns and is not turned. Their code finds the bases in single precision,
//! this one in double.

use super::matrices::{Matrix, eigen, multiply, orthonormal, product, reordered, transposed};
use crate::core::{num, stats::descending};

/// Decays of both moments of Adam, the second also that of L and R.
const BETAS: [f64; 2] = [0.95, 0.95];
/// Updates between two bases.
const FREQUENCY: u32 = 10;
/// Added to the root of the second moment.
const EPS: f64 = 1e-8;

/// One side of a matrix: the average of its outer products and a basis.
#[derive(Debug, Clone)]
struct Side {
    n: usize,
    average: Vec<f64>,
    /// The vectors of the basis as rows: Qᵀ.
    basis: Vec<f64>,
}

impl Side {
    fn new(n: usize) -> Self {
        Self {
            n,
            average: vec![0.0; n * n],
            basis: Vec::new(),
        }
    }

    /// Takes in the outer product of a gradient's rows.
    fn take(&mut self, g: &[f64], turned: &[f64]) {
        let (n, k) = (self.n, g.len() / self.n);
        let outer = product(g, turned, [n, k, n]);
        for (a, o) in self.average.iter_mut().zip(outer) {
            *a = BETAS[1] * *a + (1.0 - BETAS[1]) * o;
        }
    }

    /// One step of the power iteration from the old basis; the order its vectors have now.
    fn follow(&mut self) -> Vec<usize> {
        let n = self.n;
        // L is symmetric: row j is (L q_j)ᵀ.
        let moved = product(&self.basis, &self.average, [n, n, n]);
        let sizes: Vec<f64> = (self.basis.chunks_exact(n).zip(moved.chunks_exact(n)))
            .map(|(q, m)| q.iter().zip(m).map(|(q, m)| q * m).sum())
            .collect();
        let order = descending(&sizes);
        self.basis = orthonormal(reordered(&moved, &order), n);
        order
    }
}

/// A matrix of weights with both of its sides.
#[derive(Debug, Clone)]
struct Block {
    matrix: Matrix,
    left: Side,
    right: Side,
    kept: Vec<f64>,
}

impl Block {
    fn new(matrix: Matrix) -> Self {
        Self {
            matrix,
            left: Side::new(matrix.rows),
            right: Side::new(matrix.columns),
            kept: Vec::new(),
        }
    }

    /// Left Qᵀ and right Q around `x`, or their inverses.
    fn turn(&mut self, x: &mut [f64], way: Way) {
        let (m, n) = (self.matrix.rows, self.matrix.columns);
        let (left, right) = match way {
            Way::Into => (self.left.basis.clone(), transposed(&self.right.basis, n, n)),
            Way::OutOf => (transposed(&self.left.basis, m, m), self.right.basis.clone()),
        };
        multiply(&left, x, [m, m, n], &mut self.kept);
        x.copy_from_slice(&product(&self.kept, &right, [m, n, n]));
    }

    fn take(&mut self, g: &[f64]) {
        let turned = transposed(g, self.matrix.rows, self.matrix.columns);
        self.left.take(g, &turned);
        self.right.take(&turned, g);
    }

    /// The bases of the first gradient.
    fn begin(&mut self) {
        for side in [&mut self.left, &mut self.right] {
            side.basis = eigen(&side.average, side.n).1;
        }
    }

    /// New bases; the second moments keep their columns.
    fn follow(&mut self, first: &mut [f64], second: &mut [f64]) {
        self.turn(first, Way::OutOf);
        let columns = self.matrix.columns;
        let (rows_by, columns_by) = (self.left.follow(), self.right.follow());
        self.kept.clear();
        for i in rows_by {
            let row = &second[i * columns..(i + 1) * columns];
            self.kept.extend(columns_by.iter().map(|j| row[*j]));
        }
        second.copy_from_slice(&self.kept);
        self.turn(first, Way::Into);
    }
}

/// Which way a matrix is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Into,
    OutOf,
}

/// SOAP on some matrices, the same Adam without a turn on everything else.
#[derive(Debug, Clone)]
pub(super) struct Soap {
    blocks: Vec<Block>,
    weight_decay: f64,
    /// Moments, in the bases where there are any.
    first: Vec<f64>,
    second: Vec<f64>,
    /// Gradients seen; the first one moves nothing.
    seen: u32,
}

impl Soap {
    /// A fresh optimizer for `n` weights.
    pub(super) fn new(matrices: Vec<Matrix>, weight_decay: f64, n: usize) -> Self {
        Self {
            blocks: matrices.into_iter().map(Block::new).collect(),
            weight_decay,
            first: vec![0.0; n],
            second: vec![0.0; n],
            seen: 0,
        }
    }

    /// One update at rate `lr`.
    pub(super) fn update(&mut self, w: &mut [f64], gradient: &[f64], lr: f64) {
        self.seen += 1;
        if self.seen == 1 {
            for block in &mut self.blocks {
                block.take(&gradient[block.matrix.range()]);
                block.begin();
            }
            return;
        }
        let updates = self.seen - 1;
        let mut step = gradient.to_vec();
        for block in &mut self.blocks {
            let range = block.matrix.range();
            block.turn(&mut step[range], Way::Into);
        }
        let moments = self.first.iter_mut().zip(&mut self.second);
        for (s, (m, v)) in step.iter_mut().zip(moments) {
            let g = *s;
            *m = BETAS[0] * *m + (1.0 - BETAS[0]) * g;
            *v = BETAS[1] * *v + (1.0 - BETAS[1]) * g * g;
            *s = *m / (v.sqrt() + EPS);
        }
        let [first, second] = BETAS.map(|b| 1.0 - num::pow(b, f64::from(updates)));
        let size = lr * second.sqrt() / first;
        for block in &mut self.blocks {
            let range = block.matrix.range();
            block.turn(&mut step[range], Way::OutOf);
        }
        for (w, s) in w.iter_mut().zip(&step) {
            *w -= size * s;
            *w -= lr * self.weight_decay * *w;
        }
        for block in &mut self.blocks {
            let range = block.matrix.range();
            block.take(&gradient[range.clone()]);
            if updates.is_multiple_of(FREQUENCY) {
                block.follow(&mut self.first[range.clone()], &mut self.second[range]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrices::tests::drawn;
    use super::*;

    fn whole(rows: usize, columns: usize) -> Matrix {
        Matrix {
            start: 0,
            rows,
            columns,
        }
    }

    /// Adam of `soap.py` in one coordinate, without a turn.
    struct Plain {
        m: f64,
        v: f64,
        t: i32,
    }

    impl Plain {
        fn step(&mut self, g: f64, lr: f64) -> f64 {
            self.t += 1;
            self.m = 0.95 * self.m + 0.05 * g;
            self.v = 0.95 * self.v + 0.05 * g * g;
            let correct = 1.0 - 0.95_f64.powi(self.t);
            lr * correct.sqrt() / correct * self.m / (self.v.sqrt() + 1e-8)
        }
    }

    #[test]
    fn where_the_axes_are_the_eigenbasis_it_is_adam() {
        // Gradients that stay diagonal keep L and R diagonal, and their entries keep their order.
        let n = 3;
        let mut soap = Soap::new(vec![whole(n, n)], 0.0, n * n);
        let mut w = vec![0.0; n * n];
        let mut plain = [(); 3].map(|()| Plain {
            m: 0.0,
            v: 0.0,
            t: 0,
        });
        let mut want = [0.0; 3];
        for t in 0..35 {
            let entries = [1.0, -3.0, 2.0].map(|s| s * (1.0 + 0.3 * f64::from(t % 4)));
            let mut g = vec![0.0; n * n];
            for (i, v) in entries.iter().enumerate() {
                g[i * n + i] = *v;
            }
            soap.update(&mut w, &g, 0.1);
            if t > 0 {
                for (w, (p, g)) in want.iter_mut().zip(plain.iter_mut().zip(entries)) {
                    *w -= p.step(g, 0.1);
                }
            }
            for i in 0..n {
                for j in 0..n {
                    let want = if i == j { want[i] } else { 0.0 };
                    let found = w[i * n + j];
                    assert!((found - want).abs() < 1e-5, "{t} {i} {j}: {found} {want}");
                }
            }
        }
        assert!(want[0] < -0.5, "it moved: {want:?}");
    }

    #[test]
    fn turned_coordinates_give_the_turned_run() {
        // ½ |A (W - C) B|² with W of 4 × 3, and the same problem seen after W' = U W Vᵀ.
        let (m, n) = (4, 3);
        let (a, b, c) = (drawn(m * m, 1), drawn(n * n, 2), drawn(m * n, 3));
        let (u, v) = (
            orthonormal(drawn(m * m, 4), m),
            orthonormal(drawn(n * n, 5), n),
        );
        let curve = |x: &[f64], k: usize| product(&transposed(x, k, k), x, [k, k, k]);
        let (left, right) = (curve(&a, m), curve(&transposed(&b, n, n), n));
        let gradient = |w: &[f64]| {
            let away: Vec<f64> = w.iter().zip(&c).map(|(w, c)| w - c).collect();
            product(&product(&left, &away, [m, m, n]), &right, [m, n, n])
        };
        let turned = |x: &[f64]| {
            let half = product(&u, x, [m, m, n]);
            product(&half, &transposed(&v, n, n), [m, n, n])
        };
        let back = |x: &[f64]| {
            let half = product(&transposed(&u, m, m), x, [m, m, n]);
            product(&half, &v, [m, n, n])
        };
        let mut own = Soap::new(vec![whole(m, n)], 0.1, m * n);
        let mut other = own.clone();
        let mut w = drawn(m * n, 6);
        let mut seen = turned(&w);
        let before = w.clone();
        for _ in 0..40 {
            let g = gradient(&w);
            own.update(&mut w, &g, 0.05);
            let g = turned(&gradient(&back(&seen)));
            other.update(&mut seen, &g, 0.05);
        }
        for (w, s) in w.iter().zip(back(&seen)) {
            assert!((w - s).abs() < 1e-4, "{w} {s}");
        }
        // Adam itself is not like that: its steps depend on the axes.
        let moved: f64 = w.iter().zip(&before).map(|(a, b)| (a - b).abs()).sum();
        assert!(moved > 1.0, "{moved}");
        let loss = |w: &[f64]| -> f64 {
            let g = gradient(w);
            w.iter()
                .zip(&c)
                .zip(&g)
                .map(|((w, c), g)| (w - c) * g)
                .sum()
        };
        assert!(
            loss(&w) < 0.5 * loss(&before),
            "{} {}",
            loss(&w),
            loss(&before)
        );
    }

    #[test]
    fn the_first_gradient_moves_nothing_and_what_is_no_matrix_takes_adam() {
        let matrix = Matrix {
            start: 1,
            rows: 2,
            columns: 2,
        };
        let mut soap = Soap::new(vec![matrix], 0.0, 6);
        let g = [2.0, 1.0, 0.0, 0.0, 1.0, -3.0];
        let mut w = vec![0.0; 6];
        soap.update(&mut w, &g, 0.1);
        assert_eq!(w, [0.0; 6]);
        soap.update(&mut w, &g, 0.1);
        for (i, want) in [(0, -0.1), (5, 0.1)] {
            assert!((w[i] - want).abs() < 1e-7, "{w:?}");
        }
        // Two equal directions: the step is the rate along each.
        assert!(
            (w[1] + 0.1).abs() < 1e-7 && (w[4] + 0.1).abs() < 1e-7,
            "{w:?}"
        );
        assert!(w[2].abs() < 1e-9 && w[3].abs() < 1e-9, "{w:?}");
    }

    #[test]
    fn moments_keep_their_meaning_when_the_bases_follow() {
        // A gradient of rank one has one direction on each side: after the bases settled, the step is
        // that direction with the size of Adam's.
        let (m, n) = (5, 4);
        let (a, b) = (drawn(m, 8), drawn(n, 9));
        let g = product(&a, &b, [m, 1, n]);
        let mut soap = Soap::new(vec![whole(m, n)], 0.0, m * n);
        let mut w = vec![0.0; m * n];
        let mut last = w.clone();
        for t in 0..32 {
            last.copy_from_slice(&w);
            soap.update(&mut w, &g, 0.1);
            if t == 0 {
                continue;
            }
            let size = (a.iter().map(|v| v * v).sum::<f64>()
                * b.iter().map(|v| v * v).sum::<f64>())
            .sqrt();
            for ((w, l), g) in w.iter().zip(&last).zip(&g) {
                let want = -0.1 * g / size;
                assert!((w - l - want).abs() < 1e-5, "{t}: {} {want}", w - l);
            }
        }
    }
}
