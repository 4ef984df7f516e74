//! Order statistics and intervals.

use super::num;

/// Percentile `p` (0 to 100) of values sorted ascending, by linear interpolation between order
/// statistics (numpy's default); NaN for an empty slice.
pub fn percentile_sorted(sorted: &[f64], p: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let rank = (p / 100.0).clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let low = rank.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    let t = rank - low as f64;
    sorted[low] + (sorted[high] - sorted[low]) * t
}

/// Percentile of unsorted values.
pub fn percentile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile_sorted(&sorted, p)
}

/// Places of values from the smallest to the largest (total order: NaN last); among equals the
/// smaller place first.
pub fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    order
}

/// Places of values from the largest to the smallest; among equals the smaller place first.
pub fn descending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order
}

/// Plain mean; NaN for no values.
pub fn mean(values: &[f64]) -> f64 {
    super::num::sum(values.iter().copied()) / values.len() as f64
}

/// Sample standard deviation (n - 1); 0 for fewer than two values.
pub fn std_dev(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let m = mean(values);
    let ss = super::num::sum(values.iter().map(|v| (v - m) * (v - m)));
    (ss / (values.len() - 1) as f64).sqrt()
}

/// Two-sided 95 % quantile of Student's t with `dof` degrees of freedom (table, then 1.96).
pub fn t95(dof: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    match dof {
        0 => f64::INFINITY,
        1..=30 => TABLE[dof - 1],
        31..=60 => 2.01,
        _ => 1.96,
    }
}

/// Mean and its 95 % confidence interval over independent samples (Student's t).
pub fn mean_interval(values: &[f64]) -> (f64, [f64; 2]) {
    let m = mean(values);
    if values.len() < 2 {
        return (m, [f64::NEG_INFINITY, f64::INFINITY]);
    }
    let half = t95(values.len() - 1) * std_dev(values) / (values.len() as f64).sqrt();
    (m, [m - half, m + half])
}

/// Ranks from 1, ties at their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    values
        .iter()
        .map(|v| {
            let below = values.iter().filter(|w| *w < v).count() as f64;
            let equal = values.iter().filter(|w| *w == v).count() as f64;
            below + 0.5 * (equal + 1.0)
        })
        .collect()
}

/// Spearman's rank correlation of two lists of equal length; NaN when one does not vary.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let (ma, mb) = (mean(&a), mean(&b));
    let product = |x: &[f64], mx: f64, y: &[f64], my: f64| {
        super::num::sum(x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)))
    };
    product(&a, ma, &b, mb) / (product(&a, ma, &a, ma) * product(&b, mb, &b, mb)).sqrt()
}

/// Smallest m with P(Binomial(n, p) <= m) >= q. The sum starts 12 deviations below the mean, where
/// less than 1e-30 lies.
pub fn binomial_quantile(n: usize, p: f64, q: f64) -> usize {
    if p >= 1.0 {
        return n;
    }
    if p <= 0.0 {
        return 0;
    }
    let mean = n as f64 * p;
    let first = (mean - 12.0 * (mean * (1.0 - p)).sqrt()).max(0.0) as usize;
    let (ln_p, ln_q) = (num::ln(p), num::ln_1p(-p));
    let factorial = |m: usize| num::ln_gamma(m as f64 + 1.0);
    let mut ln_choose = match first {
        0 => 0.0,
        m => factorial(n) - factorial(m) - factorial(n - m),
    };
    let mut total = 0.0;
    for m in first..=n {
        total += num::exp(ln_choose + m as f64 * ln_p + (n - m) as f64 * ln_q);
        if total >= q {
            return m;
        }
        ln_choose += num::ln((n - m) as f64) - num::ln(m as f64 + 1.0);
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn among_equals_the_smaller_place_comes_first() {
        assert_eq!(descending(&[0.0, 1.0, 1.0, f64::NAN]), [3, 1, 2, 0]);
        assert_eq!(ascending(&[1.0, 0.0, 1.0, 0.0]), [1, 3, 0, 2]);
    }

    #[test]
    fn percentiles_interpolate_like_numpy() {
        let v = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(percentile(&v, 50.0), 2.5);
        assert_eq!(percentile(&v, 0.0), 1.0);
        assert_eq!(percentile(&v, 100.0), 4.0);
        assert!((percentile(&v, 90.0) - 3.7).abs() < 1e-12);
        assert!(percentile(&[], 50.0).is_nan());
    }

    #[test]
    fn rank_correlation_sees_order_alone() {
        assert_eq!(spearman(&[1.0, 2.0, 30.0], &[5.0, 6.0, 7.0]), 1.0);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
        assert!((spearman(&[1.0, 1.0, 2.0], &[1.0, 2.0, 3.0]) - 0.75_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn intervals_cover_the_mean() {
        let (m, [lo, hi]) = mean_interval(&[1.0, 2.0, 3.0]);
        assert_eq!(m, 2.0);
        assert!((hi - 2.0 - 4.303 / 3.0_f64.sqrt()).abs() < 1e-9, "{hi}");
        assert!((lo + hi - 4.0).abs() < 1e-12);
    }

    #[test]
    fn binomial_quantiles_bracket_the_mean() {
        assert_eq!(binomial_quantile(10, 0.5, 0.5), 5);
        assert_eq!(binomial_quantile(10, 1.0, 0.05), 10);
        assert_eq!(binomial_quantile(10, 0.0, 0.95), 0);
        assert_eq!(binomial_quantile(1, 0.5, 0.95), 1);
        // Where the sum does not start at 0: 1.645 deviations of 30 either side of 1,000.
        let edges = [0.05, 0.95].map(|q| binomial_quantile(10_000, 0.1, q) as f64);
        assert!(
            (edges[0] - 950.7).abs() < 2.0 && (edges[1] - 1049.3).abs() < 2.0,
            "{edges:?}"
        );
    }
}
