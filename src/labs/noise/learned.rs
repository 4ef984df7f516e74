//! A schedule learnt by gradient descent, as conditional variational diffusion models learn theirs
//! (Maggiora et al., arXiv 2312.02246): a monotone curve with few knots that minimises the
//! variational bound. With an ideal denoiser the bound is the path divergence on the denoising
//! error, whose gradient is a closed form, and the dynamic program says how good the descent is.

use super::mmse::Curve;
use crate::core::num;

/// Knots of the monotone curve.
const KNOTS: usize = 16;
/// Steps of the descent.
const ITERATIONS: usize = 400;
/// Steps in one slice.
const PER_SLICE: usize = 4;
/// Rate of Adam on the logits of the knots.
const RATE: f64 = 0.05;

/// The descent under way. ln s falls from the largest to the smallest level over time; the shares
/// of the fall between the knots are a softmax, which keeps the curve monotone.
#[derive(Debug, Clone)]
pub struct Program {
    curve: Curve,
    top: f64,
    span: f64,
    count: usize,
    /// Weight of the squared second derivative of alpha-bar over time.
    smooth: f64,
    logits: [f64; KNOTS],
    momentum: [f64; KNOTS],
    square: [f64; KNOTS],
    done: usize,
}

impl Program {
    /// Before the first step: ln s a straight line through `count` levels, at least 2.
    pub fn new(curve: Curve, [min, max]: [f64; 2], count: usize, smooth: f64) -> Self {
        Self {
            curve,
            top: num::ln(max),
            span: num::ln(max / min),
            count: count.max(2),
            smooth,
            logits: [0.0; KNOTS],
            momentum: [0.0; KNOTS],
            square: [0.0; KNOTS],
            done: 0,
        }
    }

    /// Share of the descent done.
    pub fn progress(&self) -> f64 {
        self.done as f64 / ITERATIONS as f64
    }

    /// A few steps; `false` at the end.
    pub fn advance(&mut self) -> bool {
        for _ in 0..PER_SLICE {
            if self.done == ITERATIONS {
                return false;
            }
            self.descend();
        }
        true
    }

    /// All steps.
    pub fn finish(mut self) -> Vec<f64> {
        while self.advance() {}
        self.levels()
    }

    fn shares(&self) -> [f64; KNOTS] {
        let top = self
            .logits
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let raw = self.logits.map(|v| num::exp(v - top));
        let total = num::sum(raw);
        raw.map(|v| v / total)
    }

    /// How much of interval `i` lies before level `k`.
    fn covered(&self, k: usize, i: usize) -> f64 {
        let at = (KNOTS * k) as f64 / (self.count - 1) as f64;
        (at - i as f64).clamp(0.0, 1.0)
    }

    /// The levels at equal times, falling.
    pub fn levels(&self) -> Vec<f64> {
        let shares = self.shares();
        (0..self.count)
            .map(|k| {
                let fallen = num::sum((0..KNOTS).map(|i| shares[i] * self.covered(k, i)));
                num::exp(self.top - self.span * fallen)
            })
            .collect()
    }

    /// Second differences of alpha-bar over equal times, as second derivatives.
    fn bends(&self, levels: &[f64]) -> Vec<f64> {
        let rate = (self.count - 1) as f64;
        let bars: Vec<f64> = levels.iter().map(|s| 1.0 / (1.0 + s * s)).collect();
        bars.windows(3)
            .map(|w| (w[0] - 2.0 * w[1] + w[2]) * rate * rate)
            .collect()
    }

    /// What is minimised: the logarithm of the path divergence, so that one rate fits all scales,
    /// and the penalty.
    pub fn objective(&self, levels: &[f64]) -> f64 {
        let bends = self.bends(levels);
        let penalty = num::sum(bends.iter().map(|b| b * b)) / bends.len().max(1) as f64;
        num::ln(self.curve.klub(levels)) + self.smooth * penalty
    }

