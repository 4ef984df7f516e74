//! Graph of tokens (arXiv 2505.00792): similar tokens share their routing scores.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Graph, Router};
use super::super::model::BatchRun;
use super::super::rules::graph;
use super::super::solve::heads;
use crate::core::gate;
use crate::core::matrix::Matrix;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Scores averaged over similar tokens.
pub(super) static GRAPH_OF_TOKENS: Exhibit = Exhibit {
    id: "graph-of-tokens",
    lab: LabKind::Routing,
    title: "Graph of tokens (similarity-aware)",
    idea: "Before the choice each token's scores are averaged over the tokens that resemble it, so that neighbours choose alike and noise averages out.",
    paper: Paper {
        title: "Improving Routing in Sparse Mixture of Experts with Graph of Tokens",
        authors: "Nguyen et al.",
        year: 2025,
        arxiv: "2505.00792",
    },
    basis: Basis::AbstractOnly,
    deviations: "The exact form is ours: similarity x·x' / τ, softmax over all tokens of the batch, probabilities averaged.",
    equation: "S = softmax over u of (x_t · x_u / τ); p'_t = Σ_u S_tu p_u; top-k of p'; weights p' renormalised",
    symbols: &[
        ("x", "token embeddings"),
        ("S", "similarity of tokens, rows sum to 1"),
        ("p", "probabilities of each token alone"),
        ("τ", "temperature"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Routing fluctuates less, and its entropy is lower.",
        experiment: "The same tokens with fresh noise: share whose first expert changes, with averaging over without; and the change of the mean routing entropy.",
        start,
    }),
};

pub(super) fn config() -> Config {
    Config {
        router: Router::TokenGraph,
        limited: false,
        temperature: 6.0,
        spread: 1.0,
        router_skew: 0.0,
        clusters: 8,
        cluster_skew: 0.0,
        batches: 4,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("tokens that change their expert, averaged over plain", "×")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config {
        seed,
        batches: 1,
        ..config()
    }]
}

/// Probabilities of the same tokens under the noise of a batch, plain and averaged.
fn probabilities(run: &BatchRun, noise: usize) -> [Matrix; 2] {
    let (config, population) = (run.config(), run.population());
    let clusters = &run.batches()[0].clusters;
    let rows = |get: &dyn Fn(usize, u8) -> Vec<f64>| {
        let data: Vec<f64> = clusters
            .iter()
            .enumerate()
            .flat_map(|(t, &c)| get(t, c))
            .collect();
        Matrix {
            rows: clusters.len(),
            cols: data.len() / clusters.len(),
            data,
        }
    };
    let x = rows(&|t, c| population.embedding(noise, t, c));
    let plain = rows(&|t, c| gate::softmax(&population.logits(noise, t, c)));
    let heads = (config.graph == Graph::Attention).then(|| heads(config, &x));
    let mixed: Vec<f64> = (0..x.rows)
        .flat_map(|t| match &heads {
            Some(heads) => graph::by_attention(t, heads, &plain, config.temperature),
            None => graph::by_similarity(t, &x, &plain, config.temperature),
        })
        .collect();
    let averaged = Matrix {
        data: mixed,
        ..plain.clone()
    };
    [plain, averaged]
}

pub(super) fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let (before, after) = (probabilities(run, 0), probabilities(run, 1));
    let changed = |i: usize| {
        let (a, b) = (before[i].argmax_rows(), after[i].argmax_rows());
        a.iter().zip(&b).filter(|(a, b)| a != b).count() as f64
    };
    let entropy =
        |m: &Matrix| (0..m.rows).map(|t| gate::entropy(m.row(t))).sum::<f64>() / m.rows as f64;
    [
        changed(1) / changed(0),
        entropy(&before[1]) - entropy(&before[0]),
    ]
}

pub(super) fn judge(m: &Measured) -> (Verdict, String) {
    let rise = m.side_mean();
    let verdict = match (m.interval[1] < 1.0, rise < 0.0) {
        (true, true) => Verdict::Reproduced,
        (true, false) => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "Fluctuation falls to {:.2} of the plain router's. The entropy changes by {rise:+.3} nats: an average of distributions has at least the average of their entropies, so in this form that half of the claim does not hold.",
            m.mean
        ),
    )
}
