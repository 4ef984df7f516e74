//! Adaptive orchestration over accelerators of two kinds (arXiv 2503.20074).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::aside::World;
use crate::labs::serving::aside::accelerators::{AcceleratorsConfig, Weighing};
use crate::labs::serving::aside::claim::{Trial, start};
use crate::labs::serving::config::Config;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static ADAPTIVE_ORCHESTRATION: Exhibit = Exhibit {
    id: "adaptive-orchestration",
    lab: LabKind::Serving,
    title: "Adaptive orchestration (cost and capacity modes)",
    idea: "Cheap accelerators come from a market that can take them away; sure ones cost more. A control loop sends requests where an answer is cheap while there is room, goes over to wherever capacity is free when it runs short, and comes back after things have cooled down.",
    paper: Paper {
        title: "Adaptive orchestration for large-scale inference on heterogeneous accelerator systems balancing cost, performance, and resilience",
        authors: "Biran, Kissos",
        year: 2025,
        arxiv: "2503.20074",
    },
    basis: Basis::AbstractOnly,
    deviations: "Modes, signals and numbers are our choice: the time of an answer is that without waiting, capacity is what can be had at the moment, started or not, in use is the larger of what is there and what costs would send there, and the loop starts and stops instances by the requests in their pool. While cheap instances are scarce all but a few are taken away at once; requests that ran there start again elsewhere. Requests and answers travel in no time.",
    equation: "share of pool p ∝ 1/(price·time of an answer); ∝ free capacity while max over p of (in use/capacity) > θ, and until it was below θ − h for the cool-down",
    symbols: &[
        (
            "θ",
            "share of a pool's capacity in use that counts as short",
        ),
        ("h", "hysteresis"),
    ],
    setup: || {
        // Scarce times come often, so that they are seen.
        let mut config = config(Weighing::Adaptive, 5000);
        config.accelerators.plenty_secs = 250.0;
        config.accelerators.scarce_secs = 100.0;
        Setup::Serving(config)
    },
    claim: Some(Claim {
        statement: "Meets latency targets while traffic is redirected in times of short capacity, and uses cheaper accelerators where possible (the abstract gives no figure).",
        experiment: "Up to twelve cheap and ten sure instances under a load that doubles now and then, two cheap ones left in scarce times: the smaller of two ratios, cost by capacity alone over adaptive, and P95 latency by cost alone over adaptive. Above 1, both modes are needed.",
        start: both,
    }),
};

fn config(weighing: Weighing, requests: u64) -> Config {
    Config {
        world: World::Accelerators,
        accelerators: Box::new(AcceleratorsConfig {
            weighing,
            requests,
            ..AcceleratorsConfig::default()
        }),
        ..Config::default()
    }
}

fn both(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    // Half an hour: scarce times are minutes apart.
    let requests = 16_000;
    let trial = Trial {
        quantity: "smaller of the cost by capacity and the P95 latency by cost, each over adaptive",
        sides: Weighing::ALL
            .map(|weighing| config(weighing, requests))
            .to_vec(),
        ratio: |runs| {
            let [cost, capacity, adaptive] = [0, 1, 2].map(|i| &runs[i]);
            let of = |side: &crate::labs::serving::aside::AsideRun, id| {
                side.value(id) / adaptive.value(id)
            };
            of(capacity, "cost_per_1000").min(of(cost, "latency_p95_secs"))
        },
        claimed: [1.0, f64::INFINITY],
        claimed_where: "is where a mode alone would do; the abstract gives no figure",
        conditions: "Cost alone fails where cheap instances are taken away from most of the traffic; capacity alone pays for sure instances all the time. Every change of mode costs starts: where cheap instances are scarce every few minutes, adapting costs as much as capacity alone and only the latency gains. The saving depends on the distance of the prices.",
    };
    start(trial, effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::serving::aside::{AsideRun, start};

    fn run(weighing: Weighing, scarce: bool) -> AsideRun {
        let mut config = config(weighing, 8000);
        if !scarce {
            config.accelerators.plenty_secs = 1e6;
        }
        finish(&mut *start(&config).unwrap()).unwrap()
    }

    #[test]
    fn capacity_costs_more_and_cost_waits_longer_while_cheap_ones_are_scarce() {
        let [cost, capacity, adaptive] = Weighing::ALL.map(|w| run(w, true));
        let dollars = |run: &AsideRun| run.value("cost_per_1000");
        assert!(dollars(&adaptive) < dollars(&capacity));
        let tail = |run: &AsideRun| run.value("latency_p95_secs");
        assert!(tail(&adaptive) < tail(&cost));
    }

    #[test]
    fn with_cheap_ones_in_plenty_and_room_there_is_nothing_to_adapt() {
        let run = run(Weighing::Adaptive, false);
        assert_eq!(run.value("lost_starts"), 0.0);
        assert!(run.value("cheap_percent") > 60.0);
    }
}
