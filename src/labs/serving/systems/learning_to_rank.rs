//! Learning to rank with a noisy ranking (arXiv 2408.15792; hao-ai-lab/vllm-ltr).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, mean_latency_per_token, start};
use crate::labs::serving::config::{Arrivals, Config, Scheduler};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static LEARNING_TO_RANK: Exhibit = Exhibit {
    id: "learning-to-rank",
    lab: LabKind::Serving,
    title: "Learning to rank (vllm-ltr)",
    idea: "Nobody knows how long an output gets, but a small model can tell which of two gets longer, often enough: let the requests that rank as shorter run first, and guard the others against starving.",
    paper: Paper {
        title: "Efficient LLM scheduling by learning to rank",
        authors: "Fu, Zhu, Su, et al.",
        year: 2024,
        arxiv: "2408.15792",
    },
    basis: Basis::Code,
    deviations: "Instead of a trained model, a score w·ln D + (1 − w)·s·N(0,1), with w such that the scores agree with the true order as well as asked for (Kendall's τ). Who loses its memory starts again; the original can swap.",
    equation: "order by (not starving, score); starving: not run for n steps in a row, until it has decoded m times",
    symbols: &[
        ("score", "given at arrival, higher for longer outputs"),
        ("τ", "pairs ranked rightly minus wrongly, over all pairs"),
    ],
    setup: || Setup::Serving(config(Scheduler::LearnedRank, 120)),
    claim: Some(Claim {
        statement: "Mean latency per output token 2.8 times lower than first come, first served, in chat serving.",
        experiment: "A burst of requests, 64 at a time: mean end-to-end time per output token, first come first served (vLLM v1 loop) over a ranking with τ = 0.5, no guard.",
        start: latency,
    }),
};

fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        arrivals: Arrivals::Burst,
        requests,
        num_blocks: 4096,
        rank_tau: 0.5,
        ..crate::labs::serving::presets::pressure()
    }
}

fn latency(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 300 } else { 500 };
    let side = |scheduler| Config {
        starvation_steps: 0,
        ..config(scheduler, requests)
    };
    let design = Design {
        quantity: "mean latency per token, first come first served over learning to rank",
        sides: [side(Scheduler::VllmV1), side(Scheduler::LearnedRank)],
        probe: Probe::Figure(mean_latency_per_token),
        claimed: 2.8,
        claimed_where: "in the paper",
        enough: 2.0,
        conditions: "A burst is the best case for ranking. True lengths (SRPT) bound what any ranking can gain; the guard takes part of the gain back, and under steady arrivals the slowest first tokens come later than first come, first served.",
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
    fn better_rankings_are_faster_and_chance_gains_nothing_much() {
        let latency = |scheduler, tau| {
            let config = Config {
                rank_tau: tau,
                starvation_steps: 0,
                ..config(scheduler, 300)
            };
            let run =
                finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap();
            mean_latency_per_token(&run)
        };
        let first_come = latency(Scheduler::VllmV1, 0.0);
        let [chance, half, good] = [0.0, 0.5, 0.95].map(|t| latency(Scheduler::LearnedRank, t));
        assert!(good < half && half < chance, "{good} {half} {chance}");
        assert!(half < 0.7 * first_come, "{half} {first_come}");
        assert!(chance > 0.8 * first_come, "{chance} {first_come}");
    }

    #[test]
    fn the_guard_shortens_the_longest_wait() {
        let wait = |steps| {
            let config = Config {
                starvation_steps: steps,
                promotion_steps: 10,
                ..config(Scheduler::LearnedRank, 300)
            };
            let run =
                finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap();
            run.results().ttft.iter().copied().fold(0.0, f64::max)
        };
        let (without, with) = (wait(0), wait(200));
        assert!(with < 0.8 * without, "{with} {without}");
    }
}
