//! MoE-CAP (arXiv 2412.07067): utilisation that counts only the experts in use.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use super::super::touched::{expected, touched, touched_pairs};
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Experts read against experts there are.
pub(super) static MOE_CAP: Exhibit = Exhibit {
    id: "moe-cap",
    lab: LabKind::Routing,
    title: "MoE-CAP: sparse utilisation",
    idea: "A small batch does not touch every expert. Bandwidth utilisation that counts all of their weights is too high, beyond 1 even; what counts is how many the tokens of a step really use together.",
    paper: Paper {
        title: "MoE-CAP: Benchmarking Cost, Accuracy and Performance of Sparse Mixture-of-Experts Systems",
        authors: "Jiang et al.",
        year: 2024,
        arxiv: "2412.07067",
    },
    basis: Basis::Code,
    deviations: "Consecutive tokens of the routed batches stand for the requests of a step. Step time, layers and devices are yours to give (System); the other weights of a layer and the KV cache are single numbers, attention scores are left out of the operations. The tab CAP draws cost, accuracy and performance of the setups on screen; the price of a device is yours to give, and the gate mass kept stands for accuracy, which needs a model.",
    equation: "S-MBU = (L (A P_expert + P_attention) + KV) bytes / (step time · GPUs · peak bandwidth); A = distinct experts touched per layer, E (1 - (1 - k/E)^B) for independent uniform tokens; S-MFU = L (P_attention + k P_expert) 2 tokens/s / peak throughput",
    symbols: &[
        ("A", "experts touched by the tokens of a step"),
        ("B", "tokens decoded together"),
        ("k, E", "experts per token, experts"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Utilisation metrics that ignore sparse activation overestimate what a mixture of experts uses.",
        experiment: "64 experts, 4 per token, 8 consecutive correlated tokens: experts there are over experts touched, which is the factor of the overestimate; and touched over the formula for independent tokens.",
        start,
    }),
};

/// Tokens decoded together.
const TOGETHER: usize = 8;

fn config() -> Config {
    Config {
        router: Router::Mixtral,
        experts: 64,
        k: 4,
        limited: false,
        correlation: 0.6,
        clusters: 12,
        together: TOGETHER as u64,
        step_ms: 20.0,
        batches: 8,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("experts there are over experts touched by 8 tokens", "×")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    let experts = run.config().experts as usize;
    let own = touched(run.batches(), experts, TOGETHER);
    let formula = expected(experts, touched_pairs(run.batches()), TOGETHER);
    [experts as f64 / own, own / formula]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[0] > 1.1 {
        Verdict::Reproduced
    } else if m.mean > 1.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    let shared = if m.side_interval()[1] < 1.0 {
        "they share experts, so the formula overstates too"
    } else {
        "the formula for independent tokens holds"
    };
    (
        verdict,
        format!(
            "Counting all 64 experts overstates the weights read by {:.1} times. The tokens touch {:.2} of what independent uniform tokens would: {shared}.",
            m.mean,
            m.side_mean()
        ),
    )
}
