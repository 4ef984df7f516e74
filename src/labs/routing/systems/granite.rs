//! Top-k first, then softmax over the k: JetMoE (arXiv 2404.07413), Granite, GPT-OSS; the rule as in
//! transformers' `GraniteMoeTopKGating`.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use super::super::rules::families;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Top-k, then softmax.
pub(super) static GRANITE: Exhibit = Exhibit {
    id: "granite-moe",
    lab: LabKind::Routing,
    title: "Top-k, then softmax (Granite)",
    idea: "The k best logits are chosen first and the softmax is taken over them alone. It looks different from softmax, top-k, renormalise; it is the same.",
    paper: Paper {
        title: "JetMoE: Reaching Llama2 Performance with 0.1M Dollars",
        authors: "Shen et al.",
        year: 2024,
        arxiv: "2404.07413",
    },
    basis: Basis::Code,
    deviations: "Capacity is added here; the models are dropless.",
    equation: "S = top-k(z); w_e = exp(z_e) / Σ_S exp(z)  =  (exp(z_e)/Z) / Σ_S (exp(z)/Z), so the order of softmax and top-k does not matter once weights are renormalised",
    symbols: &[
        ("z", "router logits"),
        ("S", "the k experts chosen"),
        ("Z", "sum of exp(z) over all experts: it cancels"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Softmax over the k chosen logits equals the softmax over all experts renormalised over the k chosen: the two orders differ only in rounding.",
        experiment: "Weights and choices of both rules on the same random tokens for k = 1, 2, 4, 8: largest difference of any weight.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::Granite,
        k: 2,
        limited: false,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("largest difference of a weight", "")
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let tokens = if effort == Effort::Quick { 256 } else { 1024 };
    vec![Config {
        seed,
        tokens,
        batches: 1,
        experts: 16,
        logit_scale: 3.0,
        ..config()
    }]
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let (mut worst, mut other_choices) = (0.0_f64, 0.0);
    let Some(run) = runs.first() else {
        return [f64::NAN; 2];
    };
    for z in (0..).map_while(|t| run.gated(0, t)).map(|(z, _)| z) {
        for k in [1, 2, 4, 8] {
            let (a, b) = (families::mixtral(&z, k), families::granite(&z, k));
            other_choices += f64::from(u8::from(a.0 != b.0));
            for (x, y) in a.1.iter().zip(&b.1) {
                worst = worst.max((x - y).abs());
            }
        }
    }
    [worst, other_choices]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let changed: f64 = m.side.iter().sum();
    let same = m.interval[1] < 1e-12 && changed == 0.0;
    (
        if same {
            Verdict::Reproduced
        } else {
            Verdict::NotReproduced
        },
        format!(
            "Choices that differ: {changed}. The weights differ by {:.1e} at most (mean over seeds of the worst case), which is rounding. Without renormalisation, or when k = 1 and the raw probability is used, the orders are not the same.",
            m.mean
        ),
    )
}
