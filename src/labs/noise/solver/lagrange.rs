//! Weights of linear multistep methods on unequal steps.

/// Integral of the j-th Lagrange polynomial over `nodes` from `nodes[0]` to `to`.
pub(super) fn lagrange_integral(nodes: &[f64], j: usize, to: f64) -> f64 {
    // Coefficients in u = v - nodes[0], ascending powers: the lower limit is then 0.
    let mut poly = vec![1.0];
    for (k, node) in nodes.iter().enumerate() {
        if k == j {
            continue;
        }
        let (root, scale) = (node - nodes[0], nodes[j] - node);
        let mut product = vec![0.0; poly.len() + 1];
        for (p, c) in poly.iter().enumerate() {
            product[p + 1] += c / scale;
            product[p] -= c * root / scale;
        }
        poly = product;
    }
    let u = to - nodes[0];
    poly.iter()
        .enumerate()
        .rev()
        .fold(0.0, |acc, (p, c)| (acc + c / (p + 1) as f64) * u)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lagrange_integrals_sum_to_the_interval() {
        let nodes = [2.0, 3.0, 5.0, 9.0];
        let total: f64 = (0..4).map(|j| lagrange_integral(&nodes, j, 1.2)).sum();
        assert!((total - (1.2 - 2.0)).abs() < 1e-14, "{total}");
    }
}
