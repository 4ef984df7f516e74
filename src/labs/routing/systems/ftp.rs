//! FTP's sparsity scheduler (arXiv 2412.11494).

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, LayerRule, World};
use super::super::layers::LayerRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Sparsity allocated over the blocks.
pub(super) static FTP: Exhibit = Exhibit {
    id: "ftp",
    lab: LabKind::Routing,
    title: "FTP: sparsity per block",
    idea: "Tokens that need no more work may skip a block. Not every block can be skipped at the same price: a search finds how much sparsity each bears.",
    paper: Paper {
        title: "FTP: A Fine-grained Token-wise Pruner for Large Language Models via Token Routing",
        authors: "Li et al.",
        year: 2024,
        arxiv: "2412.11494",
    },
    basis: Basis::Secondary,
    deviations: "Samples stand for tokens. Those skip that the exit before the block is surest of, in place of the paper's router over four factors of the tokens; the allocation is greedy, 10 points at a time, in place of a genetic search.",
    equation: "per block l the share s_l of the samples with the largest max p_{l-1} skips; s += 0.1 at the block where the training loss rises least, until mean s = S",
    symbols: &[
        ("s_l", "share that skips block l"),
        ("p_{l-1}", "class probabilities at the exit before it"),
        ("S", "the sparsity wanted"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "A searched allocation of sparsity over the blocks keeps more accuracy than pruning all blocks alike.",
        experiment: "Accuracy on held-out noisy digits at 30 % sparsity, allocated on training samples, minus that with the same sparsity in every block but the first.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Layers,
        layer_rule: LayerRule::Allocated,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "accuracy, allocated minus the same sparsity everywhere",
            "points",
        )
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

/// Accuracy with allocated minus that with uniform sparsity; and what the sparsity costs.
fn measure(runs: &[LayerRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let p = run.policies();
    [
        100.0 * (p[8].accuracy - p[7].accuracy),
        100.0 * (p[8].accuracy - p[0].accuracy),
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[0] > 0.0 {
        Verdict::Reproduced
    } else if m.mean > 0.0 && m.interval[1] > 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "At a sparsity of 30 % the allocation changes the accuracy by {:+.2} points against the same share everywhere; against every block run by all it is {:+.2} points.",
            m.mean,
            m.side_mean()
        ),
    )
}
