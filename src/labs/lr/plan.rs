//! Branches of one stable run: for every budget the cooldown that a law likes best, and what the
//! family costs beside training every length on its own ("MiniCPM", arXiv 2404.06395: a cooldown can
//! branch off any checkpoint of the stable phase).

use super::fit::MERGED;
use super::law::Law;
use super::shape::Cooldown;
use crate::core::{Error, Result};

/// Shares of a budget that a cooldown may take.
pub const SHARES: [f64; 9] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8];
/// Cooldown shapes that are compared.
pub const SHAPES: [Cooldown; 3] = [Cooldown::Linear, Cooldown::OneMinusSqrt, Cooldown::Cosine];

/// The stable run and what its cooldowns fall to.
#[derive(Debug, Clone, Copy)]
pub struct Stable<'a> {
    /// Rates of the updates made so far.
    pub past: &'a [f64],
    /// Rate that is kept until a cooldown.
    pub rate: f64,
    /// Where cooldowns end, as a share of that rate.
    pub floor: f64,
}

/// One finished model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Branch {
    /// Updates after those made so far.
    pub budget: usize,
    /// First update of the cooldown, counted from the start of the run.
    pub start: usize,
    /// Its shape.
    pub shape: Cooldown,
    /// Predicted loss after the last update.
    pub loss: f64,
    /// Predicted loss after as many updates at the stable rate.
    pub flat: f64,
}

impl Branch {
    /// Updates of the cooldown.
    pub fn cooldown(&self, past: usize) -> usize {
        past + self.budget - self.start
    }
}

impl Stable<'_> {
    /// All rates until `budget` more updates are made, the last `cooldown` of which fall.
    fn rates(&self, budget: usize, cooldown: usize, shape: Cooldown) -> Vec<f64> {
        let mut rates = self.past.to_vec();
        let flat = budget - cooldown;
        rates.extend((0..budget).map(|i| {
            if i < flat {
                self.rate
            } else {
                let x = (i - flat) as f64 / cooldown as f64;
                self.rate * shape.factor(x, self.floor)
            }
        }));
        rates
    }

    /// The branch that ends after `budget` more updates: of all starts and shapes the one with the
    /// lowest predicted loss.
    ///
    /// # Errors
    /// `budget` below 1 or above 2,000,000; a law that predicts no number.
    pub fn branch(&self, law: &Law, budget: usize) -> Result<Branch> {
        if !(1..=2_000_000).contains(&budget) {
            return Err(Error::out_of_range(
                "budget",
                budget,
                "1 to 2000000 updates",
            ));
        }
        let end = self.past.len() + budget - 1;
        let loss = |rates: &[f64]| law.predict(rates, &[end], MERGED)[0];
        let flat = loss(&self.rates(budget, 0, Cooldown::Linear));
        let mut best: Option<Branch> = None;
        for shape in SHAPES {
            for share in SHARES {
                let cooldown = ((share * budget as f64).round() as usize).clamp(1, budget);
                let found = Branch {
                    budget,
                    start: self.past.len() + budget - cooldown,
                    shape,
                    loss: loss(&self.rates(budget, cooldown, shape)),
                    flat,
                };
                if found.loss.is_finite() && best.is_none_or(|b| found.loss < b.loss) {
                    best = Some(found);
                }
            }
        }
        best.ok_or_else(|| Error::malformed("law", "predicts no loss for this run"))
    }
}

/// Updates that a family of branches takes: one stable run as far as the last of them needs it, and
/// every cooldown; and those of a run of its own for each.
pub fn cost(branches: &[Branch], past: usize) -> [usize; 2] {
    let trunk = branches.iter().map(|b| b.start - past).max().unwrap_or(0);
    let cooldowns: usize = branches.iter().map(|b| b.cooldown(past)).sum();
    [trunk + cooldowns, branches.iter().map(|b| b.budget).sum()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::lr::law::LawChoice;

    fn stable(past: &[f64]) -> Stable<'_> {
        Stable {
            past,
            rate: 3e-4,
            floor: 0.1,
        }
    }

    #[test]
    fn a_branch_beats_the_flat_run_and_every_other_start() {
        let past = vec![3e-4; 4000];
        let law = LawChoice::MultiPower.of_model(1);
        let run = stable(&past);
        let best = run.branch(&law, 2000).unwrap();
        assert!(best.loss < best.flat, "{best:?}");
        for shape in SHAPES {
            for cooldown in [40, 400, 1600] {
                let rates = run.rates(2000, cooldown, shape);
                assert_eq!(rates.len(), 6000);
                let loss = law.predict(&rates, &[5999], 1)[0];
                assert!(best.loss <= loss + 1e-4, "{shape:?} {cooldown} {loss}");
            }
        }
        let longer = run.branch(&law, 8000).unwrap();
        assert!(longer.loss < best.loss);
        assert!(run.branch(&law, 0).is_err());
    }

    #[test]
    fn a_family_shares_its_stable_run() {
        let branch = |budget: usize, cooldown: usize| Branch {
            budget,
            start: 100 + budget - cooldown,
            shape: Cooldown::Linear,
            loss: 1.0,
            flat: 1.0,
        };
        let family = [branch(1000, 200), branch(2000, 400), branch(4000, 800)];
        // 3,200 stable updates, and 1,400 of cooldowns, against 7,000.
        assert_eq!(cost(&family, 100), [4600, 7000]);
        assert_eq!(cost(&[], 100), [0, 0]);
    }
}
