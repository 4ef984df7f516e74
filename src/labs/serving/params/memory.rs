//! The KV pool.

use super::super::config::{Allocation, Config};
use super::super::policies::Feature;
use crate::core::Param;

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::int(
        "num_blocks",
        "KV blocks",
        [1, 1_000_000],
        |c: &Config| c.num_blocks,
        |c, v| c.num_blocks = v,
    )
    .log()
    .unit("blocks")
    .doc("Blocks of the KV pool of one instance. An A100 with 80 GB holds about 29,000 blocks of Llama-3-8B beside the weights.")
    .group("Memory")
    .when(|c| !c.sizes_pool()),
    Param::int(
        "block_size",
        "Block size",
        [1, 256],
        |c: &Config| c.block_size,
        |c, v| c.block_size = v,
    )
    .log()
    .unit("tok")
    .doc("Tokens per KV block.")
    .group("Memory")
    .advanced(),
    Param::float(
        "watermark_fraction",
        "Watermark",
        [0.0, 0.9],
        |c: &Config| c.watermark_fraction,
        |c, v| c.watermark_fraction = v,
    )
    .doc("Share of the pool that admission leaves free for the decodes.")
    .group("Memory")
    .advanced()
    .when(|c| {
        c.scheduler.has(Feature::Watermark)
            || c.scheduler.has(Feature::Allocation) && c.allocation == Allocation::WholePrompt
    }),
    Param::float(
        "swap_gib",
        "Swap space",
        [0.0, 4096.0],
        |c: &Config| c.swap_gib,
        |c, v| c.swap_gib = v,
    )
    .unit("GiB")
    .doc("Memory of the host for the blocks of preempted requests, per GPU. Where it is full, the next victim starts again.")
    .group("Memory")
    .when(Config::swaps),
    Param::float(
        "swap_gbps",
        "Swap bandwidth",
        [0.1, 1000.0],
        |c: &Config| c.swap_gbps,
        |c, v| c.swap_gbps = v,
    )
    .log()
    .unit("GB/s")
    .doc("Between a GPU and the host, one way: 25 for PCIe 4 with 16 lanes. Copies delay the iteration they stand before.")
    .group("Memory")
    .when(Config::swaps),
    Param::float(
        "swap_share",
        "Swap bandwidth reached",
        [0.01, 1.0],
        |c: &Config| c.swap_share,
        |c, v| c.swap_share = v,
    )
    .doc("Share of the bandwidth that copies reach: about 0.3 block by block, 0.9 for contiguous memory; our own choice.")
    .group("Memory")
    .advanced()
    .when(Config::swaps),
    Param::int(
        "max_tokens_per_sequence",
        "Longest sequence",
        [2, 1_000_000],
        |c: &Config| c.max_tokens_per_sequence,
        |c, v| c.max_tokens_per_sequence = v,
    )
    .log()
    .unit("tok")
    .doc("Limit of prompt plus output; longer outputs are cut. Orca and static batching reserve this much for every request.")
    .group("Memory"),
];
