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
    .when(|c| c.swaps() && !c.switches()),
    Param::int(
        "swap_group",
        "Block group",
        [1, 4096],
        |c: &Config| c.swap_group,
        |c, v| c.swap_group = v,
    )
    .log()
    .unit("blocks")
    .doc("Blocks that lie side by side and are copied as one: 1 copies every block on its own, as vLLM does. Large groups reach the bandwidth of the link.")
    .group("Memory")
    .when(Config::switches),
    Param::toggle(
        "swap_beside",
        "Copies beside the batches",
        |c: &Config| c.swap_beside,
        |c, v| c.swap_beside = v,
    )
    .doc("Those who are copied wait for their copies, and their blocks are taken meanwhile; the others go on. Off: the next batch waits for all copies, as in vLLM.")
    .group("Memory")
    .when(Config::switches),
    Param::toggle(
        "swap_keeps",
        "Keep copies on the host",
        |c: &Config| c.swap_keeps,
        |c, v| c.swap_keeps = v,
    )
    .doc("The host keeps the KV of a request that is back, as long as there is room: the next time only new blocks are copied out.")
    .group("Memory")
    .when(Config::switches),
    Param::int(
        "swap_copies",
        "Copies per group",
        [1, 1024],
        |c: &Config| c.swap_copies,
        |c, v| c.swap_copies = v,
    )
    .log()
    .doc("A group lies in as many places: keys and values of each of 32 layers make 64.")
    .group("Memory")
    .advanced()
    .when(Config::switches),
    Param::float(
        "swap_start_micros",
        "Start of a copy",
        [0.0, 1000.0],
        |c: &Config| c.swap_start_micros,
        |c, v| c.swap_start_micros = v,
    )
    .unit("µs")
    .doc("Time to start one copy; our own choice.")
    .group("Memory")
    .advanced()
    .when(Config::switches),
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
