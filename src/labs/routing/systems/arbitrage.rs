//! Arbitrage (arXiv 2512.05033): escalate where the advantage is, not where the answer is bad.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, QueryRule, World};
use super::super::queries::QueryRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Escalation by advantage.
pub(super) static ARBITRAGE: Exhibit = Exhibit {
    id: "arbitrage",
    lab: LabKind::Routing,
    title: "Arbitrage: by advantage",
    idea: "A bad answer of the small model is worth redoing only if the large one does better. Route by the predicted difference of the two, not by the score of the draft.",
    paper: Paper {
        title: "Arbitrage: Efficient Reasoning via Advantage-Aware Speculation",
        authors: "Maheswaran et al.",
        year: 2025,
        arxiv: "2512.05033",
    },
    basis: Basis::Secondary,
    deviations: "Single answers of two networks on noisy digits stand for reasoning steps; the score of an answer is the probability of the right class; the advantage is predicted by ridge regression on four signals of the small model.",
    equation: "escalate when predicted (score_large - score_small) > δ; baseline: when score_small ≤ θ; oracle: the true difference",
    symbols: &[
        ("score", "probability given to the right class"),
        ("δ, θ", "thresholds, set by the share escalated"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Routing steps by predicted advantage avoids regenerations that bring little improvement and surpasses fixed acceptance thresholds on the draft's quality.",
        experiment: "Share of the escalated fifth that the strong network does not improve, threshold on the weak answer's true score minus predicted advantage; and the difference in accuracy.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Queries,
        query_rule: QueryRule::Advantage,
        train_steps: 300,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "escalated in vain, score threshold minus predicted advantage",
            "points",
        )
        .start(effort)
}

/// Share of the answers that is escalated.
const SHARE: f64 = 0.2;

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[QueryRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let wasted = |name| run.escalated(name, SHARE, |c, i| c.wasted[i][1]);
    let accuracy = |name| run.escalated(name, SHARE, |c, i| c.points[i][1]);
    [
        wasted("score of the weak answer") - wasted("predicted advantage"),
        accuracy("predicted advantage") - accuracy("score of the weak answer"),
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let gain = m.side_interval();
    let (less_waste, better) = (m.interval[0] > 0.0, gain[0] > 0.0);
    let verdict = match (less_waste, better) {
        (true, true) => Verdict::Reproduced,
        (true, false) | (false, true) => Verdict::Partly,
        (false, false) => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "Escalating by the predicted advantage changes the share in vain by {:+.1} points (fewer: positive) and the accuracy by {:+.2} points ({:+.2} to {:+.2}) against a perfect judge of the weak answer, who knows the label and so has much the easier task.",
            m.mean,
            m.side_mean(),
            gain[0],
            gain[1]
        ),
    )
}
