//! DynMoLE (mikecovlee/DynMoLE): experts by the entropy of the router.

use super::super::claims::{Measured, Plan, metric};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Experts by entropy.
pub(super) static DYNMOLE: Exhibit = Exhibit {
    id: "dynmole",
    lab: LabKind::Routing,
    title: "DynMoLE",
    idea: "A token whose router is undecided uses all experts; a token whose router is sure uses only those within its top-p mass. The measure of doubt is Tsallis entropy.",
    paper: Paper {
        title: "DynMoLE: Boosting Mixture of LoRA Experts Fine-Tuning with a Hybrid Routing Mechanism",
        authors: "Li et al.",
        year: 2025,
        arxiv: "2504.00661",
    },
    basis: Basis::Code,
    deviations: "A fixed router on synthetic tokens; the entropy loss is not trained. The expert that crosses top-p is left out, as in the code.",
    equation: "h = [(1 - Σ (p+ε)^q)/(q-1)] / [(1 - E^(1-q))/(q-1)]; h > H: all experts; else experts with cumulated p <= top-p, and always the best k; weights p, not renormalised",
    symbols: &[
        ("p", "probability of each expert"),
        ("h", "normalised Tsallis entropy"),
        ("q", "its index, 1.1"),
        ("H", "threshold, 0.9"),
        ("ε", "1e-5"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "The number of active experts adapts to the token: fewer where the router is confident.",
        experiment: "Router sharpness 0.25, 0.5, 1, 2 and 4 on the same tokens: mean active experts at 4 over those at 0.25, and whether they fall at every step.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::Dynmole,
        limited: false,
        logit_scale: 0.8,
        router_skew: 0.2,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("active experts, sharpest over dullest router", "×")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    [0.25, 0.5, 1.0, 2.0, 4.0]
        .map(|logit_scale| Config {
            seed,
            logit_scale,
            batches: 2,
            router_skew: 0.0,
            ..config()
        })
        .to_vec()
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let active: Vec<f64> = (0..runs.len())
        .map(|i| metric(runs, i, "per_token"))
        .collect();
    let falls = active.windows(2).all(|w| w[1] <= w[0]);
    match (active.first(), active.last()) {
        (Some(dull), Some(sharp)) => [sharp / dull, f64::from(u8::from(falls))],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let falls = m.side.iter().all(|&s| s == 1.0);
    let verdict = match (falls, m.interval[1] < 1.0) {
        (true, true) => Verdict::Reproduced,
        (false, true) => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "The sharpest router uses {:.2} of the experts of the dullest; the number falls at every step in {} of {} seeds. The paper's accuracy gain is not tested here.",
            m.mean,
            m.side.iter().filter(|&&s| s == 1.0).count(),
            m.side.len()
        ),
    )
}
