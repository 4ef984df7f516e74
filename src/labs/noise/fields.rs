//! Correlated Gaussian fields: images whose Fourier modes are independent Gaussians with a power
//! law, so that the denoising error is a closed form and the effect of resolution and of repeated
//! channels can be read off exactly. Noise is independent per pixel and channel.

use super::optimal::spectrum_mmse;
use crate::core::num;

/// Variance of every Fourier mode (orthonormal basis) of a side x side field of unit pixel variance
/// whose power falls as frequency^-exponent; the mean mode gets the power of frequency one.
pub fn power_law(side: usize, exponent: f64) -> Vec<f64> {
    let mut power = Vec::with_capacity(side * side);
    for row in 0..side {
        for column in 0..side {
            let f = |i: usize| i.min(side - i) as f64;
            let (a, b) = (f(row), f(column));
            let square = (a * a + b * b).max(1.0);
            power.push(num::pow(square, -0.5 * exponent));
        }
    }
    let total = num::sum(power.iter().copied());
    let scale = (side * side) as f64 / total;
    for p in &mut power {
        *p *= scale;
    }
    power
}

/// The same field in `channels` copies with correlation `rho` between any two: along the channels'
/// mean the variance is 1 + (channels - 1) rho times as large, along the rest 1 - rho times.
pub fn in_channels(variances: &[f64], channels: usize, rho: f64) -> Vec<f64> {
    let shared = 1.0 + (channels - 1) as f64 * rho;
    variances
        .iter()
        .flat_map(|v| {
            std::iter::once(v * shared).chain(std::iter::repeat_n(v * (1.0 - rho), channels - 1))
        })
        .collect()
}

/// The noise level at which the denoising error is half of the variance, by bisection in ln s.
pub fn half_error_level(variances: &[f64]) -> f64 {
    let half = 0.5 * num::sum(variances.iter().copied());
    let (mut low, mut high) = (num::ln(1e-6), num::ln(1e6));
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if spectrum_mmse(variances, num::exp(middle)) < half {
            low = middle;
        } else {
            high = middle;
        }
    }
    num::exp(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_noise_decides_at_its_own_level_at_any_side() {
        for side in [4, 8, 16] {
            let white = power_law(side, 0.0);
            assert!((half_error_level(&white) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn copies_of_a_channel_move_the_level_by_the_root_of_their_number() {
        let one = power_law(8, 2.0);
        let three = in_channels(&one, 3, 1.0);
        let moved = half_error_level(&three) / half_error_level(&one);
        assert!((moved - 3.0_f64.sqrt()).abs() < 1e-6, "{moved}");
    }

    #[test]
    fn larger_sides_of_the_same_texture_need_more_noise() {
        let at = |side| half_error_level(&power_law(side, 2.5));
        assert!(at(16) > 1.3 * at(8), "{} {}", at(8), at(16));
    }
}
