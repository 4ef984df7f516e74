//! The exact denoiser of a finite data set: `D(x) = sum_n w_n y_n` with
//! `w = softmax_n(-|x - alpha y_n|^2 / (2 sigma^2))`. As the noise vanishes every estimate is a
//! data point: this denoiser memorises.

use crate::core::{Error, Result, num};

/// A finite data set of equal-length rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Empirical {
    dim: usize,
    rows: Vec<f64>,
}

/// What the denoiser finds at one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    /// Weight of every row.
    pub weights: Vec<f64>,
    /// Weighted mean of the rows.
    pub denoised: Vec<f64>,
    /// ln sum_n exp(-|x - alpha y_n|^2 / (2 sigma^2)).
    pub log_sum_exp: f64,
}

impl Empirical {
    /// A data set from flat rows.
    ///
    /// # Errors
    /// No rows, lengths that do not fit, numbers that are not finite.
    pub fn new(dim: usize, rows: Vec<f64>) -> Result<Self> {
        if dim == 0 || rows.is_empty() || !rows.len().is_multiple_of(dim) {
            return Err(Error::malformed(
                "data",
                format!("{} values do not make rows of {dim}", rows.len()),
            ));
        }
        if let Some(i) = rows.iter().position(|v| !v.is_finite()) {
            return Err(Error::malformed(
                "data",
                format!("row {} holds a number that is not finite", i / dim),
            ));
        }
        Ok(Self { dim, rows })
    }

    /// The posterior at `x = alpha y + sigma eps`.
    ///
    /// # Errors
    /// A point of another length, or sigma that is not positive.
    pub fn posterior(&self, x: &[f64], alpha: f64, sigma: f64) -> Result<Posterior> {
        if x.len() != self.dim {
            return Err(Error::malformed(
                "x",
                format!("has {} values, the data {}", x.len(), self.dim),
            ));
        }
        if sigma.is_nan() || sigma <= 0.0 {
            return Err(Error::out_of_range("sigma", sigma, "above 0"));
        }
        // Direct differences: expanding the square loses the small distances of near duplicates.
        let mut weights: Vec<f64> = self
            .rows
            .chunks_exact(self.dim)
            .map(|y| {
                let square: f64 = x
                    .iter()
                    .zip(y)
                    .map(|(x, y)| (x - alpha * y) * (x - alpha * y))
                    .sum();
                -square / (2.0 * sigma * sigma)
            })
            .collect();
        let top = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total = num::sum(weights.iter().map(|z| num::exp(z - top)));
        let mut denoised = vec![0.0; self.dim];
        for (w, y) in weights.iter_mut().zip(self.rows.chunks_exact(self.dim)) {
            *w = num::exp(*w - top) / total;
            for (d, y) in denoised.iter_mut().zip(y) {
                *d += *w * y;
            }
        }
        Ok(Posterior {
            weights,
            denoised,
            log_sum_exp: top + num::ln(total),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_noise_the_estimate_is_the_nearest_row() {
        let data = Empirical::new(2, vec![0.0, 0.0, 1.0, 1.0, 4.0, 0.0]).unwrap();
        let p = data.posterior(&[0.9, 1.2], 1.0, 1e-3).unwrap();
        assert_eq!(p.denoised, [1.0, 1.0]);
        let far = data.posterior(&[0.5, 0.5], 1.0, 1e6).unwrap();
        assert!((far.denoised[0] - 5.0 / 3.0).abs() < 1e-9, "{far:?}");
    }

    #[test]
    fn the_order_of_the_rows_does_not_matter() {
        let a = Empirical::new(1, vec![0.0, 2.0, 5.0]).unwrap();
        let b = Empirical::new(1, vec![5.0, 0.0, 2.0]).unwrap();
        let (a, b) = (
            a.posterior(&[1.0], 0.9, 0.7).unwrap(),
            b.posterior(&[1.0], 0.9, 0.7).unwrap(),
        );
        assert!((a.denoised[0] - b.denoised[0]).abs() < 1e-15);
        assert_eq!(a.weights[1], b.weights[2]);
    }

    #[test]
    fn bad_data_is_refused() {
        assert!(Empirical::new(2, vec![1.0; 3]).is_err(), "half a row");
        assert!(Empirical::new(1, vec![f64::NAN]).is_err(), "not a number");
        let data = Empirical::new(1, vec![1.0]).unwrap();
        assert!(data.posterior(&[0.0], 1.0, 0.0).is_err(), "no noise");
    }
}
