//! Config of the lab.

use super::params::PARAMS;
use super::rules::capacity;
use crate::core::{Error, Result, validate};
use crate::labs::DataKey;
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
    /// Sigmoid scores, the best groups of experts first, then the k best inside them, all by score
    /// plus bias (DeepSeek-V3).
    DeepseekV3,
    /// Cosine of projected tokens and expert vectors (X-MoE).
    Cosine,
    /// A fixed table from token id to expert (hash layers).
    Hash,
    /// Balanced soft assignment, the k best of the plan (S-BASE).
    Sinkhorn,
    /// Exact balanced assignment of largest total score (BASE layers).
    Base,
    /// Transport with at most C tokens per expert (sparsity-constrained optimal transport).
    SparseTransport,
    /// As many experts as a token's entropy asks for (DynMoLE).
    Dynmole,
    /// Every expert with a positive score (BlockFFN).
    Blockffn,
    /// Every slot takes a weighted mean of all tokens (Soft MoE).
    SoftMoe,
    /// Scores averaged over similar tokens before the choice (graph of tokens).
    TokenGraph,
    /// The choices of an imported file.
    Recorded,
}

impl Router {
    /// All routers, in the order of the menu.
    pub const ALL: [Self; 17] = [
        Self::Mixtral,
        Self::Granite,
        Self::Switch,
        Self::Gshard,
        Self::ExpertChoice,
        Self::LossFree,
        Self::DeepseekV3,
        Self::Cosine,
        Self::Hash,
        Self::Sinkhorn,
        Self::Base,
        Self::SparseTransport,
        Self::Dynmole,
        Self::Blockffn,
        Self::SoftMoe,
        Self::TokenGraph,
        Self::Recorded,
    ];

    /// Names in the menu, in the same order.
    pub const NAMES: &'static [&'static str] = &[
        "Mixtral: softmax, then top-k",
        "Granite: top-k, then softmax",
        "Switch: top-1",
        "GShard: top-2",
        "Expert choice",
        "Loss-free bias",
        "DeepSeek-V3: grouped sigmoid",
        "X-MoE: cosine",
        "Hash of the token id",
        "S-BASE: Sinkhorn",
        "BASE: exact assignment",
        "Sparse optimal transport",
        "DynMoLE: by entropy",
        "BlockFFN: ReLU",
        "Soft MoE",
        "Graph of tokens",
        "As recorded in a file",
    ];

    /// Its name in the menu.
    pub fn name(self) -> &'static str {
        let at = Self::ALL.iter().position(|r| *r == self);
        at.and_then(|i| Self::NAMES.get(i))
            .copied()
            .unwrap_or_default()
    }

    /// Whether a token's experts follow from its own scores alone.
    pub fn is_local(self) -> bool {
        !matches!(
            self,
            Self::ExpertChoice
                | Self::Sinkhorn
                | Self::Base
                | Self::SparseTransport
                | Self::SoftMoe
                | Self::TokenGraph
        )
    }

    /// Whether it needs more of a token than its logits: an embedding or an id.
    pub fn needs_tokens(self) -> bool {
        matches!(
            self,
            Self::Cosine | Self::Hash | Self::SoftMoe | Self::TokenGraph
        )
    }

    /// Whether a selection bias follows the load.
    pub fn has_bias(self) -> bool {
        matches!(self, Self::LossFree | Self::DeepseekV3)
    }

    /// Whether the rule itself says how many tokens every expert takes.
    pub fn fills_experts(self) -> bool {
        matches!(
            self,
            Self::ExpertChoice | Self::SparseTransport | Self::SoftMoe
        )
    }

    /// Whether the number of experts differs from token to token by the rule.
    pub fn is_variable(self) -> bool {
        self.fills_experts() || matches!(self, Self::Dynmole | Self::Blockffn)
    }
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
    /// Last come, first served.
    Last,
    /// A random draw per pair.
    Random,
}

/// In which order pairs ask for places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum BufferOrder {
    /// All first choices by token, then all second choices (GShard, Tutel, DeepSpeed, NLLB).
    #[default]
    ChoiceMajor,
    /// Token by token (Megatron's permutation).
    TokenMajor,
    /// Choice-major, tokens by descending first score (batch-prioritised routing).
    Prioritised,
}

/// What happens to pairs that find their expert full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// They are dropped.
    #[default]
    Drop,
    /// They go to the best expert with room (Capacity-Aware Inference, re-route).
    Reroute,
    /// They are dropped, and every expert fills its idle places with its best other tokens
    /// (Capacity-Aware Inference, expanded drop).
    Expand,
}

