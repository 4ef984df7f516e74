//! Starting points of the lab.

use super::config::{
    CapacityScope, Config, DropOrder, LayerRule, Overflow, QueryRule, Router, Score, Task, World,
};
use crate::labs::Preset;

/// The first is the one the lab opens with.
pub(super) static PRESETS: &[Preset<Config>] = &[
    Preset {
        name: "Overflow",
        doc: "A router with favourites: two experts overflow while others idle, and the tokens that come last are dropped.",
        config: || Config {
            router_skew: 0.8,
            ..Config::default()
        },
    },
    Preset {
        name: "Pure chance",
        doc: "A router without favourites on tokens without order: the loads still differ, and this spread is the floor that no router beats.",
        config: || Config {
            clusters: 24,
            cluster_skew: 0.0,
            spread: 4.0,
            router_skew: 0.0,
            logit_scale: 1.0,
            dim: 64,
            ..Config::default()
        },
    },
    Preset {
        name: "Bias finds the balance",
        doc: "Loss-free balancing: watch the selection bias push tokens from the full experts to the idle ones, batch after batch.",
        config: || Config {
            router: Router::LossFree,
            router_skew: 0.8,
            batches: 60,
            ..Config::default()
        },
    },
    Preset {
        name: "Experts choose",
        doc: "Every expert takes its best tokens: perfect balance, but some tokens get no expert at all.",
        config: || Config {
            router: Router::ExpertChoice,
            router_skew: 0.8,
            k: 1,
            capacity_factor: 1.0,
            ..Config::default()
        },
    },
    Preset {
        name: "Best gate keeps its place",
        doc: "The same overflow, but a full expert throws out its weakest token when a better one comes.",
        config: || Config {
            router_skew: 0.8,
            drop_order: DropOrder::Score,
            ..Config::default()
        },
    },
    Preset {
        name: "Second chance",
        doc: "The same overflow re-routed: what a full expert turns away goes to the next best one with room. Look at it as a heat map.",
        config: || Config {
            router_skew: 0.8,
            drop_order: DropOrder::Score,
            overflow: Overflow::Reroute,
            ..Config::default()
        },
    },
    Preset {
        name: "The price of balance",
        doc: "Exact balanced assignment: every expert takes the same number of tokens at the least loss of value. The chart of value against balance shows the other rules on the same tokens.",
        config: || Config {
            router: Router::Base,
            router_skew: 0.8,
            ..Config::default()
        },
    },
    Preset {
        name: "DeepSeek-V3",
        doc: "256 experts in 8 groups, 8 of them per token from at most 4 groups, a bias that learns to balance.",
        config: || Config {
            router: Router::DeepseekV3,
            experts: 256,
            groups: 8,
            topk_group: 4,
            k: 8,
            tokens: 1024,
            batches: 16,
            bias_rate: 0.01,
            limited: false,
            clusters: 12,
            devices: 8,
            ..Config::default()
        },
    },
    Preset {
        name: "Many experts",
        doc: "64 experts, 2,048 tokens, 4 experts each: the picture gathers tokens into ribbons.",
        config: || Config {
            experts: 64,
            k: 4,
            tokens: 2048,
            batches: 4,
            clusters: 12,
            router_skew: 0.4,
            ..Config::default()
        },
    },
    Preset {
        name: "Collapse",
        doc: "A mixture of 16 experts in training, one per digit image, nothing to balance it: most experts die. Play it, then give the auxiliary loss a weight of 0.1.",
        config: || Config {
            world: World::Training,
            score: Score::Softmax,
            renormalise: false,
            experts: 16,
            k: 1,
            limited: false,
            ..Config::default()
        },
    },
    Preset {
        name: "Balance while learning",
        doc: "Eight experts learn handwritten digits, two each, with the loss-free bias: load, specialisation and accuracy over the updates.",
        config: || Config {
            world: World::Training,
            loss_free: true,
            bias_rate: 1e-3,
            limited: false,
            ..Config::default()
        },
    },
    Preset {
        name: "Learn A, then B",
        doc: "Two tasks in sequence: the router forgets where the first task's tokens went. Switch the protection on.",
        config: || Config {
            world: World::Training,
            task: Task::Sequence,
            clusters: 12,
            overlap: 0.25,
            learning_rate: 1e-2,
            train_steps: 800,
            limited: false,
            ..Config::default()
        },
    },
    Preset {
        name: "Skip, run, repeat",
        doc: "A small network on noisy digits whose blocks can be skipped or run twice: trained routers decide. Play it block by block, then compare with the oracle.",
        config: || Config {
            world: World::Layers,
            ..Config::default()
        },
    },
    Preset {
        name: "Leave early",
        doc: "The same network with an exit after every block: leave where the cumulated exit probability passes one half.",
        config: || Config {
            world: World::Layers,
            layer_rule: LayerRule::QExit,
            ..Config::default()
        },
    },
    Preset {
        name: "Which model answers",
        doc: "Five models of different cost and quality: play the weight of cost and watch the queries move to cheaper ones.",
        config: || Config {
            world: World::Queries,
            ..Config::default()
        },
    },
    Preset {
        name: "Ask the strong one",
        doc: "A weak network reads digits, a strong one is asked where the weak one is unsure: which signal finds its mistakes?",
        config: || Config {
            world: World::Queries,
            query_rule: QueryRule::Energy,
            train_steps: 300,
            ..Config::default()
        },
    },
    Preset {
        name: "Devices share places",
        doc: "Capacity per device: a busy expert may use what its neighbours on the device leave, so fewer tokens are dropped in the same time. A tenth of the sequences is protected. Look at it under Rules, too.",
        config: || Config {
            experts: 16,
            router_skew: 0.8,
            drop_order: DropOrder::Score,
            capacity_scope: CapacityScope::Device,
            ..Config::default()
        },
    },
];
