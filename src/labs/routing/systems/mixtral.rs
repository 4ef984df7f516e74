//! Mixtral of experts (arXiv 2401.04088): softmax over all experts, the k best, weights
//! renormalised. The released model is dropless; the capacity here is the lab's addition.

use super::super::claims::{Measured, Plan, metric};
use super::super::config::{Config, DropOrder};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Softmax, then top-k.
pub(super) static MIXTRAL: Exhibit = Exhibit {
    id: "mixtral",
    lab: LabKind::Routing,
    title: "Mixtral top-2",
    idea: "Every token goes to its k best experts; their outputs are mixed with the softmax probabilities, renormalised over the k.",
    paper: Paper {
        title: "Mixtral of Experts",
        authors: "Jiang et al.",
        year: 2024,
        arxiv: "2401.04088",
    },
    basis: Basis::Code,
    deviations: "The model itself never drops a token. Capacity, and who loses a place, are added here; the comparison of drop orders follows arXiv 2503.05066.",
    equation: "p = softmax(W x); S = top-k(p); w_e = p_e / Σ_S p; y = Σ_S w_e f_e(x); a pair is kept when its position < C = ceil(factor k N / E)",
    symbols: &[
        ("p", "probability of each expert"),
        ("S", "the k experts chosen"),
        ("w", "weight of an expert's output"),
        ("C", "places per expert"),
        ("N, E, k", "tokens, experts, experts per token"),
    ],
    setup,
    claim: Some(Claim {
        statement: "When experts are full, dropping the tokens with the lowest scores keeps more of the routing weight than dropping the ones that come last (Capacity-Aware Inference, arXiv 2503.05066).",
        experiment: "The same tokens with capacity factor 1, kept once by best gate and once in token order: difference of the share of gate mass that is kept, paired over seeds.",
        start,
    }),
};

fn config(order: DropOrder) -> Config {
    Config {
        router_skew: 0.8,
        capacity_factor: 1.0,
        drop_order: order,
        batches: 4,
        ..Config::default()
    }
}

fn setup() -> Setup {
    Setup::Routing(config(DropOrder::Score))
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("gate mass kept, best gate minus token order", "points")
        .start(effort)
}

/// The same tokens under both drop orders.
fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    [DropOrder::Score, DropOrder::Token]
        .map(|order| Config {
            seed,
            ..config(order)
        })
        .to_vec()
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let both = |id| metric(runs, 0, id) - metric(runs, 1, id);
    [both("retained_gate_mass"), both("drop_rate").abs()]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let unequal = m.side.iter().copied().fold(0.0, f64::max);
    let verdict = if m.interval[0] > 0.0 {
        Verdict::Reproduced
    } else if m.mean > 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "Keeping the best gates keeps {:.1} points more gate mass at the same drop rate (largest difference of the rates {unequal:.1e} points). Model quality is not measured here.",
            m.mean
        ),
    )
}
