//! PALBERT (arXiv 2204.03276): a deterministic exit.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, LayerRule, World};
use super::super::layers::LayerRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Q-exit.
pub(super) static PALBERT: Exhibit = Exhibit {
    id: "palbert",
    lab: LabKind::Routing,
    title: "PALBERT: Q-exit",
    idea: "After every block an exit says how likely it is to be the right place to leave. Drawing the exit from that distribution makes it jump about; leaving at its median does not.",
    paper: Paper {
        title: "PALBERT: Teaching ALBERT to Ponder",
        authors: "Balagansky, Gavrilov",
        year: 2022,
        arxiv: "2204.03276",
    },
    basis: Basis::Code,
    deviations: "Six residual blocks on noisy digits; the exit probability is a linear function of the normed stream. The last exit's own loss is added so that the same network can be run to its end.",
    equation: "p_l = λ_l Π_{i<l} (1 - λ_i); leave at the first l with Σ_{i≤l} p_i > 1/2, else at the last; loss Σ p_l CE_l + β KL(prior ‖ p)",
    symbols: &[
        ("λ", "probability of leaving at an exit when there"),
        (
            "p",
            "exit distribution; its last entry takes the rest in training",
        ),
        ("β", "weight of the prior"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Sampling the exit introduces major variance in exit layers and lowers performance; the deterministic Q-exit improves on it.",
        experiment: "Standard deviation over held-out samples of the blocks run under Q-exit over that under sampling, same network; beside it the difference in accuracy.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Layers,
        layer_rule: LayerRule::QExit,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("spread of the exit, Q-exit over sampled", "×")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

/// Spread of the exit under Q-exit over that under sampling; and the difference in accuracy.
fn measure(runs: &[LayerRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let (q, sampled) = (&run.policies()[4], &run.policies()[5]);
    [
        q.spread / sampled.spread,
        100.0 * (q.accuracy - sampled.accuracy),
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let gain = m.side_interval();
    let (steadier, better) = (m.interval[1] < 0.8, gain[0] > 0.0);
    let verdict = match (steadier, better) {
        (true, true) => Verdict::Reproduced,
        (true, false) | (false, true) => Verdict::Partly,
        (false, false) => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "The exit varies {:.2} times as much over the samples as under sampling; the accuracy differs by {:+.1} points ({:+.1} to {:+.1}).",
            m.mean,
            m.side_mean(),
            gain[0],
            gain[1]
        ),
    )
}
