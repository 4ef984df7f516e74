//! Laws of the routing lab.

mod batches;
mod devices;
mod files;
mod rules;
mod runs;
mod sources;

use proptest::prelude::*;
use schedlab::core::finish;
use schedlab::labs::routing::{
    BatchRun, BufferOrder, CapacityRule, Config, DropOrder, Overflow, Router, Routing, SecondChoice,
};
use schedlab::labs::{Lab as _, Library};

fn run(config: &Config) -> BatchRun {
    let mut job = Routing::start(config, &Library::default()).expect("a legal config");
    let run = finish(&mut *job).expect("the run ends");
    run.batches().cloned().expect("batches of tokens")
}

/// Small setups of every rule.
fn configs() -> impl Strategy<Value = Config> {
    (
        // The last router replays a file.
        (0..Router::ALL.len() - 1, 1..12_u64, 1..4_u64, 1..80_u64),
        (0.2..2.5_f64, 0..4_usize, any::<bool>(), 0..4_usize),
        (0..1000_u64, 0.0..2.0_f64, 0.0..3.0_f64),
        (0..3_usize, 0..3_usize, 0..3_usize),
    )
        .prop_map(
            |(
                (router, experts, k, tokens),
                (factor, who, limited, second),
                (seed, skew, scale),
                (order, overflow, formula),
            )| {
                let experts = experts.max(k).max(2);
                Config {
                    seed,
                    router: Router::ALL[router],
                    experts,
                    k,
                    groups: 1,
                    topk_group: 1,
                    limited,
                    capacity_factor: factor,
                    drop_order: [
                        DropOrder::Token,
                        DropOrder::Score,
                        DropOrder::Last,
                        DropOrder::Random,
                    ][who],
                    buffer_order: [
                        BufferOrder::ChoiceMajor,
                        BufferOrder::TokenMajor,
                        BufferOrder::Prioritised,
                    ][order],
                    overflow: [Overflow::Drop, Overflow::Reroute, Overflow::Expand][overflow],
                    capacity_rule: [CapacityRule::Ceil, CapacityRule::Nllb, CapacityRule::Tutel]
                        [formula],
                    second_choice: [
                        SecondChoice::Always,
                        SecondChoice::Random,
                        SecondChoice::RandomRaw,
                        SecondChoice::Sampled,
                    ][second],
                    tokens,
                    batches: 2,
                    router_skew: skew,
                    logit_scale: scale,
                    ..Config::default()
                }
            },
        )
}
