//! TCAndon-Router (arXiv 2601.04544): several agents per query, their answers merged.

use super::super::claims::{Measured, Plan, on_queries};
use super::super::config::{Config, QueryRule, World};
use super::super::queries::QueryRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Every agent that fits.
pub(super) static TCANDON: Exhibit = Exhibit {
    id: "tcandon-router",
    lab: LabKind::Routing,
    title: "TCAndon-Router",
    idea: "Agents overlap in what they know, and a query may need two of them. Instead of one label the router names every agent that fits; each answers, and a refiner merges the answers. A new agent is a new row, nothing is trained.",
    paper: Paper {
        title: "TCAndon-Router: Adaptive Reasoning Router for Multi-Agent Collaboration",
        authors: "Zhao, Chen, Qiao et al.",
        year: 2026,
        arxiv: "2601.04544",
    },
    basis: Basis::AbstractOnly,
    deviations: "Five agents know three of eight topics each, neighbours share one; queries need one to three topics. A cosine between query and agent with a threshold stands for the paper's language model that reasons before it names agents. The refiner is perfect: a need is right when one of the answers is (0.9 for a known topic, 0.15 otherwise). Costs (0.2 an answer, 0.04 a merge) are ours.",
    equation: "asked = {m : cos(x, a_m) ≥ θ}, the largest where none is; need right with 1 - Π_m (1 - q_m); cost 0.2 |asked| + 0.04 (|asked| - 1)",
    symbols: &[
        ("x", "embedding of the query: mean of its topics with noise"),
        ("a_m", "what agent m is described by: mean of its topics"),
        ("q_m", "chance that agent m answers the need right"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Naming several agents and refining their answers is more accurate and more robust to overlap than naming one, and new agents join without training.",
        experiment: "Needs answered right along the threshold, at the one of least regret (price 0.3), minus those of the best single agent; beside it what the row of the fifth agent adds in queries that need it.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Queries,
        query_rule: QueryRule::Agents,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("needs answered right, several agents minus one", "points")
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    vec![on_queries(config(), seed, effort)]
}

fn measure(runs: &[QueryRun]) -> [f64; 2] {
    runs.first().map_or([f64::NAN; 2], |run| {
        [
            run.extra("several") - run.extra("alone"),
            run.extra("joined") - run.extra("before"),
        ]
    })
}

fn judge(m: &Measured) -> (Verdict, String) {
    let joined = m.side_interval();
    let verdict = match (m.interval[0] > 0.0, joined[0] > 0.0) {
        (true, true) => Verdict::Reproduced,
        (true, false) | (false, true) => Verdict::Partly,
        (false, false) => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "Several agents answer {:+.1} points more of the needs than the best one ({:.1} to {:.1}); adding an agent's row, without training, answers {:+.1} points more where it alone knows the topic ({:.1} to {:.1}). The refiner here is perfect.",
            m.mean,
            m.interval[0],
            m.interval[1],
            m.side_mean(),
            joined[0],
            joined[1]
        ),
    )
}
