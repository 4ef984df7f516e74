// As pool.wgsl: one invocation speaks for all of its subgroup, however many those are. To be called
// where the whole workgroup is, after a barrier.
fn pool_sum(value: u32) -> u32 {
    return subgroupAdd(value);
}

fn pool_min(value: u32) -> u32 {
    return subgroupMin(value);
}

fn pool_max(value: u32) -> u32 {
    return subgroupMax(value);
}

fn speaks() -> bool {
    return subgroupExclusiveAdd(1u) == 0u;
}
