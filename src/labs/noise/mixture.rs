//! Gaussian mixtures and their exact denoiser. For `x = alpha x0 + sigma eps` with
//! `x0 ~ sum_k w_k N(mu_k, S_k)` the noised density is again a mixture,
//! `p = sum_k w_k N(alpha mu_k, alpha^2 S_k + sigma^2 I)`, and the posterior mean is
//! `D(x) = sum_k r_k [mu_k + alpha S_k (alpha^2 S_k + sigma^2 I)^-1 (x - alpha mu_k)]`
//! with responsibilities `r_k` by log-sum-exp. No network, no training error.

mod round;

use crate::core::{Error, Result, num};
use round::Round;
use std::f64::consts::PI;

/// A mixture of Gaussians in any (small) dimension; covariances are kept as eigenpairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    dim: usize,
    weights: Vec<f64>,
    means: Vec<f64>,
    /// Variances along the eigenvectors, `dim` per component.
    variances: Vec<f64>,
    /// Eigenvectors in rows, `dim * dim` per component; empty when all covariances are isotropic.
    axes: Vec<f64>,
    /// Components whose covariance was not positive and had to be clamped.
    clamped: usize,
}

impl Mixture {
    /// Round components of one standard deviation each. Weights are normalised.
    ///
    /// # Errors
    /// Weights that are negative or sum to zero, lengths that do not fit, numbers that are not
    /// finite.
    pub fn round(weights: &[f64], means: &[[f64; 2]], sds: &[f64]) -> Result<Self> {
        let cov: Vec<f64> = sds.iter().flat_map(|s| [s * s, 0.0, 0.0, s * s]).collect();
        Self::new(2, weights, means.as_flattened(), &cov)
    }

    /// Components with full covariances, row-major, `dim * dim` each.
    ///
    /// # Errors
    /// As [`Mixture::round`].
    pub fn new(dim: usize, weights: &[f64], means: &[f64], cov: &[f64]) -> Result<Self> {
        let k = weights.len();
        if k == 0 || dim == 0 || means.len() != k * dim || cov.len() != k * dim * dim {
            return Err(Error::malformed(
                "mixture",
                format!(
                    "{k} weights, {} mean and {} covariance values do not fit dimension {dim}",
                    means.len(),
                    cov.len()
                ),
            ));
        }
        if weights
            .iter()
            .chain(means)
            .chain(cov)
            .any(|v| !v.is_finite())
        {
            return Err(Error::malformed(
                "mixture",
                "holds a number that is not finite",
            ));
        }
        if let Some(i) = weights.iter().position(|w| *w < 0.0) {
            return Err(Error::malformed(
                "mixture",
                format!("weight {i} is negative"),
            ));
        }
        let total = num::sum(weights.iter().copied());
        if total <= 0.0 {
            return Err(Error::malformed("mixture", "the weights sum to zero"));
        }
        let mut mixture = Self {
            dim,
            weights: weights.iter().map(|w| w / total).collect(),
            means: means.to_vec(),
            variances: Vec::with_capacity(k * dim),
            axes: Vec::new(),
            clamped: 0,
        };
        let isotropic = cov.chunks(dim * dim).all(|c| is_isotropic(c, dim));
        for c in cov.chunks(dim * dim) {
            if isotropic {
                let variance = mixture.admit(c[0], c[0].abs());
                mixture.variances.extend(std::iter::repeat_n(variance, dim));
            } else {
                let (values, vectors) = symmetric_eigen(c, dim);
                let top = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                for v in values {
                    let v = mixture.admit(v, top);
                    mixture.variances.push(v);
                }
                mixture.axes.extend(vectors);
            }
        }
        Ok(mixture)
    }

    /// Round-off below zero becomes zero; a truly negative variance is clamped and counted.
    fn admit(&mut self, variance: f64, scale: f64) -> f64 {
        if variance < -1e-12 * scale {
            self.clamped += 1;
            1e-8
        } else {
            variance.max(0.0)
        }
    }

    /// Dimension of the space.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of components.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there are no components (never, after construction).
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Normalised weights.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Mean of component `k`.
    pub fn mean(&self, k: usize) -> &[f64] {
        &self.means[k * self.dim..(k + 1) * self.dim]
    }

