//! Block: dispatch by the predicted end of the request (arXiv 2508.03611; AKafakA/Block).

use crate::core::stats::percentile_sorted;
use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Routing, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static BLOCK: Exhibit = Exhibit {
    id: "block",
    lab: LabKind::Serving,
    title: "Block (dispatch by predicted end)",
    idea: "An instance is a program: with predicted output lengths one can run it on and see when a new request would end there. Send the request where that is soonest; no counters, no shared state.",
    paper: Paper {
        title: "Block: balancing load in LLM serving with context, knowledge and predictive scheduling",
        authors: "Da, Kalyvianaki",
        year: 2025,
        arxiv: "2508.03611",
    },
    basis: Basis::Code,
    deviations: "Every instance is asked (the paper can ask a sample), the copy is run until the new request ends, and asking takes no simulated time. Ties go to the first instance; no instance is started when every prediction is bad.",
    equation: "instance = argmin over i of (end of the request in a copy of i, run on with lengths D·e^(σ·N(0,1)) and no further arrivals)",
    symbols: &[("D", "true output length"), ("σ", "error of the predictor")],
    setup: || Setup::Serving(config(Routing::Block, 160)),
    claim: Some(Claim {
        statement: "P99 latency up to 49.5 % lower than with dispatch by heuristics.",
        experiment: "Llama-3-8B on four A100s with 520 blocks each and chunked prefill, prompts and outputs of very different lengths, 15 requests per second (close to what the instances bear), lengths predicted with σ = 0.25: P99 of the time to the first token, fewest outstanding requests over predicted end.",
        start: tail,
    }),
};

/// Four instances, requests of very different lengths.
fn config(routing: Routing, requests: u64) -> Config {
    Config {
        scheduler: Scheduler::Sarathi,
        routing,
        replicas: 4,
        num_blocks: 520,
        rate: 15.0,
        requests,
        prediction_sigma: 0.25,
        prompt_median: 300.0,
        prompt_sigma: 1.0,
        prompt_max: 3000,
        output_median: 120.0,
        output_sigma: 1.0,
        output_max: 1000,
        max_tokens_per_sequence: 4096,
        batch_size_cap: 128,
        slo_ttft_secs: 1.0,
        ..Config::default()
    }
}

fn ttft_p99(run: &Run) -> f64 {
    percentile_sorted(&run.results().ordered.ttft, 99.0)
}

fn tail(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 500 } else { 1500 };
    let design = Design {
        quantity: "P99 of the time to the first token, fewest requests over predicted end",
        sides: [
            config(Routing::LeastOutstanding, requests),
            config(Routing::Block, requests),
        ],
        probe: Probe::Figure(ttft_p99),
        claimed: 1.98,
        claimed_where: "at best in the paper (49.5 % lower)",
        enough: 1.5,
        conditions: "The gain is in the queues, so it needs a load close to capacity: at 9 requests per second nobody waits and every dispatcher is as good. The end-to-end time gains less, for a long output takes as long wherever it runs. Dispatch by free blocks per request comes close without any prediction.",
    };
    start(design, effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::Library;
    use crate::labs::serving::Serving;

    fn run(config: &Config) -> Run {
        finish(&mut *Serving::simulate(config, &Library::default()).unwrap()).unwrap()
    }

    #[test]
    fn true_lengths_are_only_seen_through_predictions() {
        // With an error so large that predictions are noise, the truth must not leak in.
        let noise = |seed| {
            let config = Config {
                prediction_sigma: 3.0,
                seed,
                ..config(Routing::Block, 60)
            };
            run(&config).results().replica.clone()
        };
        assert_ne!(noise(1), noise(2));
    }
}
