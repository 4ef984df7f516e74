//! Past-Future scheduler (arXiv 2507.10150; ModelTC/lightllm).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Admission, Arrivals, Config, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::serving::results::Ending;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static PAST_FUTURE: Exhibit = Exhibit {
    id: "past-future",
    lab: LabKind::Serving,
    title: "Past-Future",
    idea: "How long will these outputs get? Draw their lengths from those that finished lately, add up the memory that everybody will need at the worst moment to come, and admit while that fits.",
    paper: Paper {
        title: "Past-Future scheduler for LLM serving under SLA guarantees",
        authors: "Gong, Bai, et al.",
        year: 2025,
        arxiv: "2507.10150",
    },
    basis: Basis::Code,
    deviations: "Prompts run alone and are admitted every few iterations, as in LightLLM; a request without memory starts again. An instance that is empty admits the head of its queue whatever the estimate says, so that nothing can wait for ever.",
    equation: "peak = max over i of (a₁ + … + aᵢ + i·bᵢ) < 0.95·N, sorted by b, descending; b drawn from the last 200 outputs longer than what is out; the largest of n = min(5, 200/requests + 1) draws",
    symbols: &[
        ("a", "tokens in memory now"),
        ("b", "tokens still to come"),
        ("N", "tokens the pool holds"),
    ],
    setup: || Setup::Serving(config(Admission::PastFuture, 120)),
    claim: Some(Claim {
        statement: "2 to 3 times the goodput of other admission rules under heavy load.",
        experiment: "100 clients without pauses on a pool of 48,000 tokens, outputs typically 500 and at most 2,048: output tokens per second of requests with a first token within 10 s and no gap above 1.5 s, Past-Future over admission by the tokens of now.",
        start: goodput,
    }),
};

/// Heavy load on a pool that current tokens alone do not fill: outputs grow long after admission.
fn config(admission: Admission, requests: u64) -> Config {
    Config {
        scheduler: Scheduler::PastFuture,
        admission,
        arrivals: Arrivals::ClosedLoop,
        clients: 100,
        think_secs: 0.0,
        requests,
        prompt_median: 200.0,
        prompt_sigma: 0.8,
        prompt_max: 1024,
        output_median: 500.0,
        output_sigma: 0.8,
        output_max: 2048,
        max_tokens_per_sequence: 4096,
        num_blocks: 3000,
        batch_size_cap: 256,
        slo_ttft_secs: 10.0,
        slo_tpot_secs: 0.1,
        ..Config::default()
    }
}

/// Output tokens per second of the requests within the paper's targets: first token within 10 s
/// and every further one within 1.5 s.
fn within_targets(run: &Run) -> f64 {
    let r = run.results();
    let tokens: f64 = (0..r.len())
        .filter(|&i| r.ending[i] == Ending::Finished && r.ttft[i] <= 10.0 && r.stall[i] <= 1.5)
        .map(|i| f64::from(run.workload().decode[i]))
        .sum();
    tokens / r.end
}

fn goodput(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 1000 } else { 2000 };
    let design = Design {
        quantity: "output tokens per second within targets, Past-Future over admission by current tokens",
        sides: [
            config(Admission::PastFuture, requests),
            config(Admission::Aggressive, requests),
        ],
        probe: Probe::Figure(within_targets),
        claimed: 2.0,
        claimed_where: "at least in the paper",
        enough: 2.0,
        conditions: "Past-Future removes nearly all preemptions and the stalls they cause, as the paper says, but it admits later, and here more requests miss the first token than are saved from a stall. Against admission by the longest outputs, the other baseline of the paper, it wins by far more than the claim.",
    };
    start(design, effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::Library;
    use crate::labs::serving::Serving;

    #[test]
    fn it_preempts_far_less_than_current_tokens_and_fills_more_than_longest_outputs() {
        let run = |admission| {
            let config = Config {
                arrivals: Arrivals::Burst,
                ..config(admission, 250)
            };
            finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap()
        };
        let [past, now, longest] = [
            Admission::PastFuture,
            Admission::Aggressive,
            Admission::Conservative,
        ]
        .map(run);
        let evictions = |run: &Run| run.log().evictions.len();
        assert!(
            4 * evictions(&past) < evictions(&now),
            "{} {}",
            evictions(&past),
            evictions(&now)
        );
        assert_eq!(evictions(&longest), 0, "what is reserved is never missing");
        assert!(
            past.results().end < 0.9 * longest.results().end,
            "{} {}",
            past.results().end,
            longest.results().end
        );
    }
}
