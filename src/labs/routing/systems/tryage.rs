//! Tryage (arXiv 2308.11601): predicted loss plus the goals of the user.

use super::super::claims::{Measured, Plan, on_queries};
use super::super::config::{Config, QueryRule, World};
use super::super::queries::QueryRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Loss plus goals.
pub(super) static TRYAGE: Exhibit = Exhibit {
    id: "tryage",
    lab: LabKind::Routing,
    title: "Tryage",
    idea: "A router predicts the loss of every model on a prompt and adds what the user asks for: small, recent, cheap. Flags move the choice along a Pareto front.",
    paper: Paper {
        title: "Tryage: Real-time, intelligent Routing of User Prompts to Large Language Models",
        authors: "Hari, Thomson",
        year: 2023,
        arxiv: "2308.11601",
    },
    basis: Basis::AbstractOnly,
    deviations: "The predictor, the pool of models and the goals (cost and age) are ours; the loss is 1 - quality.",
    equation: "m(x) = argmin_m L_m(x) + Σ_j λ_j C_j(m); here C = cost (λ = μ / (1 - μ)) and age",
    symbols: &[
        ("L", "predicted loss of model m on prompt x"),
        ("C_j", "goal j, such as size or age"),
        ("λ_j", "weight of the goal"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "The router identifies the optimal model with an accuracy of 50.9 %, against 23.6 % for GPT-3.5 turbo and 10.8 % for Gorilla.",
        experiment: "Share of the queries for which the truly best of five models is picked, minus that of always taking the model that is best most often; 1,024 answered queries.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Queries,
        query_rule: QueryRule::Tryage,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "best model picked, router minus the commonest best",
            "points",
        )
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    vec![on_queries(config(), seed, effort)]
}

fn measure(runs: &[QueryRun]) -> [f64; 2] {
    runs.first().map_or([f64::NAN; 2], |run| {
        let [picked, common] = run.hits();
        [100.0 * (picked - common), 100.0 * picked]
    })
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[0] > 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "The best model is picked for {:.0} % of the queries, {:+.1} points against always taking the one that is best most often. The paper's 50.9 % (GPT-3.5: 23.6 %) is for its library of models and cannot be compared.",
            m.side_mean(),
            m.mean
        ),
    )
}
