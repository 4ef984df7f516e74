//! Layer rates by dynamic programming (arXiv 2308.10438): the distortion of pruning several
//! layers is close to the sum of the single distortions, so choosing rates is a knapsack.
//!
//! f_l(b) = min_j [δ_l(a_j) + f_{l-1}(b - kept_l(j))], f_0 = 0: an exact solution, the smaller j
//! among equals.

/// A choice of rates.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// Budget in units.
    pub budget: usize,
    /// Units kept, by layer and grid point.
    pub kept: Vec<Vec<usize>>,
    /// The smallest sum of distortions and the grid point of each layer; none if even the
    /// strongest pruning exceeds the budget.
    pub best: Option<(f64, Vec<usize>)>,
}

/// Solves the allocation for layers of `sizes` weights.
pub fn allocate(
    sizes: &[usize],
    unit: f64,
    grid: &[f64],
    distortion: &[Vec<f64>],
    sparsity: f64,
) -> Allocation {
    let total: usize = sizes.iter().sum();
    let budget = ((1.0 - sparsity) * total as f64 / unit).floor().max(0.0) as usize;
    let units = |n: usize, a: f64| ((1.0 - a) * n as f64 / unit).ceil().max(0.0) as usize;
    let kept: Vec<Vec<usize>> = sizes
        .iter()
        .map(|&n| grid.iter().map(|&a| units(n, a)).collect())
        .collect();
    let mut value = vec![0.0_f64; budget + 1];
    let mut choices: Vec<Vec<usize>> = Vec::new();
    for (costs, kept) in distortion.iter().zip(&kept) {
        let mut next = vec![f64::INFINITY; budget + 1];
        let mut choice = vec![0; budget + 1];
        for b in 0..=budget {
            for (j, (&cost, &k)) in costs.iter().zip(kept).enumerate() {
                if k <= b && cost + value[b - k] < next[b] {
                    next[b] = cost + value[b - k];
                    choice[b] = j;
                }
            }
        }
        value = next;
        choices.push(choice);
    }
    let best = value[budget].is_finite().then(|| {
        let (mut b, mut picks) = (budget, Vec::new());
        for (choice, kept) in choices.iter().zip(&kept).rev() {
            picks.push(choice[b]);
            b -= kept[choice[b]];
        }
        picks.reverse();
        (value[budget], picks)
    });
    Allocation { budget, kept, best }
}
