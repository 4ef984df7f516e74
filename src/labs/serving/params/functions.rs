//! Parameters of the serverless functions.

use super::super::config::Config;
use crate::core::Param;

/// A positive number on a logarithmic slider.
macro_rules! amount {
    ($field:ident, $label:literal, $range:expr, $unit:literal, $group:literal, $doc:literal) => {
        Param::float(
            concat!("functions.", stringify!($field)),
            $label,
            $range,
            |c: &Config| c.functions.$field,
            |c, v| c.functions.$field = v,
        )
        .log()
        .unit($unit)
        .group($group)
        .doc($doc)
    };
}

/// A count.
macro_rules! count {
    ($field:ident, $label:literal, $range:expr, $group:literal, $doc:literal) => {
        Param::int(
            concat!("functions.", stringify!($field)),
            $label,
            $range,
            |c: &Config| c.functions.$field,
            |c, v| c.functions.$field = v,
        )
        .log()
        .group($group)
        .doc($doc)
    };
}

/// A switch.
macro_rules! switch {
    ($field:ident, $label:literal, $doc:literal) => {
        Param::toggle(
            concat!("functions.", stringify!($field)),
            $label,
            |c: &Config| c.functions.$field,
            |c, v| c.functions.$field = v,
        )
        .group("Functions")
        .doc($doc)
    };
}

pub(super) const PARAMS: &[Param<Config>] = &[
    switch!(
        share,
        "Share backbones",
        "Functions of one backbone use one copy of it on a GPU; a further function loads its adapter and kernels alone. Off: every function has a copy of its own."
    ),
    switch!(
        preload,
        "Load in advance",
        "Copies with their adapters and kernels are there from the start, by expected benefit per byte (rate × latency saved), as long as they fit; they are given up last."
    ),
    switch!(
        delay,
        "Batches wait",
        "A batch that would share its GPU with another one waits, and grows, as long as its first token can still come in time."
    ),
    count!(
        functions,
        "Functions",
        [1, 100],
        "Functions",
        "Functions, each a backbone and an adapter."
    ),
    count!(
        backbones,
        "Backbones",
        [1, 16],
        "Functions",
        "Different backbones; the functions use them in turns."
    ),
    count!(
        batch,
        "Batch",
        [1, 64],
        "Functions",
        "Requests of a batch at most; those of several adapters can share one."
    ),
    amount!(
        keep_secs,
        "Kept for",
        [0.1, 10_000.0],
        "s",
        "Functions",
        "Time after the last call at which the memory is given back, unless loaded in advance."
    ),
    count!(
        gpus,
        "GPUs",
        [1, 16],
        "Memory",
        "GPUs; copies go where the most memory is free."
    ),
    amount!(
        gpu_gb,
        "Memory of a GPU",
        [8.0, 1000.0],
        "GB",
        "Memory",
        "Memory of each."
    ),
    amount!(
        backbone_gb,
        "Backbone",
        [0.1, 500.0],
        "GB",
        "Memory",
        "Weights of a backbone."
    ),
    amount!(
        adapter_gb,
        "Adapter",
        [0.001, 20.0],
        "GB",
        "Memory",
        "Weights of an adapter."
    ),
    amount!(
        room_gb,
        "Room for work",
        [0.1, 500.0],
        "GB",
        "Memory",
        "Memory of a copy for KV and activations."
    ),
    amount!(
        price,
        "Price",
        [0.0001, 10.0],
        "$/GB·h",
        "Memory",
        "Price of a GB of GPU memory for an hour."
    ),
    amount!(
        container_secs,
        "Container",
        [0.001, 100.0],
        "s",
        "Cold start",
        "Time to start a container."
    ),
    amount!(
        library_secs,
        "Libraries",
        [0.001, 100.0],
        "s",
        "Cold start",
        "Time to load libraries."
    ),
    amount!(
        load_gbps,
        "Loading",
        [0.01, 100.0],
        "GB/s",
        "Cold start",
        "Bandwidth at which weights come to a GPU."
    ),
    amount!(
        kernel_secs,
        "Kernels",
        [0.001, 100.0],
        "s",
        "Cold start",
        "Time to build or load the kernels of a function."
    ),
    count!(requests, "Calls", [1, 3000], "Calls", "Calls made."),
    amount!(
        rate,
        "Rate",
        [0.001, 100.0],
        "1/s",
        "Calls",
        "Calls per second, all functions together."
    ),
    Param::float(
        "functions.skew",
        "Skew",
        [0.0, 3.0],
        |c: &Config| c.functions.skew,
        |c, v| c.functions.skew = v,
    )
    .group("Calls")
    .doc("Exponent of Zipf's law of the functions' rates: 0 for all alike."),
    amount!(
        burst,
        "Burst",
        [1.0, 50.0],
        "calls",
        "Calls",
        "Mean number of calls of a function that come together."
    ),
    amount!(
        prompt,
        "Prompt",
        [1.0, 20_000.0],
        "tok",
        "Calls",
        "Typical prompt (lognormal, σ = 0.5)."
    ),
    amount!(
        output,
        "Output",
        [1.0, 5000.0],
        "tok",
        "Calls",
        "Typical output (lognormal, σ = 0.5)."
    ),
    amount!(
        target_secs,
        "Target TTFT",
        [0.01, 1000.0],
        "s",
        "Calls",
        "Target for the time to the first token; what is left of it is the slack of a batch."
    ),
];
