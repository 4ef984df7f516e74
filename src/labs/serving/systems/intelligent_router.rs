//! Intelligent router: arrivals go where they disturb least (arXiv 2408.13510).

use crate::core::stats::mean;
use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Routing, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static INTELLIGENT_ROUTER: Exhibit = Exhibit {
    id: "intelligent-router",
    lab: LabKind::Serving,
    title: "Intelligent router (impact of mixing)",
    idea: "A long prompt stalls everybody who decodes beside it, and a long output slows them for long. Estimate for every instance what a request costs itself and those already there, and send it where the sum is smallest.",
    paper: Paper {
        title: "Intelligent router for LLM workloads: improving performance through workload-aware load balancing",
        authors: "Jain, Parayil, Mallick, et al.",
        year: 2024,
        arxiv: "2408.13510",
    },
    basis: Basis::AbstractOnly,
    deviations: "The paper learns its policy by reinforcement guided by such a heuristic; the score and what is learned are our design. The learned variant keeps one correction per situation, by looking only one step ahead. Lengths come from a predictor of a given error.",
    equation: "score(i) = Σ prefill of who waits + prefill + d·t(n + 1, K + p) + λ·n·(prefill + d·(t(n + 1, K + p) − t(n, K))); learned: + e(s), e ← e + 0.1·(end − predicted end − e)",
    symbols: &[
        ("p, d", "prompt and predicted output tokens"),
        ("n, K", "requests that run on i, and their tokens in memory"),
        ("t(n, K)", "seconds of an iteration of decodes"),
        ("e(s)", "mean error so far in situation s"),
    ],
    setup: || Setup::Serving(config(Routing::Mixing, 160)),
    claim: Some(Claim {
        statement: "End-to-end latency more than 11 % lower than with existing routers.",
        experiment: "Llama-3-8B on four A100s (vLLM v0: prompts run alone), prompts and outputs of very different lengths, 12 requests per second, lengths predicted with σ = 0.25: mean end-to-end latency, fewest outstanding requests over the score with λ = 1.",
        start: latency,
    }),
};

/// Four instances, short and long prompts and outputs mixed.
fn config(routing: Routing, requests: u64) -> Config {
    Config {
        scheduler: Scheduler::Vllm,
        routing,
        replicas: 4,
        num_blocks: 3000,
        rate: 12.0,
        requests,
        prediction_sigma: 0.25,
        prompt_median: 600.0,
        prompt_sigma: 1.3,
        prompt_max: 7000,
        output_median: 120.0,
        output_sigma: 1.0,
        output_max: 1000,
        max_tokens_per_sequence: 8192,
        batch_size_cap: 128,
        ..Config::default()
    }
}

fn mean_e2e(run: &Run) -> f64 {
    mean(&run.results().ordered.e2e)
}

fn latency(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 500 } else { 1500 };
    let design = Design {
        quantity: "mean end-to-end latency, fewest requests over the impact of mixing",
        sides: [
            config(Routing::LeastOutstanding, requests),
            config(Routing::Mixing, requests),
        ],
        probe: Probe::Figure(mean_e2e),
        claimed: 1.12,
        claimed_where: "in the paper's abstract (more than 11 % lower)",
        enough: 1.12,
        conditions: "Most of an end-to-end time is the output itself, which takes as long wherever it runs, and iterations cost little more for one more decode: at a moderate load a router has little to gain, and the tail of the first token can suffer. The learned correction is not part of this measurement; it is a parameter of the router.",
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
        let noise = |seed| {
            let config = Config {
                prediction_sigma: 3.0,
                seed,
                ..config(Routing::Mixing, 60)
            };
            run(&config).results().replica.clone()
        };
        assert_ne!(noise(1), noise(2));
    }

    #[test]
    fn the_weight_and_what_is_learned_change_where_requests_go() {
        let of = |mixing_weight, router_learns| {
            let config = Config {
                mixing_weight,
                router_learns,
                ..config(Routing::Mixing, 120)
            };
            run(&config).results().replica.clone()
        };
        let usual = of(1.0, false);
        assert_ne!(usual, of(0.0, false), "everybody for himself");
        assert_ne!(usual, of(1.0, true), "learned");
        assert!((0..4).all(|i| usual.contains(&i)), "{usual:?}");
    }
}
