// Index of a workgroup in a grid that may be folded into y.
fn tile_index(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.x + group.y * groups.x;
}