    /// Variances of component `k` along its axes.
    pub fn variances(&self, k: usize) -> &[f64] {
        &self.variances[k * self.dim..(k + 1) * self.dim]
    }

    /// How many variances were negative and had to be set to 1e-8.
    pub fn clamped(&self) -> usize {
        self.clamped
    }

    /// Root mean square distance from the overall mean, per coordinate.
    pub fn std_dev(&self) -> f64 {
        let (d, k) = (self.dim, self.len());
        let mut second = 0.0;
        for c in 0..d {
            let mean = num::sum((0..k).map(|i| self.weights[i] * self.mean(i)[c]));
            second += num::sum((0..k).map(|i| {
                let e = self.mean(i)[c] - mean;
                self.weights[i] * e * e
            }));
        }
        second +=
            num::sum((0..k).map(|i| self.weights[i] * num::sum(self.variances(i).iter().copied())));
        (second / d as f64).sqrt()
    }

    /// A point of component `k` from `dim` standard normals.
    pub fn place(&self, k: usize, normals: &[f64], out: &mut [f64]) {
        out.copy_from_slice(self.mean(k));
        for j in 0..self.dim {
            let length = self.variances(k)[j].sqrt() * normals[j];
            for c in 0..self.dim {
                out[c] += length * self.axis(k, j, c);
            }
        }
    }

    fn axis(&self, k: usize, j: usize, c: usize) -> f64 {
        if self.axes.is_empty() {
            f64::from(u8::from(j == c))
        } else {
            self.axes[(k * self.dim + j) * self.dim + c]
        }
    }

    /// The denoiser at one noise level, with everything that does not depend on `x` worked out.
    pub fn level(&self, alpha: f64, sigma: f64) -> Level<'_> {
        let noise = sigma * sigma;
        let total: Vec<f64> = self
            .variances
            .iter()
            .map(|v| alpha * alpha * v + noise)
            .collect();
        let constant = -0.5 * self.dim as f64 * num::ln(2.0 * PI);
        let offsets = (0..self.len())
            .map(|k| {
                let ln_det = num::sum(
                    total[k * self.dim..(k + 1) * self.dim]
                        .iter()
                        .map(|v| num::ln(*v)),
                );
                num::ln(self.weights[k]) - 0.5 * ln_det + constant
            })
            .collect();
        let gains = self
            .variances
            .iter()
            .zip(&total)
            .map(|(v, t)| if *v == 0.0 { 0.0 } else { alpha * v / t })
            .collect();
        Level {
            mixture: self,
            alpha,
            total,
            gains,
            offsets,
            logits: vec![0.0; self.len()],
            coords: vec![0.0; self.len() * self.dim],
            round: None,
        }
    }
}

/// A mixture seen through noise of one level. Holds scratch space, so it is `&mut` in use.
#[derive(Debug)]
pub struct Level<'a> {
    mixture: &'a Mixture,
    alpha: f64,
    total: Vec<f64>,
    gains: Vec<f64>,
    offsets: Vec<f64>,
    logits: Vec<f64>,
    coords: Vec<f64>,
    /// Worked out when many points are asked for, where it applies.
    round: Option<Round>,
}

