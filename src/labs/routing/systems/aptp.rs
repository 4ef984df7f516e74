//! APTP (arXiv 2406.12042): prompts to architecture codes by optimal transport.

use super::super::claims::{Measured, Plan, on_queries};
use super::super::config::{Config, QueryRule, World};
use super::super::queries::QueryRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Prompts to architecture codes.
pub(super) static APTP: Exhibit = Exhibit {
    id: "aptp",
    lab: LabKind::Routing,
    title: "APTP: a model for the prompt",
    idea: "A prompt with one thing to draw needs less of a network than one with five. A router sends each prompt to one of a few pruned models; optimal transport keeps every model in use and the mean cost on budget.",
    paper: Paper {
        title: "Not All Prompts Are Made Equal: Prompt-based Pruning of Text-to-Image Diffusion Models",
        authors: "Ganjdanesh, Shirkavand, Gao, Huang",
        year: 2024,
        arxiv: "2406.12042",
    },
    basis: Basis::AbstractOnly,
    deviations: "Prompts are generated from word lists and embedded by hashed character trigrams (64 buckets) in place of a sentence encoder; codes are prototypes with stated costs in place of pruned diffusion models; a right answer on a known prompt counts ½ beside the similarity, where the paper trains through the diffusion loss. The shares of the codes are π ∝ exp(-λ cost), λ the price that meets the budget: even shares where the budget is the mean cost.",
    equation: "max Σ π_im v_im + ε H(π), rows 1/N, columns π_m; v_im = e_i·c_m + ½ right_im; c_m, b_m down the cross-entropy of π against softmax(e_i·c_m/τ + b_m); asked: the largest logit",
    symbols: &[
        ("e_i", "hashed trigrams of prompt i"),
        ("c_m, b_m", "prototype and bias of code m"),
        ("π_m", "share of code m"),
        ("ε, τ", "temperatures 0.05 and 0.1"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Optimal transport keeps the architecture codes from collapsing, and the router's clusters of prompts are semantically meaningful.",
        experiment: "Codes that get at least 2 % of new prompts at even shares: trained with transport minus each prompt to its nearest code; beside it the share of the topic's entropy that the code tells.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Queries,
        query_rule: QueryRule::Codes,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("codes in use, transport minus nearest", "of 5")
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    vec![on_queries(config(), seed, effort)]
}

fn measure(runs: &[QueryRun]) -> [f64; 2] {
    runs.first().map_or([f64::NAN; 2], |run| {
        let more = run.extra("codes_used") - run.extra("codes_nearest");
        [more, run.extra("topic_told")]
    })
}

/// Share of the topic's entropy from which a code counts as meaningful.
const MEANINGFUL: f64 = 0.1;

fn judge(m: &Measured) -> (Verdict, String) {
    let told = m.side_interval();
    let verdict = match (m.interval[0] > 0.0, told[0] > MEANINGFUL) {
        (true, true) => Verdict::Reproduced,
        (true, false) | (false, true) => Verdict::Partly,
        (false, false) => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "Transport keeps {:+.2} of 5 codes more in use ({:.2} to {:.2}). A prompt's code tells {:.0} % of its topic ({:.0} to {:.0}; from {:.0} % on it counts as meaningful).",
            m.mean,
            m.interval[0],
            m.interval[1],
            100.0 * m.side_mean(),
            100.0 * told[0],
            100.0 * told[1],
            100.0 * MEANINGFUL
        ),
    )
}
