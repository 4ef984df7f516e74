//! A law of the loss, whichever it is.

use super::laws::{
    ANNEALING, Annealing, CONVERGED, MultiPower, PUBLISHED, Parts, Prepared, annealing_sums,
};
use serde::{Deserialize, Serialize};

/// Which law, and with which parameters where they are not fitted to one's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LawChoice {
    /// The multi-power law with its published, early-stopped parameters.
    MultiPower,
    /// The multi-power law, fitted until the fit converges.
    Converged,
    /// The annealing law.
    Annealing,
}

impl LawChoice {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::MultiPower, Self::Converged, Self::Annealing];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 3] = [
        "multi-power, published",
        "multi-power, converged fit",
        "annealing (S1, S2)",
    ];

    /// Its place in [`LawChoice::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|l| *l == self).unwrap_or(0)
    }

    /// Its name on screen.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// What is fitted to a log.
    pub fn kind(self) -> LawKind {
        match self {
            Self::MultiPower | Self::Converged => LawKind::MultiPower,
            Self::Annealing => LawKind::Annealing,
        }
    }

    /// The law of a model of 25, 100 or 400 million parameters (`size` 0, 1 or 2).
    pub fn of_model(self, size: usize) -> Law {
        let size = size.min(2);
        match self {
            Self::MultiPower => Law::MultiPower(PUBLISHED[size].1),
            Self::Converged => Law::MultiPower(CONVERGED[size].1),
            Self::Annealing => Law::Annealing(ANNEALING[size].1),
        }
    }
}

/// Which law to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LawKind {
    /// The multi-power law.
    MultiPower,
    /// The annealing law.
    Annealing,
}

/// A law with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    /// The multi-power law.
    MultiPower(MultiPower),
    /// The annealing law.
    Annealing(Annealing),
}

impl Law {
    /// Which law it is.
    pub fn kind(&self) -> LawKind {
        match self {
            Self::MultiPower(_) => LawKind::MultiPower,
            Self::Annealing(_) => LawKind::Annealing,
        }
    }

    /// The predicted losses of a schedule at some steps, taken apart; NaN where there is no
    /// prediction. `merge` as for [`Prepared::new`].
    pub fn parts(&self, rates: &[f64], steps: &[usize], merge: usize) -> Vec<Parts> {
        match self {
            Self::MultiPower(law) => {
                let prepared = Prepared::new(*law, rates, merge);
                steps.iter().map(|s| prepared.at(*s)).collect()
            }
            Self::Annealing(law) => {
                let (s1, s2) = annealing_sums(&warmed(rates), law.lambda);
                steps
                    .iter()
                    .map(|s| match (s1.get(*s), s2.get(*s)) {
                        (Some(a), Some(b)) => law.parts(*a, *b),
                        _ => Parts::UNKNOWN,
                    })
                    .collect()
            }
        }
    }

    /// The predicted losses of a schedule at some steps; NaN where there is no prediction.
    pub fn predict(&self, rates: &[f64], steps: &[usize], merge: usize) -> Vec<f64> {
        self.parts(rates, steps, merge)
            .iter()
            .map(Parts::loss)
            .collect()
    }
}

/// The rates with the warmup counted at the largest rate it reaches, as the annealing law wants.
pub(super) fn warmed(rates: &[f64]) -> Vec<f64> {
    let rising = rates.windows(2).take_while(|w| w[1] > w[0]).count();
    let top = rates.get(rising).copied().unwrap_or(0.0);
    let mut out = rates.to_vec();
    out[..rising.min(rates.len())].fill(top);
    out
}
