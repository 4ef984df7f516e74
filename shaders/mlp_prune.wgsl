// Prunes 64-32-10 networks between updates, one workgroup each: where more weights are to go, those
// with the smallest magnitudes (biases never go, a pruned weight never comes back, among equals the
// first goes first); then everything pruned and its momentum is set to zero.

struct Params {
    runs: u32,
    // Row of the table of counts.
    row: u32,
    pad0: u32,
    pad1: u32,
}

const THREADS: u32 = 64u;
const COUNT: u32 = 2410u;
const B1: u32 = 2048u;
// Weights of both layers; 37 for each invocation.
const WEIGHTS: u32 = 2368u;
const EACH: u32 = 37u;
// "As many as before."
const KEEP: u32 = 0xffffffffu;

@group(0) @binding(0) var<uniform> params: Params;
// rows × runs: weights that are gone from here on.
@group(0) @binding(1) var<storage, read> gone: array<u32>;
// runs × parameters.
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;
// Per run: first moments, second moments.
@group(0) @binding(3) var<storage, read_write> moments: array<f32>;
// runs × weights: 1 where a weight is kept.
@group(0) @binding(4) var<storage, read_write> mask: array<u32>;

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> ties: array<u32, 64>;
// The bits of the cut found so far, and how many weights go among those that share them.
var<workgroup> prefix: u32;
var<workgroup> left: u32;

// Place of a weight among the parameters: the biases of the first layer lie in between.
fn place(weight: u32) -> u32 {
    return select(weight, weight + 32u, weight >= B1);
}

// 0 for pruned weights; others in the order of their magnitudes.
fn key(run: u32, weight: u32) -> u32 {
    let bits = bitcast<u32>(weights[run * COUNT + place(weight)]) & 0x7fffffffu;
    return select(0u, bits + 1u, mask[run * WEIGHTS + weight] != 0u);
}

fn rank(run: u32, wanted: u32, thread: u32) {
    if (thread == 0u) {
        prefix = 0u;
        left = min(wanted, WEIGHTS);
    }
    var fixed = 0u;
    for (var digit = 0u; digit < 4u; digit += 1u) {
        let shift = 24u - 8u * digit;
        for (var b = thread; b < 256u; b += THREADS) {
            atomicStore(&bins[b], 0u);
        }
        workgroupBarrier();
        let known = prefix;
        for (var i = 0u; i < EACH; i += 1u) {
            let k = key(run, thread * EACH + i);
            if ((k & fixed) == known) {
                atomicAdd(&bins[(k >> shift) & 255u], 1u);
            }
        }
        workgroupBarrier();
        if (thread == 0u) {
            var rest = left;
            var bin = 0u;
            for (; bin < 255u; bin += 1u) {
                let here = atomicLoad(&bins[bin]);
                if (rest <= here) {
                    break;
                }
                rest -= here;
            }
            left = rest;
            prefix = known | (bin << shift);
        }
        fixed |= 255u << shift;
        workgroupBarrier();
    }
    var equal = 0u;
    for (var i = 0u; i < EACH; i += 1u) {
        equal += select(0u, 1u, key(run, thread * EACH + i) == prefix);
    }
    ties[thread] = equal;
    workgroupBarrier();
    var before = 0u;
    for (var t = 0u; t < thread; t += 1u) {
        before += ties[t];
    }
    for (var i = 0u; i < EACH; i += 1u) {
        let weight = thread * EACH + i;
        let k = key(run, weight);
        let tied = k == prefix;
        if (k < prefix || (tied && before < left)) {
            mask[run * WEIGHTS + weight] = 0u;
        }
        before += select(0u, 1u, tied);
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let run = group.y * groups.x + group.x;
    if (run >= params.runs) {
        return;
    }
    let wanted = gone[params.row * params.runs + run];
    if (wanted != KEEP && wanted > 0u) {
        rank(run, wanted, thread);
    }
    for (var i = 0u; i < EACH; i += 1u) {
        let weight = thread * EACH + i;
        if (mask[run * WEIGHTS + weight] == 0u) {
            weights[run * COUNT + place(weight)] = 0.0;
            moments[2u * run * COUNT + place(weight)] = 0.0;
        }
    }
}
