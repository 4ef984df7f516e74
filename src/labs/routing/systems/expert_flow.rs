//! ExpertFlow (arXiv 2410.17954): experts fetched along predicted routing paths.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Router};
use super::super::deploy::{kept_by_token, link, predictor};
use super::super::model::BatchRun;
use super::super::rules::{cache, prefetch};
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Fetched before they are needed.
pub(super) static EXPERT_FLOW: Exhibit = Exhibit {
    id: "expertflow",
    lab: LabKind::Routing,
    title: "ExpertFlow: predictive cache",
    idea: "A device that cannot hold all experts waits for those it lacks. A predictor names the next token's experts, and they are fetched while the present one runs: far more reads find their expert. The charts of the expert cache show the hits, the bytes that wrong guesses add, and how long the layer waits.",
    paper: Paper {
        title: "ExpertFlow: Efficient Mixture-of-Experts Inference via Predictive Expert Caching and Token Scheduling",
        authors: "He et al.",
        year: 2024,
        arxiv: "2410.17954",
    },
    basis: Basis::AbstractOnly,
    deviations: "The predictor is a stated accuracy: each expert of the next token is named rightly with that chance, else a random other one. One layer, one token at a time; what is named and missing takes the place of the least recently used. The link serves this layer alone, and what is fetched ahead has the time of the layers computed before it (System); the claim counts hits and experts moved. Tokens are regrouped by sorting them by their experts.",
    equation: "before token t: fetch named(t) \\\\ cache, evict the least recently used outside named(t); at token t: hit if e in cache, else fetch; bytes = all that is fetched; stall = (misses + max(0, fetched ahead - window)) · expert bytes / bandwidth, window = lookahead · layer time / (expert bytes / bandwidth)",
    symbols: &[
        (
            "named(t)",
            "experts predicted for token t, each right with the accuracy",
        ),
        ("cache", "experts held, as many as the sweep says"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Predicting routing paths keeps the experts that are needed in fast memory, so that far more reads are hits, and cuts the traffic between memories.",
        experiment: "32 experts, 2 per token, a quarter of them held, accuracy 85 %: hits of the predictive cache minus those of the least recently used, on the same reads; and the experts moved, over those of the least recently used.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::Mixtral,
        experts: 32,
        k: 2,
        limited: false,
        clusters: 12,
        tokens: 512,
        batches: 2,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("hits, predictive minus least recently used", "points")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let c = run.config();
    let rows: Vec<Vec<usize>> = run.batches().iter().flat_map(kept_by_token).collect();
    let keys: Vec<cache::Key> = rows.iter().flatten().map(|&e| (0, e as i64)).collect();
    let (experts, held) = (c.experts as usize, c.experts as usize / 4);
    let lru = cache::lru(&keys, held);
    let window = link(c).hidden();
    let ahead = prefetch::predictive(&rows, experts, held, c.accuracy, window, predictor(c));
    let reads = keys.len() as f64;
    [
        100.0 * (ahead.hits as f64 - lru as f64) / reads,
        ahead.moved as f64 / (keys.len() - lru) as f64,
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let moved = m.side_interval();
    let verdict = match (m.interval[0] > 0.0, moved[1] < 1.0) {
        (true, true) => Verdict::Reproduced,
        (true, false) => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "{:+.1} points more of the reads find their expert; {:.2} times as many experts are moved ({:.2} to {:.2}): wrong guesses cost traffic, and right ones only move it ahead of time.",
            m.mean,
            m.side_mean(),
            moved[0],
            moved[1]
        ),
    )
}
