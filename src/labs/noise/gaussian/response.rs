//! What a solver makes of Gaussians, exactly. With the Wiener denoiser every solver of the lab is
//! linear in the state and in the noise it draws, so the variance of a mode after each step is the
//! square of its answer to the start noise plus those to every draw on the way.

use super::super::solver::{Model, Solver, SolverKind};
use super::spectrum::Kind;
use crate::core::num;
use std::sync::Arc;

/// Distance of the solver's law from the true one at one level, over all pixels of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// 2-Wasserstein distance, root mean square over the pixels.
    pub w2: f64,
    /// KL(solver || truth), nats per pixel; modes that the data lack are left out at s = 0.
    pub kl: f64,
}

/// The Wiener denoiser of modes with these standard deviations.
pub(super) struct Wiener<'a, N: Fn(usize, &mut [f64])> {
    pub(super) deviations: &'a [f64],
    pub(super) noise: N,
}

impl<N: Fn(usize, &mut [f64])> Model for Wiener<'_, N> {
    fn denoise(&mut self, points: &[f64], level: f64, out: &mut [f64]) {
        for ((o, x), c) in out.iter_mut().zip(points).zip(self.deviations) {
            let v = c * c;
            *o = v / (v + level * level) * x;
        }
    }

    fn noise(&mut self, step: usize, out: &mut [f64]) {
        (self.noise)(step, out);
    }
}

/// Variances of the kinds at every level, one impulse at a time.
#[derive(Debug, Clone)]
pub(super) struct Response {
    solver: (SolverKind, f64),
    levels: Arc<[f64]>,
    kinds: Vec<Kind>,
    deviations: Vec<f64>,
    /// `variances[k][i]`: kind i at level k.
    variances: Vec<Vec<f64>>,
    /// The next impulse: 0 is the start noise, k the draw of step k - 1.
    next: usize,
}

impl Response {
    pub(super) fn new(solver: SolverKind, eta: f64, levels: Arc<[f64]>, kinds: Vec<Kind>) -> Self {
        Self {
            solver: (solver, eta),
            variances: vec![vec![0.0; kinds.len()]; levels.len()],
            deviations: kinds.iter().map(|k| k.deviation).collect(),
            levels,
            kinds,
            next: 0,
        }
    }

    /// Follows one impulse; `false` when none is left.
    pub(super) fn advance(&mut self) -> bool {
        let (kind, eta) = self.solver;
        let draws = kind == SolverKind::Consistency || eta > 0.0 && kind.takes_noise();
        if self.next > 0 && (!draws || self.next == self.levels.len()) {
            return false;
        }
        let impulse = self.next;
        let start = if impulse == 0 { self.levels[0] } else { 0.0 };
        let x = vec![start; self.kinds.len()];
        let mut model = Wiener {
            deviations: &self.deviations,
            noise: |step: usize, out: &mut [f64]| {
                out.fill(f64::from(u8::from(step + 1 == impulse)));
            },
        };
        let mut solver = Solver::new(kind, kind.order(), eta, self.levels.clone(), x);
        loop {
            for (v, x) in self.variances[solver.step()].iter_mut().zip(solver.x()) {
                *v += x * x;
            }
            if solver.done() {
                break;
            }
            solver.advance(&mut model);
        }
        self.next += 1;
        true
    }

    /// Variance of every kind after the last step, and distances at every level.
    pub(super) fn finish(mut self) -> (Vec<f64>, Vec<Moment>) {
        let moments = self
            .variances
            .iter()
            .zip(self.levels.iter())
            .map(|(v, s)| moments(&self.kinds, v, *s))
            .collect();
        (self.variances.pop().unwrap_or_default(), moments)
    }
}

/// Distance of modes with these variances from the true law at level `s`.
pub fn moments(kinds: &[Kind], variances: &[f64], s: f64) -> Moment {
    let pixels = num::sum(kinds.iter().map(|k| k.count));
    let truth = |k: &Kind| k.deviation * k.deviation + s * s;
    let pairs = || kinds.iter().zip(variances);
    let w2 = pairs().map(|(k, v)| {
        let gap = v.sqrt() - truth(k).sqrt();
        k.count * gap * gap
    });
    let kl = pairs().filter(|(k, _)| truth(k) > 0.0).map(|(k, v)| {
        let r = v / truth(k);
        k.count * 0.5 * (r - 1.0 - num::ln(r))
    });
    Moment {
        w2: (num::sum(w2) / pixels).sqrt(),
        kl: num::sum(kl) / pixels,
    }
}
