//! Virtual token counter (arXiv 2401.00588; Ying1123/VTC-artifact).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::serving::fairness::service;
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static VTC: Exhibit = Exhibit {
    id: "vtc",
    lab: LabKind::Serving,
    title: "VTC (fair serving)",
    idea: "Count the tokens every user has been served and let in the one who had least: a user who floods the server slows down only that user.",
    paper: Paper {
        title: "Fairness in serving large language models",
        authors: "Sheng, Cao, Li, et al.",
        year: 2024,
        arxiv: "2401.00588",
    },
    basis: Basis::Code,
    deviations: "All users have the same weight. A request that is preempted and admitted again is not charged for its prompt twice.",
    equation: "next user = argmin over waiting users of w_p·prompt tokens + w_q·output tokens; on return: counter ← max(own, min of the others)",
    symbols: &[
        ("w_p", "weight of a prompt token"),
        ("w_q", "weight of an output token"),
    ],
    setup: || Setup::Serving(config(Scheduler::Vtc, 200)),
    claim: Some(Claim {
        statement: "The service of two users who always have requests waiting never differs by more than 2·max(w_p·longest prompt, w_q·tokens of the pool); first come, first served has no bound.",
        experiment: "Two users send 12 and 4 requests per second to a server that does about 5: largest difference of their service in the middle half of the arrivals, first come first served (vLLM v1) over VTC.",
        start: gap,
    }),
};

/// Two users, one of whom sends three times as many requests.
fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        requests,
        rate: 16.0,
        users: 2,
        user_skew: 1.584_962_500_721_156,
        // About five requests per second: both users always have requests waiting.
        batch_size_cap: 8,
        ..crate::labs::serving::presets::pressure()
    }
}

/// Largest difference of service between the two users, sampled in the middle half of the
/// arrivals, from its value at the start of it.
fn largest_gap(run: &Run) -> f64 {
    let (config, workload) = (run.config(), run.workload());
    let last = workload.arrival.last().copied().unwrap_or(0.0);
    let difference = |at: f64| {
        let service = service(config, workload, &run.state_at(at));
        service[0] - service[1]
    };
    let start = difference(0.25 * last);
    (1..=20)
        .map(|i| (difference(last * (0.25 + 0.5 * f64::from(i) / 20.0)) - start).abs())
        .fold(0.0, f64::max)
}

fn gap(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 500 } else { 1600 };
    let design = Design {
        quantity: "largest difference of service, first come first served over VTC",
        sides: [
            config(Scheduler::VllmV1, requests),
            config(Scheduler::Vtc, requests),
        ],
        probe: Probe::Figure(largest_gap),
        claimed: 36.0,
        claimed_where: "in our reference measurement over 100 s",
        enough: 5.0,
        conditions: "The ratio grows with the length of the run, because only VTC's difference is bounded.",
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
    fn the_difference_of_service_stays_below_the_papers_bound() {
        for seed in 1..=3 {
            let config = Config {
                seed,
                ..config(Scheduler::Vtc, 500)
            };
            let run =
                finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap();
            let longest = config.vtc_input_weight * config.prompt_max as f64;
            let pool = config.vtc_output_weight * config.pool_tokens() as f64;
            let bound = 2.0 * longest.max(pool);
            let gap = largest_gap(&run);
            assert!(gap > 0.0 && gap < bound, "{gap} of {bound}");
        }
    }
}
