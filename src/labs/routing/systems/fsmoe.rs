//! FSMoE (arXiv 2501.10714): a pipeline within a layer of experts.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Study, World};
use super::super::studies::StudyRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// How many chunks, forward and backward.
pub(super) static FSMOE: Exhibit = Exhibit {
    id: "fsmoe",
    lab: LabKind::Routing,
    title: "FSMoE: pipeline of a layer",
    idea: "Sending tokens between nodes, gathering them within a node and computing experts use different hardware: cut into chunks they overlap. More chunks overlap better and pay more start-ups, and the backward pass, which computes twice as much and shares the link with the gradients, wants another number. Play the number of chunks.",
    paper: Paper {
        title: "FSMoE: A Flexible and Scalable Training System for Sparse Mixture-of-Experts Models",
        authors: "Pan, Lin, Zhang et al.",
        year: 2025,
        arxiv: "2501.10714",
    },
    basis: Basis::Secondary,
    deviations: "List scheduling, the task that can start first; the gradients of another layer fill idle time of the link between nodes and what is left follows. Random layers: parts of 1 to 30 ms, start-ups of 0.05 to 1 ms, AllReduce of 0.5 to 15 ms, on logarithmic axes. Measured speed-ups need hardware and are not shown; the four routing functions are routers of this lab.",
    equation: "task = α + n β / r on its resource; T(r) = makespan of r chunks of (all-to-all, AllGather, experts, ReduceScatter, all-to-all); r* = argmin T(r), 1 <= r <= 8",
    symbols: &[
        ("r", "chunks, the degree of the pipeline"),
        ("α, β", "start-up, time per amount of work n"),
        ("T(r)", "time of the pass"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Forward and backward want different pipeline degrees in most layers (912 of 1,458), and an adaptive schedule is faster than the existing ones.",
        experiment: "200 random layers for each seed: share of which the best numbers of chunks differ between the passes; and what separate numbers save over the best common one.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Studies,
        study: Study::Pipeline,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("layers whose passes want different degrees", "%")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[StudyRun]) -> [f64; 2] {
    runs.first().map_or([f64::NAN; 2], |run| {
        [run.value("differ"), run.value("apart")]
    })
}

fn judge(m: &Measured) -> (Verdict, String) {
    let apart = m.side_interval();
    let verdict = match (m.interval[0] > 50.0, apart[0] > 0.0) {
        (true, true) => Verdict::Reproduced,
        (false, true) => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "In {:.0} % of the random layers the passes want different numbers of chunks; numbers of their own save {:.1} % over the best common one ({:.1} to {:.1}). Speed-ups on hardware are not tested.",
            m.mean,
            m.side_mean(),
            apart[0],
            apart[1]
        ),
    )
}
