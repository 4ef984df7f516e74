//! OpenMoE (arXiv 2402.01739): early routing learning and context-independent specialisation.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Task, World};
use super::super::training::TrainRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Early routing and context independence.
pub(super) static OPENMOE_ROUTING: Exhibit = Exhibit {
    id: "openmoe-routing",
    lab: LabKind::Routing,
    title: "OpenMoE: routing settles early, by token id",
    idea: "Which expert a token goes to is decided early in training and hardly changes afterwards; and it follows from what the token is, hardly from what stands around it.",
    paper: Paper {
        title: "OpenMoE: An Early Effort on Open Mixture-of-Experts Language Models",
        authors: "Xue et al.",
        year: 2024,
        arxiv: "2402.01739",
    },
    basis: Basis::Secondary,
    deviations: "Vectors that are the sum of a token's and a context's part in place of text; what there is to learn depends on the token alone. With a context as large as the token the router mixes both: how far the finding goes depends on the inputs.",
    equation: "agreement(t) = share of held-out tokens with the same first expert at update t and at the end; MI(token; expert) against MI(context; expert)",
    symbols: &[
        ("MI", "mutual information, nats"),
        (
            "context",
            "size of the context's part over the token's: 0.3",
        ),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Routing is learnt early in training and remains largely unchanged, and it goes mainly by the token's id, with minimal context relevance.",
        experiment: "Share of held-out tokens whose first expert after a third of the updates is that of the end; and the information of the first choice about the context over that about the token, context 0.3 times as large.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Training,
        task: Task::Mixture,
        clusters: 16,
        cluster_skew: 0.0,
        context: 0.3,
        learning_rate: 1e-2,
        train_steps: 1200,
        train_batch: 256,
        limited: false,
        aux_weight: 0.1,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "first experts that are final after a third of training",
            "%",
        )
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let train_steps = if effort == Effort::Quick { 600 } else { 1200 };
    vec![Config {
        seed,
        train_steps,
        ..config()
    }]
}

fn measure(runs: &[TrainRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let third = run.at(run.config().train_steps as f64 / 3.0);
    let last = run.snapshots().last();
    [
        third.map_or(f64::NAN, |s| 100.0 * run.agreement(s)),
        last.map_or(f64::NAN, |s| s.information[1] / s.information[0]),
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let context = m.side_interval();
    let (early, blind) = (m.interval[0] > 80.0, context[1] < 0.25);
    let verdict = match (early, blind) {
        (true, true) => Verdict::Reproduced,
        (true, false) | (false, true) => Verdict::Partly,
        (false, false) => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "{:.0} % of the tokens have found their expert after a third of training (our mark is 80 %); the first choice says {:.2} times as much about the context as about the token ({:.2} to {:.2}), with a context 0.3 times as large.",
            m.mean,
            m.side_mean(),
            context[0],
            context[1]
        ),
    )
}
