//! The systems of this lab, one file each.

mod base_layers;
mod blockffn;
mod capacity_aware;
mod deepseek_v3;
mod dr_llm;
mod duo_llm;
mod dynmole;
mod expert_choice;
mod expert_flow;
mod first;
mod fsmoe;
mod ftp;
mod granite;
mod graph_of_tokens;
mod gshard;
mod hash_layers;
mod loss_free;
mod mixtral;
mod mixture_of_depths;
mod moe_cap;
mod openmoe;
mod palbert;
mod primal_dual;
mod s_base;
mod soft_moe;
mod sparse_transport;
mod switch;
mod x_moe;

mod aptp;
mod arbitrage;
mod attention_aware;
mod auxiliary_loss;
mod carrot;
mod ebjr;
mod erc;
mod glider;
mod glimp_router;
mod loss_free_training;
mod minions;
mod multi_head_adapters;
mod openmoe_routing;
mod rewiring;
mod roma;
mod same;
mod shift_add_vit;
mod stem;
mod tcandon;
mod tryage;
use super::config::{BufferOrder, Config, Graph, LayerRule, QueryRule, Router, Study, Task, World};
use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &mixtral::MIXTRAL,
    &granite::GRANITE,
    &switch::SWITCH,
    &openmoe::OPENMOE,
    &gshard::GSHARD,
    &expert_choice::EXPERT_CHOICE,
    &loss_free::LOSS_FREE,
    &primal_dual::PRIMAL_DUAL,
    &deepseek_v3::DEEPSEEK_V3,
    &capacity_aware::CAPACITY_AWARE,
    &moe_cap::MOE_CAP,
    &expert_flow::EXPERT_FLOW,
    &s_base::S_BASE,
    &base_layers::BASE_LAYERS,
    &sparse_transport::SPARSE_TRANSPORT,
    &soft_moe::SOFT_MOE,
    &x_moe::X_MOE,
    &hash_layers::HASH_LAYERS,
    &dynmole::DYNMOLE,
    &blockffn::BLOCKFFN,
    &graph_of_tokens::GRAPH_OF_TOKENS,
    &attention_aware::ATTENTION_AWARE,
    &auxiliary_loss::AUXILIARY_LOSS,
    &loss_free_training::LOSS_FREE_TRAINING,
    &erc::ERC,
    &shift_add_vit::SHIFT_ADD_VIT,
    &openmoe_routing::OPENMOE_ROUTING,
    &same::SAME,
    &dr_llm::DR_LLM,
    &duo_llm::DUO_LLM,
    &palbert::PALBERT,
    &ftp::FTP,
    &mixture_of_depths::MIXTURE_OF_DEPTHS,
    &first::FIRST,
    &carrot::CARROT,
    &tryage::TRYAGE,
    &ebjr::EBJR,
    &arbitrage::ARBITRAGE,
    &glimp_router::GLIMP_ROUTER,
    &aptp::APTP,
    &tcandon::TCANDON,
    &glider::GLIDER,
    &multi_head_adapters::MULTI_HEAD_ADAPTERS,
    &rewiring::REWIRING,
    &roma::ROMA,
    &stem::STEM,
    &fsmoe::FSMOE,
    &minions::MINIONS,
];

/// Key of the system a config runs, if it is one of the registry's.
pub(super) fn id_of(config: &Config) -> Option<&'static str> {
    match config.world {
        World::Batches => batch_id(config),
        World::Training => training_id(config),
        World::Layers => layer_id(config),
        World::Queries => query_id(config),
        World::Studies => Some(study_id(config)),
    }
}

fn study_id(config: &Config) -> &'static str {
    match config.study {
        Study::Glider => "glider",
        Study::Heads => "multi-head-adapters",
        Study::Rewire => "rewiring-experts",
        Study::Manifold => "roma",
        Study::Lookup => "stem",
        Study::Pipeline => "fsmoe",
        Study::Minions => "minions",
    }
}

fn query_id(config: &Config) -> Option<&'static str> {
    match config.query_rule {
        QueryRule::Carrot => Some("carrot"),
        QueryRule::Tryage => Some("tryage"),
        QueryRule::Energy => Some("ebjr"),
        QueryRule::Advantage => Some("arbitrage"),
        QueryRule::Glimpse => Some("glimp-router"),
        QueryRule::Codes => Some("aptp"),
        QueryRule::Agents => Some("tcandon-router"),
        QueryRule::CodesNearest
        | QueryRule::Entropy
        | QueryRule::MaxProb
        | QueryRule::Margin
        | QueryRule::Reward
        | QueryRule::Random
        | QueryRule::Oracle => None,
    }
}

