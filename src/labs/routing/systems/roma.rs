//! RoMA (arXiv 2511.07419): routing weights that follow the geometry of tasks.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Study, World};
use super::super::studies::StudyRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Routed like the successful neighbours.
pub(super) static ROMA: Exhibit = Exhibit {
    id: "roma",
    lab: LabKind::Routing,
    title: "RoMA: routing of successful neighbours",
    idea: "Samples of one task lie close in an embedding of tasks, yet a router may send them to different experts. The gates alone are trained so that every sample is routed like those of its neighbours that came out right. An embedding that says nothing of the task is shown beside it.",
    paper: Paper {
        title: "Routing Manifold Alignment Improves Generalization of Mixture-of-Experts LLMs",
        authors: "Li, Li and Zhou",
        year: 2025,
        arxiv: "2511.07419",
    },
    basis: Basis::Paper,
    deviations: "Six tasks with an expert each; two layers see hidden states with noise through gates with a random error. A sample succeeds when both layers name its expert. Three neighbours, their routing held at its values before the alignment, σ² the median squared distance, no task term. Adam with rate 0.02. Built so that it can succeed: the right expert follows from the task.",
    equation: "min Σ_i Σ_{j in N(i)} W_ij |r_i - r_j|², W_ij ∝ exp(-|E_i - E_j|² / 2σ²), N(i) the k nearest that succeed; only gates are trained",
    symbols: &[
        ("r_i", "routing weights of sample i, layers side by side"),
        ("E_i", "embedding of its task"),
        ("N(i)", "its k nearest successful samples"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Aligning the manifold of routing weights with that of task embeddings, by training the gates alone, brings new samples to the right experts; the embedding must tell the tasks apart.",
        experiment: "Right expert on fresh samples, aligned minus as shipped; and the same with an embedding that says nothing of the task.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Studies,
        study: Study::Manifold,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("right expert, aligned minus as shipped", "points")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[StudyRun]) -> [f64; 2] {
    runs.first().map_or([f64::NAN; 2], |run| {
        [
            run.value("right") - run.value("right_shipped"),
            run.value("right_blind") - run.value("right_shipped"),
        ]
    })
}

fn judge(m: &Measured) -> (Verdict, String) {
    let blind = m.side_interval();
    let verdict = match (m.interval[0] > 0.0, blind[0] <= 0.0) {
        (true, true) => Verdict::Reproduced,
        (true, false) => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "The right expert is named {:+.1} points more often on fresh samples; {:+.1} points ({:.1} to {:.1}) when the embedding says nothing of the task.",
            m.mean,
            m.side_mean(),
            blind[0],
            blind[1]
        ),
    )
}
