// Index of an invocation in a grid that may be folded into y (see `workgroups` in src/gpu/kernel.rs).
fn linear_index(id: vec3<u32>, groups: vec3<u32>, workgroup: u32) -> u32 {
    return id.x + id.y * groups.x * workgroup;
}
