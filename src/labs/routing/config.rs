//! Config of the lab and its parameters.

use crate::core::{Error, Param, Result, validate};
use serde::{Deserialize, Serialize};

/// Which rule sends tokens to experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Router {
    /// Softmax over all experts, the k best, weights renormalised over the k (Mixtral).
    #[default]
    Mixtral,
    /// The k best logits, softmax over those k (Granite).
    Granite,
    /// One expert per token, weight is the softmax probability (Switch).
    Switch,
    /// Two experts per token, first choices served first (GShard).
    Gshard,
    /// Each expert takes its best tokens (expert choice).
    ExpertChoice,
    /// Sigmoid scores plus a selection bias that follows the load (loss-free balancing).
    LossFree,
}

impl Router {
    /// All routers, in the order of the menu.
    pub const ALL: [Self; 6] = [
        Self::Mixtral,
        Self::Granite,
        Self::Switch,
        Self::Gshard,
        Self::ExpertChoice,
        Self::LossFree,
    ];

    /// Names in the menu, in the same order.
    pub const NAMES: &'static [&'static str] = &[
        "Mixtral: softmax, then top-k",
        "Granite: top-k, then softmax",
        "Switch: top-1",
        "GShard: top-2",
        "Expert choice",
        "Loss-free bias",
    ];
}

/// Who keeps a place when an expert is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum DropOrder {
    /// First come, first served: all first choices by token, then all second choices.
    #[default]
    Token,
    /// The best gates, ties to the lower token.
    Score,
}

/// When GShard sends a token to its second expert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum SecondChoice {
    /// Always.
    #[default]
    Always,
    /// With probability min(1, 2 g2), g2 renormalised over the pair.
    Random,
}

/// How the selection bias follows the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum BiasRule {
    /// A fixed step up or down: u sign(mean - load).
    #[default]
    Sign,
    /// A step in proportion: u (mean - load) / mean.
    Proportional,
}

/// Every input that changes a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seed of every random draw.
    pub seed: u64,
    /// The routing rule.
    pub router: Router,
    /// Number of experts E.
    pub experts: u64,
    /// Experts per token k (average experts per token for expert choice).
    pub k: u64,
    /// Whether experts have a capacity.
    pub limited: bool,
    /// Capacity over the perfectly balanced load.
    pub capacity_factor: f64,
    /// Who keeps a place.
    pub drop_order: DropOrder,
    /// GShard's second choice.
    pub second_choice: SecondChoice,
    /// Rule of the selection bias.
    pub bias_rule: BiasRule,
    /// Step size u of the selection bias.
    pub bias_rate: f64,
    /// Tokens per batch N.
    pub tokens: u64,
    /// Number of batches.
    pub batches: u64,
    /// Number of token clusters.
    pub clusters: u64,
    /// Exponent of the clusters' Zipf weights.
    pub cluster_skew: f64,
    /// Distance of tokens from their cluster's centre.
    pub spread: f64,
    /// Full turns of the clusters' popularity per batch.
    pub drift: f64,
    /// Standard deviation of a fixed preference of the router for some experts, in logits.
    pub router_skew: f64,
    /// Standard deviation of the logits that come from the token.
    pub logit_scale: f64,
    /// Width of the token embeddings.
    pub dim: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            router: Router::Mixtral,
            experts: 8,
            k: 2,
            limited: true,
            capacity_factor: 1.25,
            drop_order: DropOrder::Token,
            second_choice: SecondChoice::Always,
            bias_rule: BiasRule::Sign,
            bias_rate: 0.02,
            tokens: 256,
            batches: 12,
            clusters: 6,
            cluster_skew: 0.6,
            spread: 0.6,
            drift: 0.0,
            router_skew: 0.5,
            logit_scale: 1.5,
            dim: 16,
        }
    }
}

/// Most pairs (token, expert) of a run.
pub(super) const MAX_PAIRS: u64 = 1 << 19;

impl Config {
    /// Experts per token that the router really uses.
    pub fn choices(&self) -> usize {
        match self.router {
            Router::Switch => 1,
            Router::Gshard => 2,
            _ => self.k as usize,
        }
    }

