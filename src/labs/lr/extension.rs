//! Going on after a finished budget ("The Surprising Agreement Between Convex Optimization Theory
//! and Learning-Rate Scheduling", arXiv 2501.18965): the run of T₀ updates was tuned for its
//! cooldown; the longer run keeps its stable rate until 0.8 T₀ and then goes on at ρ times that
//! rate, where ρ makes the old base rate the best one of the whole under the convex bound.

use super::bound::{Bound, power_norms};
use crate::core::Result;

/// Share of the short run after which the longer one goes its own way.
const KEPT: f64 = 0.8;
/// Updates of the schedule on which ρ is found; longer ones are thinned.
const MOST: usize = 2000;
/// Halvings of the interval of ρ.
const HALVINGS: usize = 50;

/// A WSD schedule and its continuation, in updates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extension {
    /// Updates of the short run, T₀.
    pub(super) short: usize,
    /// Updates of the whole.
    pub(super) updates: usize,
    /// Share of either that is cooldown.
    pub(super) cooldown: f64,
    /// Final rate as a share of the stable one.
    pub(super) floor: f64,
    /// Fall of the gradient norms, G_t = t^-p.
    pub(super) norm_decay: f64,
}

impl Extension {
    /// Updates whose rate stays as it was, and the first one of the new cooldown.
    fn marks(&self) -> [usize; 2] {
        let cooled = (self.cooldown * self.updates as f64).round() as usize;
        let kept = (KEPT * self.short as f64).round() as usize;
        let start = self.updates - cooled.min(self.updates);
        [kept.min(start), start]
    }

    /// The factors of the whole with `rho` after the part that is kept.
    pub(super) fn factors(&self, rho: f64) -> Vec<f64> {
        let [kept, start] = self.marks();
        let left = (self.updates - start).max(1) as f64;
        (0..self.updates)
            .map(|i| {
                if i < kept {
                    return 1.0;
                }
                let x = (i.max(start) - start) as f64 / left;
                rho * (self.floor + (1.0 - self.floor) * (1.0 - x))
            })
            .collect()
    }

    /// Factors of the short run: WSD with the same share of cooldown.
    fn short(&self) -> Vec<f64> {
        Self {
            short: usize::MAX,
            updates: self.short,
            ..*self
        }
        .factors(1.0)
    }

    fn best_base(&self, factors: &[f64]) -> Result<f64> {
        let norms = power_norms(factors.len(), self.norm_decay);
        Bound::new(factors, &norms, 1.0).map(|b| b.best_base())
    }

    /// ρ, at most 1.
    ///
    /// # Errors
    /// A schedule without any rate above 0.
    pub(super) fn rho(&self) -> Result<f64> {
        if self.updates > MOST {
            let shrink = MOST as f64 / self.updates as f64;
            return Self {
                short: ((self.short as f64 * shrink).round() as usize).max(1),
                updates: MOST,
                ..*self
            }
            .rho();
        }
        let want = self.best_base(&self.short())?;
        let (mut low, mut high) = (1e-3, 1.0);
        // The smaller ρ, the larger the best base rate of the whole.
        if self.best_base(&self.factors(high))? >= want {
            return Ok(1.0);
        }
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if self.best_base(&self.factors(middle))? >= want {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

/// Bounds at the end of a run of `updates` that goes on from a tuned one of `short`, both at the
/// short run's best base rate: with ρ, without it, and of a run tuned for its whole length.
pub(super) fn compared(extension: &Extension) -> Result<[f64; 3]> {
    let base = extension.best_base(&extension.short())?;
    let bound = |factors: &[f64]| {
        let norms = power_norms(factors.len(), extension.norm_decay);
        Bound::new(factors, &norms, 1.0)
    };
    let flat = bound(&extension.factors(1.0))?;
    Ok([
        bound(&extension.factors(extension.rho()?))?.at(base),
        flat.at(base),
        flat.best(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(updates: usize) -> Extension {
        Extension {
            short: 200,
            updates,
            cooldown: 0.2,
            floor: 0.0,
            norm_decay: 0.0,
        }
    }

    #[test]
    fn the_old_base_rate_is_the_best_of_the_whole() {
        for updates in [400, 800, 1600] {
            let e = extension(updates);
            let rho = e.rho().unwrap();
            let want = e.best_base(&e.short()).unwrap();
            let got = e.best_base(&e.factors(rho)).unwrap();
            assert!((got / want - 1.0).abs() < 1e-9, "{updates}: {got} {want}");
        }
    }

    #[test]
    fn the_longer_the_run_the_lower_the_new_rate() {
        let rho = [200, 400, 800, 1600].map(|n| extension(n).rho().unwrap());
        assert!(
            rho.windows(2).all(|w| w[1] < w[0]) && rho[0] <= 1.0,
            "{rho:?}"
        );
        assert_eq!(rho[0], 1.0, "nothing to extend");
    }

    #[test]
    fn lowering_the_rate_beats_keeping_it_and_is_no_worse_than_tuning_anew() {
        let [with, without, tuned] = compared(&extension(800)).unwrap();
        assert!(
            with < without && tuned < without,
            "{with} {without} {tuned}"
        );
        // Falling in two steps is slightly better than one WSD of the whole length.
        assert!((0.95..1.0).contains(&(with / tuned)), "{with} {tuned}");
    }
}
