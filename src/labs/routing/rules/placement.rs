//! Expert placement (deepseek-ai/EPLB): replicate the busiest experts, pack the replicas onto
//! devices, groups onto nodes first where they divide.

use crate::core::gate::descending;

/// Where n items go: pack of each, and its rank inside the pack.
fn pack(loads: &[f64], packs: usize) -> Vec<Vec<usize>> {
    let n = loads.len();
    let size = n / packs;
    if size <= 1 {
        return (0..packs).map(|i| (i..n.min(i + 1)).collect()).collect();
    }
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); packs];
    let mut total = vec![0.0; packs];
    for item in descending(loads) {
        let mut best: Option<usize> = None;
        for p in (0..packs).filter(|&p| out[p].len() < size) {
            if best.is_none_or(|b| total[p] < total[b]) {
                best = Some(p);
            }
        }
        if let Some(p) = best {
            out[p].push(item);
            total[p] += loads[item];
        }
    }
    out
}

/// Expert of each slot: the experts first, then each further slot to the largest load per replica.
fn replicate(loads: &[f64], slots: usize) -> (Vec<usize>, Vec<usize>) {
    let mut expert_of: Vec<usize> = (0..loads.len()).collect();
    let mut replicas = vec![1; loads.len()];
    for _ in loads.len()..slots {
        let share: Vec<f64> = loads
            .iter()
            .zip(&replicas)
            .map(|(w, &c)| w / f64::from(c))
            .collect();
        let e = crate::core::gate::argmax(&share);
        expert_of.push(e);
        replicas[e] += 1;
    }
    (expert_of, replicas.iter().map(|&c| c as usize).collect())
}

/// Sizes of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// Groups of experts.
    pub groups: usize,
    /// Nodes.
    pub nodes: usize,
    /// Devices.
    pub gpus: usize,
    /// Physical slots.
    pub physical: usize,
}

/// A placement.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// Expert of each physical slot.
    pub physical_to_logical: Vec<usize>,
    /// Replicas of each expert.
    pub replicas: Vec<usize>,
    /// Load of each device.
    pub gpu_load: Vec<f64>,
    /// Largest device load over the mean.
    pub straggler: f64,
}

/// Whether the sizes fit each other.
///
/// # Errors
/// The first size at fault.
pub fn check(experts: usize, c: Cluster) -> crate::core::Result<()> {
    let wrong = |field: &str, got: usize, allowed: String| {
        Err(crate::core::Error::out_of_range(field, got, allowed))
    };
    if c.groups == 0 || !experts.is_multiple_of(c.groups) {
        return wrong(
            "groups",
            c.groups,
            format!("a divisor of {experts} experts"),
        );
    }
    if c.nodes == 0 || c.gpus == 0 || !c.gpus.is_multiple_of(c.nodes) {
        return wrong("gpus", c.gpus, format!("a multiple of {} nodes", c.nodes));
    }
    if c.physical < experts || !c.physical.is_multiple_of(c.gpus) {
        return wrong(
            "physical",
            c.physical,
            format!("a multiple of {} devices, at least {experts}", c.gpus),
        );
    }
    Ok(())
}

/// Hierarchical when the groups divide over the nodes, global otherwise.
pub fn place(loads: &[f64], c: Cluster) -> Placement {
    if c.groups.is_multiple_of(c.nodes) {
        hierarchical(loads, c)
    } else {
        global(loads, c)
    }
}

/// As if there were one group and one node.
pub fn global(loads: &[f64], c: Cluster) -> Placement {
    hierarchical(
        loads,
        Cluster {
            groups: 1,
            nodes: 1,
            ..c
        },
    )
}

fn hierarchical(loads: &[f64], c: Cluster) -> Placement {
    let group_size = loads.len() / c.groups;
    let group_loads: Vec<f64> = loads.chunks(group_size).map(|g| g.iter().sum()).collect();
    let mut physical_to_logical = Vec::new();
    let mut replicas = vec![0; loads.len()];
    for groups in pack(&group_loads, c.nodes) {
        let experts: Vec<usize> = groups
            .iter()
            .flat_map(|&g| g * group_size..(g + 1) * group_size)
            .collect();
        let local: Vec<f64> = experts.iter().map(|&e| loads[e]).collect();
        let (expert_of, counts) = replicate(&local, c.physical / c.nodes);
        for (i, &count) in counts.iter().enumerate() {
            replicas[experts[i]] += count;
        }
        let slot_loads: Vec<f64> = expert_of
            .iter()
            .map(|&i| local[i] / counts[i] as f64)
            .collect();
        for slots in pack(&slot_loads, c.gpus / c.nodes) {
            physical_to_logical.extend(slots.iter().map(|&s| experts[expert_of[s]]));
        }
    }
    let gpu_load: Vec<f64> = physical_to_logical
        .chunks(c.physical / c.gpus)
        .map(|slots| slots.iter().map(|&e| loads[e] / replicas[e] as f64).sum())
        .collect();
    let straggler = straggler(&gpu_load);
    Placement {
        physical_to_logical,
        replicas,
        gpu_load,
        straggler,
    }
}

/// Largest over mean.
pub fn straggler(loads: &[f64]) -> f64 {
    let mean = loads.iter().sum::<f64>() / loads.len() as f64;
    loads.iter().copied().fold(0.0, f64::max) / mean
}

/// Straggler when expert e simply lives on device ⌊e·gpus/E⌋.
pub fn contiguous_straggler(loads: &[f64], gpus: usize) -> f64 {
    let mut gpu = vec![0.0; gpus];
    for (e, w) in loads.iter().enumerate() {
        gpu[e * gpus / loads.len()] += w;
    }
    straggler(&gpu)
}
