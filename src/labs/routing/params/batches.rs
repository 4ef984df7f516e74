//! Parameters of routers, capacity, tokens and system, some of which training shares.

use super::super::config::{
    BiasRule, BufferOrder, CapacityRule, CapacityScope, Config, DropOrder, Graph, HashTable,
    Overflow, Precision, Renormalise, Router, SecondChoice, Task, TieBreak, TokenSource,
};
use super::{index_of, nth, routes, trains};
use crate::core::Param;

/// Whether tokens are drawn from clusters.
fn clustered(c: &Config) -> bool {
    (drawn(c) && c.source == TokenSource::Clusters) || (trains(c) && c.task != Task::Digits)
}

/// Whether the router is drawn, and its tokens are no file's.
fn drawn(c: &Config) -> bool {
    routes(c) && c.data.is_none()
}

/// Whether the width of the embeddings is free.
fn has_width(c: &Config) -> bool {
    clustered(c) || (drawn(c) && c.source == TokenSource::Text)
}

const TIES: [TieBreak; 3] = [TieBreak::Lower, TieBreak::Higher, TieBreak::Random];
const SCOPES: [CapacityScope; 2] = [CapacityScope::Expert, CapacityScope::Device];
const PRECISIONS: [Precision; 3] = [Precision::Full, Precision::Bfloat16, Precision::E4m3];