impl Level<'_> {
    /// Posterior means of many points, one after the other, without their densities: the fast way
    /// for round components in the plane. Agrees with [`Level::denoise`] to rounding.
    pub fn denoise_all(&mut self, points: &[f64], out: &mut [f64]) {
        let d = self.mixture.dim;
        if d == 2 && self.mixture.axes.is_empty() && self.round.is_none() {
            let means = &self.mixture.means;
            let round = Round::new(self.alpha, means, &self.total, &self.gains, &self.offsets);
            self.round = Some(round);
        }
        for (x, to) in points.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            match self.round.as_mut().and_then(|r| r.mean(x[0], x[1])) {
                Some(mean) => to.copy_from_slice(&mean),
                None => {
                    self.denoise(x, to);
                }
            }
        }
    }

    /// Log-density of the noised mixture at `x`.
    pub fn log_density(&mut self, x: &[f64]) -> f64 {
        let (top, total) = self.weigh(x);
        top + num::ln(total)
    }

    /// Leaves the components' weights relative to the largest in the scratch space; returns the
    /// largest logit and the sum of the weights.
    fn weigh(&mut self, x: &[f64]) -> (f64, f64) {
        let (m, d) = (self.mixture, self.mixture.dim);
        let mut top = f64::NEG_INFINITY;
        for k in 0..m.len() {
            let mut quadratic = 0.0;
            for j in 0..d {
                let i = k * d + j;
                let c = if m.axes.is_empty() {
                    x[j] - self.alpha * m.means[i]
                } else {
                    (0..d)
                        .map(|c| m.axes[i * d + c] * (x[c] - self.alpha * m.means[k * d + c]))
                        .sum()
                };
                self.coords[i] = c;
                quadratic += c * c / self.total[i];
            }
            self.logits[k] = self.offsets[k] - 0.5 * quadratic;
            top = top.max(self.logits[k]);
        }
        if top == f64::NEG_INFINITY {
            self.logits.fill(0.0);
            return (top, 0.0);
        }
        let mut total = 0.0;
        for z in &mut self.logits {
            // Below e^-745 the exponential is 0: skipping it saves most of the work near the data.
            *z = if *z - top < -746.0 {
                0.0
            } else {
                num::exp(*z - top)
            };
            total += *z;
        }
        (top, total)
    }

    /// Posterior mean of the clean point into `out`; returns the log-density at `x`.
    pub fn denoise(&mut self, x: &[f64], out: &mut [f64]) -> f64 {
        let (top, total) = self.weigh(x);
        let (m, d) = (self.mixture, self.mixture.dim);
        out.fill(0.0);
        for k in 0..m.len() {
            if self.logits[k] == 0.0 {
                continue;
            }
            let r = self.logits[k] / total;
            for c in 0..d {
                let shift: f64 = if m.axes.is_empty() {
                    self.gains[k * d + c] * self.coords[k * d + c]
                } else {
                    (0..d)
                        .map(|j| {
                            let i = k * d + j;
                            self.gains[i] * self.coords[i] * m.axes[i * d + c]
                        })
                        .sum()
                };
                out[c] += r * (m.means[k * d + c] + shift);
            }
        }
        top + num::ln(total)
    }

    /// Total variance of the clean point given `x` (trace of the posterior covariance): its mean
    /// over noised data is the smallest mean squared denoising error. Round components only add
    /// their own variances, so this also holds for tilted ones. `mean` receives the denoised
    /// estimate.
    pub fn posterior_variance(&mut self, x: &[f64], mean: &mut [f64]) -> f64 {
        self.denoise(x, mean);
        let (m, d) = (self.mixture, self.mixture.dim);
        let total = num::sum(self.logits.iter().copied());
        let mut variance = 0.0;
        for k in 0..m.len() {
            if self.logits[k] == 0.0 {
                continue;
            }
            let mut own = 0.0;
            for (c, mean) in mean.iter().enumerate() {
                let i = k * d + c;
                own += m.variances[i] * (1.0 - self.alpha * self.gains[i]);
                let shift: f64 = if m.axes.is_empty() {
                    self.gains[i] * self.coords[i]
                } else {
                    (0..d)
                        .map(|j| {
                            let i = k * d + j;
                            self.gains[i] * self.coords[i] * m.axes[i * d + c]
                        })
                        .sum()
                };
                let apart = m.means[i] + shift - mean;
                own += apart * apart;
            }
            variance += self.logits[k] / total * own;
        }
        variance
    }

    /// The component most likely to have made `x`, and its responsibility.
    pub fn owner(&mut self, x: &[f64]) -> (usize, f64) {
        let (_, total) = self.weigh(x);
        let best = (0..self.logits.len())
            .max_by(|&a, &b| self.logits[a].total_cmp(&self.logits[b]).then(b.cmp(&a)))
            .unwrap_or(0);
        (best, self.logits[best] / total)
    }

    /// Smallest distance of `x` to any component in units of that component's spread.
    pub fn nearest_in_sds(&mut self, x: &[f64]) -> f64 {
        self.weigh(x);
        let d = self.mixture.dim;
        (0..self.mixture.len())
            .map(|k| {
                (0..d)
                    .map(|j| {
                        self.coords[k * d + j] * self.coords[k * d + j] / self.total[k * d + j]
                    })
                    .sum::<f64>()
                    .sqrt()
            })
            .fold(f64::INFINITY, f64::min)
    }
}

