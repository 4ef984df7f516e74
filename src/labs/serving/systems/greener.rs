//! Greener LLMs: energy against targets (arXiv 2403.20306).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::serving::power;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static GREENER: Exhibit = Exhibit {
    id: "greener-llms",
    lab: LabKind::Serving,
    title: "Greener LLMs (as slow as the targets allow)",
    idea: "Decoding waits for memory, not for arithmetic: a lower clock hardly slows it and saves power. Only prompts get slower, so the targets say how far the clock can fall; batch size, tensor parallelism and the model are further knobs.",
    paper: Paper {
        title: "Towards greener LLMs: bringing energy-efficiency to the forefront of LLM inference",
        authors: "Stojkovic, Choukse, Zhang, et al.",
        year: 2024,
        arxiv: "2403.20306",
    },
    basis: Basis::AbstractOnly,
    deviations: "The knobs are the paper's, the model of time and power is ours: a lower clock stretches what computes (prompt tokens and their attention) and nothing else, dynamic power falls with its 2.5th power. Sweep the clock against the rate or the batch cap to see where the targets end.",
    equation: "t = c₀ + (c₁·P + c₂·Q)/f + c₃·D + c₄·K; p = p_idle + f^α·(0.44 − p_idle + 0.56·√min(1, P/2048)); choose the f with the least energy per token among those that meet the targets",
    symbols: &[
        ("f", "clock over its highest"),
        ("α", "2.5"),
        ("P, D", "prompt tokens and decodes of an iteration"),
    ],
    setup: || Setup::Serving(config(0.7, 100)),
    claim: Some(Claim {
        statement: "Knobs that the targets leave room for save much energy with little loss of performance (the abstract gives no figure).",
        experiment: "Llama-3-8B on one A100 with chunked prefill, conversations (prompts of typically 1,020, outputs of 250 tokens), 2 requests per second: energy per output token at the highest clock over a clock of 0.7; a run in which less than 99 % of the requests meet 1 s and 60 ms counts as infinite energy.",
        start: energy,
    }),
};

/// Conversations at a moderate load.
fn config(clock: f64, requests: u64) -> Config {
    Config {
        scheduler: Scheduler::Sarathi,
        clock,
        requests,
        rate: 2.0,
        prompt_median: 1020.0,
        prompt_sigma: 0.6,
        prompt_max: 4000,
        output_median: 250.0,
        output_sigma: 0.7,
        output_max: 1000,
        num_blocks: 29_000,
        slo_ttft_secs: 1.0,
        slo_tpot_secs: 0.06,
        ..Config::default()
    }
}

fn joules_per_token(run: &Run) -> f64 {
    let r = run.results();
    if r.attainment() < 0.99 {
        return f64::INFINITY;
    }
    power::energy(run.config(), run.log(), r.end).0 / run.log().gaps.tokens_out() as f64
}

fn energy(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 150 } else { 600 };
    let design = Design {
        quantity: "energy per output token, highest clock over a clock of 0.7",
        sides: [config(1.0, requests), config(0.7, requests)],
        probe: Probe::Figure(joules_per_token),
        claimed: 1.2,
        claimed_where: "as what we call much, for want of a figure",
        enough: 1.2,
        conditions: "The saving is that of the power model, whose exponent is our choice; what the simulation adds is that the targets still hold, because iterations of decodes are as fast as before. With prompts of 4,000 tokens or a first token within 0.3 s they would not.",
    };
    start(design, effort)
}
