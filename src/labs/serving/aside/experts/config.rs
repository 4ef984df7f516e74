//! Config of experts as services.

use super::super::fault::{Fault, ServerFault};
use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Every input of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpertsConfig {
    /// Whether experts are services, or one group in lockstep.
    pub service: bool,
    /// Copies of every expert.
    pub copies: u64,
    /// Further copies, for the experts with most tokens per copy.
    pub extra: u64,
    /// Whether a call goes to the shorter queue of two copies, or to any.
    pub two_choices: bool,
    /// Attention clients, a GPU each.
    pub clients: u64,
    /// Expert servers, a GPU each.
    pub servers: u64,
    /// Experts of a layer.
    pub experts: u64,
    /// Experts of a token.
    pub topk: u64,
    /// Sequences that a client decodes, a token each per step.
    pub batch: u64,
    /// Exponent of Zipf's law of the experts' tokens.
    pub skew: f64,
    /// Layers with experts.
    pub layers: u64,
    /// Rounds that stand for them: tokens are routed anew in each.
    pub rounds: u64,
    /// Time of attention in a layer in microseconds.
    pub attention_micros: f64,
    /// Time to read an expert's weights in a layer in microseconds.
    pub expert_micros: f64,
    /// Time of a token in an expert in microseconds.
    pub token_micros: f64,
    /// Time over the network, one way, in microseconds.
    pub hop_micros: f64,
    /// Time to load an expert, all its layers, in seconds.
    pub load_secs: f64,
    /// Time until the clients know that a server is gone, in seconds.
    pub detect_secs: f64,
    /// Time to start a group again in seconds.
    pub restart_secs: f64,
    /// What goes wrong.
    pub fault: Fault,
    /// Length of the run in seconds.
    pub secs: f64,
    /// Target for the time of a step in milliseconds.
    pub target_millis: f64,
}

impl Default for ExpertsConfig {
    /// Own choice, in the proportions of a mixture of 32 experts on H100s: an expert of 50 MB a
    /// layer is read in 20 µs.
    fn default() -> Self {
        Self {
            service: true,
            copies: 2,
            extra: 0,
            two_choices: true,
            clients: 4,
            servers: 8,
            experts: 32,
            topk: 4,
            batch: 32,
            skew: 0.3,
            layers: 32,
            rounds: 4,
            attention_micros: 300.0,
            expert_micros: 20.0,
            token_micros: 0.5,
            hop_micros: 15.0,
            load_secs: 0.4,
            detect_secs: 0.1,
            restart_secs: 10.0,
            fault: Fault {
                what: ServerFault::Dies,
                server: 2,
                at_secs: 3.0,
                secs: 7.0,
                ..Fault::default()
            },
            secs: 16.0,
            target_millis: 16.0,
        }
    }
}

impl ExpertsConfig {
    /// Seconds of something that takes so many microseconds in every layer, over the layers of a
    /// round.
    pub(super) fn per_round(&self, micros: f64) -> f64 {
        micros * 1e-6 * self.layers as f64 / self.rounds.max(1) as f64
    }

    /// Seconds of an expert with so many tokens in a round.
    pub(super) fn expert_secs(&self, tokens: f64) -> f64 {
        self.per_round(self.expert_micros + self.token_micros * tokens)
    }

    /// Share of the tokens' choices that go to each expert.
    pub(super) fn shares(&self) -> Vec<f64> {
        let each: Vec<f64> = (1..=self.experts)
            .map(|k| crate::core::num::pow(k as f64, -self.skew))
            .collect();
        let sum: f64 = each.iter().sum();
        each.into_iter().map(|w| w / sum).collect()
    }

    /// What it runs, in a few words.
    pub(in super::super) fn label(&self) -> String {
        if self.service {
            format!(
                "experts as services, {} copies on {} servers",
                self.copies, self.servers
            )
        } else {
            format!("one group of {} GPUs", self.clients + self.servers)
        }
    }

    /// Refuses copies that would share a server.
    pub(in super::super) fn check(&self) -> Result<()> {
        if self.topk > self.experts {
            return Err(Error::out_of_range(
                "experts.topk",
                self.topk,
                format!("at most the {} experts", self.experts),
            ));
        }
        if self.copies > self.servers {
            return Err(Error::out_of_range(
                "experts.copies",
                self.copies,
                format!("at most the {} servers", self.servers),
            ));
        }
        if self.rounds > self.layers {
            return Err(Error::out_of_range(
                "experts.rounds",
                self.rounds,
                format!("at most the {} layers", self.layers),
            ));
        }
        self.fault.check("experts.fault.server", self.servers)
    }
}
