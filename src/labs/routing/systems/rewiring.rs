//! Rewiring Experts on the Fly (arXiv 2510.14853): a router that is put right by its own context.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Study, World};
use super::super::studies::StudyRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// A vector on the logits, found from the context.
pub(super) static REWIRING: Exhibit = Exhibit {
    id: "rewiring-experts",
    lab: LabKind::Routing,
    title: "Rewiring experts on the fly",
    idea: "In use a router meets other inputs than in training and favours the wrong experts. What has been read so far tells how wrong: a vector added to the logits is found by a few gradient steps on it, kept for a while, and found anew. Let the source change within an interval to see the price.",
    paper: Paper {
        title: "Rewiring Experts on the Fly: Continuous Rerouting for Better Online Adaptation in Mixture-of-Expert Models",
        authors: "Su, Yang, Li et al.",
        year: 2025,
        arxiv: "2510.14853",
    },
    basis: Basis::Secondary,
    deviations: "Sequences of one of six linear maps, each known to one expert; one layer, so no choice of layers by confidence. Squared error of the next item stands for the cross-entropy of the next token. Ten gradient steps of size 5 on the last 32 items through the soft mixture of all experts; two experts answer.",
    equation: "δ ← δ - 5 ∂/∂δ mean_ctx |x_next - Σ_e softmax(z + δ)_e A_e x|², ten times every interval; then top-2 of z + δ",
    symbols: &[
        ("z", "logits of the gate, with the shift of deployment"),
        ("δ", "added vector, one number per expert"),
        ("A_e", "map that expert e knows"),
        ("ctx", "the last 32 items"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Optimising routing on the context already generated, without other data, consistently improves a mixture of experts in use and stays robust to shifts of the context.",
        experiment: "Error of the next item, rewired over as shipped, under a shifted gate; and the same without a shift, where only the noise of the gate is left to put right.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Studies,
        study: Study::Rewire,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("error rewired over error as shipped", "×")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    [config().gate_shift, 0.0]
        .map(|gate_shift| Config {
            seed,
            gate_shift,
            ..config()
        })
        .to_vec()
}

fn measure(runs: &[StudyRun]) -> [f64; 2] {
    let ratio = |run: &StudyRun| run.value("error") / run.value("error_shipped");
    match runs {
        [shifted, fitting] => [ratio(shifted), ratio(fitting)],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let fitting = m.side_interval();
    let verdict = match (m.interval[1] < 1.0, fitting[0] <= 1.0) {
        (true, true) => Verdict::Reproduced,
        (true, false) => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "Under a shifted gate the error falls to {:.2} of that as shipped, without a shift to {:.2} ({:.2} to {:.2}).",
            m.mean,
            m.side_mean(),
            fitting[0],
            fitting[1]
        ),
    )
}
