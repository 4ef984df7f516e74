//! Glider (arXiv 2410.07172): a global and a local router for adapters.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Study, World};
use super::super::studies::StudyRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// What the query is about beside what the token is.
pub(super) static GLIDER: Exhibit = Exhibit {
    id: "glider",
    lab: LabKind::Routing,
    title: "Glider: global and local router",
    idea: "A single token says little about the task of its query. A global router reads the whole query, once, and names the experts trained on such tasks; a local one looks at each token. The sum of both scores chooses. Play the weight from the one to the other.",
    paper: Paper {
        title: "Glider: Global and Local Instruction-Driven Expert Router",
        authors: "Li, Yadav, Yoon et al.",
        year: 2024,
        arxiv: "2410.07172",
    },
    basis: Basis::AbstractOnly,
    deviations: "Linear experts on eight tasks; a query is 32 noisy tokens around its task's mean. The mean of the tokens stands for the instruction that the paper lets a language model write, the task's mean for the embedding of its expert, and the same direction for the trained local gate. Two experts per token, softmax of 8 times their scores. Unseen tasks are mixtures: every other token belongs to another task.",
    equation: "score_te = β cos(q, u_e) + (1 - β) cos(x_t, g_e); two best, softmax; y_t = Σ_e w_te A_e x_t",
    symbols: &[
        ("q", "embedding of the query, one for all of its tokens"),
        ("u_e", "embedding of the task that expert e was trained on"),
        ("g_e", "gate of expert e for tokens"),
        ("A_e", "expert e"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "With a global router held-in tasks improve substantially over routing by tokens alone, and generalisation to held-out tasks stays strong.",
        experiment: "Relative squared error on held-in tasks, both routers in equal parts minus tokens alone; and the same difference on mixtures of two tasks.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Studies,
        study: Study::Glider,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "error on held-in tasks, both routers minus tokens alone",
            "points",
        )
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[StudyRun]) -> [f64; 2] {
    runs.first().map_or([f64::NAN; 2], |run| {
        [
            run.value("held_in_error") - run.value("held_in_error_local"),
            run.value("mixture_error") - run.value("mixture_error_local"),
        ]
    })
}

fn judge(m: &Measured) -> (Verdict, String) {
    let mixtures = m.side_interval();
    let verdict = match (m.interval[1] < 0.0, mixtures[1] <= 0.0) {
        (true, true) => Verdict::Reproduced,
        (true, false) => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "With the global router the error on held-in tasks changes by {:+.1} points, on mixtures of two tasks by {:+.1} ({:.1} to {:.1}). Alone it is best for held-in tasks and cannot split a mixture.",
            m.mean,
            m.side_mean(),
            mixtures[0],
            mixtures[1]
        ),
    )
}
