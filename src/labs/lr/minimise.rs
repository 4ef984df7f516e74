//! Limited-memory BFGS for smooth functions of many variables, with a weak-Wolfe line search by
//! bisection.

/// Where a minimisation ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// The point.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// Function evaluations used.
    pub evaluations: usize,
}

const HISTORY: usize = 20;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// A minimisation in single iterations, for work that is cut into steps.
#[derive(Debug, Clone)]
pub struct Lbfgs {
    /// The best point so far.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// Function evaluations so far.
    pub evaluations: usize,
    g: Vec<f64>,
    pairs: Vec<(Vec<f64>, Vec<f64>, f64)>,
    trial: Vec<f64>,
    trial_g: Vec<f64>,
}

impl Lbfgs {
    /// Starts at `x`; `f` writes its gradient into its second argument.
    pub fn new(mut f: impl FnMut(&[f64], &mut [f64]) -> f64, x: Vec<f64>) -> Self {
        let mut g = vec![0.0; x.len()];
        let value = f(&x, &mut g);
        Self {
            trial: x.clone(),
            trial_g: g.clone(),
            pairs: Vec::new(),
            evaluations: 1,
            x,
            value,
            g,
        }
    }

    /// One iteration of the same `f`. `false` when the largest gradient component is below
    /// `gtol`, when no step lowers the value any more, or after `budget` evaluations.
    pub fn iterate(
        &mut self,
        mut f: impl FnMut(&[f64], &mut [f64]) -> f64,
        gtol: f64,
        budget: usize,
    ) -> bool {
        if self.evaluations >= budget || !self.g.iter().any(|v| v.abs() > gtol) {
            return false;
        }
        let mut d = direction(&self.g, &self.pairs);
        let mut slope = dot(&d, &self.g);
        if slope.is_nan() || slope >= 0.0 {
            self.pairs.clear();
            d = self.g.iter().map(|v| -v).collect();
            slope = -dot(&self.g, &self.g);
        }
        let first = if self.pairs.is_empty() {
            (1.0 / slope.abs().sqrt()).min(1.0)
        } else {
            1.0
        };
        let (mut low, mut high, mut t) = (0.0_f64, f64::INFINITY, first);
        let mut found = None;
        for _ in 0..60 {
            for (trial, (x, d)) in self.trial.iter_mut().zip(self.x.iter().zip(&d)) {
                *trial = x + t * d;
            }
            let v = f(&self.trial, &mut self.trial_g);
            self.evaluations += 1;
            if v.is_nan() || v > self.value + 1e-4 * t * slope {
                high = t;
            } else if dot(&self.trial_g, &d) < 0.9 * slope {
                low = t;
                found = Some(v);
            } else {
                found = Some(v);
                break;
            }
            t = if high.is_finite() {
                0.5 * (low + high)
            } else {
                2.0 * t
            };
            if self.evaluations >= budget {
                break;
            }
        }
        let Some(v) = found.filter(|v| *v < self.value) else {
            return false;
        };
        let s: Vec<f64> = self.trial.iter().zip(&self.x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = self
            .trial_g
            .iter()
            .zip(&self.g)
            .map(|(a, b)| a - b)
            .collect();
        let sy = dot(&s, &y);
        if sy > 0.0 {
            if self.pairs.len() == HISTORY {
                self.pairs.remove(0);
            }
            self.pairs.push((s, y, 1.0 / sy));
        }
        self.x.copy_from_slice(&self.trial);
        self.g.copy_from_slice(&self.trial_g);
        self.value = v;
        true
    }
}

/// Minimises `f` (which writes its gradient into its second argument) from `x`. Ends when the
/// largest gradient component is below `gtol`, when no step lowers the value any more, or after
/// `budget` evaluations.
pub fn lbfgs(
    mut f: impl FnMut(&[f64], &mut [f64]) -> f64,
    x: Vec<f64>,
    gtol: f64,
    budget: usize,
) -> Minimum {
    let mut state = Lbfgs::new(&mut f, x);
    while state.iterate(&mut f, gtol, budget) {}
    Minimum {
        x: state.x,
        value: state.value,
        evaluations: state.evaluations,
    }
}

/// Two-loop recursion: minus the approximate inverse Hessian times the gradient.
fn direction(g: &[f64], pairs: &[(Vec<f64>, Vec<f64>, f64)]) -> Vec<f64> {
    let mut q = g.to_vec();
    let mut alphas = Vec::with_capacity(pairs.len());
    for (s, y, rho) in pairs.iter().rev() {
        let alpha = rho * dot(s, &q);
        for (q, y) in q.iter_mut().zip(y) {
            *q -= alpha * y;
        }
        alphas.push(alpha);
    }
    if let Some((s, y, _)) = pairs.last() {
        let scale = dot(s, y) / dot(y, y);
        for q in &mut q {
            *q *= scale;
        }
    }
    for ((s, y, rho), alpha) in pairs.iter().zip(alphas.iter().rev()) {
        let beta = rho * dot(y, &q);
        for (q, s) in q.iter_mut().zip(s) {
            *q += (alpha - beta) * s;
        }
    }
    for q in &mut q {
        *q = -*q;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let f = |x: &[f64], g: &mut [f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            g[0] = -2.0 * a - 400.0 * x[0] * b;
            g[1] = 200.0 * b;
            a * a + 100.0 * b * b
        };
        let m = lbfgs(f, vec![-1.2, 1.0], 1e-9, 500);
        assert!(
            (m.x[0] - 1.0).abs() < 1e-6 && (m.x[1] - 1.0).abs() < 1e-6,
            "{m:?}"
        );
    }
}
