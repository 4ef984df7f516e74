//! What a config is called in legends.

use super::config::{
    Config, DropOrder, Estimate, Graph, LayerRule, Overflow, QueryRule, Router, Score, Study, Task,
    World,
};

/// Short name of what a config runs.
pub(super) fn label(config: &Config) -> String {
    match config.world {
        World::Batches => batches(config),
        World::Training => training(config),
        World::Layers => layers(config),
        World::Queries => queries(config),
        World::Studies => studies(config),
    }
}

fn studies(config: &Config) -> String {
    match config.study {
        Study::Glider => format!("Glider, β {}", config.global_weight),
        Study::Heads => format!("{} adapters in {} blocks", config.stock, config.heads),
        Study::Rewire => format!("Rewiring every {} items", config.interval),
        Study::Manifold => format!("RoMA, {} neighbours", config.neighbours),
        Study::Pipeline => format!("FSMoE, traffic {}", config.traffic),
        Study::Minions => format!("Minions, {} samples a job", config.samples),
        Study::Lookup => format!("STEM, word {} edited", config.edited_word),
    }
}

fn queries(config: &Config) -> String {
    let at = QueryRule::ALL.iter().position(|r| *r == config.query_rule);
    let rule = at.and_then(|i| QueryRule::NAMES.get(i)).unwrap_or(&"");
    match config.estimate {
        _ if !config.query_rule.is_pool() => (*rule).to_owned(),
        Estimate::Perfect => format!("{rule}, true qualities"),
        Estimate::Noisy => format!("{rule}, noise {}", config.estimate_noise),
        Estimate::Neighbours => format!("{rule}, {} answered", config.training_queries),
    }
}

fn layers(config: &Config) -> String {
    let at = LayerRule::ALL.iter().position(|r| *r == config.layer_rule);
    let rule = at.and_then(|i| LayerRule::NAMES.get(i)).unwrap_or(&"");
    match config.layer_rule {
        LayerRule::Routed if config.control != -0.5 => {
            format!("{rule}, control {}", config.control)
        }
        LayerRule::Uniform | LayerRule::Allocated | LayerRule::First | LayerRule::FirstToken => {
            format!("{rule}, {}", config.skipped)
        }
        LayerRule::Depths | LayerRule::DepthsCausal => {
            format!("{rule}, capacity {}", config.depth_capacity)
        }
        _ => (*rule).to_owned(),
    }
}

fn batches(config: &Config) -> String {
    let name = match config.router {
        Router::Mixtral => format!("Mixtral top-{}", config.k),
        Router::Granite => format!("Granite top-{}", config.k),
        Router::Switch => "Switch top-1".to_owned(),
        Router::Gshard => "GShard top-2".to_owned(),
        Router::ExpertChoice => format!("Expert choice, {} per token", config.k),
        Router::LossFree => format!("Loss-free top-{}, u {}", config.k, config.bias_rate),
        Router::DeepseekV3 => format!(
            "DeepSeek-V3 top-{} in {} of {} groups",
            config.k, config.topk_group, config.groups
        ),
        Router::Cosine => format!("X-MoE top-{}", config.k),
        Router::Hash => "Hash".to_owned(),
        Router::Sinkhorn => format!("S-BASE top-{}, τ {}", config.k, config.temperature),
        Router::Base => "BASE".to_owned(),
        Router::SparseTransport => format!("Sparse transport, {} steps", config.transport_steps),
        Router::Dynmole => format!("DynMoLE, threshold {}", config.entropy_threshold),
        Router::Blockffn => "BlockFFN".to_owned(),
        Router::SoftMoe => format!("Soft MoE, {} slots", config.slots()),
        Router::TokenGraph => {
            let graph = match config.graph {
                Graph::Similarity => "Token graph",
                Graph::Attention => "Attention graph",
            };
            format!("{graph} top-{}, τ {}", config.k, config.temperature)
        }
        Router::Recorded => "As recorded".to_owned(),
    };
    let name = match &config.data {
        Some(key) => format!("{name} on {} layer {}", key.name, config.layer),
        None => name,
    };
    if !config.has_capacity() {
        return if config.router == Router::SoftMoe {
            name
        } else {
            format!("{name}, dropless")
        };
    }
    let own = config.router.fills_experts();
    let who = match config.drop_order {
        _ if own => "",
        DropOrder::Token => "",
        DropOrder::Score => ", best gate",
        DropOrder::Last => ", last come",
        DropOrder::Random => ", random",
    };
    let then = match config.overflow {
        _ if own => "",
        _ if config.per_device() => " per device",
        Overflow::Drop => "",
        Overflow::Reroute => ", re-route",
        Overflow::Expand => ", fill",
    };
    format!("{name}, capacity {}{who}{then}", config.capacity_factor)
}

fn training(config: &Config) -> String {
    let task = match config.task {
        Task::Digits => "digits",
        Task::Mixture => "clusters",
        Task::Sequence => "two tasks",
    };
    let score = match config.score {
        Score::Sigmoid => "sigmoid",
        Score::Softmax => "softmax",
    };
    let mut terms = Vec::new();
    if config.loss_free {
        terms.push(format!("bias {}", config.bias_rate));
    }
    for (word, weight) in [
        ("auxiliary loss", config.aux_weight),
        ("coupling", config.erc_weight),
        ("latency", config.latency_weight),
        ("z-loss", config.z_weight),
    ] {
        if weight > 0.0 {
            terms.push(format!("{word} {weight}"));
        }
    }
    if config.protect && config.task == Task::Sequence {
        terms.push("protected".to_owned());
    }
    if terms.is_empty() {
        terms.push("no balancing".to_owned());
    }
    format!(
        "{task}, {score} top-{} of {}, {}",
        config.k,
        config.experts,
        terms.join(", ")
    )
}
