//! P/D-Serve: forwarding on demand to idle prefill instances, and a split that follows the load
//! (arXiv 2408.08147).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Routing, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static PD_SERVE: Exhibit = Exhibit {
    id: "pd-serve",
    lab: LabKind::Serving,
    title: "P/D-Serve (forwarding on demand, changing split)",
    idea: "What instances report about their queues is old when it is used. Let them have no queue: the gateway asks one after the other, and only an idle one takes the prompt. And let instances change sides when prompts and outputs change.",
    paper: Paper {
        title: "P/D-Serve: serving disaggregated large language model at scale",
        authors: "Jin, Wang, Lin, et al.",
        year: 2024,
        arxiv: "2408.08147",
    },
    basis: Basis::AbstractOnly,
    deviations: "From the abstract: requests wait at one gateway in order of arrival and are never given up (the paper stops at a deadline); asking costs no time. The split is chosen by the seconds a request costs on each side (on the decode side with the batch that memory would hold), one instance changes at a time, and only when it is empty. Transfers take one piece, as under DistServe.",
    equation: "a prompt goes to the first idle instance; n_p, n_d = argmin |n_p/T_p − n_d/T_d|",
    symbols: &[
        ("n_p, n_d", "instances of each side"),
        ("T_p", "seconds of a prefill instance per prompt"),
        (
            "T_d",
            "seconds of a decode instance per request: residence over the batch that fits",
        ),
    ],
    setup: || {
        Setup::Serving(Config {
            requests: 160,
            tuned_split: true,
            split_secs: 5.0,
            ..config(true)
        })
    },
    claim: Some(Claim {
        statement: "42 % more requests whose first token meets its target.",
        experiment: "Llama-3-8B on four prefill and one decode A100, prompts of typically 1,500 tokens (σ = 0.8), 20 requests per second, first token within 1 s: share of the requests in time, forwarding on demand over the shortest queue by reports of up to 1 s of age; the same split for both.",
        start: in_time,
    }),
};

/// Four prefill instances and one that decodes.
fn config(on_demand: bool) -> Config {
    Config {
        scheduler: Scheduler::Vllm,
        replicas: 5,
        prefill_instances: 4,
        on_demand,
        routing: Routing::Reported,
        report_secs: 1.0,
        num_blocks: 6000,
        rate: 20.0,
        prompt_median: 1500.0,
        prompt_sigma: 0.8,
        prompt_max: 8000,
        output_median: 60.0,
        output_sigma: 0.6,
        output_max: 400,
        max_tokens_per_sequence: 8400,
        max_tokens_in_batch: 8400,
        slo_ttft_secs: 1.0,
        slo_tpot_secs: 0.1,
        ..Config::default()
    }
}

/// Share of the requests whose first token is in time.
fn first_in_time(run: &Run) -> f64 {
    let target = run.config().slo_ttft_secs;
    let ttft = &run.results().ttft;
    ttft.iter().filter(|t| **t <= target).count() as f64 / ttft.len() as f64
}

fn in_time(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 600 } else { 2000 };
    let side = |on_demand| Config {
        requests,
        ..config(on_demand)
    };
    let design = Design {
        quantity: "share of first tokens in time, on demand over by reports",
        sides: [side(true), side(false)],
        probe: Probe::Figure(first_in_time),
        claimed: 1.42,
        claimed_where: "in the paper",
        enough: 1.3,
        conditions: "The gain is what old reports cost: all requests between two of them go to the same instance. With reports of 0.1 s most of it is gone, and against a router that knows every queue nothing is left; on demand, no prompts are batched on an instance.",
    };
    start(design, effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::Library;
    use crate::labs::serving::engine::Turn;
    use crate::labs::serving::{Ending, Serving};

    fn run(config: &Config) -> Run {
        finish(&mut *Serving::simulate(config, &Library::default()).unwrap()).unwrap()
    }

    #[test]
    fn on_demand_a_prefill_instance_never_has_a_queue_and_order_is_kept() {
        let run = run(&Config {
            requests: 120,
            ..config(true)
        });
        assert_eq!(run.results().count(Ending::Finished), 120);
        for share in 1..20 {
            let state = run.state_at(run.results().end * f64::from(share) / 20.0);
            assert!((0..4).all(|i| state.desk(i).queue.is_empty()), "{share}");
        }
        let mut last = 0.0;
        for (wait, at) in run.results().queueing.iter().zip(&run.workload().arrival) {
            assert!(wait + at >= last, "first come, first served");
            last = wait + at;
        }
    }

    #[test]
    fn instances_change_sides_when_outputs_are_long() {
        let run = run(&Config {
            requests: 200,
            rate: 10.0,
            prompt_median: 200.0,
            output_median: 300.0,
            output_max: 800,
            tuned_split: true,
            split_secs: 3.0,
            ..config(true)
        });
        assert_eq!(run.results().count(Ending::Finished), 200);
        let turns = run.log().incidents.iter();
        let decodes = turns.filter(|i| i.what == Turn::Decodes).count();
        assert!(decodes >= 2, "{decodes} instances changed sides");
        let last = run.state_at(run.results().end);
        assert!(
            last.pools().is_some_and(|p| p.prefill < 3),
            "{:?}",
            last.pools()
        );
    }
}
