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

/// Minimises `f` (which writes its gradient into its second argument) from `x`. Ends when the
/// largest gradient component is below `gtol`, when no step lowers the value any more, or after
/// `budget` evaluations.
pub fn lbfgs(
    mut f: impl FnMut(&[f64], &mut [f64]) -> f64,
    mut x: Vec<f64>,
    gtol: f64,
    budget: usize,
) -> Minimum {
    let n = x.len();
    let mut g = vec![0.0; n];
    let mut value = f(&x, &mut g);
    let mut evaluations = 1;
    let mut pairs: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::new();
    let (mut trial, mut trial_g) = (x.clone(), g.clone());
    while evaluations < budget && g.iter().any(|v| v.abs() > gtol) {
        let mut d = direction(&g, &pairs);
        let mut slope = dot(&d, &g);
        if slope.is_nan() || slope >= 0.0 {
            pairs.clear();
            d = g.iter().map(|v| -v).collect();
            slope = -dot(&g, &g);
        }
        let first = if pairs.is_empty() {
            (1.0 / slope.abs().sqrt()).min(1.0)
        } else {
            1.0
        };
        let (mut low, mut high, mut t) = (0.0_f64, f64::INFINITY, first);
        let mut found = None;
        for _ in 0..60 {
            for i in 0..n {
                trial[i] = x[i] + t * d[i];
            }
            let v = f(&trial, &mut trial_g);
            evaluations += 1;
            if v.is_nan() || v > value + 1e-4 * t * slope {
                high = t;
            } else if dot(&trial_g, &d) < 0.9 * slope {
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
            if evaluations >= budget {
                break;
            }
        }
        let Some(v) = found else {
            break;
        };
        if v >= value {
            break;
        }
        let s: Vec<f64> = trial.iter().zip(&x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = trial_g.iter().zip(&g).map(|(a, b)| a - b).collect();
        let sy = dot(&s, &y);
        if sy > 0.0 {
            if pairs.len() == HISTORY {
                pairs.remove(0);
            }
            pairs.push((s, y, 1.0 / sy));
        }
        x.copy_from_slice(&trial);
        g.copy_from_slice(&trial_g);
        value = v;
    }
    Minimum {
        x,
        value,
        evaluations,
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
