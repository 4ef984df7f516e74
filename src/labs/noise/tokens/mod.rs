//! Masked generation on discrete worlds whose conditional laws are known exactly: which order of
//! revealing tokens costs how much. The cost of a round is its conditional total correlation,
//! `sum_i H(x_i | known) - H(x_S | known)`; the sum over rounds is KL(p || q) of the sampler.

mod cost;
mod draft;
mod hyper;
mod law;
mod order;
mod report;
mod run;
mod work;

pub use cost::{Cost, cost};
pub use draft::{Draft, LONGEST, Round, accepted, controlled};
pub use hyper::{Call, Hyperschedule};
pub use order::{Order, OrderKind, Plan};
pub use run::{Correction, Tile, TokenRun};
pub(super) use work::Work;

use super::config::Config;
use super::masked::{Chain, Ising, Lattice, Oracle as _};
use super::potts::{POTTS_SIDE, Potts};
use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};

/// A discrete distribution to be generated token by token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A Markov chain of four tokens that stays with a given probability.
    Markov,
    /// A hidden chain of six states seen through noisy tokens: it has memory.
    Hidden,
    /// A hidden cycle of six states: the tokens move on.
    Cyclic,
    /// A Gaussian field on a lattice: a picture of continuous tokens.
    #[default]
    Field,
    /// Spins on a 4 x 4 lattice.
    Ising,
    /// Values on a 3 x 3 lattice that like to equal their neighbours.
    Potts,
}

impl Source {
    /// All, in the order of the menu.
    pub const ALL: [Self; 6] = [
        Self::Markov,
        Self::Hidden,
        Self::Cyclic,
        Self::Field,
        Self::Ising,
        Self::Potts,
    ];

    /// Its name in legends.
    pub fn name(self) -> &'static str {
        match self {
            Self::Markov => "Markov chain",
            Self::Hidden => "hidden Markov chain",
            Self::Cyclic => "cyclic hidden chain",
            Self::Field => "Gaussian field",
            Self::Ising => "Ising lattice",
            Self::Potts => "Potts lattice",
        }
    }

    /// Whether it is a sequence.
    pub fn is_chain(self) -> bool {
        matches!(self, Self::Markov | Self::Hidden | Self::Cyclic)
    }
}

/// Side of the Ising lattice.
pub const SPINS: usize = 4;

/// Tokens of a sequence.
const VOCABULARY: usize = 4;

/// Checks what the order of a config asks of its world.
///
/// # Errors
/// Noise indices that do not fit, or corrections where the sampler's law is not listed.
pub fn check(config: &Config) -> Result<()> {
    let (positions, values) = match config.source {
        Source::Markov | Source::Hidden | Source::Cyclic => (config.length as usize, VOCABULARY),
        Source::Field => ((config.side * config.side) as usize, usize::MAX),
        Source::Ising => (SPINS * SPINS, 2),
        Source::Potts => (POTTS_SIDE * POTTS_SIDE, config.states as usize),
    };
    let order = Order::of(config);
    if order.indices(positions)?.is_some()
        && order.correction > 0.0
        && law::states(values, positions) > law::MOST_STATES
    {
        return Err(Error::out_of_range(
            "correction",
            order.correction,
            "0 on this world: its law can be listed for sequences of up to 8 tokens, spins, and 2 or 3 Potts values",
        ));
    }
    Ok(())
}

/// The world of a config.
#[derive(Debug, Clone)]
pub enum World {
    /// A sequence.
    Chain(Chain),
    /// A Gaussian field: side and correlation length.
    Field(usize, f64),
    /// Spins.
    Ising(Box<Ising>),
    /// Values.
    Potts(Box<Potts>),
}

impl World {
    /// Builds it.
    ///
    /// # Errors
    /// Parameters out of range.
    pub fn new(config: &Config) -> Result<Self> {
        Ok(match config.source {
            Source::Field => Self::Field(config.side as usize, config.correlation),
            Source::Ising => Self::Ising(Box::new(Ising::new(config.coupling)?)),
            Source::Potts => {
                let q = config.states as usize;
                Self::Potts(Box::new(Potts::new(q, config.coupling)?))
            }
            Source::Markov => {
                let (v, stay) = (VOCABULARY, config.stickiness);
                let transition = rows(v, |i, j| {
                    if i == j {
                        stay
                    } else {
                        (1.0 - stay) / (v - 1) as f64
                    }
                });
                let emission = rows(v, |i, j| f64::from(u8::from(i == j)));
                let pi = vec![1.0 / v as f64; v];
                Self::Chain(Chain::new(
                    pi,
                    transition,
                    emission,
                    config.length as usize,
                )?)
            }
            Source::Hidden | Source::Cyclic => {
                // Six states on a ring; each shows one of four tokens most of the time.
                let (h, v, stay) = (6, VOCABULARY, config.stickiness);
                let cyclic = config.source == Source::Cyclic;
                let transition = rows(h, |i, j| {
                    let ahead = (j + h - i) % h;
                    match (cyclic, ahead) {
                        (true, 1) | (false, 0) => stay,
                        _ => (1.0 - stay) / (h - 1) as f64,
                    }
                });
                let emission = (0..h)
                    .map(|i| {
                        (0..v)
                            .map(|t| if t == i % v { 0.85 } else { 0.05 })
                            .collect()
                    })
                    .collect();
                let pi = vec![1.0 / h as f64; h];
                Self::Chain(Chain::new(
                    pi,
                    transition,
                    emission,
                    config.length as usize,
                )?)
            }
        })
    }

    /// Number of positions.
    pub fn positions(&self) -> usize {
        match self {
            Self::Chain(chain) => chain.length,
            Self::Field(n, _) => n * n,
            Self::Ising(_) => SPINS * SPINS,
            Self::Potts(_) => POTTS_SIDE * POTTS_SIDE,
        }
    }

    /// Rows and columns of the picture of one sample.
    pub fn shape(&self) -> [usize; 2] {
        match self {
            Self::Chain(chain) => [1, chain.length],
            Self::Field(n, _) => [*n, *n],
            Self::Ising(_) => [SPINS, SPINS],
            Self::Potts(_) => [POTTS_SIDE, POTTS_SIDE],
        }
    }

    /// Values a token can take; 0 for continuous ones.
    pub fn values(&self) -> usize {
        match self {
            Self::Chain(chain) => chain.emission.first().map_or(0, Vec::len),
            Self::Field(..) => 0,
            Self::Ising(_) => 2,
            Self::Potts(potts) => potts.values(),
        }
    }

    /// The lattice, if its states are enumerated.
    fn lattice(&self) -> Option<&dyn Lattice> {
        match self {
            Self::Ising(ising) => Some(&**ising),
            Self::Potts(potts) => Some(&**potts),
            _ => None,
        }
    }
}

fn rows(n: usize, value: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
    (0..n)
        .map(|i| (0..n).map(|j| value(i, j)).collect())
        .collect()
}

#[cfg(test)]
mod tests;
