//! Routing to the instance that remembers most of the prompt (sgl-project/sglang, its router).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Arrivals, Config, Routing, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, LabRun as _, Paper, Setup};

/// The exhibit.
pub(super) static PREFIX_AWARE: Exhibit = Exhibit {
    id: "prefix-aware",
    lab: LabKind::Serving,
    title: "Prefix-aware routing",
    idea: "Every instance remembers other conversations. Send a request where most of its prompt is in memory, and only then where it is quiet.",
    paper: Paper {
        title: "SGLang: efficient execution of structured language model programs",
        authors: "Zheng, Yin, Xie, et al.",
        year: 2024,
        arxiv: "2312.07104",
    },
    basis: Basis::Secondary,
    deviations: "The match is exact at every arrival, and no threshold of imbalance overrides it, so a popular prefix can overload an instance.",
    equation: "instance = argmax of cached prefix, then argmin of waiting and running requests",
    symbols: &[(
        "cached prefix",
        "leading blocks of the prompt in memory there",
    )],
    setup: || Setup::Serving(config(Routing::PrefixAware, 160)),
    claim: Some(Claim {
        statement: "Cache-aware routing finds up to 3.8 times as many prompt tokens in memory as round robin (and serves up to 1.9 times the throughput), by the release notes of SGLang 0.4.",
        experiment: "Four instances of vLLM v1 with prefix caching, conversations of about eight turns: share of prompt tokens found in memory, prefix-aware routing over round robin.",
        start: hit_rate,
    }),
};

fn config(routing: Routing, requests: u64) -> Config {
    Config {
        scheduler: Scheduler::VllmV1,
        prefix_caching: true,
        routing,
        replicas: 4,
        arrivals: Arrivals::Sessions,
        requests,
        rate: 1.5,
        turns_mean: 8.0,
        think_secs: 3.0,
        chunk_size: 2048,
        num_blocks: 4096,
        prompt_median: 300.0,
        max_tokens_per_sequence: 8192,
        ..crate::labs::serving::presets::pressure()
    }
}

fn hits(run: &Run) -> f64 {
    (run.metrics().iter())
        .find(|m| m.id == "prefix_hit_percent")
        .map_or(f64::NAN, |m| m.value)
}

fn hit_rate(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 400 } else { 2000 };
    let design = Design {
        quantity: "share of prompt tokens found in memory, prefix aware over round robin",
        sides: [
            config(Routing::PrefixAware, requests),
            config(Routing::RoundRobin, requests),
        ],
        probe: Probe::Figure(hits),
        claimed: 3.8,
        claimed_where: "in the release notes",
        enough: 2.0,
        conditions: "Round robin finds a conversation again by chance, on one of n instances, and more often the longer it lasts: the factor depends on the turns and on the number of instances (four here). With single requests there is nothing to find.",
    };
    start(design, effort)
}
