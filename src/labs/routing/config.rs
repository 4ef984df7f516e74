//! Config of the lab.

pub(super) use super::options::{
    BiasRule, BufferOrder, CapacityRule, CapacityScope, DropOrder, Estimate, Graph, HashTable,
    LayerRule, Overflow, Precision, QueryRule, Renormalise, Router, Score, SecondChoice, Study,
    Task, TieBreak, World,
};
use super::rules::capacity;
pub(super) use super::source::TokenSource;
use super::text::GROUPS;
use crate::core::digits::{CLASSES, PIXELS};
use crate::labs::DataKey;
use serde::{Deserialize, Serialize};

/// Every input that changes a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of separate rules, each a field of the JSON config"
)]
pub struct Config {
    /// Seed of every random draw.
    pub seed: u64,
    /// File with the logits or choices of a real router; none: synthetic tokens.
    pub data: Option<DataKey>,
    /// What is looked at.
    pub world: World,
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
    /// Whether experts have places of their own or share those of their device.
    pub capacity_scope: CapacityScope,
    /// Share of the sequences whose pairs no device drops.
    pub protected: f64,
    /// Whether softmax gates are divided by their sum over the k chosen.
    pub renormalise: bool,
    /// Which of several equal scores is chosen.
    pub tie_break: TieBreak,
    /// Precision of the logits.
    pub precision: Precision,
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
    /// By what scores are averaged over a graph of tokens.
    pub graph: Graph,
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
    /// Where the tokens come from, unless from a file.
    pub source: TokenSource,
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
    /// Chance that a predictor names an expert of the next token rightly.
    pub accuracy: f64,
    /// Bandwidth of the link over which missing experts come, in GB/s.
    pub link_gbs: f64,
    /// Time that a layer computes on a token, in milliseconds.
    pub layer_ms: f64,
    /// Layers computed between the naming of a token's experts and their use.
    pub lookahead: u64,
    /// Tokens decoded together.
    pub together: u64,
    /// Measured time of a decoding step, in milliseconds.
    pub step_ms: f64,
    /// Layers of the model with experts.
    pub model_layers: u64,
    /// Weights of a layer beside its experts, in MiB.
    pub other_mib: f64,
    /// KV cache read by a step, in GiB.
    pub kv_gib: f64,
    /// Bits of a weight.
    pub weight_bits: u64,
    /// Peak bandwidth of a device, in GB/s.
    pub bandwidth_gbs: f64,
    /// Peak throughput of a device, in Tflop/s.
    pub peak_tflops: f64,
    /// Price of a device, in euros per hour.
    pub device_eur: f64,
    /// What is learnt.
    pub task: Task,
    /// Updates of the parameters.
    pub train_steps: u64,
    /// Tokens per update.
    pub train_batch: u64,
    /// Adam's rate at the start.
    pub learning_rate: f64,
    /// How logits become scores in training.
    pub score: Score,
    /// Whether a selection bias follows the load in training.
    pub loss_free: bool,
    /// Weight of the auxiliary loss.
    pub aux_weight: f64,
    /// Weight of the expert-router coupling loss.
    pub erc_weight: f64,
    /// Its strictness α.
    pub erc_alpha: f64,
    /// Weight of the latency-aware loss.
    pub latency_weight: f64,
    /// Time of an even-numbered expert over that of an odd one.
    pub latency_ratio: f64,
    /// Weight of the router z-loss.
    pub z_weight: f64,
    /// Size of the context's part of an input.
    pub context: f64,
    /// Share of the dimensions that two tasks have in common.
    pub overlap: f64,
    /// Whether the gate keeps out of the first task's directions.
    pub protect: bool,
    /// Which rule decides about layers in the picture.
    pub layer_rule: LayerRule,
    /// Residual blocks of the network.
    pub blocks: u64,
    /// Standard deviation of the noise on the digits, over that of their pixels.
    pub noise: f64,
    /// Dr.LLM's control between skip (-1) and repeat (1); -0.5 is the routers' own decision.
    pub control: f64,
    /// Share of block runs that sparsity rules skip.
    pub skipped: f64,
    /// Share of a sequence that runs a routed block of mixture of depths.
    pub depth_capacity: f64,
    /// Weight of the exit distribution's divergence from its prior.
    pub halting_weight: f64,
    /// Exit probability of that prior.
    pub halting_prior: f64,
    /// Which rule sends queries to models.
    pub query_rule: QueryRule,
    /// Number of queries.
    pub queries: u64,
    /// What is known of the models' qualities.
    pub estimate: Estimate,
    /// Standard deviation of noisy estimates.
    pub estimate_noise: f64,
    /// Answered queries from which estimates are made.
    pub training_queries: u64,
    /// Standard deviation of a model's bonus for a topic, in units of difficulty.
    pub specialisation: f64,
    /// Weight of a model's age among the goals.
    pub recency: f64,
    /// Tokens of a step that is written by one of two models.
    pub step_tokens: u64,
    /// Which small experiment runs.
    pub study: Study,
    /// Weight β of Glider's global router.
    pub global_weight: f64,
    /// Size of a token's noise over that of its task's mean.
    pub token_noise: f64,
    /// Adapters of the inventory.
    pub stock: u64,
    /// Blocks in which they are mixed.
    pub heads: u64,
    /// Standard deviation of the shift of a router's logits.
    pub gate_shift: f64,
    /// Items between two adaptations.
    pub interval: u64,
    /// Items after which the source of a sequence changes; 0 for never.
    pub switch_every: u64,
    /// Size of the error of the gates over their rows.
    pub gate_error: f64,
    /// Successful neighbours that a sample is pulled to.
    pub neighbours: u64,
    /// Noise of the task embedding over the distance of the tasks.
    pub embedding_noise: f64,
    /// Rank by frequency of the word whose row is edited.
    pub edited_word: u64,
    /// Rows of the table that are held nearby.
    pub rows_held: u64,
    /// Time of a layer's all-to-all over that of its experts.
    pub traffic: f64,
    /// Time that a task on the link between nodes takes to start, in milliseconds.
    pub startup_ms: f64,
    /// Tokens of the document a question is about.
    pub document_tokens: u64,
    /// Tokens of text at which a device's model finds a fact half as often.
    pub half_length: u64,
    /// Runs of every job on every chunk.
    pub samples: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            data: None,
            world: World::Batches,
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
            capacity_scope: CapacityScope::Expert,
            protected: 0.1,
            renormalise: true,
            tie_break: TieBreak::Lower,
            precision: Precision::Full,
            second_choice: SecondChoice::Always,
            gshard_weights: Renormalise::AfterDropping,
            groups: 4,
            topk_group: 2,
            hash_table: HashTable::Random,
            temperature: 1.0,
            graph: Graph::Similarity,
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
            source: TokenSource::Clusters,
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
            accuracy: 0.85,
            link_gbs: 25.0,
            layer_ms: 0.5,
            lookahead: 4,
            together: 8,
            step_ms: 10.0,
            model_layers: 58,
            other_mib: 356.0,
            kv_gib: 1.0,
            weight_bits: 16,
            bandwidth_gbs: 3350.0,
            peak_tflops: 989.0,
            device_eur: 2.5,
            task: Task::Digits,
            train_steps: 500,
            train_batch: 128,
            learning_rate: 3e-3,
            score: Score::Sigmoid,
            loss_free: false,
            aux_weight: 0.0,
            erc_weight: 0.0,
            erc_alpha: 1.0,
            latency_weight: 0.0,
            latency_ratio: 1.5,
            z_weight: 0.0,
            context: 0.0,
            overlap: 0.0,
            protect: false,
            layer_rule: LayerRule::Routed,
            blocks: 6,
            noise: 1.0,
            control: -0.5,
            skipped: 0.3,
            depth_capacity: 0.125,
            halting_weight: 0.3,
            halting_prior: 0.25,
            query_rule: QueryRule::Carrot,
            queries: 600,
            estimate: Estimate::Neighbours,
            estimate_noise: 0.1,
            training_queries: 1024,
            specialisation: 0.15,
            recency: 0.0,
            step_tokens: 4,
            study: Study::Glider,
            global_weight: 0.5,
            token_noise: 2.0,
            stock: 4,
            heads: 4,
            gate_shift: 2.0,
            interval: 128,
            switch_every: 0,
            gate_error: 1.0,
            neighbours: 3,
            embedding_noise: 0.2,
            edited_word: 10,
            rows_held: 64,
            traffic: 1.0,
            startup_ms: 0.3,
            document_tokens: 100_000,
            half_length: 16_000,
            samples: 2,
        }
    }
}