    /// Whether experts refuse tokens in this config.
    pub fn has_capacity(&self) -> bool {
        self.limited || self.router == Router::ExpertChoice
    }

    /// Checks ranges and the rules that tie parameters together.
    ///
    /// # Errors
    /// The first parameter at fault.
    pub(super) fn check(&self) -> Result<()> {
        validate(PARAMS, self)?;
        let k = self.choices() as u64;
        if k > self.experts {
            let field = if self.router == Router::Gshard {
                "experts"
            } else {
                "k"
            };
            return Err(Error::out_of_range(
                field,
                if field == "k" { k } else { self.experts },
                format!(
                    "k at most the number of experts: k is {k}, experts {}",
                    self.experts
                ),
            ));
        }
        let pairs = self.tokens * self.batches * k;
        if pairs > MAX_PAIRS {
            return Err(Error::out_of_range(
                "batches",
                self.batches,
                format!(
                    "tokens x batches x k up to {MAX_PAIRS}, here {pairs}: at most {} batches",
                    MAX_PAIRS / (self.tokens * k)
                ),
            ));
        }
        Ok(())
    }
}

fn index_of<T: PartialEq>(all: &[T], value: &T) -> usize {
    all.iter().position(|v| v == value).unwrap_or(0)
}

/// The parameters, in the order of the panel.
pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "router",
        "Router",
        Router::NAMES,
        |c: &Config| index_of(&Router::ALL, &c.router),
        |c, v| c.router = Router::ALL.get(v).copied().unwrap_or_default(),
    )
    .group("Router")
    .doc("The rule that sends tokens to experts."),
    Param::int("experts", "Experts", [1, 256], |c: &Config| c.experts, |c, v| c.experts = v)
        .log()
        .group("Router")
        .doc("Number of experts E."),
    Param::int("k", "Experts per token", [1, 8], |c: &Config| c.k, |c, v| c.k = v)
        .group("Router")
        .when(|c| !matches!(c.router, Router::Switch | Router::Gshard))
        .doc("k experts per token; on average for expert choice. At most the number of experts."),
    Param::choice(
        "second_choice",
        "Second choice",
        &["always", "random, by its gate"],
        |c: &Config| usize::from(c.second_choice == SecondChoice::Random),
        |c, v| {
            c.second_choice = if v == 1 { SecondChoice::Random } else { SecondChoice::Always };
        },
    )
    .group("Router")
    .when(|c| c.router == Router::Gshard)
    .doc("GShard may send a token to its second expert only with probability min(1, 2 g2)."),
    Param::choice(
        "bias_rule",
        "Bias step",
        &["sign", "proportional"],
        |c: &Config| usize::from(c.bias_rule == BiasRule::Proportional),
        |c, v| {
            c.bias_rule = if v == 1 { BiasRule::Proportional } else { BiasRule::Sign };
        },
    )
    .group("Router")
    .when(|c| c.router == Router::LossFree)
    .doc("After each batch: b += u sign(mean - load), or b += u (mean - load) / mean."),
    Param::float(
        "bias_rate",
        "Bias rate u",
        [1e-4, 0.5],
        |c: &Config| c.bias_rate,
        |c, v| c.bias_rate = v,
    )
    .log()
    .group("Router")
    .when(|c| c.router == Router::LossFree)
    .doc("Size of the bias step. Small settles slowly, large keeps hunting."),
    Param::toggle("limited", "Capacity limit", |c: &Config| c.limited, |c, v| c.limited = v)
        .group("Capacity")
        .when(|c| c.router != Router::ExpertChoice)
        .doc("Whether an expert refuses tokens over its capacity (off: dropless)."),
    Param::float(
        "capacity_factor",
        "Capacity factor",
        [0.1, 8.0],
        |c: &Config| c.capacity_factor,
        |c, v| c.capacity_factor = v,
    )
    .log()
    .group("Capacity")
    .when(Config::has_capacity)
    .doc("Places per expert over the balanced load: C = max(1, ceil(factor k N / E))."),
    Param::choice(
        "drop_order",
        "Who keeps a place",
        &["first in token order", "best gate"],
        |c: &Config| usize::from(c.drop_order == DropOrder::Score),
        |c, v| {
            c.drop_order = if v == 1 { DropOrder::Score } else { DropOrder::Token };
        },
    )
    .group("Capacity")
    .when(|c| c.limited && c.router != Router::ExpertChoice)
    .doc("Token order: all first choices by token, then all second choices. Ties go to the lower token."),
    Param::int("tokens", "Tokens per batch", [1, 4096], |c: &Config| c.tokens, |c, v| c.tokens = v)
        .log()
        .unit("tokens")
        .group("Tokens")
        .doc("Tokens routed together; capacity is per batch."),
    Param::int("batches", "Batches", [1, 400], |c: &Config| c.batches, |c, v| c.batches = v)
        .log()
        .group("Tokens")
        .doc("Batches routed one after the other."),
    Param::int("clusters", "Token clusters", [1, 24], |c: &Config| c.clusters, |c, v| c.clusters = v)
        .group("Tokens")
        .doc("Tokens come from this many Gaussian clusters: topics, languages, word classes."),
    Param::float(
        "cluster_skew",
        "Cluster skew",
        [0.0, 3.0],
        |c: &Config| c.cluster_skew,
        |c, v| c.cluster_skew = v,
    )
    .group("Tokens")
    .doc("Zipf exponent of the cluster sizes: 0 makes them equal."),
    Param::float(
        "router_skew",
        "Router skew",
        [0.0, 4.0],
        |c: &Config| c.router_skew,
        |c, v| c.router_skew = v,
    )
    .unit("logits")
    .group("Tokens")
    .doc("Standard deviation of a fixed preference for some experts, whatever the token."),
    Param::float("spread", "Cluster spread", [0.0, 4.0], |c: &Config| c.spread, |c, v| c.spread = v)
        .group("Tokens")
        .advanced()
        .doc("Distance of tokens from their cluster's centre, in units of the centres' own spread."),
    Param::float(
        "logit_scale",
        "Router sharpness",
        [0.0, 8.0],
        |c: &Config| c.logit_scale,
        |c, v| c.logit_scale = v,
    )
    .unit("logits")
    .group("Tokens")
    .advanced()
    .doc("Standard deviation of the logits that come from the token: 0 ignores the token."),
    Param::float("drift", "Topic drift", [0.0, 0.5], |c: &Config| c.drift, |c, v| c.drift = v)
        .unit("turns per batch")
        .group("Tokens")
        .advanced()
        .doc("How fast the popular clusters change places over the batches."),
    Param::int("dim", "Embedding width", [1, 64], |c: &Config| c.dim, |c, v| c.dim = v)
        .group("Tokens")
        .advanced()
        .doc("Width D of the token embeddings."),
    Param::int("seed", "Seed", [0, u32::MAX as u64], |c: &Config| c.seed, |c, v| c.seed = v)
        .group("Tokens")
        .doc("Seed of centres, router and tokens."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_config_is_legal_and_every_parameter_round_trips() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        for param in PARAMS {
            let mut copy = config.clone();
            param.copy(&mut copy, &config);
            assert_eq!(copy, config, "{}", param.id);
        }
    }

    #[test]
    fn too_many_choices_or_pairs_are_refused_by_field() {
        let mut config = Config {
            experts: 2,
            k: 3,
            ..Config::default()
        };
        assert_eq!(config.check().unwrap_err().field(), Some("k"));
        config = Config {
            tokens: 4096,
            batches: 100,
            ..Config::default()
        };
        assert_eq!(config.check().unwrap_err().field(), Some("batches"));
        config = Config {
            capacity_factor: f64::NAN,
            ..Config::default()
        };
        assert_eq!(config.check().unwrap_err().field(), Some("capacity_factor"));
    }

    #[test]
    fn parameter_ids_are_field_names() {
        let json = serde_json::to_value(Config::default()).unwrap();
        for param in PARAMS {
            assert!(json.get(param.id).is_some(), "{} is not a field", param.id);
        }
    }
}
