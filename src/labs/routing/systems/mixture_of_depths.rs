//! Mixture of depths (arXiv 2404.02258).

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, LayerRule, World};
use super::super::layers::{LayerRun, Policy};
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Blocks that only the tokens with the largest scores run.
pub(super) static MIXTURE_OF_DEPTHS: Exhibit = Exhibit {
    id: "mixture-of-depths",
    lab: LabKind::Routing,
    title: "Mixture of depths",
    idea: "Every other block has few places: the tokens with the largest scores run it, the others pass by on the residual path. The budget is fixed in advance, who gets it is not.",
    paper: Paper {
        title: "Mixture-of-Depths: Dynamically allocating compute in transformer-based language models",
        authors: "Raposo et al.",
        year: 2024,
        arxiv: "2404.02258",
    },
    basis: Basis::Secondary,
    deviations: "Samples in sequences of 64 stand for tokens, residual blocks without attention for transformer blocks. The score has a bias. A sample that decides alone runs the block when its score is above 0, as the auxiliary loss of the score teaches; the paper's second way, a separate predictor, is left out.",
    equation: "r_i = w·h_i + b; h_i += r_i f(h_i) for the C largest r_i of the sequence, C = max(1, ceil(c N)); others unchanged; + 0.1 BCE(σ(r_i), chosen_i) for w and b; alone: chosen when r_i > 0",
    symbols: &[
        ("r_i", "score of sample i before a routed block"),
        ("f", "what the block adds"),
        ("c", "capacity, 12.5 %"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "At the same compute per token, a network with routed blocks (capacity 12.5 %, every other block) is better than one that every token runs whole; routing at random is far worse.",
        experiment: "Accuracy on held-out noisy digits, minus that at the same block runs per sample between two shallower networks trained alike; beside it minus the same network with as many samples drawn at random.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Layers,
        layer_rule: LayerRule::Depths,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "accuracy, routed blocks minus fewer blocks at equal block runs",
            "points",
        )
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

/// Accuracy at a number of block runs on the line through two policies.
fn between(a: &Policy, b: &Policy, cost: f64) -> f64 {
    let t = (cost - a.cost) / (b.cost - a.cost);
    a.accuracy + t * (b.accuracy - a.accuracy)
}

fn measure(runs: &[LayerRun]) -> [f64; 2] {
    let measured = || {
        let run = runs.first()?;
        let depths = run.policy(LayerRule::Depths)?;
        let [fewer, more, random] = [
            "fewer blocks, for all",
            "one block more, for all",
            "random samples run",
        ]
        .map(|name| run.named(name));
        let plain = between(fewer?, more?, depths.cost);
        Some([
            100.0 * (depths.accuracy - plain),
            100.0 * (depths.accuracy - random?.accuracy),
        ])
    };
    measured().unwrap_or([f64::NAN; 2])
}

fn judge(m: &Measured) -> (Verdict, String) {
    let random = m.side_interval();
    let verdict = match (m.interval[0] > 0.0, random[0] > 0.0) {
        (true, true) => Verdict::Reproduced,
        (true, false) | (false, true) => Verdict::Partly,
        (false, false) => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "At equal block runs the routed network is {:+.2} points from shallower ones ({:.2} to {:.2}), and {:+.2} points from running random samples ({:.2} to {:.2}).",
            m.mean,
            m.interval[0],
            m.interval[1],
            m.side_mean(),
            random[0],
            random[1]
        ),
    )
}
