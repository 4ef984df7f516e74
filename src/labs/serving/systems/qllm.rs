//! QLLM: latency-sensitive prompts preempt within an iteration of a model with experts
//! (arXiv 2503.09304).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::serving::cost::{CostKind, Gpu, Model};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static QLLM: Exhibit = Exhibit {
    id: "qllm",
    lab: LabKind::Serving,
    title: "QLLM (preemption at experts)",
    idea: "First come, first served makes a question wait for every document before it. Even with priorities it waits for the iteration that runs, and a batch of long prompts takes seconds. Stop that iteration at the end of the expert that computes, keep everything in memory, run the urgent prompt, and go on.",
    paper: Paper {
        title: "Priority-aware preemptive scheduling for mixed-priority workloads in MoE inference",
        authors: "Siavashi, Dindarloo, Kostic, Chiesa",
        year: 2025,
        arxiv: "2503.09304",
    },
    basis: Basis::AbstractOnly,
    deviations: "Everything beyond the idea is our design. An iteration is cut into equal pieces: its layers, or the attention and every expert of each. Only prompts of the first class preempt; all decodes share one batch, and best-effort prompts begin where no urgent one waits. Where memory is short, the youngest best-effort request that does not run gives its own back. Stopping and going on cost nothing.",
    equation: "first token of an urgent prompt = wait for the piece that runs + its own prefill; mean wait t/(2·L·(1 + E)) at experts, t/(2·L) at layers, t/2 at the end of the iteration, of an iteration of t seconds met at a random moment",
    symbols: &[
        ("t", "seconds of the iteration that runs"),
        ("L", "layers of the model"),
        ("E", "experts of a layer"),
    ],
    setup: || Setup::Serving(config(Scheduler::Qllm, 140)),
    claim: Some(Claim {
        statement: "65.5 times lower time to the first token of latency-sensitive requests at 7 requests per second than first come, first served.",
        experiment: "Mixtral-8x7B on two A100 (roofline), 7 requests per second, half of them latency-sensitive with prompts of typically 300 tokens, half best-effort with 2,000 tokens: mean time to the first token of the first half, vLLM v0 over QLLM at experts.",
        start: first_tokens,
    }),
};

/// Questions and documents on one instance.
fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        cost_kind: CostKind::Roofline,
        model: Model::Mixtral8x7b,
        roofline_gpu: Gpu::A100,
        roofline_tensor_parallel: 2,
        padded_prefill: false,
        rate: 7.0,
        requests,
        prompt_median: 300.0,
        prompt_sigma: 0.6,
        prompt_max: 4000,
        output_median: 100.0,
        output_sigma: 0.6,
        output_max: 600,
        batch_share: 0.5,
        batch_prompt_median: 2000.0,
        batch_output_median: 200.0,
        ..Config::default()
    }
}

/// Mean time to the first token of the first class.
fn urgent_ttft(run: &Run) -> f64 {
    let ttft = &run.results().ttft;
    let members: Vec<f64> = (0..ttft.len())
        .filter(|&r| run.workload().tags.class(r as u32) == 0 && ttft[r].is_finite())
        .map(|r| ttft[r])
        .collect();
    crate::core::stats::mean(&members)
}

fn first_tokens(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 250 } else { 1500 };
    let design = Design {
        quantity: "mean time to the first token of latency-sensitive requests, vLLM v0 over QLLM",
        sides: [
            config(Scheduler::Vllm, requests),
            config(Scheduler::Qllm, requests),
        ],
        probe: Probe::Figure(urgent_ttft),
        claimed: 65.5,
        claimed_where: "in the paper's abstract",
        enough: 65.5,
        conditions: "The factor is that of the queue in front of a latency-sensitive request, which grows with the load and with the length of the run where the instance is overloaded; the mechanism is the same at any load. The paper's baseline and hardware are not ours.",
    };
    start(design, effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::serving::Serving;
    use crate::labs::serving::config::PreemptAt;
    use crate::labs::{LabRun as _, Library};

    #[test]
    fn finer_pieces_wait_less_and_the_first_tokens_come_sooner() {
        let run = |preempt_at| {
            let config = Config {
                preempt_at,
                ..config(Scheduler::Qllm, 80)
            };
            let run =
                finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap();
            assert!(run.charts().iter().any(|c| c.id == "ttft_by_class"));
            let (count, secs) = run.log().pauses;
            assert!(count > 10, "{count} pauses");
            (secs / count as f64, urgent_ttft(&run))
        };
        let [expert, layer, iteration] =
            [PreemptAt::Expert, PreemptAt::Layer, PreemptAt::Iteration].map(run);
        assert!(
            expert.0 < layer.0 && layer.0 < iteration.0,
            "{expert:?} {layer:?}"
        );
        assert!(layer.1 < iteration.1, "{layer:?} {iteration:?}");
    }
}
