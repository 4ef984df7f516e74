//! semi-PD: prompts and decodes share one GPU and one KV pool (arXiv 2504.19867;
//! infinigence/Semi-PD).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static SEMI_PD: Exhibit = Exhibit {
    id: "semi-pd",
    lab: LabKind::Serving,
    title: "semi-PD (two phases on one GPU)",
    idea: "Prompts and decodes disturb each other in one batch; on separate instances they need copies of the KV and a split of the machines. Let them run at the same time on one GPU, each with a share of its processors, over one pool of memory, and move the shares with the latencies seen.",
    paper: Paper {
        title: "semi-PD: towards efficient LLM serving via phase-wise disaggregated computation and unified storage",
        authors: "Hong, Chen, Wang, et al.",
        year: 2025,
        arxiv: "2504.19867",
    },
    basis: Basis::Code,
    deviations: "The scheduling after the published code, the law that moves the shares from the abstract: every 2 s a tenth of the processors goes to the side that misses its target more often, within 10 and 90 %. A running batch keeps its share. Computing takes 1/x as long; reading memory, with what is fixed per iteration, is stretched only where both together would read more than there is bandwidth.",
    equation: "t = C/x + m·M with x = share, or share / (share_p + share_d) while both run and the sum exceeds 1; m = max(1, u_p + u_d), u = M/(C/x + M)",
    symbols: &[
        ("C", "seconds of computing: c₁·P + c₂·Q + c₃·D"),
        ("M", "seconds of reading: c₀ + c₄·K"),
        ("x", "share of the processors"),
        ("u", "part of the bandwidth that a phase uses by itself"),
    ],
    setup: || Setup::Serving(shown()),
    claim: Some(Claim {
        statement: "1.55 to 1.72 times as many requests within their latency targets as the state of the art, and 1.27 to 2.58 times lower end-to-end latency.",
        experiment: "Llama-3-8B on one A100, prompts of typically 2,000 and outputs of 150 tokens, targets of 1 s for the first and 60 ms per further token: highest arrival rate at which 90 % of the requests meet both, semi-PD with shares that follow the load over chunked prefill with a budget of 512.",
        start: goodput,
    }),
};

/// The workload of the lab's comparison of chunked prefill.
fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        rate: 3.5,
        requests,
        ..Config::default()
    }
}

/// A load and targets under which the shares have to move.
fn shown() -> Config {
    Config {
        prompt_share: 0.3,
        rate: 4.5,
        slo_ttft_secs: 0.6,
        slo_tpot_secs: 0.013,
        ..config(Scheduler::SemiPd, 160)
    }
}

fn on_time(run: &Run) -> bool {
    run.results().attainment() >= 0.9
}

fn goodput(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let (requests, steps) = if effort == Effort::Quick {
        (100, 5)
    } else {
        (400, 7)
    };
    let design = Design {
        quantity: "highest rate with 90 % of requests in time, semi-PD over chunked prefill",
        sides: [
            config(Scheduler::SemiPd, requests),
            config(Scheduler::Sarathi, requests),
        ],
        probe: Probe::Capacity {
            accept: on_time,
            rates: [0.25, 8.25],
            steps,
        },
        claimed: 1.72,
        claimed_where: "at best in the paper, 1.55 × at least",
        enough: 1.55,
        conditions: "One baseline, one model, one pair of targets: which of together, side by side and apart wins depends on the targets, as in the phase diagram. The lab's model of two batches at once lets computing and reading overlap without loss, which favours semi-PD; that both read all weights for themselves speaks against it.",
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
    fn the_shares_follow_the_targets() {
        let shares = |ttft: f64, tpot: f64| {
            let config = Config {
                slo_ttft_secs: ttft,
                slo_tpot_secs: tpot,
                ..config(Scheduler::SemiPd, 40)
            };
            let run =
                finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap();
            assert!(run.charts().iter().any(|c| c.id == "prompt_share"));
            run.log().shares.last().map(|s| s.2)
        };
        // Targets that only one side misses.
        assert_eq!(shares(0.001, 10.0), Some(0.9));
        let low = shares(1000.0, 0.001).unwrap();
        assert!((low - 0.1).abs() < 1e-9, "{low}");
    }
}
