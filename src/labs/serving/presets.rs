//! Starting points.

use super::config::{
    Arrivals, Config, FaultChoice, Migration, Preemption, Routing, ScaleBy, Scheduler,
};
use crate::labs::Preset;

/// The presets; the first is the one the lab opens with.
pub(super) static PRESETS: &[Preset<Config>] = &[
    Preset {
        name: "Decode stalls",
        doc: "vLLM v0 runs every new prompt alone: all running requests stop for it. Compare with Sarathi-Serve.",
        config: Config::default,
    },
    Preset {
        name: "Chunked prefill",
        doc: "The same requests under Sarathi-Serve: prompts in pieces beside the decodes, no stalls, a later first token.",
        config: chunked,
    },
    Preset {
        name: "Static batching",
        doc: "A batch lasts as long as its longest output; finished requests keep their places.",
        config: static_batching,
    },
    Preset {
        name: "Memory pressure",
        doc: "A small KV pool and long outputs: requests are admitted, grow, and throw each other out.",
        config: pressure,
    },
    Preset {
        name: "Swapping",
        doc: "The same pressure, but victims are copied to the host and back: nothing is computed twice, and nobody new comes in meanwhile.",
        config: swapping,
    },
    Preset {
        name: "Short jobs first",
        doc: "The same pressure, ranked by true remaining length: short requests fly, long ones starve.",
        config: srpt,
    },
    Preset {
        name: "Bursty arrivals",
        doc: "Gamma gaps with a coefficient of variation of 5 on two instances.",
        config: bursty,
    },
    Preset {
        name: "An instance dies",
        doc: "Four instances, requests that move between them, and one instance that dies with its memory: its requests start again elsewhere, and none is lost.",
        config: dying,
    },
    Preset {
        name: "Instances start by prediction",
        doc: "The load grows for a while. Block foretells the end of every arrival; as soon as one would be late on every instance, another starts from standby.",
        config: provisioning,
    },
];

fn chunked() -> Config {
    Config {
        scheduler: Scheduler::Sarathi,
        ..Config::default()
    }
}

fn static_batching() -> Config {
    Config {
        scheduler: Scheduler::StaticBatching,
        arrivals: Arrivals::Burst,
        requests: 64,
        batch_size_cap: 16,
        prompt_median: 220.0,
        prompt_sigma: 0.9,
        prompt_max: 1024,
        output_median: 120.0,
        output_sigma: 0.8,
        output_max: 600,
        max_tokens_per_sequence: 2048,
        num_blocks: 2048,
        ..Config::default()
    }
}

/// 420 blocks of 16 tokens for about 14 requests per second.
pub(super) fn pressure() -> Config {
    Config {
        scheduler: Scheduler::Vllm,
        rate: 14.0,
        requests: 120,
        prompt_median: 220.0,
        prompt_sigma: 0.9,
        prompt_max: 1024,
        output_median: 120.0,
        output_sigma: 0.8,
        output_max: 600,
        max_tokens_per_sequence: 2048,
        max_tokens_in_batch: 4096,
        batch_size_cap: 64,
        num_blocks: 420,
        slo_ttft_secs: 5.0,
        ..Config::default()
    }
}

fn swapping() -> Config {
    Config {
        preemption: Preemption::Swap,
        ..pressure()
    }
}

fn srpt() -> Config {
    Config {
        scheduler: Scheduler::Srpt,
        ..pressure()
    }
}

fn bursty() -> Config {
    Config {
        scheduler: Scheduler::Sarathi,
        arrivals: Arrivals::Gamma,
        gap_cv: 5.0,
        replicas: 2,
        rate: 4.0,
        requests: 100,
        ..Config::default()
    }
}

fn dying() -> Config {
    Config {
        replicas: 4,
        routing: Routing::Freest,
        migration: Migration::Balance,
        rate: 8.0,
        fault: FaultChoice::Dies,
        fault_instance: 1,
        fault_at_secs: 6.0,
        fault_secs: 5.0,
        ..pressure()
    }
}

fn provisioning() -> Config {
    Config {
        scheduler: Scheduler::Sarathi,
        routing: Routing::Block,
        replicas: 4,
        num_blocks: 520,
        arrivals: Arrivals::Ramp,
        period_secs: 40.0,
        rate: 14.0,
        requests: 300,
        prediction_sigma: 0.25,
        scaling: true,
        scale_by: ScaleBy::Prediction,
        scale_over_secs: 6.0,
        scale_down_above: 200.0,
        start_secs: 5.0,
        prompt_median: 300.0,
        prompt_sigma: 1.0,
        prompt_max: 3000,
        output_median: 120.0,
        output_sigma: 1.0,
        max_tokens_per_sequence: 4096,
        ..Config::default()
    }
}
