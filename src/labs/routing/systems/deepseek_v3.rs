//! DeepSeek-V3 (arXiv 2412.19437): sigmoid scores, node-limited groups, selection bias.

use super::super::claims::{Measured, Plan, mean_gate};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Groups first, then experts.
pub(super) static DEEPSEEK_V3: Exhibit = Exhibit {
    id: "deepseek-v3",
    lab: LabKind::Routing,
    title: "DeepSeek-V3 grouped routing",
    idea: "Experts stand in groups, one a node. A token first picks its best groups, then its best experts inside them, so it never travels to more than a few nodes; a bias on the choice keeps the load even.",
    paper: Paper {
        title: "DeepSeek-V3 Technical Report",
        authors: "DeepSeek-AI",
        year: 2024,
        arxiv: "2412.19437",
    },
    basis: Basis::Code,
    deviations: "A fixed router on synthetic tokens. The complementary loss per sequence is left out. Groups stand for nodes.",
    equation: "s = sigmoid(W x); c = s + b; group score = sum of its 2 largest c; keep the best M groups; S = top-k of c inside them; w_e = 2.5 s_e / Σ_S s; after a batch b_e += u sign(mean(c) - c_e)",
    symbols: &[
        ("s", "score of each expert"),
        ("b", "selection bias"),
        ("M", "groups a token may use (4 of 8 in the paper)"),
        ("k", "experts per token (8 of 256 in the paper)"),
        ("2.5", "routed scaling factor"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Each token is sent to at most M = 4 nodes, selected by the sum of the highest scores of the experts on each node.",
        experiment: "64 experts in 8 groups, top-8: the most groups that any token of a seed uses, and the score mass against the same router without the limit.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::DeepseekV3,
        experts: 64,
        groups: 8,
        topk_group: 4,
        k: 8,
        limited: false,
        tokens: 512,
        batches: 12,
        bias_rate: 0.01,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("groups used by a token, at most", "")
        .start(effort)
}

/// The same tokens with 4 groups and with all 8.
fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let tokens = if effort == Effort::Quick { 256 } else { 1024 };
    [4, 8]
        .map(|topk_group| Config {
            seed,
            topk_group,
            tokens,
            ..config()
        })
        .to_vec()
}

/// Most groups that one token uses.
fn most_groups(run: &BatchRun) -> f64 {
    let size = run.config().experts / run.config().groups;
    let of_token = |pairs: &[super::super::Pair]| {
        let mut groups: Vec<u64> = pairs.iter().map(|p| u64::from(p.expert) / size).collect();
        groups.sort_unstable();
        groups.dedup();
        groups.len()
    };
    let tokens = run
        .batches()
        .iter()
        .flat_map(|b| (0..b.clusters.len()).map(|t| of_token(b.of_token(t))));
    tokens.max().unwrap_or(0) as f64
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    match runs {
        [limited, free] => [most_groups(limited), mean_gate(limited) / mean_gate(free)],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[1] <= 4.0 {
        Verdict::Reproduced
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "No token of any seed uses more than {} of 8 groups. The limit costs {:.2} % of the score mass of the free choice.",
            m.mean,
            100.0 * (1.0 - m.side_mean())
        ),
    )
}
