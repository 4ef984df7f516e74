//! The river valley: f(x, y) = ½ a y² + c e^-x with noise of variance σ² on the gradient across
//! it. Along the river the descent is deterministic; across it E y² obeys
//! m ← (1 - a η)² m + η² σ², so a constant rate floats at ½ η σ² / (2 - a η) above the river and a
//! cooldown lets it down (own derivation).

use super::task::Task;

/// Curvature across the river.
pub(in crate::labs::lr) const STEEP: f64 = 4.0;

/// The expected state.
#[derive(Debug, Clone)]
pub(in crate::labs::lr) struct Valley {
    /// How far down the river.
    pub(in crate::labs::lr) x: f64,
    /// E y².
    pub(in crate::labs::lr) square: f64,
    noise: f64,
}

impl Valley {
    /// At the source, one off the river, with gradient noise of variance `noise`.
    pub(in crate::labs::lr) fn new(noise: f64) -> Self {
        Self {
            x: 0.0,
            square: 1.0,
            noise,
        }
    }

    /// ½ a E y² and c e^-x.
    fn parts(&self) -> [f64; 2] {
        [0.5 * STEEP * self.square, crate::core::num::exp(-self.x)]
    }
}

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 4] = [
    "height above the river",
    "the river's own height",
    "distance along the river",
    "spread across the river",
];

impl Task for Valley {
    fn update(&mut self, rate: f64) {
        let keep = 1.0 - STEEP * rate;
        self.square = keep * keep * self.square + rate * rate * self.noise;
        self.x += rate * crate::core::num::exp(-self.x);
    }

    fn loss(&self) -> f64 {
        let [above, river] = self.parts();
        above + river
    }

    fn gradient(&self) -> f64 {
        let [_, river] = self.parts();
        (STEEP * STEEP * self.square + self.noise + river * river).sqrt()
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn alignment(&self) -> [f64; 2] {
        [f64::NAN; 2]
    }

    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        let [above, river] = self.parts();
        let values = [above, river, self.x, self.square.sqrt()];
        TRACES.into_iter().zip(values).collect()
    }

    fn finish(&mut self) -> [f64; 2] {
        [self.loss(), f64::NAN]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        5000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_rate_floats_above_the_river_as_the_formula_says() {
        let (rate, noise) = (0.2, 0.05);
        let mut run = Valley::new(noise);
        for _ in 0..500 {
            run.update(rate);
        }
        let want = 0.5 * rate * noise / (2.0 - STEEP * rate);
        assert!((run.parts()[0] - want).abs() < 1e-12);
        run.update(0.0);
        assert!(
            (run.parts()[0] - want).abs() < 1e-12,
            "a rate of 0 moves nothing"
        );
        for _ in 0..100 {
            run.update(0.01);
        }
        assert!(run.parts()[0] < 0.2 * want, "a cooldown lets it down");
    }
}