/// How many places an expert has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum CapacityRule {
    /// max(1, ceil(factor k N / E)) (DeepSpeed, Switch).
    #[default]
    Ceil,
    /// k ceil(N / E), without a factor (NLLB).
    Nllb,
    /// k floor(factor ceil(N / E)) (Tutel).
    Tutel,
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
    /// With probability min(1, 2 g2), g2 the raw probability (NLLB).
    RandomRaw,
    /// Always, but chosen by the logits with Gumbel noise (DeepSpeed).
    Sampled,
}

/// When GShard's gates are divided by their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Renormalise {
    /// Over the choices kept.
    #[default]
    AfterDropping,
    /// Over the pair, before dropping.
    BeforeDropping,
}

/// Where hash routing's table comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum HashTable {
    /// A random expert for every token id.
    #[default]
    Random,
    /// The most frequent ids first, each to the expert with the least expected load.
    Balanced,
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
    /// File with the logits or choices of a real router; none: synthetic tokens.
    pub data: Option<DataKey>,
    /// Layer of the file.
    pub layer: u64,
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
    /// In which order pairs ask for places.
    pub buffer_order: BufferOrder,
    /// What happens to pairs without a place.
    pub overflow: Overflow,
    /// Formula of the capacity.
    pub capacity_rule: CapacityRule,
    /// Whether softmax gates are divided by their sum over the k chosen.
    pub renormalise: bool,
    /// GShard's second choice.
    pub second_choice: SecondChoice,
    /// When GShard's gates are renormalised.
    pub gshard_weights: Renormalise,
    /// Groups of experts (DeepSeek-V3).
    pub groups: u64,
    /// Groups a token may use.
    pub topk_group: u64,
    /// Table of hash routing.
    pub hash_table: HashTable,
    /// Temperature τ of the rule, where it has one.
    pub temperature: f64,
    /// Weight γ of the quadratic term of sparse transport.
    pub transport_gamma: f64,
    /// Ascent steps of sparse transport.
    pub transport_steps: u64,
    /// Entropy above which DynMoLE uses all experts.
    pub entropy_threshold: f64,
    /// Probability mass that DynMoLE's experts stay within.
    pub top_p: f64,
    /// Index q of DynMoLE's Tsallis entropy.
    pub tsallis_q: f64,
    /// What BlockFFN's scores must exceed.
    pub relu_shift: f64,
    /// Rule of the selection bias.
    pub bias_rule: BiasRule,
    /// Step size u of the selection bias.
    pub bias_rate: f64,
    /// Exponent of the decay of the bias step: u / (1 + t)^decay.
    pub bias_decay: f64,
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
    /// Correlation of a token with the one before it.
    pub correlation: f64,
    /// Full turns of the clusters' popularity per batch.
    pub drift: f64,
    /// Standard deviation of a fixed preference of the router for some experts, in logits.
    pub router_skew: f64,
    /// Standard deviation of the logits that come from the token.
    pub logit_scale: f64,
    /// Width of the token embeddings.
    pub dim: u64,
    /// Devices that share the experts.
    pub devices: u64,
    /// Places for further copies of experts, over all devices.
    pub spare_slots: u64,
    /// Size of a token on the wire, in KiB.
    pub token_kib: f64,
    /// Size of an expert's weights, in MiB.
    pub expert_mib: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            data: None,
            layer: 0,
            router: Router::Mixtral,
            experts: 8,
            k: 2,
            limited: true,
            capacity_factor: 1.25,
            drop_order: DropOrder::Token,
            buffer_order: BufferOrder::ChoiceMajor,
            overflow: Overflow::Drop,
            capacity_rule: CapacityRule::Ceil,
            renormalise: true,
            second_choice: SecondChoice::Always,
            gshard_weights: Renormalise::AfterDropping,
            groups: 4,
            topk_group: 2,
            hash_table: HashTable::Random,
            temperature: 1.0,
            transport_gamma: 1.0,
            transport_steps: 20,
            entropy_threshold: 0.9,
            top_p: 0.75,
            tsallis_q: 1.1,
            relu_shift: 0.0,
            bias_rule: BiasRule::Sign,
            bias_rate: 0.02,
            bias_decay: 0.0,
            tokens: 256,
            batches: 12,
            clusters: 6,
            cluster_skew: 0.6,
            spread: 0.6,
            correlation: 0.0,
            drift: 0.0,
            router_skew: 0.5,
            logit_scale: 1.5,
            dim: 16,
            devices: 4,
            spare_slots: 0,
            token_kib: 14.0,
            expert_mib: 84.0,
        }
    }
}

/// Most pairs (token, expert) of a run.
pub(super) const MAX_PAIRS: u64 = 1 << 19;
/// Parts of a batch by which a file's tokens are coloured.
const EIGHTHS: usize = 8;
/// Most entries of a token × slot or token × token table.
const MAX_TABLE: u64 = 1 << 20;

