//! CARROT (arXiv 2502.03261): the model of best estimated quality less cost.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, QueryRule, World};
use super::super::queries::QueryRun;
use crate::core::{ClaimResult, Job, Verdict, num, stats};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Quality less cost.
pub(super) static CARROT: Exhibit = Exhibit {
    id: "carrot",
    lab: LabKind::Routing,
    title: "CARROT",
    idea: "Estimate what every model would make of a query and what it would cost, and take the best of the weighted difference. One weight moves along the whole frontier.",
    paper: Paper {
        title: "CARROT: A Cost Aware Rate Optimal Router",
        authors: "Somerstep et al.",
        year: 2025,
        arxiv: "2502.03261",
    },
    basis: Basis::Code,
    deviations: "A synthetic pool: five models of cost 0.02, 0.05, 0.15, 0.5, 1 and mean quality 44, 55, 66, 75, 83 %, queries of one-dimensional difficulty on four topics. Costs are known exactly; qualities are estimated from the nearest answered queries. Costs are in units of the dearest answer (the released code scales them by 100).",
    equation: "m(x) = argmax_m (1 - μ) q_m(x) - μ c_m(x)",
    symbols: &[
        ("q, c", "estimated quality and cost of model m on query x"),
        ("μ", "weight of cost, 0 to 1: the transport"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "A router that estimates quality and cost of each model is rate-optimal: its regret falls at the best possible rate with the number of training queries.",
        experiment: "Slope of the log regret to true qualities by the log of the number of answered queries, 64 to 4,096; regret is the mean over 41 weights of cost.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Queries,
        query_rule: QueryRule::Carrot,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("slope of ln regret by ln n", "")
        .start(effort)
}

/// Numbers of answered queries over which the rate is taken.
const SIZES: [u64; 4] = [64, 256, 1024, 4096];

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let queries = if effort == Effort::Quick { 600 } else { 2000 };
    SIZES
        .map(|training_queries| Config {
            seed,
            queries,
            training_queries,
            ..config()
        })
        .to_vec()
}

/// Slope of ln regret by ln n; and the regret at the largest n over that at the smallest.
fn measure(runs: &[QueryRun]) -> [f64; 2] {
    let regret: Vec<f64> = runs.iter().map(QueryRun::regret).collect();
    if regret.len() != SIZES.len() {
        return [f64::NAN; 2];
    }
    let x = SIZES.map(|n| num::ln(n as f64));
    let y: Vec<f64> = regret.iter().map(|r| num::ln(*r)).collect();
    let (mx, my) = (stats::mean(&x), stats::mean(&y));
    let up: f64 = x.iter().zip(&y).map(|(a, b)| (a - mx) * (b - my)).sum();
    let down: f64 = x.iter().map(|a| (a - mx) * (a - mx)).sum();
    [up / down, regret[SIZES.len() - 1] / regret[0]]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[1] < -0.3 && m.interval[0] > -0.9 {
        Verdict::Reproduced
    } else if m.interval[1] < 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "The regret falls as n^{:.2} ({:.2} to {:.2}) from 64 to 4,096 answered queries, to {:.2} of what it was; n^-0.5 is what the theory of such estimates leads one to expect in one dimension.",
            m.mean,
            m.interval[0],
            m.interval[1],
            m.side_mean()
        ),
    )
}
