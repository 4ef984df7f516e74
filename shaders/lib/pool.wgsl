// Counts that go from invocations to an atomic of their workgroup. Here each invocation speaks for
// itself; where the device has subgroups, pool_subgroups.wgsl can stand in this file's place.
fn pool_sum(value: u32) -> u32 {
    return value;
}

fn pool_min(value: u32) -> u32 {
    return value;
}

fn pool_max(value: u32) -> u32 {
    return value;
}

fn speaks() -> bool {
    return true;
}
