//! DistServe: prefill and decode on instances of their own (arXiv 2401.09670; LLMServe/DistServe).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::serving::cost::CostKind;
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static DISTSERVE: Exhibit = Exhibit {
    id: "distserve",
    lab: LabKind::Serving,
    title: "DistServe (prefill and decode apart)",
    idea: "A prompt makes everybody who decodes beside it wait. Give prompts to some instances and decoding to others, and send the KV over a link: no more stalls, but nobody helps out either.",
    paper: Paper {
        title: "DistServe: disaggregating prefill and decoding for goodput-optimized large language model serving",
        authors: "Zhong, Liu, Chen, et al.",
        year: 2024,
        arxiv: "2401.09670",
    },
    basis: Basis::Code,
    deviations: "The transfer of KV takes time (the published simulator charges none), one request after the other on the link of each sender; a request keeps its blocks where its prompt was computed until the decode instance has room. Every instance has the same GPUs; the paper's search for the parallelism of each phase and the number of its instances is under Capacity, Placement and in `schedlab placement`.",
    equation: "together: rate per GPU ≤ (1 − t_dec/TPOT)/t_pre; apart: rate per GPU ≤ ρ·n_p/(n_p + n_d)/t_pre; transfer = latency + tokens·bytes/bandwidth",
    symbols: &[
        ("t_pre", "seconds of a prompt"),
        ("t_dec", "seconds of an iteration of decodes"),
        ("ρ", "load at which the first token still meets its target"),
        ("n_p, n_d", "instances of each side"),
    ],
    setup: || {
        Setup::Serving(Config {
            rate: 3.0,
            requests: 80,
            ..config(1)
        })
    },
    claim: Some(Claim {
        statement: "Up to 4.48 times the requests per GPU within targets, against serving both phases on the same instances.",
        experiment: "OPT-13B with DistServe's own coefficients, prompts of typically 1,500 and outputs of 90 tokens (summaries), first token within 2 s and 40 ms per further one for 90 % of the requests, link of 25 GB/s: highest rate of one prefill and one decode instance over that of two instances which do both, prompts first (vLLM v0).",
        start: goodput,
    }),
};

/// OPT-13B on A100s as DistServe's profile has it (both phases with the constant of the decodes),
/// two instances, the first `prefill` of which only compute prompts.
fn config(prefill: u64) -> Config {
    Config {
        scheduler: Scheduler::Vllm,
        replicas: 2,
        prefill_instances: prefill,
        transfer_gbps: 25.0,
        cost_kind: CostKind::Linear,
        c0: 1.993e-2,
        c1: 1.0191e-4,
        c2: 7.122e-9,
        c3: 3.851e-5,
        c4: 6.269e-7,
        kv_bytes: 819_200.0,
        num_blocks: 3400,
        prompt_median: 1500.0,
        prompt_sigma: 0.3,
        prompt_max: 4000,
        output_median: 90.0,
        output_sigma: 0.5,
        output_max: 400,
        slo_ttft_secs: 2.0,
        slo_tpot_secs: 0.04,
        ..Config::default()
    }
}

fn attains(run: &Run) -> bool {
    !run.results().saturated && run.results().attainment() >= 0.9
}

fn goodput(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 300 } else { 1000 };
    let side = |prefill| Config {
        requests,
        ..config(prefill)
    };
    let design = Design {
        quantity: "highest rate within targets on two GPUs, prefill and decode apart over together",
        sides: [side(1), side(0)],
        probe: Probe::Capacity {
            accept: attains,
            rates: [0.1, 12.0],
            steps: 8,
        },
        claimed: 4.48,
        claimed_where: "at best in the paper",
        enough: 2.0,
        conditions: "Apart wins where prompts are long and the time per token is tight. With 100 ms per token, longer outputs, or short prompts and a tight first token, the two instances that do both serve as much or more; over a link of 1 GB/s the transfer itself misses the target.",
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
    fn apart_no_prompt_stalls_a_decode_and_the_link_sets_the_second_token() {
        let of = |prefill, gbps| {
            let config = Config {
                rate: 2.0,
                requests: 60,
                transfer_gbps: gbps,
                ..config(prefill)
            };
            run(&config)
        };
        let (together, apart, slow) = (of(0, 25.0), of(1, 25.0), of(1, 1.0));
        let stall = |run: &Run| run.results().stall.iter().copied().fold(0.0, f64::max);
        assert!(
            stall(&apart) < 0.5 * stall(&together),
            "{} {}",
            stall(&apart),
            stall(&together)
        );
        // 1,500 tokens of 819,200 bytes take 1.2 s over 1 GB/s.
        assert!(stall(&slow) > 1.0, "{}", stall(&slow));
        assert_eq!(
            apart
                .results()
                .count(crate::labs::serving::Ending::Finished),
            60
        );
    }

    #[test]
    fn a_transfer_takes_its_latency_and_its_bytes() {
        let config = Config {
            rate: 0.05,
            requests: 3,
            transfer_gbps: 10.0,
            transfer_millis: 5.0,
            ..config(1)
        };
        let run = run(&config);
        assert_eq!(run.log().transfers.len(), 3);
        for t in &run.log().transfers {
            let want = 5e-3 + f64::from(t.tokens) * 819_200.0 / 10e9;
            assert!(((t.at - t.started) / want - 1.0).abs() < 1e-9, "{t:?}");
            assert_eq!(t.tokens, run.workload().prefill[t.request as usize]);
        }
    }
}
