//! The primal-dual view of loss-free balancing (arXiv 2512.03915): the bias is the price of an expert.

use super::super::claims::{Measured, Plan};
use super::super::config::{BiasRule, Config, Router};
use super::super::model::BatchRun;
use super::super::rules::assignment;
use super::super::rules::bias::{self, Rule};
use super::super::rules::families::biased;
use crate::core::gate;
use crate::core::matrix::{Matrix, counts};
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The bias as a dual variable.
pub(super) static PRIMAL_DUAL: Exhibit = Exhibit {
    id: "primal-dual-balancing",
    lab: LabKind::Routing,
    title: "Loss-free balancing as primal-dual",
    idea: "Balanced routing is an assignment problem, and the bias its dual variable: each update is one subgradient step. With shrinking steps the bias converges to the prices of the exact assignment.",
    paper: Paper {
        title: "A Theoretical Framework for Auxiliary-Loss-Free Load Balancing of Sparse Mixture-of-Experts in Large-Scale AI Models",
        authors: "Han and Zhong",
        year: 2025,
        arxiv: "2512.03915",
    },
    basis: Basis::AbstractOnly,
    deviations: "The step is proportional to the deviation and divided by 1 + t, our choice of a decaying step. The claim's experiment repeats one batch and selects by logits, so that the exact optimum is known.",
    equation: "D(b) = Σ_t max_e (z_te + b_e) - (N/E) Σ_e b_e >= Σ_t z_{t,a(t)}; b_e += u/(1+t) (mean(c) - c_e)/mean(c)",
    symbols: &[
        ("D", "dual function, convex in b"),
        ("a(t)", "exact balanced assignment: equality at the optimum"),
        ("c", "loads under b"),
        ("u", "first step"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "With decaying steps the dual gap shrinks towards zero, and tokens only move from more to less loaded experts.",
        experiment: "One batch of 256 tokens, 8 experts, 200 updates: dual gap per token at the end of the decaying step; and the share of moves that go to a more loaded expert.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::LossFree,
        bias_rule: BiasRule::Proportional,
        bias_rate: 0.5,
        bias_decay: 1.0,
        router_skew: 0.8,
        batches: 40,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("dual gap per token after 200 updates", "logits")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config {
        seed,
        batches: 1,
        ..config()
    }]
}

/// D(b) of a batch.
fn dual(z: &Matrix, b: &[f64]) -> f64 {
    let best = |t: usize| {
        biased(z.row(t), b)
            .into_iter()
            .fold(f64::NEG_INFINITY, f64::max)
    };
    let share = z.rows as f64 / z.cols as f64;
    (0..z.rows).map(best).sum::<f64>() - share * b.iter().sum::<f64>()
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let n = run.batches()[0].clusters.len();
    let data: Vec<f64> = (0..n)
        .filter_map(|t| run.gated(0, t))
        .flat_map(|(z, _)| z)
        .collect();
    let z = Matrix {
        rows: n,
        cols: data.len() / n,
        data,
    };
    let Some(exact) = assignment::base(&z, n.div_ceil(z.cols)) else {
        return [f64::NAN; 2];
    };
    let optimum: f64 = exact.iter().enumerate().map(|(t, &e)| z.at(t, e)).sum();
    let mut b = vec![0.0; z.cols];
    let choose =
        |b: &[f64]| -> Vec<usize> { (0..n).map(|t| gate::argmax(&biased(z.row(t), b))).collect() };
    let mut last = choose(&b);
    let (mut moves, mut wrong) = (0.0, 0.0);
    for t in 0..200 {
        let loads: Vec<f64> = counts(last.iter().copied(), z.cols)
            .into_iter()
            .map(|c| c as f64)
            .collect();
        bias::step(
            &mut b,
            &loads,
            Rule::Proportional,
            0.5 / (1.0 + f64::from(t)),
            false,
        );
        let next = choose(&b);
        for (from, to) in last.iter().zip(&next).filter(|(a, b)| a != b) {
            moves += 1.0;
            wrong += f64::from(u8::from(loads[*to] > loads[*from]));
        }
        last = next;
    }
    [
        (dual(&z, &b) - optimum) / n as f64,
        if moves > 0.0 { wrong / moves } else { 0.0 },
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = match m.interval[1] {
        ..0.01 => Verdict::Reproduced,
        ..0.1 => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "The gap to the exact assignment ends at {:.5} logits per token. {:.1} % of the moves go from a less loaded expert to a more loaded one.",
            m.mean,
            100.0 * m.side_mean()
        ),
    )
}
