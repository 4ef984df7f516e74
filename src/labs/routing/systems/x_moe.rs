//! X-MoE (arXiv 2204.09179; the cosine gate of microsoft/tutel): routing on a hypersphere.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use crate::core::gate;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Cosine routing.
pub(super) static X_MOE: Exhibit = Exhibit {
    id: "x-moe",
    lab: LabKind::Routing,
    title: "X-MoE (cosine router)",
    idea: "Tokens are projected to fewer dimensions and compared with expert vectors by their cosine, so that neither a long token nor a large expert vector can dominate.",
    paper: Paper {
        title: "On the Representation Collapse of Sparse Mixture of Experts",
        authors: "Chi et al.",
        year: 2022,
        arxiv: "2204.09179",
    },
    basis: Basis::Code,
    deviations: "Random projection and expert vectors, bias 0: no training. The temperature is set, not learned.",
    equation: "h = P x + b; z_e = min(exp(ln(1/τ)), 100) cos(h, v_e); top-k of softmax(z), weights renormalised",
    symbols: &[
        ("P, b", "projection to half the width"),
        ("v_e", "vector of expert e"),
        ("τ", "temperature; 0.5 at the start of training"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Scores on the hypersphere do not depend on the size of the representation, which a linear router's do.",
        experiment: "Every token made three times as long: largest change of any routing probability of the cosine router, and the mean change of the largest probability of the linear one.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::Cosine,
        temperature: 0.5,
        limited: false,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("largest change of a probability, cosine router", "")
        .start(effort)
}

/// The same tokens seen by the cosine router and by the linear one.
fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    [Router::Cosine, Router::Mixtral]
        .map(|router| Config {
            seed,
            router,
            batches: 1,
            router_skew: 0.0,
            ..config()
        })
        .to_vec()
}

/// Probabilities of a token, and of the same token three times as long.
fn both(run: &BatchRun, t: usize) -> [Vec<f64>; 2] {
    let cluster = run.batches()[0].clusters[t];
    let x = run.population().embedding(0, t, cluster);
    let long: Vec<f64> = x.iter().map(|v| 3.0 * v).collect();
    [x, long].map(|x| gate::softmax(&run.population().logits_of(&x)))
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let [cosine, linear] = runs else {
        return [f64::NAN; 2];
    };
    let tokens = cosine.batches()[0].clusters.len();
    let (mut worst, mut total) = (0.0_f64, 0.0);
    for t in 0..tokens {
        let [a, b] = both(cosine, t);
        worst = a
            .iter()
            .zip(&b)
            .map(|(a, b)| (a - b).abs())
            .fold(worst, f64::max);
        let [a, b] = both(linear, t).map(|p| p.into_iter().fold(0.0, f64::max));
        total += b - a;
    }
    [worst, total / tokens as f64]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[1] < 1e-5 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "No probability of the cosine router changes by more than rounding ({:.0e}); the linear router's largest probability rises by {:.2} on average. That this prevents the collapse of representations needs training and is not tested here.",
            m.mean,
            m.side_mean()
        ),
    )
}
