//! Dr.LLM (arXiv 2510.12773): routers that skip, run or repeat layers.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, LayerRule, World};
use super::super::layers::LayerRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Routers per block.
pub(super) static DR_LLM: Exhibit = Exhibit {
    id: "dr-llm",
    lab: LabKind::Routing,
    title: "Dr.LLM: skip, run or repeat",
    idea: "A small network before every block looks at the stream and says skip, run or repeat. It learns from paths that were searched for: the cheapest that still give the right answer.",
    paper: Paper {
        title: "Dr.LLM: Dynamic Layer Routing in LLMs",
        authors: "Heakl et al.",
        year: 2025,
        arxiv: "2510.12773",
    },
    basis: Basis::Code,
    deviations: "Six residual blocks on noisy digits in place of a language model. The paths are all enumerated where the paper searches by Monte-Carlo tree search, so labels are exact; one vector per sample, so the windows of the paper are one window; 32 hidden units.",
    equation: "per block: argmax of W2 gelu(W1 h + b1) + b2 over skip, run, repeat; loss mean of w_c (1 - p_c)² (-ln p_c), w_c = (1 - β) / (1 - β^n_c) over its mean, β = 0.999",
    symbols: &[
        ("h", "the residual stream before the block"),
        ("p_c", "probability of the labelled action c"),
        ("n_c", "decisions with label c"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Routers trained on searched paths improve accuracy while saving layers (ARC and DART: up to +3.4 points, 5 layers saved per example).",
        experiment: "Accuracy on held-out noisy digits with the trained routers minus that with every block run once; beside it the block runs saved.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Layers,
        layer_rule: LayerRule::Routed,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("accuracy, trained routers minus every block", "points")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[LayerRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let (full, routed) = (&run.policies()[0], &run.policies()[2]);
    [
        100.0 * (routed.accuracy - full.accuracy),
        full.cost - routed.cost,
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let saved = m.side_interval();
    let (better, cheaper) = (m.interval[0] > 0.0, saved[0] > 0.0);
    let verdict = match (better, cheaper) {
        (true, true) => Verdict::Reproduced,
        // Fewer blocks at an accuracy that is not clearly lower.
        (false, true) if m.interval[1] > 0.0 => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "The routers change the accuracy by {:+.1} points and save {:.2} of 6 block runs ({:.2} to {:.2}). The labels are the cheapest right paths in hindsight, which the stream before a block may not tell.",
            m.mean,
            m.side_mean(),
            saved[0],
            saved[1]
        ),
    )
}
