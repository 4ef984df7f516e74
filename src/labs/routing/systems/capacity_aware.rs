//! Capacity-Aware Inference (arXiv 2503.05066, CASE-Lab-UMD/Capacity-Aware-MoE): drop by score, re-route, or fill idle places.

use super::super::claims::{Measured, Plan, metric};
use super::super::config::{Config, DropOrder, Overflow};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Second chances for overflow.
pub(super) static CAPACITY_AWARE: Exhibit = Exhibit {
    id: "capacity-aware-inference",
    lab: LabKind::Routing,
    title: "Capacity-Aware Inference",
    idea: "At inference the busiest expert sets the pace. A capacity cuts it off: pairs with small gates are dropped, or re-routed to experts with room, or idle places are filled with tokens that did not ask.",
    paper: Paper {
        title: "Capacity-Aware Inference: Mitigating the Straggler Effect in Mixture of Experts",
        authors: "He et al.",
        year: 2025,
        arxiv: "2503.05066",
    },
    basis: Basis::Code,
    deviations: "Layer time is taken as proportional to the largest load. The quality figures of the paper need its models and are not tested.",
    equation: "C = ceil(γ k N / E); each expert keeps its C best pairs by gate; re-route: overflow by descending gate to the best expert with room; fill: every expert keeps its C best tokens",
    symbols: &[
        ("γ", "capacity factor"),
        ("k", "experts per token"),
        ("N, E", "tokens per batch, experts"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Dropping by score keeps more than dropping by order, and filling idle places regains what was lost, at a layer time set by γ instead of the busiest expert.",
        experiment: "A router with favourites at γ = 1.5: gate mass kept by score over that kept in token order; and the gate mass with idle places filled.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router_skew: 0.8,
        drop_order: DropOrder::Score,
        overflow: Overflow::Reroute,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("gate mass kept, by score over by order", "×")
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let tokens = if effort == Effort::Quick { 512 } else { 2048 };
    let base = Config {
        seed,
        tokens,
        experts: 16,
        batches: 2,
        capacity_factor: 1.5,
        overflow: Overflow::Drop,
        ..config()
    };
    vec![
        base.clone(),
        Config {
            drop_order: DropOrder::Token,
            ..base.clone()
        },
        Config {
            overflow: Overflow::Expand,
            ..base
        },
    ]
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let kept = |i| metric(runs, i, "retained_gate_mass");
    [kept(0) / kept(1), kept(2) / 100.0]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let filled = m.side_mean();
    let verdict = match (m.interval[0] > 1.0, filled > 1.0) {
        (true, true) => Verdict::Reproduced,
        (true, false) | (false, true) => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "By score {:.3} times the gate mass of token order is kept. With idle places filled it is {filled:.3} of what was asked for: above 1 means extra computation in the same straggler time, not a gift.",
            m.mean
        ),
    )
}
