//! SAME (arXiv 2602.01990): router drift in a sequence of tasks.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Task, World};
use super::super::training::TrainRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Router drift, and a gate that keeps out of old directions.
pub(super) static SAME: Exhibit = Exhibit {
    id: "same",
    lab: LabKind::Routing,
    title: "SAME: router drift",
    idea: "Learning a second task moves the gate, and tokens of the first go elsewhere. If the gate may move only in directions that the first task's inputs do not use, their routing stays.",
    paper: Paper {
        title: "SAME: Stabilized Mixture-of-Experts for Multimodal Continual Instruction Tuning",
        authors: "Xie et al.",
        year: 2026,
        arxiv: "2602.01990",
    },
    basis: Basis::AbstractOnly,
    deviations: "Our reading of updates in orthogonal subspaces: the gate's update is projected off the leading 95 % of the second moments of the first task's inputs. Neither the scaling of experts by curvature nor the freezing of experts is modelled. Vectors in clusters, two tasks of half the dimensions each.",
    equation: "ΔW ← ΔW (I - U Uᵀ), U leading eigenvectors of E[x xᵀ] over the first task, 95 % of the energy",
    symbols: &[
        ("W", "rows of the gate"),
        ("U", "directions that the first task uses"),
        ("overlap", "share of the dimensions that both tasks use"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Updating the router only in task-relevant, orthogonal directions stabilises expert selection: tokens of earlier tasks keep their experts.",
        experiment: "First task's held-out tokens whose first expert changes while the second is learnt, protected minus free, a quarter of the dimensions in common; and the second task's loss, protected over free.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Training,
        task: Task::Sequence,
        clusters: 12,
        cluster_skew: 0.0,
        overlap: 0.25,
        learning_rate: 1e-2,
        train_steps: 800,
        limited: false,
        protect: true,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("router drift, protected minus free", "points")
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let train_steps = if effort == Effort::Quick { 500 } else { 800 };
    [true, false]
        .map(|protect| Config {
            seed,
            train_steps,
            protect,
            ..config()
        })
        .to_vec()
}

fn measure(runs: &[TrainRun]) -> [f64; 2] {
    let drift = |run: &TrainRun| {
        let last = run.snapshots().last();
        last.map_or(f64::NAN, |s| 100.0 * run.drift(s))
    };
    let second = |run: &TrainRun| run.snapshots().last().map_or(f64::NAN, |s| s.task_loss[1]);
    match runs {
        [held, free] => [drift(held) - drift(free), second(held) / second(free)],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[1] < 0.0 {
        Verdict::Reproduced
    } else if m.mean < 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "The drift changes by {:+.1} points; the second task's loss is {:.2} times that of the free gate. Set the overlap to 1 to see the price: a gate that may not move in the directions both tasks use has little left to learn with.",
            m.mean,
            m.side_mean()
        ),
    )
}
