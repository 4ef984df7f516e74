//! FiRST (arXiv 2410.12513): the prompt decides which layers its sequence skips.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, LayerRule, World};
use super::super::layers::LayerRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Layers skipped by the sequence.
pub(super) static FIRST: Exhibit = Exhibit {
    id: "first",
    lab: LabKind::Routing,
    title: "FiRST: the prompt decides",
    idea: "A token that skips a layer leaves no key and value there, and a later token that runs the layer finds a hole. FiRST decides once, from the prompt, which layers the whole sequence skips: the cache stays complete.",
    paper: Paper {
        title: "FIRST: Finetuning Router-Selective Transformers",
        authors: "Jain et al.",
        year: 2024,
        arxiv: "2410.12513",
    },
    basis: Basis::AbstractOnly,
    deviations: "Sequences are 16 noisy digits sorted by class, the first 8 the prompt, which runs every block. The network stays fixed; linear routers are trained through it with hard decisions on the way forward, straight through on the way back, towards the sparsity wanted. The low-rank fine-tuning of the paper is left out. Blocks have no attention: holes are counted, their harm is not.",
    equation: "p_l = σ(w_l·h + b_l); loss CE + 10 (mean run - (1 - S))²; prompt: block l is skipped by the rest when the mean of p_l over the prompt is below ½; by token: when its own p_l is",
    symbols: &[
        ("p_l", "probability of running block l"),
        ("h", "the residual stream before the block"),
        ("S", "the sparsity wanted"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Skipping layers chosen per sequence during prefill lowers latency and keeps the quality competitive, with an intact cache of keys and values.",
        experiment: "Accuracy on held-out sequences of noisy digits with 30 % sparsity decided by the prompt, minus that with every block run; beside it the holes that the same routers leave when each token decides.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Layers,
        layer_rule: LayerRule::First,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "accuracy, blocks skipped by the prompt minus every block",
            "points",
        )
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[LayerRun]) -> [f64; 2] {
    let measured = || {
        let run = runs.first()?;
        let [full, prompt, token] =
            [LayerRule::Full, LayerRule::First, LayerRule::FirstToken].map(|r| run.policy(r));
        Some([
            100.0 * (prompt?.accuracy - full?.accuracy),
            100.0 * run.holes(token?),
        ])
    };
    measured().unwrap_or([f64::NAN; 2])
}

/// Loss of accuracy, in points, up to which the quality counts as competitive, and as impaired.
const COMPETITIVE: f64 = 2.0;
const IMPAIRED: f64 = 5.0;

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[0] > -COMPETITIVE {
        Verdict::Reproduced
    } else if m.mean > -IMPAIRED {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "Skipping by the prompt changes the accuracy by {:+.2} points (up to -{COMPETITIVE} counts as competitive) and leaves no holes; token by token {:.1} % of the keys and values asked for are missing.",
            m.mean,
            m.side_mean()
        ),
    )
}
