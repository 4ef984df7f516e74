//! GlimpRouter (arXiv 2601.05110): a glimpse at the first token of a step.

use super::super::claims::{Measured, Plan, on_queries};
use super::super::config::{Config, QueryRule, World};
use super::super::queries::{GLIMPSE, QueryRun, RANDOM};
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Escalation by the entropy of a first token.
pub(super) static GLIMP_ROUTER: Exhibit = Exhibit {
    id: "glimp-router",
    lab: LabKind::Routing,
    title: "GlimpRouter: one token tells",
    idea: "Two models take turns in writing, step by step. The small one drafts only the first token of a step: where it hesitates there, the large one writes the step. Nothing has to be written in full and thrown away.",
    paper: Paper {
        title: "GlimpRouter: Efficient Collaborative Inference by Glimpsing One Token of Thoughts",
        authors: "Zeng et al.",
        year: 2026,
        arxiv: "2601.05110",
    },
    basis: Basis::AbstractOnly,
    deviations: "Steps of four symbols of a second-order Markov chain in place of steps of a reasoning model. The large model is the chain itself and never errs; the small one has learnt the chain of the last symbol from 20,000 symbols. A step is right when every symbol is the one the chain holds most likely. Costs 0.1 and 1 per step are ours.",
    equation: "H = -Σ_c p(c) ln p(c) at the first token of the step; H > θ: the large model writes the step; cost 0.1 (1 - s) + (1 + 0.1/T) s at a share s escalated",
    symbols: &[
        ("p", "the small model's distribution of the first token"),
        ("T", "tokens of a step"),
        ("θ", "threshold, set by the share escalated"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "The entropy of a step's first token predicts how hard the step is; handing over only hard steps keeps or improves the accuracy at a lower latency than the large model alone.",
        experiment: "Steps of a Markov chain: quality with 30 % of the steps escalated by the entropy of their first token, minus that with random steps at the same cost; beside it the area under the curve of that entropy as a predictor of errors.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Queries,
        query_rule: QueryRule::Glimpse,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "quality at equal cost, first token's entropy minus random",
            "points",
        )
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    vec![on_queries(config(), seed, effort)]
}

/// Share escalated at which the rules are compared.
const SHARE: f64 = 0.3;

fn measure(runs: &[QueryRun]) -> [f64; 2] {
    let measured = || {
        let run = runs.first()?;
        let glimpse = run.named(GLIMPSE)?;
        let [cost, quality] = glimpse.points[glimpse.at_share(SHARE)?];
        let random = run.named(RANDOM)?.quality_at(cost);
        Some([100.0 * (quality - random), run.extra("auc")])
    };
    measured().unwrap_or([f64::NAN; 2])
}

fn judge(m: &Measured) -> (Verdict, String) {
    let auc = m.side_interval();
    let verdict = match (m.interval[0] > 0.0, auc[0] > 0.5) {
        // The large model is right by construction: that the pair beats it cannot be shown.
        (true, true) => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "At equal cost it is {:+.1} points from escalating at random; the entropy ranks a wrong step above a right one in {:.0} % of the pairs ({:.0} to {:.0}). That the pair is more accurate than the large model cannot be seen here: ours never errs.",
            m.mean,
            100.0 * m.side_mean(),
            100.0 * auc[0],
            100.0 * auc[1]
        ),
    )
}
