//! Multi-Head Adapter Routing (arXiv 2211.03831): adapters mixed block by block.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Study, World};
use super::super::studies::StudyRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Which adapters, block by block.
pub(super) static MULTI_HEAD_ADAPTERS: Exhibit = Exhibit {
    id: "multi-head-adapters",
    lab: LabKind::Routing,
    title: "Multi-head adapter routing",
    idea: "Tasks share parts, not wholes. An inventory of adapters is cut into blocks, and every task mixes each block with a softmax of its own: with few adapters many combinations. Watch the tasks find their mixtures, and the gradients agree.",
    paper: Paper {
        title: "Multi-Head Adapter Routing for Cross-Task Generalization",
        authors: "Caccia, Ponti, Su et al.",
        year: 2022,
        arxiv: "2211.03831",
    },
    basis: Basis::AbstractOnly,
    deviations: "Adapters are the coefficients of linear regressions (32, four blocks that tasks put together from three prototypes each), 16 tasks with 48 noisy samples. Softmax of the routing matrix; Adam with rate 0.02 on all. One head has more adapters, so that both have as many parameters, routing included. New tasks: 16 samples, 150 updates. The cosines of the gradients are shown, not judged.",
    equation: "A_task,h = Σ_s softmax_s(Z_task,s,h) A_s,h; MHR-z trains Z alone; MHR-μ starts from (1/S) Σ_s A_s",
    symbols: &[
        ("A_s,h", "block h of adapter s"),
        ("Z", "routing, one number for each task, adapter and block"),
        ("S, H", "adapters of the inventory, blocks"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Combining subsets of adapter parameters outperforms one routing per adapter under a comparable parameter budget, and after training an average of the adapters adapts as well as routing.",
        experiment: "Mean error over the trained tasks, four blocks over one block with as many parameters; and the error on new tasks from 16 samples, averaged adapter over all trained.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Studies,
        study: Study::Heads,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("error of four blocks over that of one", "×")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[StudyRun]) -> [f64; 2] {
    runs.first().map_or([f64::NAN; 2], |run| {
        [
            run.value("error") / run.value("error_one_head"),
            run.value("new_average") / run.value("new_routed"),
        ]
    })
}

fn judge(m: &Measured) -> (Verdict, String) {
    let average = m.side_interval();
    let verdict = match (m.interval[1] < 1.0, average[0] <= 1.1) {
        (true, true) => Verdict::Reproduced,
        (true, false) => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    let then = if average[0] > 1.1 {
        "where tasks share parts exactly, the routing is worth keeping"
    } else {
        "so the routing has served its purpose in training"
    };
    (
        verdict,
        format!(
            "With as many parameters the error of four blocks is {:.2} times that of one. On new tasks the averaged adapter makes {:.2} times the error of routed ones ({:.2} to {:.2}): {then}.",
            m.mean,
            m.side_mean(),
            average[0],
            average[1]
        ),
    )
}
