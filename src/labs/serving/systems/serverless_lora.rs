//! ServerlessLoRA: adapters as functions that share their backbones (arXiv 2505.14468).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::aside::World;
use crate::labs::serving::aside::claim::{Trial, start};
use crate::labs::serving::aside::functions::FunctionsConfig;
use crate::labs::serving::config::Config;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static SERVERLESS_LORA: Exhibit = Exhibit {
    id: "serverless-lora",
    lab: LabKind::Serving,
    title: "ServerlessLoRA (shared backbones)",
    idea: "Fine-tuned models as serverless functions differ by a small adapter only, and yet each loads and pays for the whole backbone. Share one copy, load in advance what saves most latency per byte, and let a batch wait for a busy GPU while its targets allow: cold starts shrink to an adapter and its kernels.",
    paper: Paper {
        title: "ServerlessLoRA: minimizing latency and cost in serverless inference for LoRA-based LLMs",
        authors: "Sui, Wang, Yu, et al.",
        year: 2025,
        arxiv: "2505.14468",
    },
    basis: Basis::AbstractOnly,
    deviations: "Everything beyond the three ideas is our design, and all load times are yours to edit. A backbone has one copy at a time; requests join its batch as others leave, at the speed they find; copies that run on one GPU share its speed. Memory is placed first fit; the idle copy not used for longest makes room, those loaded in advance last. Cost is GPU memory held times its price. A slow link slows the loading of weights to its GPU.",
    equation: "cold start = container + libraries + backbone/bw + adapter/bw + kernels; shared: adapter/bw + kernels; in advance by rate·latency saved/bytes; a batch waits until min(arrival + target) − prefill",
    symbols: &[
        ("bw", "bandwidth of loading weights"),
        (
            "rate",
            "calls per second of the functions that a copy serves",
        ),
        (
            "prefill",
            "its own time, times the batches that share the GPU",
        ),
    ],
    setup: || Setup::Serving(tight()),
    claim: Some(Claim {
        statement: "Up to 86 % lower time to the first token and up to 89 % lower cost than state-of-the-art serverless inference.",
        experiment: "Twelve functions on two backbones of 16 GB and two GPUs of 80 GB, 0.6 calls per second in bursts, memory kept for 30 s: mean time to the first token times cost, a backbone each over all three ideas; the geometric mean of both ratios.",
        start: gain,
    }),
};

/// More backbones than fit, so that cold starts are seen.
fn tight() -> Config {
    let mut config = config([true; 3], 300);
    config.functions.functions = 15;
    config.functions.backbones = 5;
    config.functions.gpu_gb = 48.0;
    config
}

fn config([share, preload, delay]: [bool; 3], requests: u64) -> Config {
    Config {
        world: World::Functions,
        functions: Box::new(FunctionsConfig {
            share,
            preload,
            delay,
            requests,
            ..FunctionsConfig::default()
        }),
        ..Config::default()
    }
}

fn gain(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 300 } else { 2000 };
    let trial = Trial {
        quantity: "geometric mean of the ratios of mean time to first token and of cost, a backbone each over ServerlessLoRA",
        sides: vec![config([false; 3], requests), config([true; 3], requests)],
        ratio: |runs| {
            let over = |id| runs[0].value(id) / runs[1].value(id);
            (over("ttft_mean_secs") * over("cost_per_1000")).sqrt()
        },
        claimed: [8.0, f64::INFINITY],
        claimed_where: "at best in the abstract (86 % lower latency is 7.1 ×, 89 % lower cost 9.1 ×)",
        conditions: "The comparison is with functions that load all of their own on demand, not with the systems the paper measured. The first token gains by loading in advance, the cost by fewer copies; how much depends on how many functions a backbone has, how rare their calls are, and for how long memory is kept.",
    };
    start(trial, effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::serving::aside::{AsideRun, start};

    fn run(switches: [bool; 3]) -> AsideRun {
        finish(&mut *start(&config(switches, 120)).unwrap()).unwrap()
    }

    #[test]
    fn every_idea_loads_less_for_the_same_calls() {
        let each = run([false; 3]);
        let shared = run([true, false, false]);
        let ahead = run([true, true, false]);
        let cold = |run: &AsideRun| run.value("cold_mean_secs");
        assert!(cold(&shared) < cold(&each));
        assert_eq!(cold(&ahead), 0.0, "all of it fits in advance");
        assert!(shared.value("copies") < each.value("copies"));
        assert!(shared.value("cost_per_1000") < each.value("cost_per_1000"));
    }
}
