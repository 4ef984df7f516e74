//! POLCA: more servers than the power budget of a row bears (arXiv 2308.12908).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Routing, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static POLCA: Exhibit = Exhibit {
    id: "polca",
    lab: LabKind::Serving,
    title: "POLCA (power oversubscription)",
    idea: "A server draws its full power only while it computes large prompts, and servers do so at different times. Put more of them into the row than its budget bears at full power, and slow some, those of low priority first, in the rare moments when all peak together.",
    paper: Paper {
        title: "POLCA: power oversubscription in LLM cloud providers",
        authors: "Patel, Choukse, Zhang, et al.",
        year: 2023,
        arxiv: "2308.12908",
    },
    basis: Basis::Secondary,
    deviations: "Thresholds and clocks are our choice after a patent of the same design. Priority belongs to servers, not to requests. The row is looked at once a second; a new clock holds from the next iteration of a server on. The power model is drawn by eye through measurements on A100.",
    equation: "row = Σ pᵢ/budget; above T₁: low priority at f₁; above T₂: low at f₂, others at f₃; above 1: all at 0.5; each step is taken back a margin below its threshold; p = p_idle + f^α·(0.44 − p_idle + 0.56·√min(1, P/2048))",
    symbols: &[
        ("pᵢ", "power of a server over its design power"),
        ("T₁, T₂", "thresholds, 0.80 and 0.89"),
        ("f₁, f₂, f₃", "clocks: 0.90, 0.79, 0.93"),
        ("P", "prompt tokens of an iteration"),
    ],
    // Four servers more than claimed, so that caps are seen at work.
    setup: || Setup::Serving(config(30, 30.0 * 60.0)),
    claim: Some(Claim {
        statement: "30 % more servers in the same row, with minimal loss of performance.",
        experiment: "Llama-3-8B on A100s, prompts of typically 1,020 and outputs of 129 tokens (the conversations of the Azure trace), 2.2 requests per second and server, a budget of 20 servers at their design power: servers times the share of their requests that meet their targets (2 s, 0.1 s), 26 servers under caps over 20 without; a row that ever exceeds its budget counts as 0.",
        start: more_servers,
    }),
};

/// A row under the Azure conversations' lengths.
fn config(servers: u64, requests: f64) -> Config {
    Config {
        scheduler: Scheduler::Vllm,
        routing: Routing::RoundRobin,
        replicas: servers,
        rate: 2.2 * servers as f64,
        requests: requests as u64,
        prompt_median: 1020.0,
        prompt_sigma: 0.77,
        prompt_max: 8000,
        output_median: 129.0,
        output_sigma: 0.9,
        output_max: 1000,
        max_tokens_per_sequence: 9000,
        max_tokens_in_batch: 16_384,
        num_blocks: 29_000,
        batch_size_cap: 256,
        power_row: true,
        row_budget: 20.0,
        look_over_secs: 1.0,
        slo_ttft_secs: 2.0,
        slo_tpot_secs: 0.1,
        warmup_percent: 5.0,
        ..Config::default()
    }
}

/// Servers times the share of their requests in time, if the row kept its budget.
fn within_budget(run: &Run) -> f64 {
    if run.log().meter.highest > 1.0 {
        return 0.0;
    }
    run.results().attainment() * run.config().replicas as f64
}

fn more_servers(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let secs = if effort == Effort::Quick { 40.0 } else { 300.0 };
    let design = Design {
        quantity: "servers' worth of requests in time within the power budget, 26 servers under caps over 20 without",
        sides: [
            config(26, 26.0 * 2.2 * secs),
            Config {
                power_caps: false,
                ..config(20, 20.0 * 2.2 * secs)
            },
        ],
        probe: Probe::Figure(within_budget),
        claimed: 1.3,
        claimed_where: "in the paper",
        enough: 1.25,
        conditions: "The servers are alike and their prompts come independently, which is what makes the sum calm: a burst that hits all servers at once would not average out.",
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
    fn the_meter_adds_up_to_the_energy_of_the_run() {
        let config = Config {
            power_caps: false,
            ..config(4, 120.0)
        };
        let run = run(&config);
        let (log, end) = (run.log(), run.results().end);
        let looked: f64 = (log.meter.row.iter())
            .map(|share| share * config.row_budget * config.look_over_secs)
            .sum();
        let watts = config.gpu_spec().watts;
        // The last look comes up to a period before the end.
        let upto = log.meter.from.last().unwrap() + config.look_over_secs;
        let course = crate::labs::serving::power::over_time(&config, log, end, 4000);
        let width = end / 4000.0;
        let want: f64 = (course.iter().filter(|c| c[0] + width <= upto))
            .map(|c| c[1] * width)
            .sum();
        let got = looked * watts;
        assert!((got / want - 1.0).abs() < 2e-3, "{got} {want}");
    }

    #[test]
    fn near_the_budget_clocks_fall_and_power_with_them() {
        let tight = |power_caps| Config {
            row_budget: 2.6,
            power_caps,
            ..config(4, 200.0)
        };
        let (free, capped) = (run(&tight(false)), run(&tight(true)));
        let (a, b) = (&free.log().meter, &capped.log().meter);
        assert_eq!(a.secs[1], 0.0);
        assert!(b.secs[1] > 0.3 * b.secs[0], "{:?}", b.secs);
        let mean =
            |m: &crate::labs::serving::log::Meter| m.row.iter().sum::<f64>() / m.row.len() as f64;
        assert!(mean(b) < mean(a), "{} {}", mean(b), mean(a));
        let prefill = |run: &Run| run.log().busy_stage_secs;
        assert!(prefill(&capped) > prefill(&free), "slower");
        assert_eq!(
            capped
                .results()
                .count(crate::labs::serving::Ending::Finished),
            200
        );
    }
}
