//! Expert-router coupling loss (arXiv 2512.23447), in training.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, World};
use super::super::training::TrainRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Expert-router coupling.
pub(super) static ERC: Exhibit = Exhibit {
    id: "expert-router-coupling",
    lab: LabKind::Routing,
    title: "Expert-router coupling loss",
    idea: "Each gate row stands for the tokens of its expert. Fed through all experts, slightly perturbed, it should excite its own one most: the gate then knows what its experts can do.",
    paper: Paper {
        title: "Coupling Experts and Routers in Mixture-of-Experts via an Auxiliary Loss",
        authors: "Lv et al.",
        year: 2025,
        arxiv: "2512.23447",
    },
    basis: Basis::Paper,
    deviations: "Eight small experts on handwritten digits; the first weights of an expert take the place of its gate projection. The loss can also be lowered by scale alone: the chart shows the norm of these weights.",
    equation: "M_ij = ‖R_i (1 + ε_i u) W_j‖, ε_i = min_j ‖R_i - R_j‖ / (2 ‖R_i‖), u ~ U(-1, 1); L = 1/n² Σ_{i≠j} max(M_ij - α M_ii, 0) + max(M_ji - α M_ii, 0)",
    symbols: &[
        ("R", "rows of the gate"),
        ("W_j", "first weights of expert j"),
        ("ε", "bound of the noise, held constant"),
        ("α", "strictness, 1 is strictest"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "The loss couples each expert to its gate row and improves the model.",
        experiment: "Share of experts that respond to their own gate row most, with the loss (weight 1, α 1) minus without; beside it the change of the accuracy on held-out digits.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Training,
        limited: false,
        erc_weight: 1.0,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "experts whose own gate row excites them most, with minus without",
            "points",
        )
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let train_steps = if effort == Effort::Quick { 300 } else { 500 };
    [1.0, 0.0]
        .map(|erc_weight| Config {
            seed,
            train_steps,
            erc_weight,
            ..config()
        })
        .to_vec()
}

fn measure(runs: &[TrainRun]) -> [f64; 2] {
    let last = |i: usize| runs.get(i).and_then(|r| r.snapshots().last());
    match (last(0), last(1)) {
        (Some(with), Some(without)) => [
            100.0 * (with.own_proxy - without.own_proxy),
            100.0 * (with.accuracy - without.accuracy),
        ],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let gain = m.side_interval();
    let (coupled, better) = (m.interval[0] > 20.0, gain[0] > 0.0);
    let verdict = match (coupled, better) {
        (true, true) => Verdict::Reproduced,
        (true, false) => Verdict::Partly,
        (false, _) => Verdict::NotReproduced,
    };
    let quality = if better {
        "improves"
    } else if gain[1] < 0.0 {
        "falls"
    } else {
        "does not change beyond the spread of the seeds"
    };
    (
        verdict,
        format!(
            "{:.0} points more of the experts answer most to their own gate row; the accuracy {quality} ({:+.2} points, {:+.2} to {:+.2}).",
            m.mean,
            m.side_mean(),
            gain[0],
            gain[1]
        ),
    )
}
