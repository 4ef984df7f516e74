//! Revealing a Gaussian token field, whose conditional laws are closed forms: covariance
//! exp(-distance / ell) and 0.01 more on the diagonal, on an n x n lattice.

use super::orders;
use crate::core::{Error, Result, num};

/// How a Gaussian token field is revealed.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldOrder {
    /// A fixed order of the sites.
    Fixed(Vec<usize>),
    /// In each round the sites with the smallest conditional variance.
    LeastVariance,
}

/// Largest side of a field: the exact conditioning is cubic in the number of sites.
const MAX_SIDE: usize = 32;

/// KL of revealing an n x n Gaussian field with covariance exp(-distance / ell) + 0.01 on the
/// diagonal, in rounds that end at `cumulative` sites.
///
/// # Errors
/// A field too large, or counts that do not rise to all sites.
pub fn field_divergence(
    n: usize,
    ell: f64,
    cumulative: &[usize],
    order: &FieldOrder,
) -> Result<f64> {
    if n == 0 || n > MAX_SIDE {
        return Err(Error::out_of_range("n", n, format!("1 to {MAX_SIDE}")));
    }
    if ell.is_nan() || ell <= 0.0 {
        return Err(Error::out_of_range("ell", ell, "above 0"));
    }
    if cumulative.last() != Some(&(n * n)) || cumulative.windows(2).any(|w| w[0] > w[1]) {
        return Err(Error::malformed(
            "cumulative_counts",
            format!("must rise to {}", n * n),
        ));
    }
    let mut field = Field::new(n, ell);
    let (mut total, mut done) = (0.0, 0);
    for count in cumulative {
        let set = match order {
            FieldOrder::Fixed(order) => order[done..*count].to_vec(),
            FieldOrder::LeastVariance => {
                let scores: Vec<(usize, f64)> = field
                    .free
                    .iter()
                    .map(|i| (*i, -field.covariance[i * n * n + i]))
                    .collect();
                orders::highest(&scores, count - done, 9)
            }
        };
        total += field.reveal(&set);
        done = *count;
    }
    Ok(total)
}

/// A Gaussian field under conditioning, one site at a time.
#[derive(Debug, Clone)]
pub struct Field {
    sites: usize,
    free: Vec<usize>,
    /// Covariance of the free sites given the revealed ones.
    covariance: Vec<f64>,
    /// Mean of the free sites given the revealed ones.
    mean: Vec<f64>,
}

impl Field {
    /// Covariance exp(-distance / ell), and 0.01 more on the diagonal, on an n x n lattice.
    pub fn new(n: usize, ell: f64) -> Self {
        let sites = n * n;
        let mut covariance = vec![0.0; sites * sites];
        for a in 0..sites {
            for b in 0..sites {
                let (dr, dc) = (
                    (a / n).abs_diff(b / n) as f64,
                    (a % n).abs_diff(b % n) as f64,
                );
                covariance[a * sites + b] = num::exp(-(dr * dr + dc * dc).sqrt() / ell);
            }
            covariance[a * sites + a] += 0.01;
        }
        Self {
            sites,
            free: (0..sites).collect(),
            covariance,
            mean: vec![0.0; sites],
        }
    }

    /// Sites that are not revealed.
    pub fn free(&self) -> &[usize] {
        &self.free
    }

    /// Variance of a free site given the revealed ones.
    pub fn variance(&self, site: usize) -> f64 {
        self.covariance[site * self.sites + site]
    }

    /// Mean of a free site given the revealed ones.
    pub fn mean(&self, site: usize) -> f64 {
        self.mean[site]
    }

    /// Reveals a site of unknown value; gives the variance it had.
    pub fn condition(&mut self, site: usize) -> f64 {
        self.condition_on(site, self.mean[site])
    }

    /// Reveals a site with its value; gives the variance it had. Conditioning on one site at a time
    /// is elimination: the pivots multiply to the determinant.
    pub fn condition_on(&mut self, site: usize, value: f64) -> f64 {
        let n = self.sites;
        let pivot = self.variance(site);
        let surprise = (value - self.mean[site]) / pivot;
        self.free.retain(|f| *f != site);
        let column: Vec<f64> = self
            .free
            .iter()
            .map(|f| self.covariance[f * n + site])
            .collect();
        for (a, ca) in self.free.iter().zip(&column) {
            self.mean[*a] += ca * surprise;
            let share = ca / pivot;
            for (b, cb) in self.free.iter().zip(&column) {
                self.covariance[a * n + b] -= share * cb;
            }
        }
        pivot
    }

    /// Total correlation of the sites given what is revealed, then reveals them one by one.
    fn reveal(&mut self, set: &[usize]) -> f64 {
        let apart = num::sum(set.iter().map(|i| num::ln(self.variance(*i))));
        let together = set.iter().fold(0.0, |t, i| t + num::ln(self.condition(*i)));
        0.5 * (apart - together)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_revealed_one_by_one_costs_nothing() {
        let one_by_one: Vec<usize> = (1..=25).collect();
        for order in [
            FieldOrder::Fixed((0..25).collect()),
            FieldOrder::LeastVariance,
        ] {
            let kl = field_divergence(5, 2.0, &one_by_one, &order).unwrap();
            assert!(kl.abs() < 1e-12, "{order:?}: {kl}");
        }
        let halves =
            field_divergence(5, 2.0, &[12, 25], &FieldOrder::Fixed((0..25).collect())).unwrap();
        assert!(halves > 1.0, "{halves}");
    }
}
