//! The switches of the lab: routers, capacity rules, worlds.

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

/// Who shares the places of a capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum CapacityScope {
    /// Every expert has places of its own.
    #[default]
    Expert,
    /// The experts of a device share its places (DeepSeek-V2's token dropping).
    Device,
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

/// By what a token's scores are averaged over other tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Graph {
    /// By the similarity of the tokens.
    #[default]
    Similarity,
    /// By the attention that the token pays to those before it, averaged over heads.
    Attention,
}

/// Which of several equal scores is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum TieBreak {
    /// The lower expert (vLLM's kernels).
    #[default]
    Lower,
    /// The higher expert.
    Higher,
    /// A random draw per token and expert.
    Random,
}

/// In which precision the router's logits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// As computed, or as in the file.
    #[default]
    Full,
    /// Rounded to bfloat16.
    Bfloat16,
    /// Rounded to FP8 E4M3.
    E4m3,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// Batches of tokens under a fixed router.
    #[default]
    Batches,
    /// A small mixture of experts in training.
    Training,
    /// Which layers of a small residual network run.
    Layers,
    /// Which model answers a query.
    Queries,
    /// A small experiment of its own.
    Studies,
}

impl World {
    /// All worlds, in the order of the menu.
    pub const ALL: [Self; 5] = [
        Self::Batches,
        Self::Training,
        Self::Layers,
        Self::Queries,
        Self::Studies,
    ];

    /// Names in the menu, in the same order.
    pub const NAMES: &'static [&'static str] = &[
        "tokens to experts",
        "experts in training",
        "layers of a network",
        "queries to models",
        "adapters, repairs, pipelines",
    ];
}

/// A small experiment of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Study {
    /// A global and a local router for adapters (Glider).
    #[default]
    Glider,
    /// Adapters mixed block by block (multi-head adapter routing).
    Heads,
    /// A vector on the logits, found from the context (rewiring experts on the fly).
    Rewire,
    /// Gates pulled to the routing of successful neighbours (RoMA).
    Manifold,
    /// A row for every token id in place of a projection (STEM).
    Lookup,
    /// Chunks that overlap on three resources (FSMoE).
    Pipeline,
    /// Jobs over the chunks of a document (Minions).
    Minions,
}

impl Study {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::Glider,
        Self::Heads,
        Self::Rewire,
        Self::Manifold,
        Self::Lookup,
        Self::Pipeline,
        Self::Minions,
    ];

    /// Names in the menu, in the same order.
    pub const NAMES: &'static [&'static str] = &[
        "Glider: query and token",
        "multi-head adapter routing",
        "rewiring on the fly",
        "RoMA: routing of neighbours",
        "STEM: rows by token id",
        "FSMoE: pipeline of a layer",
        "Minions: device and cloud",
    ];
}

/// What a mixture of experts is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Handwritten digits.
    #[default]
    Digits,
    /// Vectors in clusters, each with its own linear map to learn.
    Mixture,
    /// The same with half of the clusters in the first half of training and the others after it.
    Sequence,
}

/// How logits become scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Each on its own.
    #[default]
    Sigmoid,
    /// Shares of one.
    Softmax,
}

/// Which rule decides about layers in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum LayerRule {
    /// Every block once.
    Full,
    /// The path that served training samples best.
    Fixed,
    /// Trained routers (Dr.LLM).
    #[default]
    Routed,
    /// The cheapest path that is right (Duo-LLM's oracle).
    Oracle,
    /// Leave where the cumulated exit probability passes one half (PALBERT).
    QExit,
    /// Leave by the draw (PonderNet).
    Sampled,
    /// Leave when the prediction has stayed (PABEE).
    Patience,
    /// The same sparsity in every block.
    Uniform,
    /// Sparsity allocated over the blocks (FTP).
    Allocated,
    /// The samples with the largest scores run every other block, in training too (mixture of
    /// depths).
    Depths,
    /// The same network, each sample deciding by its own score.
    DepthsCausal,
    /// The prompt decides what the rest of its sequence skips (FiRST).
    First,
    /// The same routers, each token deciding for itself.
    FirstToken,
}

impl LayerRule {
    /// All rules, in the order of the menu.
    pub const ALL: [Self; 13] = [
        Self::Full,
        Self::Fixed,
        Self::Routed,
        Self::Oracle,
        Self::QExit,
        Self::Sampled,
        Self::Patience,
        Self::Uniform,
        Self::Allocated,
        Self::Depths,
        Self::DepthsCausal,
        Self::First,
        Self::FirstToken,
    ];

