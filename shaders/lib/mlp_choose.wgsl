// The smallest of 2,368 keys of a workgroup, exactly: a radix select, eight bits at a time; among
// equal keys the first.
// #include "lib/mlp.wgsl"

// Invocation t writes the keys from t * EACH on, and finds there what became of them.
var<workgroup> keys: array<u32, 2368>;
var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> ties: array<u32, 64>;
// The bits of the cut found so far, and how many are chosen among the keys that share them.
var<workgroup> prefix: u32;
var<workgroup> left: u32;

// Replaces the keys by 1 for the `wanted` smallest (at least one) and 0 for the others.
fn choose(wanted: u32, thread: u32) {
    workgroupBarrier();
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
            let k = keys[thread * EACH + i];
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
        equal += select(0u, 1u, keys[thread * EACH + i] == prefix);
    }
    ties[thread] = equal;
    workgroupBarrier();
    var before = 0u;
    for (var t = 0u; t < thread; t += 1u) {
        before += ties[t];
    }
    for (var i = 0u; i < EACH; i += 1u) {
        let at = thread * EACH + i;
        let tied = keys[at] == prefix;
        keys[at] = select(0u, 1u, keys[at] < prefix || (tied && before < left));
        before += select(0u, 1u, tied);
    }
}