fn is_isotropic(c: &[f64], dim: usize) -> bool {
    (0..dim).all(|i| {
        (0..dim).all(|j| {
            let v = c[i * dim + j];
            if i == j { v == c[0] } else { v == 0.0 }
        })
    })
}

/// Eigenvalues and eigenvectors (in rows) of a symmetric matrix by cyclic Jacobi rotations.
fn symmetric_eigen(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = matrix.to_vec();
    let mut v = vec![0.0; n * n];
    for i in 0..n {
        v[i * n + i] = 1.0;
    }
    for _ in 0..64 {
        let off: f64 = (0..n)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| a[i * n + j] * a[i * n + j])
            .sum();
        if off == 0.0 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut v, n, p, q);
            }
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), v)
}

fn rotate(a: &mut [f64], v: &mut [f64], n: usize, p: usize, q: usize) {
    let apq = 0.5 * (a[p * n + q] + a[q * n + p]);
    if apq == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    let t = if theta >= 0.0 { 1.0 } else { -1.0 } / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
    }
    a[p * n + q] = 0.0;
    a[q * n + p] = 0.0;
    for k in 0..n {
        let (x, y) = (v[p * n + k], v[q * n + k]);
        v[p * n + k] = c * x - s * y;
        v[q * n + k] = s * x + c * y;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gaussian_shrinks_towards_its_mean() {
        let m = Mixture::round(&[2.0], &[[1.0, -1.0]], &[0.5]).unwrap();
        let mut out = [0.0; 2];
        m.level(1.0, 0.5).denoise(&[3.0, -1.0], &mut out);
        assert!(
            (out[0] - 2.0).abs() < 1e-15 && (out[1] + 1.0).abs() < 1e-15,
            "{out:?}"
        );
    }

    #[test]
    fn eigenpairs_rebuild_the_matrix() {
        let c = [4.0, 1.0, 0.5, 1.0, 3.0, -0.25, 0.5, -0.25, 1.0];
        let (values, vectors) = symmetric_eigen(&c, 3);
        for i in 0..3 {
            for j in 0..3 {
                let got: f64 = (0..3)
                    .map(|k| values[k] * vectors[k * 3 + i] * vectors[k * 3 + j])
                    .sum();
                assert!((got - c[i * 3 + j]).abs() < 1e-12, "{i},{j}: {got}");
            }
        }
    }

    #[test]
    fn far_away_points_do_not_underflow() {
        let m = Mixture::round(&[0.5, 0.5], &[[0.0, 0.0], [1.0, 0.0]], &[0.01, 0.01]).unwrap();
        let mut level = m.level(1.0, 0.001);
        let mut out = [0.0; 2];
        let logp = level.denoise(&[500.0, 0.0], &mut out);
        assert!(logp.is_finite() && out[0].is_finite(), "{logp} {out:?}");
        assert_eq!(level.owner(&[500.0, 0.0]).0, 1);
    }

    #[test]
    fn bad_mixtures_are_refused_in_words() {
        let bad = |w: &[f64], means: &[[f64; 2]], sd: &[f64]| {
            Mixture::round(w, means, sd).unwrap_err().to_string()
        };
        assert!(bad(&[-1.0], &[[0.0; 2]], &[1.0]).contains("weight 0 is negative"));
        assert!(bad(&[0.0], &[[0.0; 2]], &[1.0]).contains("sum to zero"));
        assert!(bad(&[1.0], &[[f64::NAN, 0.0]], &[1.0]).contains("not finite"));
        assert!(bad(&[1.0, 1.0], &[[0.0; 2]], &[1.0]).contains("do not fit"));
        let clamped = Mixture::new(2, &[1.0], &[0.0; 2], &[1.0, 0.0, 0.0, -1.0]).unwrap();
        assert_eq!(clamped.clamped(), 1);
    }
}
