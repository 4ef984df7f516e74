//! JITServe: tokens that can still count, over the time they take (arXiv 2504.20068;
//! UIUC-MLSys/JITServe).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static JIT_SERVE: Exhibit = Exhibit {
    id: "jitserve",
    lab: LabKind::Serving,
    title: "JITServe (service that counts)",
    idea: "Some requests need every token in time, some only the last one, some the last token of several calls. Give each just enough: rank by the tokens that can still count over the time that they take, reckoned with an upper estimate of the length that is corrected as tokens come.",
    paper: Paper {
        title: "JITServe: SLO-aware LLM serving with imprecise request information",
        authors: "Zhang, Hao, Lee, et al.",
        year: 2025,
        arxiv: "2504.20068",
    },
    basis: Basis::Code,
    deviations: "The priority after the published policy; lengths from the law of the lab's predictor instead of quantile regression forests. Grouped margin in our reading: of the requests at the top, as many of similar length as fit into a batch, with the highest priorities together. A compound request is several calls at once; stages after each other are left out. Streams count each token in time, not all or nothing.",
    equation: "priority = Σ reward / max remaining over calls that belong together; reward = (P + 8·D)·min(1, (deadline − now)/remaining); remaining = step·(D̂ − out) + prefill; D̂ = quantile of the length given that more than `out` tokens come",
    symbols: &[
        ("P, D", "prompt tokens, and predicted output tokens"),
        ("D̂", "the length reckoned with"),
        ("out", "output tokens so far"),
        ("step", "mean seconds of an iteration"),
    ],
    setup: || Setup::Serving(config(Scheduler::JitServe, 200)),
    claim: Some(Claim {
        statement: "1.4 to 6.3 times the service goodput of the state of the art.",
        experiment: "Llama-3-8B on one A100 with 48 places, prompts of typically 2,000 and outputs of 150 tokens at 1.5 times the load it can serve, half of them streams (2 s, 100 ms), three tenths with a deadline of 20 s, two tenths in compound requests of four calls with the same deadline, lengths predicted with σ = 0.5: tokens that count per second, JITServe over first come, first served.",
        start: goodput,
    }),
};

/// Half streams, some deadlines, some compound requests, at 1.5 times what 48 places can serve.
fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        requests,
        rate: 5.5,
        batch_size_cap: 48,
        num_blocks: 8192,
        prediction_sigma: 0.5,
        deadline_share: 0.3,
        compound_share: 0.2,
        slo_ttft_secs: 2.0,
        slo_tpot_secs: 0.1,
        ..Config::default()
    }
}

fn service(run: &Run) -> f64 {
    let counted = (run.log().service.as_ref()).map_or(0, |s| s.counted().iter().sum());
    counted as f64 / run.results().end
}

fn goodput(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 450 } else { 1500 };
    let design = Design {
        quantity: "tokens that count per second, JITServe over first come, first served",
        sides: [
            config(Scheduler::JitServe, requests),
            config(Scheduler::Fcfs, requests),
        ],
        probe: Probe::Figure(service),
        claimed: 6.3,
        claimed_where: "at best in the paper, 1.4 × at least",
        enough: 1.4,
        conditions: "Against order of arrival beyond capacity; below it everything is in time under either. Shortest job first with the same predictions, which knows no deadline, comes about as far as this simplified priority: compare both in the lab. Who comes between two rankings stands behind, which costs streams their first tokens.",
    };
    start(design, effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::serving::Serving;
    use crate::labs::{LabRun as _, Library};

    #[test]
    fn tokens_that_count_are_counted_the_same_under_every_scheduler_and_drawn() {
        let run = |scheduler| {
            let config = config(scheduler, 60);
            finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap()
        };
        for scheduler in [Scheduler::JitServe, Scheduler::Fcfs, Scheduler::Sjf] {
            let run = run(scheduler);
            let service = run.log().service.as_ref().unwrap();
            let [streams, deadlines, compounds] = service.requests();
            assert_eq!(streams[0] + deadlines[0] + compounds[0], 60);
            // What was kept of deadlines agrees with the results of the requests.
            let tags = &run.workload().tags;
            let met = (0..60)
                .filter(|&r| tags.deadline(r as u32).is_finite())
                .filter(|&r| run.results().meets_slo[r])
                .count() as u64;
            assert_eq!(met, deadlines[1] + compounds[1], "{scheduler:?}");
            let (width, rows) = service.course();
            let sum: f64 = rows.iter().flatten().sum();
            assert!(width > 0.0);
            assert_eq!(sum as u64, service.counted().iter().sum::<u64>());
            assert!(run.charts().iter().any(|c| c.id == "service"));
        }
        assert!(
            run(Scheduler::JitServe)
                .charts()
                .iter()
                .any(|c| c.id == "length_estimates")
        );
    }
}