    /// Slope of [`Program::objective`] along ln s of every level.
    fn slopes(&self, levels: &[f64]) -> Vec<f64> {
        const H: f64 = 1e-3;
        let m = |s: f64| self.curve.at(s);
        let klub = self.curve.klub(levels).max(1e-300);
        let bends = self.bends(levels);
        let rate = (self.count - 1) as f64;
        let mut out = vec![0.0; levels.len()];
        for k in 1..levels.len() - 1 {
            let (s, next) = (levels[k], levels[k + 1]);
            // The step that ends here gets shorter below the staircase, the one that starts here
            // gets a higher stair.
            let climb = (m(s * num::exp(H)) - m(s * num::exp(-H))) / (2.0 * H);
            let stair = 0.5 * climb * (1.0 / (next * next) - 1.0 / (s * s));
            out[k] = (stair - (m(levels[k - 1]) - m(s)) / (s * s)) / klub;
            let bar = 1.0 / (1.0 + s * s);
            let fall = -2.0 * s * s * bar * bar;
            let bend = |i: usize| bends.get(i).copied().unwrap_or(0.0);
            // Level k is the middle of bend k - 1 and an end of its neighbours.
            let left = if k > 1 { bend(k - 2) } else { 0.0 };
            let pull = left - 2.0 * bend(k - 1) + bend(k);
            out[k] += self.smooth * 2.0 * pull * rate * rate * fall / bends.len() as f64;
        }
        out
    }

    fn descend(&mut self) {
        const BETAS: [f64; 2] = [0.9, 0.99];
        let levels = self.levels();
        let slopes = self.slopes(&levels);
        let shares = self.shares();
        self.done += 1;
        let t = self.done as f64;
        for j in 0..KNOTS {
            let gradient = num::sum((0..self.count).map(|k| {
                let fallen = (self.top - num::ln(levels[k])) / self.span;
                -self.span * shares[j] * (self.covered(k, j) - fallen) * slopes[k]
            }));
            self.momentum[j] += (1.0 - BETAS[0]) * (gradient - self.momentum[j]);
            self.square[j] += (1.0 - BETAS[1]) * (gradient * gradient - self.square[j]);
            let mean = self.momentum[j] / (1.0 - num::pow(BETAS[0], t));
            let size = (self.square[j] / (1.0 - num::pow(BETAS[1], t))).sqrt();
            self.logits[j] -= RATE * mean / (size + 1e-12);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::noise::optimal::{Range, gaussian_klub, spectrum_mmse};

    fn gaussian(c: f64) -> Curve {
        let grid = num::logspace(0.001, 100.0, 240);
        Curve {
            mmse: grid.iter().map(|s| spectrum_mmse(&[c * c], *s)).collect(),
            grid: grid.into(),
        }
    }

    const LIMITS: [f64; 2] = [0.02, 20.0];

    #[test]
    fn the_gradient_is_the_slope_of_the_objective() {
        let program = Program::new(gaussian(0.5), LIMITS, 7, 0.01);
        let levels = [20.0, 9.0, 2.5, 0.8, 0.3, 0.08, 0.02];
        let slopes = program.slopes(&levels);
        for k in 1..6 {
            let at = |h: f64| {
                let mut moved = levels;
                moved[k] *= num::exp(h);
                program.objective(&moved)
            };
            let want = (at(1e-4) - at(-1e-4)) / 2e-4;
            assert!(
                (slopes[k] - want).abs() < 0.02 * want.abs() + 2e-3,
                "{k}: {} {want}",
                slopes[k]
            );
        }
    }

    #[test]
    fn the_descent_comes_close_to_the_closed_form_of_a_gaussian() {
        let curve = gaussian(0.5);
        let best = gaussian_klub(
            0.5,
            Range {
                min: LIMITS[0],
                max: LIMITS[1],
                steps: 9,
            },
        );
        let start = Program::new(curve.clone(), LIMITS, 10, 0.0);
        let straight = curve.klub(&start.levels());
        let learnt = curve.klub(&start.finish());
        let optimum = curve.klub(&best);
        assert!(learnt < 1.1 * optimum, "{learnt} {optimum}");
        assert!(learnt < 0.8 * straight, "{learnt} {straight}");
    }

    #[test]
    fn the_penalty_straightens_the_curve_at_a_price() {
        let curve = gaussian(0.1);
        let free = Program::new(curve.clone(), LIMITS, 10, 0.0);
        let held = Program::new(curve.clone(), LIMITS, 10, 0.05);
        let bend = |p: &Program, l: &[f64]| num::sum(p.bends(l).iter().map(|b| b * b));
        let (a, b) = (free.clone().finish(), held.clone().finish());
        assert!(bend(&held, &b) < 0.8 * bend(&free, &a));
        assert!(curve.klub(&b) >= curve.klub(&a));
        assert!(b.windows(2).all(|w| w[0] > w[1]), "{b:?}");
    }
}
