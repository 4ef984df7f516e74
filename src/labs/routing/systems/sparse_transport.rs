//! Sparsity-constrained optimal transport (arXiv 2209.15466, google-research/vmoe): at most k tokens per expert.

use super::super::claims::{Measured, Plan, metric};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Transport with few nonzeros.
pub(super) static SPARSE_TRANSPORT: Exhibit = Exhibit {
    id: "sparse-transport",
    lab: LabKind::Routing,
    title: "Sparsity-constrained transport",
    idea: "Tokens and experts as a transport problem with a quadratic term and at most k nonzeros per expert: the plan is sparse by construction, so no expert is ever over its capacity.",
    paper: Paper {
        title: "Sparsity-Constrained Optimal Transport",
        authors: "Liu, Puigcerver, Blondel",
        year: 2022,
        arxiv: "2209.15466",
    },
    basis: Basis::Code,
    deviations: "The released router's setting: gates as similarity, 20 Adam steps of 0.01 from zero. Gates themselves are the weights.",
    equation: "max_α <α,1> - Σ_j g_j(α - c_j); g_j(s) = max over t >= 0, Σ t = N/E, at most C nonzeros of <s,t> - γ/2 |t|²; c = -softmax(z); kept where the plan is positive",
    symbols: &[
        ("α", "dual variable of each token"),
        ("c_j", "cost of expert j: minus its gates"),
        ("C", "nonzeros allowed per expert"),
        ("γ", "weight of the quadratic term"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "The cardinality constraint gives explicit control over the number of tokens per expert: no expert exceeds its capacity.",
        experiment: "A router with favourites in the released setting: largest load over the capacity, and the share of tokens that 20 steps leave without any expert.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::SparseTransport,
        capacity_factor: 1.0,
        router_skew: 0.8,
        batches: 4,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("largest load over capacity", "×")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let worst = runs
        .iter()
        .flat_map(BatchRun::batches)
        .map(|b| {
            let most = b.carried.iter().copied().max().unwrap_or(0);
            f64::from(most) / f64::from(b.capacity)
        })
        .fold(0.0, f64::max);
    [worst, metric(runs, 0, "unrouted")]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[1] <= 1.0 {
        Verdict::Reproduced
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "The largest load is {:.2} of the capacity. Twenty steps do not converge: {:.1} % of the tokens are left without any expert.",
            m.mean,
            m.side_mean()
        ),
    )
}
