//! Training-time pressure towards sparsity: HyperSparse (arXiv 2308.07163), annealed gradients of
//! masked weights (arXiv 2304.06941, own schedule), gradient dropout of R-AMT (arXiv 2307.15049)
//! and the quantiser of self-compressing networks (arXiv 2301.13142).

use crate::core::num;

/// HyperSparse at one prune rate.
#[derive(Debug, Clone, PartialEq)]
pub struct HyperSparse {
    /// σ = artanh(1/√3)/κ with κ the |w| at the prune rate: the gradient falls fastest at κ.
    pub sigma: f64,
    /// Σ|w|, the value of the term before its constant twin is subtracted.
    pub surrogate: f64,
    /// ∂R/∂w = sign(w) σ sech²(σ|w|) Σ|w| / Σ tanh σ|w|.
    pub gradient: Vec<f64>,
}

/// The regulariser's gradient at a prune rate; none for no weights.
pub fn hyper_sparse(w: &[f64], rate: f64) -> Option<HyperSparse> {
    let mut sorted: Vec<f64> = w.iter().map(|w| w.abs()).collect();
    sorted.sort_by(f64::total_cmp);
    let at = (rate * w.len() as f64).floor().max(0.0) as usize;
    let kappa = *sorted.get(at.min(w.len().saturating_sub(1)))?;
    let x = 1.0 / 3.0_f64.sqrt();
    let sigma = 0.5 * (num::ln_1p(x) - num::ln_1p(-x)) / kappa;
    let surrogate = num::sum(w.iter().map(|w| w.abs()));
    let bent = num::sum(w.iter().map(|w| num::tanh(sigma * w.abs())));
    let slope = |w: &f64| {
        let t = num::tanh(sigma * w.abs());
        let sign = if *w == 0.0 { 0.0 } else { w.signum() };
        sign * sigma * (1.0 - t * t) * (surrogate / bent)
    };
    Some(HyperSparse {
        sigma,
        surrogate,
        gradient: w.iter().map(slope).collect(),
    })
}

/// Factor on the gradients of masked weights at step `t` of `end`: (cosine, linear).
pub fn annealed(alpha: f64, t: f64, end: f64) -> (f64, f64) {
    let cosine = alpha * (1.0 + num::cos(std::f64::consts::PI * t / end)) / 2.0;
    (cosine, alpha * (1.0 - t / end))
}

/// Probability of keeping a task gradient `a` given an anchor gradient `b`:
/// ½(1 + sign(a)(a + b)/(|a| + |b|)), ½ where both are 0.
pub fn keep_probability(a: f64, b: f64) -> f64 {
    let size = a.abs() + b.abs();
    if size == 0.0 {
        return 0.5;
    }
    let sign = if a == 0.0 { 0.0 } else { a.signum() };
    0.5 * (1.0 + sign * (a + b) / size)
}

/// The quantiser of self-compressing networks:
/// q(x) = 2^e round(clip(2^-e x, -2^(b-1), 2^(b-1) - 1)), half to even.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantiser {
    /// 2^e.
    pub scale: f64,
    /// 2^(b-1).
    pub edge: f64,
}

impl Quantiser {
    /// The quantiser of so many bits (not always whole) at an exponent.
    pub fn new(bits: f64, exponent: f64) -> Self {
        Self {
            scale: num::pow(2.0, exponent),
            edge: num::pow(2.0, bits - 1.0),
        }
    }

    /// q(x).
    pub fn of(&self, x: f64) -> f64 {
        let Self { scale, edge } = *self;
        scale * (x / scale).max(-edge).min(edge - 1.0).round_ties_even()
    }

    /// Derivatives of q(x) by x, by the bits and by the exponent; rounding counts as the identity.
    ///
    /// Inside the range ∂q/∂x = 1 and ∂q/∂e = ln 2 (q - x); beyond an edge q moves with bits and
    /// exponent alone.
    pub fn slopes(&self, x: f64) -> [f64; 3] {
        let ln2 = std::f64::consts::LN_2;
        let Self { scale, edge } = *self;
        let (v, q) = (x / scale, self.of(x));
        if v < -edge {
            [0.0, -scale * edge * ln2, q * ln2]
        } else if v > edge - 1.0 {
            [0.0, scale * edge * ln2, q * ln2]
        } else {
            [1.0, 0.0, ln2 * (q - x)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slopes_are_those_of_the_unrounded_form() {
        // Where rounding is the identity q is smooth: compare with differences of it.
        let smooth = |x: f64, b: f64, e: f64| {
            let (scale, edge) = (num::pow(2.0, e), num::pow(2.0, b - 1.0));
            scale * (x / scale).max(-edge).min(edge - 1.0)
        };
        let h = 1e-6;
        for (x, b, e) in [(9.0, 3.0, 0.25), (-9.0, 2.6, -1.0), (-40.0, 4.0, 1.0)] {
            let [by_x, by_bits, by_exponent] = Quantiser::new(b, e).slopes(x);
            assert_eq!(by_x, 0.0);
            let difference = (smooth(x, b + h, e) - smooth(x, b - h, e)) / (2.0 * h);
            assert!(
                (by_bits - difference).abs() < 1e-6,
                "{by_bits} {difference}"
            );
            // 2^e r(c) with a constant code.
            assert!(
                (by_exponent - std::f64::consts::LN_2 * Quantiser::new(b, e).of(x)).abs() < 1e-12
            );
        }
        let [by_x, by_bits, by_exponent] = Quantiser::new(4.0, 0.0).slopes(1.3);
        assert_eq!([by_x, by_bits], [1.0, 0.0]);
        assert!((by_exponent - std::f64::consts::LN_2 * (1.0 - 1.3)).abs() < 1e-12);
        // Without bits everything is 0.
        assert_eq!(Quantiser::new(0.0, 1.0).of(5.0), 0.0);
        assert_eq!(Quantiser::new(0.0, 1.0).of(-5.0), 0.0);
    }
}
