//! EBJR (arXiv 2110.10343): a cascade by free energy.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, QueryRule, World};
use super::super::queries::QueryRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// A cascade by free energy.
pub(super) static EBJR: Exhibit = Exhibit {
    id: "ebjr",
    lab: LabKind::Routing,
    title: "EBJR: cascade by energy",
    idea: "A small model answers; where its free energy is high the input looks unfamiliar to it, and the large model is asked.",
    paper: Paper {
        title: "EBJR: Energy-Based Joint Reasoning for Adaptive Inference",
        authors: "Akbari et al.",
        year: 2021,
        arxiv: "2110.10343",
    },
    basis: Basis::AbstractOnly,
    deviations: "Two networks trained in the app on noisy digits (64-5-10 and 64-64-10) stand for the shallow and the deep model; the threshold is swept as the share escalated; the small model answers every time.",
    equation: "F(x) = -ln Σ_c exp z_c(x); escalate when F > τ",
    symbols: &[
        ("z", "logits of the small model"),
        ("F", "free energy"),
        ("τ", "threshold, set by the share escalated"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Sending samples by energy from a shallow to a deep model reaches near the deep one's accuracy and outperforms other criteria by a considerable margin.",
        experiment: "Accuracy on noisy digits with a fifth escalated by free energy minus that by the largest softmax probability; and minus that of a random fifth.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Queries,
        query_rule: QueryRule::Energy,
        train_steps: 300,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "accuracy at a fifth escalated, energy minus largest probability",
            "points",
        )
        .start(effort)
}

/// Share of the answers that is escalated.
const SHARE: f64 = 0.2;

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[QueryRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let accuracy = |name| run.escalated(name, SHARE, |c, i| c.points[i][1]);
    [
        accuracy("free energy") - accuracy("largest probability"),
        accuracy("free energy") - accuracy("random"),
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let over_random = m.side_interval();
    let verdict = if m.interval[0] > 0.0 {
        Verdict::Reproduced
    } else if over_random[0] > 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    let pays = if over_random[0] > 0.0 {
        "this cascade pays"
    } else {
        "not clearly better than chance"
    };
    (
        verdict,
        format!(
            "With a fifth of the digits escalated, free energy gives {:+.2} points of accuracy against the largest probability and {:+.2} against a random fifth ({:+.2} to {:+.2}): {pays}.",
            m.mean,
            m.side_mean(),
            over_random[0],
            over_random[1]
        ),
    )
}
