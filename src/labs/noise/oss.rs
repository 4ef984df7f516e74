//! Optimal Stepsize Distillation (arXiv 2503.21774, bebebe666/OptimalSteps `OSS/OSS.py`): choose K
//! of a teacher's N flow times so that the student's state stays closest to the teacher's. Two
//! oddities of the reference are kept: every index starts from the pure noise, so the first step
//! may begin below N, and the state kept at an index is the one closest to the teacher there, not
//! the one that leads to the best end (greedy).

use super::mixture::Mixture;
use crate::core::num;

/// Outcome of the search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Smallest mean squared distance at every index, one row per round; infinite where never
    /// reached.
    pub best: Vec<Vec<f64>>,
    /// Chosen indices from data to noise.
    pub path: Vec<usize>,
    /// The teacher's end.
    pub teacher_end: Vec<f64>,
    /// Mean squared distance of the replayed path from the teacher's end.
    pub replayed: f64,
    /// The same for K equal steps.
    pub uniform: f64,
}

/// dx / du = (x - D) / u on the path x = (1 - u) x0 + u eps, for a whole sample.
pub fn flow_velocity(mixture: &Mixture, x: &[f64], u: f64) -> Vec<f64> {
    let mut at = mixture.level(1.0 - u, u);
    let mut d = vec![0.0; mixture.dim()];
    let mut v = Vec::with_capacity(x.len());
    for point in x.chunks_exact(mixture.dim()) {
        at.denoise(point, &mut d);
        v.extend(point.iter().zip(&d).map(|(x, d)| (x - d) / u));
    }
    v
}

fn moved(x: &[f64], v: &[f64], by: f64) -> Vec<f64> {
    x.iter().zip(v).map(|(x, v)| x + by * v).collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    num::sum(a.iter().zip(b).map(|(x, y)| (x - y) * (x - y))) / a.len().max(1) as f64
}

/// Euler along falling flow times.
pub fn euler(mixture: &Mixture, start: &[f64], times: &[f64]) -> Vec<f64> {
    times.windows(2).fold(start.to_vec(), |x, w| {
        let v = flow_velocity(mixture, &x, w[0]);
        moved(&x, &v, w[1] - w[0])
    })
}

/// Searches `k` of the teacher's times `t` (index 0 is data, the last noise) for the sample `z`.
pub fn search(mixture: &Mixture, z: &[f64], t: &[f64], k: usize) -> Search {
    let n = t.len().saturating_sub(1);
    let teacher = teacher_states(mixture, z, t);
    let mut states = vec![z.to_vec(); n + 1];
    let mut best = vec![f64::INFINITY; n + 1];
    let mut from = vec![n; n + 1];
    let (mut rows, mut origins) = (Vec::new(), Vec::new());
    for _ in 0..k {
        let mut next = states.clone();
        for i in (1..=n).rev() {
            let v = flow_velocity(mixture, &states[i], t[i]);
            for j in (0..i).rev() {
                let candidate = moved(&states[i], &v, t[j] - t[i]);
                let c = distance(&candidate, &teacher[j]);
                if c < best[j] {
                    best[j] = c;
                    from[j] = i;
                    next[j] = candidate;
                }
            }
        }
        rows.push(best.clone());
        origins.push(from.clone());
        states = next;
    }
    let path = trace(&origins, n);
    let mut times: Vec<f64> = path.iter().rev().map(|i| t[*i]).collect();
    times.push(t.first().copied().unwrap_or(0.0));
    let uniform: Vec<f64> = (0..=k).map(|i| 1.0 - i as f64 / k.max(1) as f64).collect();
    let end = &teacher[0];
    Search {
        best: rows,
        path,
        replayed: distance(&euler(mixture, z, &times), end),
        uniform: distance(&euler(mixture, z, &uniform), end),
        teacher_end: end.clone(),
    }
}

fn teacher_states(mixture: &Mixture, z: &[f64], t: &[f64]) -> Vec<Vec<f64>> {
    let n = t.len().saturating_sub(1);
    let mut states = vec![z.to_vec(); n + 1];
    for i in (1..=n).rev() {
        let v = flow_velocity(mixture, &states[i], t[i]);
        states[i - 1] = moved(&states[i], &v, t[i - 1] - t[i]);
    }
    states
}

fn trace(origins: &[Vec<usize>], n: usize) -> Vec<usize> {
    let mut path = Vec::new();
    let mut j = 0;
    for from in origins.iter().rev() {
        j = from[j];
        path.push(j);
        if j == n {
            break;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_all_the_teachers_steps_the_student_follows_it() {
        let m = Mixture::round(&[0.5, 0.5], &[[1.0, 0.0], [-1.0, 0.0]], &[0.1, 0.1]).unwrap();
        let t = num::linspace(0.0, 1.0, 7);
        let found = search(&m, &[0.3, -0.4], &t, 6);
        assert!(found.replayed < 1e-3, "{found:?}");
        assert!(found.best[5][0] <= found.best[0][0], "rounds never lose");
    }
}
