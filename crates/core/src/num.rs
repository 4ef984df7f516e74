//! Numbers that agree bit for bit on every platform. `f64::exp` and its kin come from the
//! platform's C library on native and from elsewhere on wasm; these come from the `libm` crate on
//! both. (`+ - * /` and `sqrt` are exact everywhere.)

/// e^x.
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// e^x - 1, accurate near 0.
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// Natural logarithm.
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// ln(1 + x), accurate near 0.
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Base-2 logarithm.
pub fn log2(x: f64) -> f64 {
    libm::log2(x)
}

/// Base-10 logarithm.
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// x^y.
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// Sine (radians).
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// Cosine (radians).
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// Tangent (radians).
pub fn tan(x: f64) -> f64 {
    libm::tan(x)
}

/// Arc tangent.
pub fn atan(x: f64) -> f64 {
    libm::atan(x)
}

/// Arc tangent of y/x in the right quadrant.
pub fn atan2(y: f64, x: f64) -> f64 {
    libm::atan2(y, x)
}

/// Arc cosine.
pub fn acos(x: f64) -> f64 {
    libm::acos(x)
}

/// Hyperbolic tangent.
pub fn tanh(x: f64) -> f64 {
    libm::tanh(x)
}

/// Error function.
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// Natural logarithm of the gamma function.
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Logistic function 1 / (1 + e^-x), without overflow.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + exp(-x))
    } else {
        let e = exp(x);
        e / (1.0 + e)
    }
}

/// e^x in single precision.
pub fn expf(x: f32) -> f32 {
    libm::expf(x)
}

/// Natural logarithm in single precision.
pub fn lnf(x: f32) -> f32 {
    libm::logf(x)
}

/// Hyperbolic tangent in single precision.
pub fn tanhf(x: f32) -> f32 {
    libm::tanhf(x)
}

/// `n` equally spaced values from `a` to `b`, both included; `[a]` for `n == 1`.
pub fn linspace(a: f64, b: f64, n: usize) -> Vec<f64> {
    match n {
        0 => Vec::new(),
        1 => vec![a],
        _ => (0..n)
            .map(|i| {
                if i == n - 1 {
                    b
                } else {
                    a + (b - a) * (i as f64 / (n - 1) as f64)
                }
            })
            .collect(),
    }
}

/// `n` values from `a` to `b` (both positive), equally spaced in the logarithm.
pub fn logspace(a: f64, b: f64, n: usize) -> Vec<f64> {
    linspace(ln(a), ln(b), n).into_iter().map(exp).collect()
}

/// Sum with Neumaier's compensation: the error does not grow with the number of terms.
pub fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() {
            (total - next) + value
        } else {
            (value - next) + total
        };
        total = next;
    }
    if lost.is_finite() {
        total + lost
    } else {
        total
    }
}

/// Integer division rounded up.
pub fn ceil_div(a: u64, b: u64) -> u64 {
    a.div_ceil(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compensated_sum_keeps_small_terms() {
        let values = [1e16, 1.0, -1e16, 1.0];
        assert_eq!(sum(values), 2.0, "plain summation gives 1");
    }

    #[test]
    fn spaces_include_both_ends() {
        assert_eq!(linspace(0.0, 1.0, 5), [0.0, 0.25, 0.5, 0.75, 1.0]);
        let log = logspace(1e-3, 1.0, 4);
        assert!((log[1] - 1e-2).abs() < 1e-15, "{log:?}");
        assert_eq!(linspace(3.0, 9.0, 1), [3.0]);
    }

    #[test]
    fn sigmoid_does_not_overflow() {
        assert_eq!(sigmoid(-1000.0), 0.0);
        assert_eq!(sigmoid(1000.0), 1.0);
        assert_eq!(sigmoid(0.0), 0.5);
    }
}
