// Exclusive prefix sum in place, by one workgroup: each invocation sums a run of values, the runs
// are scanned, then each run is rewritten.

struct Params {
    n: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;

var<workgroup> sums: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
    let run = (params.n + 255u) / 256u;
    let start = min(lane * run, params.n);
    let end = min(start + run, params.n);
    var sum = 0u;
    for (var i = start; i < end; i++) {
        sum += counts[i];
    }
    sums[lane] = sum;
    workgroupBarrier();
    for (var stride = 1u; stride < 256u; stride *= 2u) {
        var left = 0u;
        if (lane >= stride) {
            left = sums[lane - stride];
        }
        workgroupBarrier();
        sums[lane] += left;
        workgroupBarrier();
    }
    var before = sums[lane] - sum;
    for (var i = start; i < end; i++) {
        let count = counts[i];
        counts[i] = before;
        before += count;
    }
}
