// Mask of the keys above the cut, 32 keys a word: an invocation owns its word, so nothing races.
// Among equal keys the first `ties` in flat order are pruned.

struct Params {
    n: u32,
    bits: u32,
    tiles: u32,
    pad0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
// k, prefix (the threshold), fixed bits, below, equal, ties.
@group(0) @binding(2) var<storage, read> state: array<u32>;
// Equal keys before each tile.
@group(0) @binding(3) var<storage, read> before: array<u32>;
@group(0) @binding(4) var<storage, read_write> mask: array<u32>;

var<workgroup> sums: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let tile = group.x + group.y * groups.x;
    // Equal keys of the tile go, stay, or, in one tile alone, some of both: there their order matters.
    let ties = state[5];
    let start = before[tile];
    let mixed = (start < ties) & ((tile + 1u >= params.tiles) | (before[tile + 1u] > ties));
    let first = tile * 2048u + lane * 32u;
    let threshold = state[1];
    var above = 0u;
    var equal = 0u;
    for (var j = 0u; j < 32u; j++) {
        let i = first + j;
        if (i < params.n) {
            let key = keys[i] & params.bits;
            above |= select(0u, 1u << j, key > threshold || state[0] == 0u);
            equal |= select(0u, 1u << j, key == threshold);
        }
    }
    var word = above;
    if (mixed) {
        sums[lane] = countOneBits(equal);
        workgroupBarrier();
        for (var stride = 1u; stride < 64u; stride *= 2u) {
            var left = 0u;
            if (lane >= stride) {
                left = sums[lane - stride];
            }
            workgroupBarrier();
            sums[lane] += left;
            workgroupBarrier();
        }
        var rank = start + sums[lane] - countOneBits(equal);
        for (var j = 0u; j < 32u; j++) {
            if ((equal & (1u << j)) != 0u) {
                word |= select(0u, 1u << j, rank >= ties);
                rank += 1u;
            }
        }
    } else if (start >= ties) {
        word |= equal;
    }
    if (tile < params.tiles && first < params.n) {
        mask[first / 32u] = word;
    }
}