impl Config {
    /// Experts per token that the router really uses; the nominal number where it varies.
    pub fn choices(&self) -> usize {
        match self.router {
            Router::Switch | Router::Base | Router::SparseTransport | Router::Hash => 1,
            Router::Gshard => 2,
            _ => self.k as usize,
        }
    }

    /// Most pairs that a token can have.
    fn most_choices(&self) -> u64 {
        match self.router {
            Router::Dynmole | Router::Blockffn | Router::SoftMoe => self.experts,
            _ if self.overflow == Overflow::Expand => {
                self.choices() as u64 + self.capacity_factor.ceil() as u64 * self.choices() as u64
            }
            _ => self.choices() as u64,
        }
    }

    /// Whether experts refuse tokens in this config.
    pub fn has_capacity(&self) -> bool {
        match self.router {
            Router::SoftMoe => false,
            router if router.fills_experts() => true,
            _ => self.limited,
        }
    }

    /// Whether some pairs that found no place get another chance.
    pub fn has_second_chance(&self) -> bool {
        self.has_capacity() && !self.router.fills_experts() && self.overflow != Overflow::Drop
    }

    /// Whether weights are the gates themselves, not divided by their sum.
    pub(super) fn keeps_gates(&self) -> bool {
        match self.router {
            Router::Switch | Router::Hash | Router::Base | Router::Dynmole | Router::Blockffn => {
                true
            }
            Router::Mixtral => !self.renormalise,
            _ => false,
        }
    }

    /// Places per expert in a batch; as many as tokens without a limit.
    pub(super) fn places(&self) -> usize {
        let (n, e, k) = (self.tokens as usize, self.experts as usize, self.choices());
        if !self.has_capacity() {
            return n;
        }
        let each = n.div_ceil(e);
        let places = match self.capacity_rule {
            CapacityRule::Ceil => capacity::capacity(self.capacity_factor, k, n, e),
            CapacityRule::Nllb => k * each,
            CapacityRule::Tutel => k * (self.capacity_factor * each as f64) as usize,
        };
        places.clamp(1, n)
    }

    /// Slots per expert of Soft MoE: as many places as a balanced load would need.
    pub(super) fn slots(&self) -> usize {
        if self.router == Router::SoftMoe {
            let (n, e) = (self.tokens as usize, self.experts as usize);
            capacity::capacity(self.capacity_factor, self.choices(), n, e)
        } else {
            1
        }
    }

    /// Groups by which tokens are coloured: clusters, or eighths of the batch for a file's tokens.
    pub fn cluster_count(&self) -> usize {
        if self.data.is_some() {
            EIGHTHS
        } else {
            self.clusters as usize
        }
    }

    /// What such a group is called.
    pub fn cluster_word(&self) -> &'static str {
        if self.data.is_some() {
            "eighth"
        } else {
            "cluster"
        }
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
        self.check_source()?;
        if self.router == Router::DeepseekV3 {
            let [e, g, kept] = [self.experts, self.groups, self.topk_group].map(|v| v as usize);
            capacity::check_groups(e, g, kept, self.choices())?;
        }
        self.check_sizes()
    }

    fn check_source(&self) -> Result<()> {
        let name = self.router.name();
        match &self.data {
            None if self.router == Router::Recorded => Err(Error::out_of_range(
                "router",
                name,
                "any other router, or open a file with chosen experts first",
            )),
            Some(_) if self.router.needs_tokens() => Err(Error::out_of_range(
                "router",
                name,
                "a router that needs only logits: the file has no embeddings or token ids",
            )),
            _ => Ok(()),
        }
    }

    fn check_sizes(&self) -> Result<()> {
        let pairs = self.tokens * self.batches * self.most_choices();
        if pairs > MAX_PAIRS {
            return Err(Error::out_of_range(
                "batches",
                self.batches,
                format!(
                    "tokens x batches x experts per token up to {MAX_PAIRS}, here {pairs}: at most {} batches",
                    MAX_PAIRS / (self.tokens * self.most_choices())
                ),
            ));
        }
        let (columns, what) = match self.router {
            Router::SoftMoe => (self.slots() as u64 * self.experts, "tokens x slots"),
            Router::TokenGraph => (self.tokens, "tokens x tokens"),
            _ => (0, ""),
        };
        if self.tokens * columns > MAX_TABLE {
            return Err(Error::out_of_range(
                "tokens",
                self.tokens,
                format!("{what} up to {MAX_TABLE}, here {}", self.tokens * columns),
            ));
        }
        Ok(())
    }
}

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
