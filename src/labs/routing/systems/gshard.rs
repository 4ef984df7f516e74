//! GShard (arXiv 2006.16668): two experts per token, first choices served first, the second sent
//! always or at random.

use super::super::claims::{Measured, Plan, metric};
use super::super::config::{Config, Router, SecondChoice};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Top-2, first choices first.
pub(super) static GSHARD: Exhibit = Exhibit {
    id: "gshard",
    lab: LabKind::Routing,
    title: "GShard top-2",
    idea: "All first choices take their places before any second choice. A second expert with a small gate is asked only sometimes, which saves places.",
    paper: Paper {
        title: "GShard: Scaling Giant Models with Conditional Computation and Automatic Sharding",
        authors: "Lepikhin et al.",
        year: 2020,
        arxiv: "2006.16668",
    },
    basis: Basis::Code,
    deviations: "Gates are renormalised over the choices kept (the form of NLLB's released router). Synthetic tokens, no auxiliary loss, one group per batch.",
    equation: "e1 = argmax p; e2 = argmax of the rest; second sent when u < min(1, 2 g2), g2 = p_e2 / (p_e1 + p_e2); C = ceil(2 factor N / E)",
    symbols: &[
        ("p", "probability of each expert"),
        ("e1, e2", "first and second choice"),
        ("g2", "gate of the second choice over the pair"),
        ("u", "uniform random number of the token"),
        ("C", "places per expert"),
    ],
    setup,
    claim: Some(Claim {
        statement: "Sending the second choice with probability proportional to its gate saves expert capacity: fewer pairs meet a full expert.",
        experiment: "The same tokens with the second choice always sent and sent at random: difference of the drop rate, paired over seeds.",
        start,
    }),
};

fn config(second: SecondChoice) -> Config {
    Config {
        router: Router::Gshard,
        second_choice: second,
        capacity_factor: 1.0,
        router_skew: 0.5,
        batches: 6,
        ..Config::default()
    }
}

fn setup() -> Setup {
    Setup::Routing(config(SecondChoice::Random))
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("dropped pairs, random minus always", "points")
        .start(effort)
}

/// The same tokens with the second choice sent at random and always.
fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    [SecondChoice::Random, SecondChoice::Always]
        .map(|s| Config { seed, ..config(s) })
        .to_vec()
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let both = |id| metric(runs, 0, id) - metric(runs, 1, id);
    [both("drop_rate"), both("unrouted")]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let lost = m.side.iter().sum::<f64>() / m.side.len() as f64;
    let verdict = if m.interval[1] < 0.0 {
        Verdict::Reproduced
    } else if m.mean < 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "The drop rate changes by {:.1} points. Tokens left without any expert change by {lost:+.1} points: a token whose first choice is dropped has fewer second chances.",
            m.mean
        ),
    )
}
