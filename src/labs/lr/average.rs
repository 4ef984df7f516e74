//! AdamW as an average of its updates ("Straight to Zero", arXiv 2502.15938): with α_t = η_t λ,
//! θ_t = (1 - α_t) θ_(t-1) + α_t x_t, x_t = -u_t / λ, so the final weights are
//! Σ c_i x_i + (Π (1 - α_j)) θ_0 with c_i = α_i Π_(j>i) (1 - α_j).

use crate::core::{Error, Result, num};

/// The shares of the final weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Average {
    /// Share of every update, c_i.
    pub(super) shares: Vec<f64>,
    /// Share of the initial weights.
    pub(super) start: f64,
    /// Number of updates effectively averaged, (Σ c)² / Σ c².
    pub(super) effective: f64,
}

impl Average {
    /// The average of a run with these rates and decoupled weight decay λ.
    ///
    /// # Errors
    /// η λ of 1 or more: an update would then overwrite everything before it.
    pub(super) fn new(rates: &[f64], decay: f64) -> Result<Self> {
        let mut shares = vec![0.0; rates.len()];
        // ln Π (1 - α_j) over the updates after i.
        let mut after = 0.0;
        for (share, rate) in shares.iter_mut().zip(rates).rev() {
            let alpha = rate * decay;
            if !(0.0..1.0).contains(&alpha) {
                return Err(Error::out_of_range(
                    "weight_decay",
                    decay,
                    format!("below {} at this rate", 1.0 / rate),
                ));
            }
            *share = alpha * num::exp(after);
            after += num::ln_1p(-alpha);
        }
        let sum = num::sum(shares.iter().copied());
        let squares = num::sum(shares.iter().map(|c| c * c));
        Ok(Self {
            effective: if squares > 0.0 {
                sum * sum / squares
            } else {
                0.0
            },
            start: num::exp(after),
            shares,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit schedule of 10,000 updates at η_pk λ T = 10.
    fn of(shape: impl Fn(f64) -> f64) -> Average {
        let n = 10_000;
        let rates: Vec<f64> = (0..n).map(|i| shape(f64::from(i) / f64::from(n))).collect();
        Average::new(&rates, 10.0 / f64::from(n)).unwrap()
    }

    #[test]
    fn the_shares_and_the_start_sum_to_one() {
        let a = of(|q| 1.0 - q);
        let sum: f64 = a.shares.iter().sum();
        assert!((sum + a.start - 1.0).abs() < 1e-12, "{sum} {}", a.start);
    }

    #[test]
    fn decay_averages_over_more_updates_than_a_constant_rate() {
        let share = |a: &Average| a.effective / a.shares.len() as f64;
        let close = |got: f64, want: f64, by: f64| assert!((got - want).abs() < by, "{got} {want}");
        let constant = of(|_| 1.0);
        close(share(&constant), 0.20, 0.006);
        close(constant.start, 5e-5, 1e-5);
        let tenth = of(|q| 1.0 - 0.9 * q);
        close(share(&tenth), 0.69, 0.01);
        close(tenth.start, 4e-3, 5e-4);
        let zero = of(|q| 1.0 - q);
        close(share(&zero), 0.70, 0.01);
        close(zero.start, 7e-3, 5e-4);
        let cosine = of(super::super::schedule::half_cosine);
        close(share(&cosine), 0.64, 0.01);
        close(cosine.start, 7e-3, 5e-4);
    }

    #[test]
    fn a_decay_that_overwrites_everything_is_refused() {
        assert!(Average::new(&[0.5, 2.0], 0.5).is_err());
        let none = Average::new(&[0.0, 0.0], 0.1).unwrap();
        assert_eq!((none.effective, none.start), (0.0, 1.0));
    }
}
