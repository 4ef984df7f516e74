//! Continuous laws of the signal share over t in [0, 1] (0 is clean): Chen 2023 (arXiv 2301.10972),
//! Hang et al. 2024 (arXiv 2407.03297), the shift of simple diffusion, the logistic law of
//! Schedule Your Edit (arXiv 2410.18756) and the flow shift. `lambda` is the power log-SNR
//! ln(alpha^2 / sigma^2) throughout.

use crate::core::num;
use std::f64::consts::FRAC_PI_2;

fn clip(gamma: f64) -> f64 {
    gamma.clamp(1e-9, 1.0)
}

/// alpha-bar = 1 - t.
pub fn chen_linear(t: f64) -> f64 {
    clip(1.0 - t)
}

/// alpha-bar along cos(pi u / 2)^(2 tau) between u = start and u = end.
pub fn chen_cosine(t: f64, start: f64, end: f64, tau: f64) -> f64 {
    let c = |u: f64| num::pow(num::cos(u * FRAC_PI_2), 2.0 * tau);
    clip((c(end) - c(t * (end - start) + start)) / (c(end) - c(start)))
}

/// alpha-bar along a logistic curve of width `tau` between `start` and `end`.
pub fn chen_sigmoid(t: f64, start: f64, end: f64, tau: f64) -> f64 {
    let c = |u: f64| num::sigmoid(u / tau);
    clip((c(end) - c(t * (end - start) + start)) / (c(end) - c(start)))
}

/// lambda = 2 ln cot(pi t / 2).
pub fn hang_cosine(t: f64) -> f64 {
    -2.0 * num::ln(num::tan(FRAC_PI_2 * t))
}

/// lambda with a Laplace density around `mu`, scale `b`.
pub fn hang_laplace(t: f64, mu: f64, b: f64) -> f64 {
    let side = 0.5 - t;
    let sign = if side == 0.0 { 0.0 } else { side.signum() };
    mu - b * sign * num::ln(1.0 - 2.0 * side.abs())
}

/// lambda with a Cauchy density around `mu`, scale `gamma`.
pub fn hang_cauchy(t: f64, mu: f64, gamma: f64) -> f64 {
    mu + gamma * num::tan(FRAC_PI_2 * (1.0 - 2.0 * t))
}

/// The cosine law with its lambda divided by `s`.
pub fn hang_cosine_scaled(t: f64, s: f64) -> f64 {
    hang_cosine(t) / s
}

/// The cosine law with its lambda moved by `mu`.
pub fn hang_cosine_shifted(t: f64, mu: f64) -> f64 {
    mu + hang_cosine(t)
}

/// The cosine law tuned at side `noise`, moved for images of side `image`.
pub fn simple_diffusion_shift(t: f64, image: f64, noise: f64) -> f64 {
    hang_cosine(t) + 2.0 * num::ln(noise / image)
}

/// alpha-bar = 1 / (1 + exp(k (t - t0))), t in steps: lambda is linear in t.
pub fn logistic(t: f64, k: f64, t0: f64) -> f64 {
    1.0 / (1.0 + num::exp(k * (t - t0)))
}

/// Flow time after a shift: u' = a u / (1 + (a - 1) u), which multiplies s by a.
pub fn flow_shift(u: f64, shift: f64) -> f64 {
    shift * u / (1.0 + (shift - 1.0) * u)
}

/// lambda of a law whose input is scaled by `b`, from its alpha-bar.
pub fn input_scaling(alpha_bar: f64, b: f64) -> f64 {
    num::ln(b * b * alpha_bar / (1.0 - alpha_bar))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laplace_law_is_its_centre_in_the_middle() {
        assert_eq!(hang_laplace(0.5, 1.5, 2.0), 1.5);
        assert!(
            hang_laplace(0.01, 0.0, 1.0) > 0.0,
            "little noise at the start"
        );
    }
}
