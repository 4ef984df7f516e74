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
    deviations: "Every instance is asked (the paper can ask a sample), the copy is run until the new request ends, and asking takes no simulated time. Ties go to the first instance. Where instances start by predicted ends, one starts at a time, from standby; they stop by the free memory of all together, which is ours.",
    equation: "instance = argmin over i of (end of the request in a copy of i, run on with lengths D·e^(σ·N(0,1)) and no further arrivals); start one more where min over i of (end) − now ≥ θ",
    symbols: &[
        ("D", "true output length"),
        ("σ", "error of the predictor"),
        (
            "θ",
            "time to the predicted end from which on an instance starts",
        ),
    ],
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
    use crate::labs::LabRun as _;
    use crate::labs::Library;
    use crate::labs::serving::Serving;
    use crate::labs::serving::config::ScaleBy;
    use crate::labs::serving::engine::Turn;

    fn run(config: &Config) -> Run {
        finish(&mut *Serving::simulate(config, &Library::default()).unwrap()).unwrap()
    }

    /// One instance and three in standby under a load for about two and a half.
    fn growing(scale_by: ScaleBy, over: f64) -> Config {
        Config {
            scaling: true,
            scale_by,
            scale_over_secs: over,
            scale_up_below: 3.0,
            scale_down_above: 200.0,
            start_secs: 3.0,
            rate: 8.0,
            ..config(Routing::Block, 200)
        }
    }

    #[test]
    fn instances_start_when_an_arrival_is_foretold_to_end_late() {
        let over = 8.0;
        let run = run(&growing(ScaleBy::Prediction, over));
        let log = run.log();
        assert_eq!(log.foretold.len(), 200, "every arrival is foretold");
        let starts = (log.incidents.iter()).filter(|i| i.what == Turn::Starts);
        let starts: Vec<f64> = starts.map(|i| i.at).collect();
        assert!(!starts.is_empty(), "{:?}", log.incidents);
        for at in &starts {
            let cause = log.foretold.iter().find(|f| f[0] == *at);
            assert!(cause.is_some_and(|f| f[1] >= over), "{at} {cause:?}");
        }
        let drained = log.incidents.iter().find(|i| i.what == Turn::Drains);
        let ready = log.incidents.iter().find(|i| i.what == Turn::Ready);
        let used = ready
            .zip(drained)
            .is_none_or(|(up, down)| down.at > up.at + 2.0);
        assert!(used, "{:?}", log.incidents);
        // The first that is late starts one.
        let late = log.foretold.iter().find(|f| f[1] >= over);
        assert_eq!(late.map(|f| f[0]), starts.first().copied());
        let on = run.charts().iter().find(|c| c.id == "instances_on");
        let most = on.map(|c| c.series[0].points.iter().map(|p| p[1]).fold(0.0, f64::max));
        assert_eq!(most, Some(1.0 + starts.len().min(3) as f64));
    }

    #[test]
    fn nothing_starts_where_nobody_would_be_late() {
        let run = run(&growing(ScaleBy::Prediction, 1000.0));
        assert!(run.log().incidents.is_empty());
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
