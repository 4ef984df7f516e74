//! BlockFFN (arXiv 2507.08771, thunlp/BlockFFN): ReLU routing with RMS norm.

use super::super::claims::{Measured, Plan, metric};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// ReLU routing.
pub(super) static BLOCKFFN: Exhibit = Exhibit {
    id: "blockffn",
    lab: LabKind::Routing,
    title: "BlockFFN",
    idea: "Every expert with a positive score is active: ReLU instead of top-k, so each token has its own number of experts. For fast decoding it matters which experts a whole window of tokens leaves idle.",
    paper: Paper {
        title: "BlockFFN: Towards End-Side Acceleration-Friendly Mixture-of-Experts with Chunk-Level Activation Sparsity",
        authors: "Song et al.",
        year: 2025,
        arxiv: "2507.08771",
    },
    basis: Basis::Code,
    deviations: "An untrained router with a threshold set by hand in place of the paper's locality and chunk losses; gain 1.",
    equation: "r = ReLU(W x - shift); a = r / sqrt(mean r² + 1e-6); y = Σ a_e f_e(x); TLS = share of idle (token, expert); CLS = share of experts idle in a window of 8 tokens",
    symbols: &[
        ("r", "positive part of the scores"),
        ("a", "their root-mean-square normalised form"),
        ("TLS", "token-level sparsity"),
        ("CLS", "chunk-level sparsity"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "More than 80 % token-level and 70 % 8-token chunk-level sparsity.",
        experiment: "32 experts, an untrained router with a threshold, tokens with correlation 0.9 along the sequence: chunk-level sparsity, and token-level sparsity beside it.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::Blockffn,
        experts: 32,
        limited: false,
        router_skew: 0.5,
        relu_shift: 1.6,
        correlation: 0.9,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("8-token chunk-level sparsity, correlated tokens", "%")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config {
        seed,
        batches: 4,
        ..config()
    }]
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let experts = config().experts as f64;
    [
        metric(runs, 0, "chunk_sparsity"),
        100.0 * (1.0 - metric(runs, 0, "per_token") / experts),
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let token_level = m.side_mean();
    let verdict = if m.interval[0] > 70.0 && token_level > 80.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "The threshold alone gives {token_level:.0} % token-level and {:.0} % chunk-level sparsity on tokens that resemble their neighbours. Reaching the paper's figures at equal quality takes its training losses, which are not run here.",
            m.mean
        ),
    )
}
