//! FastSwitch: cheap context switches under changing priorities (arXiv 2411.18424).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static FAST_SWITCH: Exhibit = Exhibit {
    id: "fastswitch",
    lab: LabKind::Serving,
    title: "FastSwitch (cheap context switches)",
    idea: "Fairness by changing priorities swaps requests in and out all the time, block by block, while everybody waits. Copy many blocks that lie side by side at once, beside the batches, and only what the host does not have yet.",
    paper: Paper {
        title: "FastSwitch: optimizing context switching efficiency in fairness-aware large language model serving",
        authors: "Shen, Li, Gao",
        year: 2024,
        arxiv: "2411.18424",
    },
    basis: Basis::AbstractOnly,
    deviations: "Everything beyond the three ideas is our design. Priorities are random and drawn anew every so many iterations; those at the top whose memory fits together run. A request always finds its blocks in whole groups side by side. Each direction has its own link, one copy after the other; blocks on their way out are free when the copy is over. A copy starts in 10 µs, and a group takes one for keys and one for values in each of 32 layers.",
    equation: "seconds of a copy = n·B·kv/bw + ⌈n/g⌉·c·t₀; share of the bandwidth reached by whole groups e(g) = g·B·kv/(g·B·kv + bw·c·t₀)",
    symbols: &[
        ("n", "blocks to copy"),
        ("g", "blocks of a group; 1 in vLLM"),
        ("B·kv", "bytes of a block"),
        ("bw", "bandwidth to the host, one way"),
        ("c, t₀", "copies per group, and the time to start one"),
    ],
    setup: || Setup::Serving(config(true, 120)),
    claim: Some(Claim {
        statement: "Tail latencies of the first token and between tokens 1.4 to 11.2 times lower than with vLLM's swap.",
        experiment: "Llama-3-8B on one A100 with 420 blocks, 14 requests per second, all priorities drawn anew every 20 iterations, 25 GB/s to the host: P99 of the time to the first token, swap block by block before the batches with nothing kept, over groups of 64 blocks beside the batches with copies kept.",
        start: tail,
    }),
};

/// Priorities that change often on a small pool; FastSwitch's copies or vLLM's.
fn config(fast: bool, requests: u64) -> Config {
    Config {
        scheduler: Scheduler::FastSwitch,
        switch_every: 20,
        swap_group: if fast { 64 } else { 1 },
        swap_beside: fast,
        swap_keeps: fast,
        swap_gib: 32.0,
        requests,
        ..crate::labs::serving::presets::pressure()
    }
}

fn ttft_p99(run: &Run) -> f64 {
    crate::core::stats::percentile_sorted(&run.results().ordered.ttft, 99.0)
}

fn tail(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 300 } else { 1500 };
    let design = Design {
        quantity: "P99 of the time to the first token, vLLM's swap over FastSwitch",
        sides: [config(false, requests), config(true, requests)],
        probe: Probe::Figure(ttft_p99),
        claimed: 11.2,
        claimed_where: "at best in the paper's abstract, 1.4 × at least",
        enough: 1.4,
        conditions: "Most of it is the start of copies: block by block they reach an eighth of the bandwidth. Where priorities change rarely or memory is plentiful there is nothing to switch, and nothing to gain.",
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
    fn groups_reach_the_share_of_the_bandwidth_in_the_equation() {
        let of = |group: u64| {
            let config = Config {
                swap_group: group,
                ..config(true, 10)
            };
            config.limits().swap.unwrap()
        };
        let block = 16.0 * 131_072.0;
        for g in [1_u32, 64] {
            let bytes = f64::from(g) * block;
            let share = bytes / (bytes + 25e9 * 64.0 * 10e-6);
            let secs = of(u64::from(g)).seconds(g);
            assert!((bytes / secs / 25e9 / share - 1.0).abs() < 1e-12, "{g}");
        }
    }

    #[test]
    fn beside_the_batches_iterations_wait_for_no_copy() {
        let run = |fast| {
            let config = config(fast, 80);
            finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap()
        };
        let (fast, slow) = (run(true), run(false));
        assert!(fast.log().swaps_out() > 20 && slow.log().swaps_out() > 20);
        assert_eq!(fast.log().swap_secs, 0.0);
        assert!(slow.log().swap_secs > 1.0);
    }
}