pub(super) static PARAMS: &[Param<Config>] = &[
    Param::choice(
        "router",
        "Router",
        Router::NAMES,
        |c: &Config| index_of(&Router::ALL, &c.router),
        |c, v| c.router = nth(&Router::ALL, v),
    )
    .group("Router")
    .when(routes)
    .doc("The rule that sends tokens to experts."),
    Param::int("experts", "Experts", [1, 512], |c: &Config| c.experts, |c, v| c.experts = v)
        .log()
        .group("Router")
        .when(|c| trains(c) || (routes(c) && c.data.is_none()))
        .doc("Number of experts E."),
    Param::int("k", "Experts per token", [1, 8], |c: &Config| c.k, |c, v| c.k = v)
    .group("Router")
    .when(|c| {
        let own = matches!(
            c.router,
            Router::Switch | Router::Gshard | Router::Hash | Router::Base | Router::SparseTransport | Router::Blockffn | Router::Recorded
        );
        trains(c) || (routes(c) && !own)
    })
    .doc("k experts per token; on average for expert choice and Soft MoE, at least for DynMoLE. At most the number of experts."),
    Param::toggle("renormalise", "Renormalise gates", |c: &Config| c.renormalise, |c, v| c.renormalise = v)
        .group("Router")
        .when(|c| trains(c) || (routes(c) && c.router == Router::Mixtral))
        .doc("On: softmax gates are divided by their sum over the k chosen (Mixtral). Off: used as they are, so the weights sum to less than 1 (Qwen2-MoE, OLMoE)."),
    Param::int("groups", "Expert groups", [1, 64], |c: &Config| c.groups, |c, v| c.groups = v)
    .group("Router")
    .when(|c| routes(c) && c.router == Router::DeepseekV3)
    .doc("Experts stand in this many equal groups, one a node. A divisor of the number of experts."),
    Param::int("topk_group", "Groups per token", [1, 64], |c: &Config| c.topk_group, |c, v| c.topk_group = v)
    .group("Router")
    .when(|c| routes(c) && c.router == Router::DeepseekV3)
    .doc("A token may only use experts of its best groups; a group's score is the sum of its two largest scores."),
    Param::choice(
        "hash_table",
        "Table",
        &["random", "balanced by frequency"],
        |c: &Config| index_of(&[HashTable::Random, HashTable::Balanced], &c.hash_table),
        |c, v| c.hash_table = nth(&[HashTable::Random, HashTable::Balanced], v),
    )
    .group("Router")
    .when(|c| routes(c) && c.router == Router::Hash)
    .doc("How token ids are spread over the experts: at random, or the most frequent ids first, each to the expert with the least expected load."),
    Param::choice(
        "graph",
        "Graph of tokens",
        &["similarity", "attention"],
        |c: &Config| index_of(&[Graph::Similarity, Graph::Attention], &c.graph),
        |c, v| c.graph = nth(&[Graph::Similarity, Graph::Attention], v),
    )
    .group("Router")
    .when(|c| routes(c) && c.router == Router::TokenGraph)
    .doc("By what a token's scores are averaged over others: similarity, softmax of x·x' / τ over the whole batch; or causal attention to the tokens before it, four heads averaged, each a random projection of a quarter of the width, softmax of h·h' / (√d τ)."),
    Param::choice(
        "tie_break",
        "Equal scores",
        &["the lower expert", "the higher expert", "a random draw"],
        |c: &Config| index_of(&TIES, &c.tie_break),
        |c, v| c.tie_break = nth(&TIES, v),
    )
    .group("Router")
    .when(|c| routes(c) && c.breaks_ties())
    .advanced()
    .doc("Which of several equal scores a token takes. Libraries differ, and torch.topk promises nothing: with rounded logits the share of tokens that it decides is among the results."),
    Param::choice(
        "precision",
        "Precision of the logits",
        &["as computed", "bfloat16", "FP8 E4M3"],
        |c: &Config| index_of(&PRECISIONS, &c.precision),
        |c, v| c.precision = nth(&PRECISIONS, v),
    )
    .group("Router")
    .when(routes)
    .advanced()
    .doc("Rounds the router's logits: to bfloat16, as many routers run, or to 8 bits. Narrow formats make equal scores frequent."),
    Param::float(
        "temperature",
        "Temperature",
        [0.01, 100.0],
        |c: &Config| c.temperature,
        |c, v| c.temperature = v,
    )
    .log()
    .group("Router")
    .when(|c| routes(c) && matches!(c.router, Router::Cosine | Router::Sinkhorn | Router::TokenGraph))
    .doc("Divides the scores: cosines of X-MoE (0.5 at the start of its training), logits before Sinkhorn's normalisation, similarities of the graph of tokens."),
    Param::float(
        "transport_gamma",
        "Smoothing γ",
        [0.001, 10.0],
        |c: &Config| c.transport_gamma,
        |c, v| c.transport_gamma = v,
    )
    .log()
    .group("Router")
    .when(|c| routes(c) && c.router == Router::SparseTransport)
    .doc("Weight of the quadratic term of the transport problem."),
    Param::int("transport_steps", "Ascent steps", [1, 500], |c: &Config| c.transport_steps, |c, v| c.transport_steps = v)
    .log()
    .group("Router")
    .when(|c| routes(c) && c.router == Router::SparseTransport)
    .doc("Adam steps of 0.01 on the dual. The released router takes 20, which is not enough to converge: see the row error."),
    Param::float(
        "entropy_threshold",
        "Entropy threshold",
        [0.0, 1.0],
        |c: &Config| c.entropy_threshold,
        |c, v| c.entropy_threshold = v,
    )
    .group("Router")
    .when(|c| routes(c) && c.router == Router::Dynmole)
    .doc("Above this normalised entropy a token uses all experts."),
    Param::float(
        "top_p",
        "Top-p",
        [0.05, 1.0],
        |c: &Config| c.top_p,
        |c, v| c.top_p = v,
    )
    .group("Router")
    .when(|c| routes(c) && c.router == Router::Dynmole)
    .doc("Below the threshold: experts while their cumulated probability, their own included, stays within this."),
    Param::float(
        "tsallis_q",
        "Tsallis index q",
        [0.1, 2.0],
        |c: &Config| c.tsallis_q,
        |c, v| c.tsallis_q = v,
    )
    .group("Router")
    .when(|c| routes(c) && c.router == Router::Dynmole)
    .doc("Index of the entropy; 1 is Shannon's."),
    Param::float(
        "relu_shift",
        "Score threshold",
        [-8.0, 8.0],
        |c: &Config| c.relu_shift,
        |c, v| c.relu_shift = v,
    )
    .unit("logits")
    .group("Router")
    .when(|c| routes(c) && c.router == Router::Blockffn)
    .doc("Taken off the raw scores before the ReLU: the larger, the fewer experts are active."),
    Param::choice(
        "second_choice",
        "Second choice",
        &["always", "random, share of the pair", "random, raw probability", "sampled with noise"],
        |c: &Config| index_of(&[SecondChoice::Always, SecondChoice::Random, SecondChoice::RandomRaw, SecondChoice::Sampled], &c.second_choice),
        |c, v| c.second_choice = nth(&[SecondChoice::Always, SecondChoice::Random, SecondChoice::RandomRaw, SecondChoice::Sampled], v),
    )
    .group("Router")
    .when(|c| routes(c) && c.router == Router::Gshard)
    .doc("Three rules go by the name of random second. Share: sent when u < min(1, 2 g2), g2 over the pair (GShard). Raw: the same with the plain probability (NLLB). Sampled: Gumbel noise on the logits before the second choice (DeepSpeed)."),
    Param::choice(
        "gshard_weights",
        "Renormalise gates",
        &["after dropping", "before dropping"],
        |c: &Config| index_of(&[Renormalise::AfterDropping, Renormalise::BeforeDropping], &c.gshard_weights),
        |c, v| c.gshard_weights = nth(&[Renormalise::AfterDropping, Renormalise::BeforeDropping], v),
    )
    .group("Router")
    .when(|c| routes(c) && c.router == Router::Gshard)
    .doc("After: over the choices kept, so a token with one place left gives it weight 1. Before: over the pair, a dropped share is lost."),
    Param::choice(
        "bias_rule",
        "Bias step",
        &["sign", "proportional"],
        |c: &Config| index_of(&[BiasRule::Sign, BiasRule::Proportional], &c.bias_rule),
        |c, v| c.bias_rule = nth(&[BiasRule::Sign, BiasRule::Proportional], v),
    )
    .group("Router")
    .when(|c| (routes(c) && c.router.has_bias()) || (trains(c) && c.loss_free))
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
    .when(|c| (routes(c) && c.router.has_bias()) || (trains(c) && c.loss_free))
    .doc("Size of the bias step. Small settles slowly, large keeps hunting."),
    Param::float(
        "bias_decay",
        "Bias decay",
        [0.0, 1.0],
        |c: &Config| c.bias_decay,
        |c, v| c.bias_decay = v,
    )
    .group("Router")
    .when(|c| (routes(c) && c.router.has_bias()) || (trains(c) && c.loss_free))
    .doc("The step of batch t is u / (1 + t)^decay: 0 keeps it constant, 1 is the step for which theory gives logarithmic regret."),
    Param::toggle("limited", "Capacity limit", |c: &Config| c.limited, |c, v| c.limited = v)
        .group("Capacity")
        .when(|c| trains(c) || (routes(c) && !c.router.fills_experts()))
        .doc("Whether an expert refuses tokens over its capacity (off: dropless)."),
    Param::choice(
        "capacity_rule",
        "Capacity formula",
        &["ceil(factor k N / E)", "k ceil(N / E)", "k floor(factor ceil(N / E))"],
        |c: &Config| index_of(&[CapacityRule::Ceil, CapacityRule::Nllb, CapacityRule::Tutel], &c.capacity_rule),
        |c, v| c.capacity_rule = nth(&[CapacityRule::Ceil, CapacityRule::Nllb, CapacityRule::Tutel], v),
    )
    .group("Capacity")
    .when(|c| routes(c) && c.has_capacity())
    .doc("Places per expert, at least 1: DeepSpeed's and Switch's formula, NLLB's (without a factor), Tutel's. Where devices share places, E is their number."),
    Param::choice(
        "capacity_scope",
        "Capacity per",
        &["expert", "device"],
        |c: &Config| index_of(&SCOPES, &c.capacity_scope),
        |c, v| c.capacity_scope = nth(&SCOPES, v),
    )
    .group("Capacity")
    .when(|c| routes(c) && c.has_capacity() && !c.router.fills_experts())
    .doc("Per expert: each has places of its own. Per device: the experts of a device, in their order, share its places (DeepSeek-V2), so a busy expert may use what a quiet neighbour leaves, and the device still ends in time. Set the devices under System."),
    Param::float("protected", "Protected sequences", [0.0, 1.0], |c: &Config| c.protected, |c, v| c.protected = v)
        .group("Capacity")
        .when(|c| routes(c) && c.per_device())
        .doc("Share of the sequences of 32 tokens, drawn at random, whose pairs are never dropped (DeepSeek-V2 protects a tenth): they take places first, and more than there are if need be. Above 0 the places are given on the CPU: the kernels serve pairs in their order."),
    Param::float(
        "capacity_factor",
        "Capacity factor",
        [0.1, 8.0],
        |c: &Config| c.capacity_factor,
        |c, v| c.capacity_factor = v,
    )
    .log()
    .group("Capacity")
    .when(|c| {
        let counts = c.has_capacity() || c.router == Router::SoftMoe;
        (trains(c) && c.limited) || (routes(c) && counts && c.capacity_rule != CapacityRule::Nllb)
    })
    .doc("Places per expert over the balanced load; slots per expert of Soft MoE."),
    Param::choice(
        "drop_order",
        "Who keeps a place",
        &["first come", "best gate", "last come", "random"],
        |c: &Config| index_of(&[DropOrder::Token, DropOrder::Score, DropOrder::Last, DropOrder::Random], &c.drop_order),
        |c, v| c.drop_order = nth(&[DropOrder::Token, DropOrder::Score, DropOrder::Last, DropOrder::Random], v),
    )
    .group("Capacity")
    .when(|c| routes(c) && c.limited && !c.router.fills_experts())
    .doc("Which of an expert's tokens stay when there are too many. Equal gates: the lower token stays."),
    Param::choice(
        "buffer_order",
        "Buffer order",
        &["choice by choice", "token by token", "best tokens first"],
        |c: &Config| index_of(&[BufferOrder::ChoiceMajor, BufferOrder::TokenMajor, BufferOrder::Prioritised], &c.buffer_order),
        |c, v| c.buffer_order = nth(&[BufferOrder::ChoiceMajor, BufferOrder::TokenMajor, BufferOrder::Prioritised], v),
    )
    .group("Capacity")
    .when(|c| {
        routes(c) && (c.limited && !c.router.fills_experts() && matches!(c.drop_order, DropOrder::Token | DropOrder::Last))
    })
    .doc("In which order pairs ask for places: all first choices before any second choice (GShard, Tutel, DeepSpeed), token by token (Megatron's permutation), or choice by choice with the surest tokens first (batch-prioritised routing)."),
    Param::choice(
        "overflow",
        "Overflow",
        &["drop", "re-route", "fill idle places"],
        |c: &Config| index_of(&[Overflow::Drop, Overflow::Reroute, Overflow::Expand], &c.overflow),
        |c, v| c.overflow = nth(&[Overflow::Drop, Overflow::Reroute, Overflow::Expand], v),
    )
    .group("Capacity")
    .when(|c| routes(c) && c.limited && !c.router.fills_experts() && !c.per_device())
    .doc("Pairs over the capacity are dropped; or go, surest first, to their best expert with room; or are dropped while every idle place takes the best token it can get."),
    Param::int("tokens", "Tokens per batch", [1, 65_536], |c: &Config| c.tokens, |c, v| c.tokens = v)
        .log()
        .unit("tokens")
        .group("Tokens")
        .when(routes)
    .doc("Tokens routed together; capacity is per batch."),
    Param::int("batches", "Batches", [1, 400], |c: &Config| c.batches, |c, v| c.batches = v)
        .log()
        .group("Tokens")
        .when(routes)
    .doc("Batches routed one after the other."),
    Param::int("layer", "Layer of the file", [0, 4095], |c: &Config| c.layer, |c, v| c.layer = v)
        .group("Tokens")
        .when(|c| routes(c) && c.data.is_some())
        .doc("Which layer of the imported file is routed, from 0."),
    Param::choice(
        "source",
        "Tokens from",
        TokenSource::NAMES,
        |c: &Config| index_of(&TokenSource::ALL, &c.source),
        |c, v| c.source = nth(&TokenSource::ALL, v),
    )
    .group("Tokens")
    .when(drawn)
    .doc("Clusters: Gaussian ones, whose number is known. A text: the words of \"Alice's Adventures in Wonderland\" in their order, from a place that the seed sets; a word is its hashed character trigrams, projected from their positive pointwise mutual information within four words. Digits: images of handwritten digits of 8 × 8 pixels, (v / 16 - 0.3) / 0.38."),
    Param::int("clusters", "Token clusters", [1, 24], |c: &Config| c.clusters, |c, v| c.clusters = v)
        .group("Tokens")
        .when(clustered)
        .doc("Tokens come from this many Gaussian clusters: topics, languages, word classes."),
    Param::float(
        "cluster_skew",
        "Cluster skew",
        [0.0, 3.0],
        |c: &Config| c.cluster_skew,
        |c, v| c.cluster_skew = v,
    )
    .group("Tokens")
    .when(clustered)
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
    .when(|c| routes(c) && c.data.is_none())
    .doc("Standard deviation of a fixed preference for some experts, whatever the token."),
    Param::float("spread", "Cluster spread", [0.0, 4.0], |c: &Config| c.spread, |c, v| c.spread = v)
        .group("Tokens")
        .when(clustered)
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
    .when(|c| routes(c) && c.data.is_none())
    .advanced()
    .doc("Standard deviation of the logits that come from the token: 0 ignores the token."),
    Param::float(
        "correlation",
        "Correlation along the sequence",
        [0.0, 0.95],
        |c: &Config| c.correlation,
        |c, v| c.correlation = v,
    )
    .group("Tokens")
    .when(|c| drawn(c) && c.source == TokenSource::Clusters)
    .advanced()
    .doc("How much a token resembles the one before it: its cluster stays with this probability, and its deviation is a moving average over 16 tokens with these weights."),
    Param::float("drift", "Topic drift", [0.0, 0.5], |c: &Config| c.drift, |c, v| c.drift = v)
        .unit("turns per batch")
        .group("Tokens")
        .when(|c| drawn(c) && c.source == TokenSource::Clusters)
        .advanced()
        .doc("How fast the popular clusters change places over the batches."),
    Param::int("dim", "Embedding width", [1, 64], |c: &Config| c.dim, |c, v| c.dim = v)
        .group("Tokens")
        .when(has_width)
        .advanced()
        .doc("Width D of the token embeddings."),
    Param::int("seed", "Seed", [0, u32::MAX as u64], |c: &Config| c.seed, |c, v| c.seed = v)
        .group("Tokens")
        .doc("Seed of centres, router and tokens."),
    Param::int("devices", "Devices", [1, 64], |c: &Config| c.devices, |c, v| c.devices = v)
        .log()
        .group("System")
        .when(routes)
    .doc("Devices that share the experts and the tokens (expert parallelism)."),
    Param::int("spare_slots", "Spare expert slots", [0, 256], |c: &Config| c.spare_slots, |c, v| {
        c.spare_slots = v;
    })
    .group("System")
    .when(routes)
    .doc("Room for second copies of busy experts, over all devices; rounded up to a multiple of the devices."),
    Param::float("token_kib", "Size of a token", [0.1, 256.0], |c: &Config| c.token_kib, |c, v| c.token_kib = v)
        .log()
        .unit("KiB")
        .group("System")
        .advanced()
        .when(routes)
    .doc("What travels for one token: width times bytes per element; 7,168 × 2 bytes is 14 KiB."),
    Param::float("expert_mib", "Size of an expert", [0.1, 4096.0], |c: &Config| c.expert_mib, |c, v| {
        c.expert_mib = v;
    })
    .log()
    .unit("MiB")
    .group("System")
    .advanced()
    .when(routes)
    .doc("Weights of one expert: 3 × 7,168 × 2,048 × 2 bytes is 84 MiB."),
];
