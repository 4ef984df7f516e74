//! Directions around a direction: the von Mises–Fisher law on the unit sphere.

use crate::core::num;
use crate::core::rng::Stream;

/// Dimensions of an embedding. Odd, so that the beta law below needs whole exponentials only.
pub(super) const DIM: usize = 33;

/// A unit vector.
pub(super) type Unit = [f64; DIM];

/// Cosine of the angle between two directions.
pub(super) fn cosine(a: &Unit, b: &Unit) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn scaled(v: &Unit, by: f64) -> Unit {
    v.map(|x| x * by)
}

/// A direction drawn uniformly.
pub(super) fn anywhere(rng: &mut Stream) -> Unit {
    let mut v = [0.0; DIM];
    for x in &mut v {
        *x = rng.normal();
    }
    let norm = cosine(&v, &v).sqrt();
    scaled(&v, 1.0 / norm)
}

/// Gamma with whole shape k: a sum of exponentials.
fn gamma(rng: &mut Stream, k: usize) -> f64 {
    (0..k).map(|_| rng.exponential()).sum()
}

/// A direction around `mean` with concentration κ (Wood, "Simulation of the von Mises Fisher
/// distribution", 1994): the cosine to the mean by rejection, the rest uniform across it.
pub(super) fn around(rng: &mut Stream, mean: &Unit, kappa: f64) -> Unit {
    let m = (DIM - 1) as f64;
    let b = m / (2.0 * kappa + (4.0 * kappa * kappa + m * m).sqrt());
    let x = (1.0 - b) / (1.0 + b);
    let c = kappa * x + m * num::ln(1.0 - x * x);
    let w = loop {
        let (p, q) = (gamma(rng, DIM / 2), gamma(rng, DIM / 2));
        let z = p / (p + q);
        let w = (1.0 - (1.0 + b) * z) / (1.0 - (1.0 - b) * z);
        if kappa * w + m * num::ln(1.0 - x * w) - c >= num::ln(rng.open_uniform()) {
            break w;
        }
    };
    let mut across = anywhere(rng);
    let along = cosine(&across, mean);
    for (a, u) in across.iter_mut().zip(mean) {
        *a -= along * u;
    }
    let norm = cosine(&across, &across).sqrt();
    let side = (1.0 - w * w).max(0.0).sqrt() / norm;
    let mut v = scaled(mean, w);
    for (x, a) in v.iter_mut().zip(&across) {
        *x += side * a;
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::StreamId;

    /// Mean cosine I_{d/2}(κ) / I_{d/2−1}(κ) by Gauss' continued fraction.
    fn mean_cosine(kappa: f64) -> f64 {
        let half = DIM as f64 / 2.0;
        let term = |k: f64| 2.0 * (half + k) / kappa;
        let mut tail = term(400.0);
        for k in (0..400).rev() {
            tail = term(f64::from(k)) + 1.0 / tail;
        }
        1.0 / tail
    }

    #[test]
    fn drawn_directions_have_the_mean_cosine_of_the_law() {
        for kappa in [5.0, 60.0, 600.0] {
            let mut rng = Stream::new(3, StreamId::Test);
            let mean = anywhere(&mut rng);
            let all: Vec<f64> = (0..3000)
                .map(|_| cosine(&mean, &around(&mut rng, &mean, kappa)))
                .collect();
            let (got, [low, high]) = crate::core::stats::mean_interval(&all);
            let want = mean_cosine(kappa);
            let slack = high - low;
            assert!((got - want).abs() < slack, "{kappa}: {got} {want}");
        }
    }
}