/// Parts of a batch by which a file's tokens are coloured.
const EIGHTHS: usize = 8;

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
    pub(super) fn most_choices(&self) -> u64 {
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

    /// Whether the experts of a device share its places.
    pub fn per_device(&self) -> bool {
        let device = self.capacity_scope == CapacityScope::Device;
        device && self.has_capacity() && !self.router.fills_experts()
    }

    /// Who has places: experts, or devices.
    pub(super) fn bins(&self) -> usize {
        if self.per_device() {
            self.devices as usize
        } else {
            self.experts as usize
        }
    }

    /// Whose places a pair for this expert takes.
    pub fn bin_of(&self, expert: usize) -> usize {
        expert * self.bins() / self.experts as usize
    }

    /// Devices whose experts share places, each with its first and last expert; empty where every
    /// expert has its own.
    pub fn sharing(&self) -> Vec<(usize, [usize; 2])> {
        let mut out: Vec<(usize, [usize; 2])> = Vec::new();
        for e in (0..self.experts as usize).filter(|_| self.per_device()) {
            let device = self.bin_of(e);
            match out.last_mut() {
                Some((d, [_, last])) if *d == device => *last = e,
                _ => out.push((device, [e, e])),
            }
        }
        out
    }

    /// Whether some pairs that found no place get another chance.
    pub fn has_second_chance(&self) -> bool {
        let drops = self.overflow == Overflow::Drop || self.per_device();
        self.has_capacity() && !self.router.fills_experts() && !drops
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

    /// Whether the router chooses by a top-k over each token's scores, in which ties are broken.
    pub fn breaks_ties(&self) -> bool {
        matches!(
            self.router,
            Router::Mixtral | Router::Granite | Router::Switch | Router::LossFree
        ) || (self.router == Router::Gshard && self.second_choice != SecondChoice::Sampled)
    }

    /// Whether ties are looked for: where they are frequent, or broken in a way of one's own.
    pub(super) fn counts_ties(&self) -> bool {
        let own = self.tie_break != TieBreak::Lower || self.precision != Precision::Full;
        own && self.breaks_ties()
    }

    /// Places per expert (or device) in a batch; as many as tokens without a limit.
    pub(super) fn places(&self) -> usize {
        let (n, bins, k) = (self.tokens as usize, self.bins(), self.choices());
        if !self.has_capacity() {
            return n;
        }
        let each = n.div_ceil(bins);
        let places = match self.capacity_rule {
            CapacityRule::Ceil => capacity::capacity(self.capacity_factor, k, n, bins),
            CapacityRule::Nllb => k * each,
            CapacityRule::Tutel => k * (self.capacity_factor * each as f64) as usize,
        };
        // No expert can be asked for by more than every token; a device can.
        let most = if self.per_device() { n * k } else { n };
        places.clamp(1, most)
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

    /// Groups by which tokens are coloured: clusters, digits, sixths of a text by the frequency of
    /// their words, or eighths of the batch for a file's tokens.
    pub fn cluster_count(&self) -> usize {
        match self.source() {
            _ if self.data.is_some() => EIGHTHS,
            TokenSource::Clusters => self.clusters as usize,
            TokenSource::Text => GROUPS,
            TokenSource::Digits => CLASSES,
        }
    }

    /// Where synthetic tokens come from; a file's are drawn from nowhere.
    pub(super) fn source(&self) -> TokenSource {
        if self.data.is_some() || self.world != World::Batches {
            TokenSource::Clusters
        } else {
            self.source
        }
    }

    /// Width of a token's embedding.
    pub(super) fn width(&self) -> usize {
        if self.source() == TokenSource::Digits {
            PIXELS
        } else {
            self.dim as usize
        }
    }

    /// What such a group is called.
    pub fn cluster_word(&self) -> &'static str {
        match self.source() {
            _ if self.data.is_some() => "eighth",
            TokenSource::Clusters => "cluster",
            TokenSource::Text => "sixth",
            TokenSource::Digits => "digit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::params::PARAMS;
    use super::*;

    #[test]
    fn the_default_config_is_legal_and_every_parameter_round_trips() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        for param in PARAMS.iter() {
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
            router: Router::SparseTransport,
            tokens: 5000,
            batches: 1,
            ..Config::default()
        };
        assert_eq!(config.check().unwrap_err().field(), Some("tokens"));
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
        for param in PARAMS.iter() {
            assert!(json.get(param.id).is_some(), "{} is not a field", param.id);
        }
    }
}