fn layer_id(config: &Config) -> Option<&'static str> {
    match config.layer_rule {
        LayerRule::Routed => Some("dr-llm"),
        LayerRule::Oracle => Some("duo-llm"),
        LayerRule::QExit => Some("palbert"),
        LayerRule::Allocated => Some("ftp"),
        LayerRule::Depths => Some("mixture-of-depths"),
        LayerRule::First => Some("first"),
        LayerRule::Full
        | LayerRule::Fixed
        | LayerRule::Sampled
        | LayerRule::Patience
        | LayerRule::Uniform
        | LayerRule::DepthsCausal
        | LayerRule::FirstToken => None,
    }
}

fn training_id(config: &Config) -> Option<&'static str> {
    if config.task == Task::Sequence {
        Some("same")
    } else if config.latency_weight > 0.0 {
        Some("shift-add-vit")
    } else if config.erc_weight > 0.0 {
        Some("expert-router-coupling")
    } else if config.context > 0.0 && config.task == Task::Mixture {
        Some("openmoe-routing")
    } else if config.loss_free {
        Some("loss-free-training")
    } else {
        (config.aux_weight > 0.0).then_some("auxiliary-loss")
    }
}

fn batch_id(config: &Config) -> Option<&'static str> {
    Some(match config.router {
        _ if config.has_second_chance() => "capacity-aware-inference",
        Router::Mixtral if config.correlation > 0.0 && !config.limited => "moe-cap",
        // More experts than a device would hold, none of them full: a question for its cache.
        Router::Mixtral if !config.limited && config.experts >= 32 => "expertflow",
        Router::Mixtral => "mixtral",
        Router::Granite => "granite-moe",
        Router::Switch if config.limited && config.buffer_order == BufferOrder::TokenMajor => {
            "openmoe"
        }
        Router::Switch => "switch",
        Router::Gshard => "gshard",
        Router::ExpertChoice => "expert-choice",
        Router::LossFree if config.bias_decay > 0.0 => "primal-dual-balancing",
        Router::LossFree => "loss-free-balancing",
        Router::DeepseekV3 => "deepseek-v3",
        Router::Cosine => "x-moe",
        Router::Hash => "hash-layers",
        Router::Sinkhorn => "s-base",
        Router::Base => "base-layers",
        Router::SparseTransport => "sparse-transport",
        Router::Dynmole => "dynmole",
        Router::Blockffn => "blockffn",
        Router::SoftMoe => "soft-moe",
        Router::TokenGraph if config.graph == Graph::Attention => "attention-aware-routing",
        Router::TokenGraph => "graph-of-tokens",
        Router::Recorded => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::{Effort, Setup, stored_claims};

    /// Claims about training take seconds each when optimised, minutes when not: their parts are
    /// tested where they are defined, and their stored results below.
    fn is_light(exhibit: &Exhibit) -> bool {
        matches!((exhibit.setup)(), Setup::Routing(c) if c.world == World::Batches)
    }

    #[test]
    fn stored_results_of_the_long_claims_are_sound() {
        for exhibit in EXHIBITS.iter().filter(|e| !is_light(e)) {
            let stored = stored_claims().iter().find(|c| c.id == exhibit.id);
            let result = &stored.expect(exhibit.id).result;
            assert!(
                result.interval[0] <= result.measured && result.measured <= result.interval[1],
                "{}: {result:?}",
                exhibit.id
            );
            assert!(result.seeds.len() >= 5, "{}: {result:?}", exhibit.id);
        }
    }

    #[test]
    fn every_claim_runs_and_its_interval_holds_the_mean() {
        for exhibit in EXHIBITS {
            let claim = exhibit
                .claim
                .expect("every exhibit of this lab has a claim");
            if !is_light(exhibit) {
                continue;
            }
            let result = finish(&mut *(claim.start)(Effort::Quick)).unwrap();
            assert!(
                result.interval[0] <= result.measured && result.measured <= result.interval[1],
                "{}: {result:?}",
                exhibit.id
            );
            assert!(
                result.seeds.len() >= 5 && !result.why.is_empty(),
                "{}: {result:?}",
                exhibit.id
            );
            println!(
                "{}: {} {} {:?} {:?}: {}",
                exhibit.id,
                result.measured,
                result.unit,
                result.interval,
                result.verdict,
                result.why
            );
        }
    }
}
