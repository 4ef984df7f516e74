//! OpenMoE (arXiv 2402.01739): drop towards the end.

use super::super::charts::turned_away_by_position;
use super::super::claims::{Measured, Plan};
use super::super::config::{BufferOrder, Config, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Drop towards the end.
pub(super) static OPENMOE: Exhibit = Exhibit {
    id: "openmoe",
    lab: LabKind::Routing,
    title: "OpenMoE: drop towards the end",
    idea: "When places are given token by token, the tokens at the end of a sequence find the popular experts full. They are dropped far more often than those at its start.",
    paper: Paper {
        title: "OpenMoE: An Early Effort on Open Mixture-of-Experts Language Models",
        authors: "Xue et al.",
        year: 2024,
        arxiv: "2402.01739",
    },
    basis: Basis::Secondary,
    deviations: "One batch stands for one sequence; a fixed router on synthetic tokens with a favourite topic. The paper's two other findings, early routing and context independence, need training and are not shown.",
    equation: "e = argmax p; places in token order; kept when position < C = ceil(factor N / E)",
    symbols: &[
        ("p", "probability of each expert"),
        ("C", "places per expert and sequence"),
        ("N, E", "tokens per sequence, experts"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Tokens that come later in a sequence face a greater risk of being dropped.",
        experiment: "Drop rate of the last quarter of the sequence minus that of the first, in token order; and the same with the surest tokens served first.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::Switch,
        buffer_order: BufferOrder::TokenMajor,
        capacity_factor: 1.0,
        router_skew: 0.8,
        batches: 16,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("drop rate, last minus first quarter", "points")
        .start(effort)
}

/// The same sequences in token order and with the surest tokens first.
fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let batches = if effort == Effort::Quick { 8 } else { 32 };
    [BufferOrder::TokenMajor, BufferOrder::Prioritised]
        .map(|buffer_order| Config {
            seed,
            buffer_order,
            batches,
            ..config()
        })
        .to_vec()
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let rise = |run: &BatchRun| {
        let quarters = turned_away_by_position(run.batches(), 4);
        quarters[3] - quarters[0]
    };
    match runs {
        [in_order, surest] => [rise(in_order), rise(surest)],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[0] > 0.0 {
        Verdict::Reproduced
    } else if m.mean > 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "The last quarter is dropped {:.0} points more often than the first. With the surest tokens served first the difference is {:+.1} points: the drops are spread evenly, not avoided.",
            m.mean,
            m.side_mean()
        ),
    )
}
