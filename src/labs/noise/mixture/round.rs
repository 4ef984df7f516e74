//! The posterior means of many points under round components in the plane: what every particle
//! asks at every step. One component's constants lie beside the next one's, all that depends on the
//! level alone is worked out once, and components that cannot change the result are skipped.

/// Weights below e^-46 of the largest do not change a sum in double precision.
const NEGLIGIBLE: f64 = -46.0;

/// Round components seen through noise of one level, a list for each constant.
#[derive(Debug, Clone)]
pub(super) struct Round {
    /// Seen centres, alpha mu.
    x: Vec<f64>,
    y: Vec<f64>,
    /// Log of weight and normaliser.
    offset: Vec<f64>,
    /// -1 / (2 variance).
    half: Vec<f64>,
    /// Share of the distance from the seen centre that is kept.
    gain: Vec<f64>,
    /// The posterior mean is base + gain x.
    base_x: Vec<f64>,
    base_y: Vec<f64>,
    /// Scratch: logits of one point, then weights.
    weight: Vec<f64>,
    /// Scratch: components that count.
    close: Vec<usize>,
}

impl Round {
    /// For centres, seen variances, gains and log-offsets of all components.
    pub(super) fn new(
        alpha: f64,
        means: &[f64],
        total: &[f64],
        gains: &[f64],
        offsets: &[f64],
    ) -> Self {
        let every = |list: &[f64], from: usize| -> Vec<f64> {
            list.iter().skip(from).step_by(2).copied().collect()
        };
        let seen = |from: usize| every(means, from).iter().map(|m| alpha * m).collect();
        let base = |from: usize| {
            let centre = every(means, from).into_iter().zip(gains.iter().step_by(2));
            centre.map(|(m, g)| m - g * (alpha * m)).collect()
        };
        Self {
            x: seen(0),
            y: seen(1),
            offset: offsets.to_vec(),
            half: every(total, 0).iter().map(|v| -0.5 / v).collect(),
            gain: every(gains, 0),
            base_x: base(0),
            base_y: base(1),
            weight: vec![0.0; offsets.len()],
            close: Vec::with_capacity(offsets.len()),
        }
    }

    /// Posterior mean of one point; `None` where no component has a finite weight.
    pub(super) fn mean(&mut self, x: f64, y: f64) -> Option<[f64; 2]> {
        let n = self.offset.len();
        let (cx, cy) = (&self.x[..n], &self.y[..n]);
        let (offset, half, weight) = (&self.offset[..n], &self.half[..n], &mut self.weight[..n]);
        let mut top = f64::NEG_INFINITY;
        for k in 0..n {
            let (dx, dy) = (x - cx[k], y - cy[k]);
            let z = offset[k] + half[k] * (dx * dx + dy * dy);
            weight[k] = z;
            top = if z > top { z } else { top };
        }
        if !top.is_finite() {
            return None;
        }
        self.close.clear();
        for (k, z) in weight.iter_mut().enumerate() {
            let below = *z - top;
            if below > NEGLIGIBLE {
                *z = exp(below);
                self.close.push(k);
            }
        }
        let (mut total, mut gain, mut bx, mut by) = (0.0, 0.0, 0.0, 0.0);
        for k in &self.close {
            let w = weight[*k];
            total += w;
            gain += w * self.gain[*k];
            bx += w * self.base_x[*k];
            by += w * self.base_y[*k];
        }
        Some([(bx + gain * x) / total, (by + gain * y) / total])
    }
}

/// e^x for x from -700 to 0, without branches, to within one unit in the last place: x = k ln 2 + r
/// by the constant whose addition rounds to an integer, then the rational form of FreeBSD's `exp`.
fn exp(x: f64) -> f64 {
    const TO_INTEGER: f64 = 6_755_399_441_055_744.0;
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const P: [f64; 5] = [
        0.166_666_666_666_666_02,
        -0.002_777_777_777_701_559_3,
        6.613_756_321_437_934e-5,
        -1.653_390_220_546_525_2e-6,
        4.138_136_797_057_238_5e-8,
    ];
    let shifted = x * std::f64::consts::LOG2_E + TO_INTEGER;
    let k = shifted - TO_INTEGER;
    let (high, low) = (x - k * LN2_HIGH, k * LN2_LOW);
    let r = high - low;
    let rr = r * r;
    let c = r - rr * (P[0] + rr * (P[1] + rr * (P[2] + rr * (P[3] + rr * P[4]))));
    let y = 1.0 + (r * c / (2.0 - c) - low + high);
    // The integer stands in the last bits of `shifted`; 2^k has it in its exponent.
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    y * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::num;
    use crate::core::rng::{Stream, StreamId};
    use crate::labs::noise::mixture::Mixture;

    #[test]
    fn the_exponential_is_right_to_the_last_place() {
        for i in 0..=70_000 {
            let x = -0.01 * f64::from(i) * (1.0 + 1e-9 * f64::from(i));
            let x = x.max(-700.0);
            let (got, want) = (exp(x), num::exp(x));
            assert!(
                (got - want).abs() <= 2.3e-16 * want,
                "{x}: {got:e} {want:e}"
            );
        }
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn means_agree_with_the_general_form() {
        let mut stream = Stream::new(4, StreamId::Data);
        let centres: Vec<[f64; 2]> = (0..13)
            .map(|_| [stream.normal(), stream.normal()])
            .collect();
        let weights: Vec<f64> = (0..13).map(|_| stream.uniform()).collect();
        let sds: Vec<f64> = (0..13).map(|k| 0.02 * f64::from(k)).collect();
        let mixture = Mixture::round(&weights, &centres, &sds).unwrap();
        for (alpha, sigma) in [
            (1.0, 80.0),
            (1.0, 1.0),
            (0.7, 0.3),
            (1.0, 0.05),
            (0.5, 1e-3),
        ] {
            let mut level = mixture.level(alpha, sigma);
            let points: Vec<f64> = (0..200)
                .map(|_| stream.normal() * (alpha + sigma))
                .collect();
            let mut fast = vec![0.0; points.len()];
            level.denoise_all(&points, &mut fast);
            for (x, got) in points.chunks_exact(2).zip(fast.chunks_exact(2)) {
                let mut want = [0.0; 2];
                level.denoise(x, &mut want);
                let off = (got[0] - want[0]).abs().max((got[1] - want[1]).abs());
                assert!(
                    off < 1e-13 * (1.0 + sigma),
                    "{sigma} {x:?} {got:?} {want:?}"
                );
            }
        }
        let mut out = [1.0; 2];
        mixture
            .level(1.0, 0.1)
            .denoise_all(&[f64::INFINITY, 0.0], &mut out);
        assert_eq!(out, [0.0; 2], "as the general form");
    }
}
