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
    let mut program = Program::new(z, t, k);
    while program.advance(mixture) {}
    program.finish(mixture)
}

/// The search of [`search`], one call of the denoiser at a time.
#[derive(Debug, Clone)]
pub struct Program {
    z: Vec<f64>,
    t: Vec<f64>,
    k: usize,
    /// The teacher's states that are known, from the noise downwards.
    teacher: Vec<Vec<f64>>,
    states: Vec<Vec<f64>>,
    next: Vec<Vec<f64>>,
    best: Vec<f64>,
    from: Vec<usize>,
    rows: Vec<Vec<f64>>,
    origins: Vec<Vec<usize>>,
    /// The index whose steps come next in this round.
    index: usize,
}

impl Program {
    /// Before the teacher's first step.
    pub fn new(z: &[f64], t: &[f64], k: usize) -> Self {
        let n = t.len().saturating_sub(1);
        let states = vec![z.to_vec(); n + 1];
        Self {
            z: z.to_vec(),
            t: t.to_vec(),
            k,
            teacher: vec![z.to_vec()],
            next: states.clone(),
            states,
            best: vec![f64::INFINITY; n + 1],
            from: vec![n; n + 1],
            rows: Vec::new(),
            origins: Vec::new(),
            index: n,
        }
    }

    /// Calls made and calls needed.
    pub fn calls(&self) -> (usize, usize) {
        let n = self.from.len() - 1;
        (
            self.teacher.len() - 1 + self.rows.len() * n + (n - self.index),
            n * (self.k + 1),
        )
    }

    /// One call of the denoiser: a step of the teacher, or all steps out of one index; `false` at
    /// the end.
    pub fn advance(&mut self, mixture: &Mixture) -> bool {
        let n = self.from.len() - 1;
        if self.teacher.len() <= n {
            let i = n + 1 - self.teacher.len();
            let state = &self.teacher[self.teacher.len() - 1];
            let v = flow_velocity(mixture, state, self.t[i]);
            self.teacher
                .push(moved(state, &v, self.t[i - 1] - self.t[i]));
            return true;
        }
        if self.rows.len() == self.k {
            return false;
        }
        let i = self.index;
        let v = flow_velocity(mixture, &self.states[i], self.t[i]);
        for j in (0..i).rev() {
            let candidate = moved(&self.states[i], &v, self.t[j] - self.t[i]);
            let c = distance(&candidate, &self.teacher[n - j]);
            if c < self.best[j] {
                self.best[j] = c;
                self.from[j] = i;
                self.next[j] = candidate;
            }
        }
        self.index -= 1;
        if self.index == 0 {
            self.rows.push(self.best.clone());
            self.origins.push(self.from.clone());
            self.states.clone_from(&self.next);
            self.index = n;
        }
        true
    }

    /// Chosen indices from data to noise.
    pub fn path(&self) -> Vec<usize> {
        trace(&self.origins, self.from.len() - 1)
    }

    /// The times of the chosen path, falling, with the data's time at the end.
    pub fn times(&self) -> Vec<f64> {
        let mut times: Vec<f64> = self.path().iter().rev().map(|i| self.t[*i]).collect();
        times.push(self.t.first().copied().unwrap_or(0.0));
        times
    }

    /// Replays the path beside equal steps.
    pub fn finish(self, mixture: &Mixture) -> Search {
        let k = self.k;
        let uniform: Vec<f64> = (0..=k).map(|i| 1.0 - i as f64 / k.max(1) as f64).collect();
        let end = &self.teacher[self.teacher.len() - 1];
        Search {
            path: self.path(),
            replayed: distance(&euler(mixture, &self.z, &self.times()), end),
            uniform: distance(&euler(mixture, &self.z, &uniform), end),
            teacher_end: end.clone(),
            best: self.rows,
        }
    }
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
