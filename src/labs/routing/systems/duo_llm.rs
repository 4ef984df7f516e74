//! Duo-LLM (arXiv 2410.10846): oracles against trained routers.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, LayerRule, World};
use super::super::layers::LayerRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The oracle over all paths.
pub(super) static DUO_LLM: Exhibit = Exhibit {
    id: "duo-llm",
    lab: LabKind::Routing,
    title: "Duo-LLM: the oracle",
    idea: "If every path through the blocks is tried for every sample, the best is known. Trained routers stay far below it; how much of that could any router reach that does not know the answer?",
    paper: Paper {
        title: "Duo-LLM: A Framework for Studying Adaptive Computation in Large Language Models",
        authors: "Alizadeh et al.",
        year: 2024,
        arxiv: "2410.10846",
    },
    basis: Basis::Secondary,
    deviations: "Blocks are skipped, run or run twice where the paper chooses between a small module, a big one and none. Two controls are ours: the best of 100 random paths, and the share of samples for which some path gives the class of another sample.",
    equation: "oracle(x, y) = argmin over 3^L paths of block runs, among those whose class is y",
    symbols: &[
        ("L", "number of blocks"),
        ("x, y", "a sample and its label"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Trained routers operate differently from oracles and often yield suboptimal solutions.",
        experiment: "Accuracy of the oracle minus that of the trained routers on held-out noisy digits; and how much of the oracle's gain in loss the best of 100 random paths has at 4 block runs.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Layers,
        layer_rule: LayerRule::Oracle,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("accuracy, oracle minus trained routers", "points")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

/// Block runs at which the oracle is compared with random paths.
const BUDGET: usize = 4;

/// Accuracy of the oracle minus that of the trained routers; and the share of the oracle's gain over
/// one random path that the best of 100 random paths already has.
fn measure(runs: &[LayerRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let (routed, oracle) = (&run.policies()[2], &run.policies()[3]);
    let budget = run.budgets().iter().find(|b| b.cost == BUDGET);
    [
        100.0 * (oracle.accuracy - routed.accuracy),
        budget.map_or(f64::NAN, |b| {
            100.0 * (b.random - b.best_of) / (b.random - b.oracle)
        }),
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[0] > 5.0 {
        Verdict::Reproduced
    } else if m.interval[0] > 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "Trained routers stay {:.1} points below the oracle. But the oracle sees the label: the best of 100 random paths has {:.0} % of what the oracle gains over one random path at {BUDGET} block runs, so most of the gap is hindsight.",
            m.mean,
            m.side_mean()
        ),
    )
}
