//! What a run of masked generation holds.

use super::super::config::Config;
use super::{Hyperschedule, report};
use crate::core::{Better, Chart, EntityId, Metric, Story, Table, Timeline};
use crate::labs::LabRun;
use std::sync::Arc;

/// One sample that was generated.
#[derive(Debug, Clone, PartialEq)]
pub struct Tile {
    /// Value every position is revealed with: a token, or a number with spread about 1.
    pub values: Arc<[f32]>,
    /// Round in which it was revealed, from 0.
    pub round: Arc<[u16]>,
    /// Entropy of the law it was drawn from, nats (differential for numbers).
    pub entropy: Arc<[f32]>,
    /// Tokens that were drawn again, in the order of the rounds.
    pub corrections: Arc<[Correction]>,
}

/// A revealed token that was drawn again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// Round, from 0.
    pub round: u16,
    /// Position.
    pub position: u16,
    /// What it became.
    pub value: f32,
}

impl Tile {
    /// Value of a position after `rounds` rounds, if it is revealed by then.
    pub fn value(&self, position: usize, rounds: usize) -> Option<f32> {
        let round = usize::from(*self.round.get(position)?);
        let again = self
            .corrections
            .iter()
            .rev()
            .find(|c| usize::from(c.position) == position && usize::from(c.round) < rounds);
        (round < rounds).then(|| again.map_or(self.values[position], |c| c.value))
    }
}

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TokenRun {
    pub(in crate::labs::noise) config: Config,
    /// Rows and columns of one sample.
    pub(in crate::labs::noise) shape: [usize; 2],
    /// Values a token can take, 0 for numbers.
    pub(in crate::labs::noise) values: usize,
    /// Samples.
    pub(in crate::labs::noise) tiles: Arc<[Tile]>,
    /// Cost of every round, nats.
    pub(in crate::labs::noise) costs: Arc<[f64]>,
    /// Standard error of the sum.
    pub(in crate::labs::noise) error: f64,
    /// Noise indices of the positions, if the order has any.
    pub(in crate::labs::noise) indices: Option<Arc<Hyperschedule>>,
    pub(in crate::labs::noise) timeline: Timeline,
    pub(in crate::labs::noise) charts: Arc<[Chart]>,
}

impl TokenRun {
    /// Cost of every round, nats.
    pub fn costs(&self) -> &[f64] {
        &self.costs
    }

    /// KL(p || q), nats.
    pub fn divergence(&self) -> f64 {
        crate::core::num::sum(self.costs.iter().copied())
    }

    /// Positions of one sample.
    pub fn positions(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    /// The samples.
    pub fn tiles(&self) -> &[Tile] {
        &self.tiles
    }

    /// Noise indices of the positions, if the order has any.
    pub fn indices(&self) -> Option<&Hyperschedule> {
        self.indices.as_deref()
    }

    /// Rows and columns of one sample.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }
}

impl LabRun for TokenRun {
    fn metrics(&self) -> Vec<Metric> {
        let total = self.divergence();
        let calls = self.costs.len() as f64;
        let worst = self.costs.iter().copied().fold(0.0, f64::max);
        vec![
            Metric::new(
                "kl",
                "Divergence from the data",
                "nats",
                total,
                Better::Lower,
                "KL(p || q) of a whole sample: the sum over rounds of the conditional total correlation. Exact on lattices and fields; on sequences a mean of exact terms. Where positions are revealed or corrected at random it is the mean over courses, which is no less than the divergence of the sampler.",
            ),
            Metric::new(
                "nfe",
                "Denoiser calls (NFE)",
                "",
                calls,
                Better::Lower,
                "Rounds of revealing, one call of the denoiser each.",
            ),
            Metric::new(
                "kl_per_token",
                "Divergence per token",
                "nats",
                total / self.positions() as f64,
                Better::Lower,
                "The divergence over the number of positions.",
            ),
            Metric::new(
                "worst_round",
                "Costliest round",
                "nats",
                worst,
                Better::Lower,
                "Largest cost of a single round.",
            ),
            Metric::new(
                "tokens_per_call",
                "Tokens per call",
                "",
                self.positions() as f64 / calls.max(1.0),
                Better::Higher,
                "Positions over calls: the speedup over one token at a time.",
            ),
            Metric::new(
                "kl_error",
                "Standard error",
                "nats",
                self.error,
                Better::Neither,
                "Standard error of the divergence over the sampled sequences or random courses; 0 where it is exact.",
            ),
        ]
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn charts(&self) -> &[Chart] {
        &self.charts
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        report::tables(self)
    }

    fn story(&self, entity: EntityId, at: f64) -> Option<Story> {
        report::story(self, entity, at)
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        report::notable(self)
    }

    fn summary(&self) -> String {
        format!(
            "{} of {} positions, {} order, {} calls: divergence {:.3} nats from the data.",
            self.config.source.name(),
            self.positions(),
            self.config.order.name(),
            self.costs.len(),
            self.divergence(),
        )
    }
}
