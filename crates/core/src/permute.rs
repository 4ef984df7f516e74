//! The memory layout of routed tokens: pairs sorted by expert, token-major, stable (Megatron-LM's
//! permute and unpermute).

/// Pairs in expert order.
#[derive(Debug, Clone, PartialEq)]
pub struct Permutation {
    /// Pairs of each expert.
    pub counts: Vec<usize>,
    /// Start of each expert, and the end of the last.
    pub offsets: Vec<usize>,
    /// Pair t·k + j at each slot.
    pub order: Vec<usize>,
    /// Slot of each pair.
    pub inverse: Vec<usize>,
}

/// Counting sort of the pairs by expert.
pub fn permutation(experts_of_pairs: &[usize], experts: usize) -> Permutation {
    let counts = crate::matrix::counts(experts_of_pairs.iter().copied(), experts);
    let offsets = offsets(&counts);
    let mut next = offsets.clone();
    let mut order = vec![0; experts_of_pairs.len()];
    let mut inverse = vec![0; experts_of_pairs.len()];
    for (pair, &e) in experts_of_pairs.iter().enumerate() {
        order[next[e]] = pair;
        inverse[pair] = next[e];
        next[e] += 1;
    }
    Permutation {
        counts,
        offsets,
        order,
        inverse,
    }
}

/// Exclusive running sums, with the total at the end.
pub fn offsets(counts: &[usize]) -> Vec<usize> {
    let mut total = 0;
    let mut out = vec![0];
    for c in counts {
        total += c;
        out.push(total);
    }
    out
}

/// Counts rounded up to whole blocks; 0 stays 0.
pub fn padded(counts: &[usize], block: usize) -> Vec<usize> {
    counts
        .iter()
        .map(|c| c.div_ceil(block.max(1)) * block.max(1))
        .collect()
}
