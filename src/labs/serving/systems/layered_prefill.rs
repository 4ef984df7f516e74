//! Layered prefill: prompts climb through groups of layers (arXiv 2510.08055;
//! scale-snu/layered-prefill).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::serving::cost::{CostKind, Gpu, Model};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static LAYERED_PREFILL: Exhibit = Exhibit {
    id: "layered-prefill",
    lab: LabKind::Serving,
    title: "Layered prefill (prompts climb through the layers)",
    idea: "Every chunk of a prompt reads the weights of nearly all experts again. Cut the layers instead of the prompt: in each iteration one group of layers runs the whole prompt beside the decodes, the others only the decodes, and every expert is read for the prompt once.",
    paper: Paper {
        title: "From tokens to layers: redefining stall-free scheduling for LLM serving with layered prefill",
        authors: "Lee, Kim, Park, et al.",
        year: 2025,
        arxiv: "2510.08055",
    },
    basis: Basis::Code,
    deviations: "Tokens choose experts uniformly unless a skew is set; embeddings count as part of every layer. The tokens of a prompt are counted as it climbs, an equal share in every group. Energy follows time and prompt tokens, not the bytes read.",
    equation: "G = 1, 2, 4, 8, 16 groups up to 512, 1024, 2048, 4096, more prompt tokens; experts read = L/G·n(D + P) + (L − L/G)·n(D) with n(T) = E·(1 − (1 − k/E)^T); linear cost t = c₀ + c₃·D + c₄·K + (c₁·P + c₂·Q)/G",
    symbols: &[
        ("P, D", "prompt tokens under way, and decodes"),
        ("L, G", "layers, and groups of them"),
        ("E, k", "experts of a layer, and experts per token"),
        ("n(T)", "experts that T tokens touch"),
    ],
    setup: || Setup::Serving(config(Scheduler::Layered, 60)),
    claim: Some(Claim {
        statement: "12 to 39 % less traffic of expert weights than chunked prefill, up to 70 % lower time to the first token, up to 22 % less energy per token.",
        experiment: "Qwen3-30B-A3B on one H100 (roofline), prompts of typically 6,000 and outputs of 250 tokens, 2 requests per second: expert weights read per output token, chunked prefill with a budget of 512 over layered prefill with up to 16 groups.",
        start: traffic,
    }),
};

/// Many experts, long prompts, few decodes at a time.
fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        cost_kind: CostKind::Roofline,
        model: Model::Qwen3_30bA3b,
        roofline_gpu: Gpu::H100,
        chunk_size: 512,
        max_tokens_in_batch: 16_384,
        max_tokens_per_sequence: 16_384,
        batch_size_cap: 64,
        rate: 2.0,
        requests,
        prompt_median: 6000.0,
        prompt_sigma: 0.4,
        prompt_max: 14_000,
        output_median: 250.0,
        output_sigma: 0.5,
        output_max: 1000,
        slo_ttft_secs: 2.0,
        ..Config::default()
    }
}

fn expert_loads(run: &Run) -> f64 {
    run.log().expert_loads / run.log().gaps.tokens_out() as f64
}

fn traffic(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 100 } else { 400 };
    let design = Design {
        quantity: "expert weights read per output token, chunked over layered prefill",
        sides: [
            config(Scheduler::Sarathi, requests),
            config(Scheduler::Layered, requests),
        ],
        probe: Probe::Figure(expert_loads),
        claimed: 1.64,
        claimed_where: "at best in the paper (39 % less), 1.14 × at least",
        enough: 1.14,
        conditions: "It takes many experts and few decodes: many decodes at a time touch nearly every expert by themselves, and with few experts there is little to leave out. The first token and the energy of a token gain with the weights that are not read again; the tail of the time between tokens pays for it. The comparison table shows all three.",
    };
    start(design, effort)
}
