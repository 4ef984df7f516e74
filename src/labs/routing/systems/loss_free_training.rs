//! Loss-free balancing (arXiv 2408.15664) against the auxiliary loss, in training.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Task, World};
use super::super::training::{Snapshot, TrainRun};
use crate::core::{ClaimResult, Job, Verdict, num};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Loss-free balancing in training.
pub(super) static LOSS_FREE_TRAINING: Exhibit = Exhibit {
    id: "loss-free-training",
    lab: LabKind::Routing,
    title: "Loss-free balancing, in training",
    idea: "The selection bias balances the load without a gradient of its own, so the task's gradient stays clean. Does that give a better model than the auxiliary loss?",
    paper: Paper {
        title: "Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-Experts",
        authors: "Wang et al.",
        year: 2024,
        arxiv: "2408.15664",
    },
    basis: Basis::Code,
    deviations: "Eight linear experts on vectors in 24 clusters of equal size; the paper trains language models of 1B and 3B parameters.",
    equation: "choose by s + b, weigh by s; after each update b_e += u sign(mean(c) - c_e)",
    symbols: &[
        ("s", "sigmoid score of each expert"),
        ("b", "selection bias"),
        ("c", "tokens asked of each expert in the batch"),
        ("u", "bias step, 0.001"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Loss-free balancing reaches both a better loss and a better balance than training with an auxiliary loss.",
        experiment: "Held-out loss with the bias (u = 0.001) over that with the auxiliary loss, at the one of four weights (0.1, 0.3, 1, 3) whose MaxVio in the last training batches is nearest to the bias's; same weights and data.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Training,
        task: Task::Mixture,
        clusters: 24,
        cluster_skew: 0.0,
        learning_rate: 1e-2,
        train_steps: 1500,
        train_batch: 256,
        limited: false,
        loss_free: true,
        bias_rate: 1e-3,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("held-out loss, bias over auxiliary loss", "×")
        .start(effort)
}

/// Weights of the auxiliary loss that the bias is held against.
const WEIGHTS: [f64; 4] = [0.1, 0.3, 1.0, 3.0];

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let base = Config {
        seed,
        train_steps: if effort == Effort::Quick { 900 } else { 1500 },
        ..config()
    };
    let aux = WEIGHTS.map(|aux_weight| Config {
        loss_free: false,
        aux_weight,
        ..base.clone()
    });
    [&[base][..], &aux].concat()
}

/// Loss of the bias over that of the auxiliary loss at the weight that comes nearest to the same
/// balance, and the log of the ratio of MaxVio there.
fn measure(runs: &[TrainRun]) -> [f64; 2] {
    let last: Vec<_> = runs.iter().filter_map(|r| r.snapshots().last()).collect();
    let Some((bias, aux)) = last.split_first() else {
        return [f64::NAN; 2];
    };
    let gap = |s: &Snapshot| num::ln(bias.batch_violation / s.batch_violation);
    let nearest = aux
        .iter()
        .min_by(|a, b| gap(a).abs().total_cmp(&gap(b).abs()));
    nearest.map_or([f64::NAN; 2], |s| [bias.loss / s.loss, gap(s)])
}

fn judge(m: &Measured) -> (Verdict, String) {
    let balance = m.side_interval().map(num::exp);
    let as_even = balance[0] < 1.1;
    let verdict = match (m.interval[1] < 1.0, as_even) {
        (true, true) => Verdict::Reproduced,
        (true, false) => Verdict::Partly,
        (false, _) if m.mean < 1.0 => Verdict::Partly,
        (false, _) => Verdict::NotReproduced,
    };
    let loss = if m.interval[1] < 1.0 {
        "is lower"
    } else if m.interval[0] > 1.0 {
        "is higher"
    } else {
        "does not differ clearly"
    };
    (
        verdict,
        format!(
            "At about the same balance (MaxVio {:.2} times, {:.2} to {:.2}) the held-out loss {loss}: {:.3} times that of the auxiliary loss. The clusters are of equal size here, so even loads suit the task.",
            num::exp(m.side_mean()),
            balance[0],
            balance[1],
            m.mean
        ),
    )
}