    /// Names in the menu, in the same order.
    pub const NAMES: &'static [&'static str] = &[
        "every block",
        "one path for all",
        "Dr.LLM: trained routers",
        "Duo-LLM: oracle",
        "PALBERT: Q-exit",
        "PonderNet: sampled exit",
        "PABEE: patience 2",
        "same sparsity in every block",
        "FTP: sparsity allocated",
        "mixture of depths",
        "mixture of depths, causal",
        "FiRST: decided by the prompt",
        "FiRST's routers token by token",
    ];

    /// Whether it belongs to mixture of depths, whose network is trained with its routing.
    pub fn is_depths(self) -> bool {
        matches!(self, Self::Depths | Self::DepthsCausal)
    }

    /// Whether it belongs to FiRST, on samples in sequences.
    pub fn is_first(self) -> bool {
        matches!(self, Self::First | Self::FirstToken)
    }
}

/// Which rule sends queries to models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum QueryRule {
    /// Best of estimated quality less cost (CARROT).
    #[default]
    Carrot,
    /// Least predicted loss plus weighted goals (Tryage).
    Tryage,
    /// Escalate where the weak network's entropy is large.
    Entropy,
    /// Escalate where its free energy is large (EBJR).
    Energy,
    /// Escalate where its largest probability is small.
    MaxProb,
    /// Escalate where its best two are close.
    Margin,
    /// Escalate where the predicted advantage of the strong network is large (Arbitrage).
    Advantage,
    /// Escalate where the weak answer scores low.
    Reward,
    /// Escalate at random.
    Random,
    /// Escalate where the true advantage is large.
    Oracle,
    /// A large model writes the steps whose first token the small one is unsure of (GlimpRouter).
    Glimpse,
    /// Prompts go to architecture codes by optimal transport (APTP).
    Codes,
    /// The same codes, each prompt to the nearest.
    CodesNearest,
    /// A query goes to every agent whose score is high, their answers are merged (TCAndon).
    Agents,
}

impl QueryRule {
    /// All rules, in the order of the menu.
    pub const ALL: [Self; 14] = [
        Self::Carrot,
        Self::Tryage,
        Self::Entropy,
        Self::Energy,
        Self::MaxProb,
        Self::Margin,
        Self::Advantage,
        Self::Reward,
        Self::Random,
        Self::Oracle,
        Self::Glimpse,
        Self::Codes,
        Self::CodesNearest,
        Self::Agents,
    ];

    /// Names in the menu, in the same order.
    pub const NAMES: &'static [&'static str] = &[
        "CARROT: quality less cost",
        "Tryage: loss plus goals",
        "cascade by entropy",
        "EBJR: cascade by free energy",
        "cascade by largest probability",
        "cascade by margin",
        "Arbitrage: predicted advantage",
        "cascade by the weak answer's score",
        "cascade at random",
        "cascade by the true advantage",
        "GlimpRouter: entropy of the first token",
        "APTP: codes by optimal transport",
        "nearest code",
        "TCAndon: every agent that fits",
    ];

    /// Whether one of a pool of models of stated quality answers.
    pub fn is_pool(self) -> bool {
        matches!(self, Self::Carrot | Self::Tryage)
    }

    /// Whether prompts go to codes.
    pub fn is_codes(self) -> bool {
        matches!(self, Self::Codes | Self::CodesNearest)
    }

    /// Whether a weak network reads digits first.
    pub fn is_cascade(self) -> bool {
        !self.is_pool() && !self.is_codes() && !matches!(self, Self::Glimpse | Self::Agents)
    }

    /// Whether a share of the queries is passed on to the second of two models.
    pub fn escalates(self) -> bool {
        self.is_cascade() || self == Self::Glimpse
    }

    /// What moves along the sweep.
    pub fn axis(self) -> &'static str {
        match self {
            Self::Codes | Self::CodesNearest => "budget per prompt",
            Self::Agents => "threshold of the score",
            _ if self.escalates() => "share escalated",
            _ => "weight of cost",
        }
    }
}

/// What a router knows of the models' qualities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Estimate {
    /// The truth.
    Perfect,
    /// The truth with noise.
    Noisy,
    /// Shares of right answers among similar queries.
    #[default]
    Neighbours,
}
