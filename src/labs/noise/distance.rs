//! Distance between particles and the truth: sliced 2-Wasserstein, the root mean over directions
//! of the squared distance between sorted projections. The truth sample is stratified over the
//! modes, so that random counts do not dominate; the floor is what fresh independent draws of the
//! same size score (root mean square over four).

use super::data;
use super::problem::Problem;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::f64::consts::PI;

/// Directions of the final distance.
const FINE: usize = 128;
/// Independent draws of the truth behind the floor.
const FRESH: u32 = 4;
/// Directions of the per-step distance.
const COARSE: usize = 16;

/// Squared 2-Wasserstein distance between two equally large samples projected on the direction
/// with angle `angle`.
pub fn projected(a: &[f64], b: &[f64], angle: f64) -> f64 {
    let (c, s) = (num::cos(angle), num::sin(angle));
    let project = |points: &[f64]| {
        let mut v: Vec<f64> = points
            .chunks_exact(2)
            .map(|p| c * p[0] + s * p[1])
            .collect();
        v.sort_unstable_by(f64::total_cmp);
        v
    };
    let (a, b) = (project(a), project(b));
    let n = a.len().min(b.len()).max(1);
    num::sum(a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y))) / n as f64
}

/// Sliced 2-Wasserstein distance of two equally large samples over `directions` fixed angles.
pub fn sliced(a: &[f64], b: &[f64], directions: usize) -> f64 {
    let total = num::sum((0..directions).map(|k| projected(a, b, angle(k, directions))));
    (total / directions as f64).sqrt()
}

fn angle(k: usize, of: usize) -> f64 {
    PI * (k as f64 + 0.5) / of as f64
}

/// Most particles that enter the final distance, the first ones: they are independent, and sorting
/// more would hold up the screen.
pub const MOST: usize = 20_000;

/// The truth sample, and the final distance as it is summed up piece by piece.
#[derive(Debug, Clone)]
pub(super) struct Truth {
    clean: Vec<f64>,
    noise: Vec<f64>,
    /// Points of the final distance.
    points: usize,
    /// The stratified draw, then the fresh ones.
    draws: Vec<Vec<f64>>,
    direction: usize,
    /// Place among the draws of the next one to compare in this direction.
    part: usize,
    total: f64,
    floor: f64,
}

impl Truth {
    /// Draws the truth; `measured` points of it serve the per-step distance.
    pub(super) fn new(problem: &Problem, measured: usize) -> Self {
        let seed = problem.config.seed;
        let stream = Stream::new(seed, StreamId::Data);
        let mut noise_stream = Stream::new(seed, StreamId::Noise).replicate(1);
        Self {
            clean: data::draw_stratified(&problem.mixture, &stream.replicate(1), measured),
            noise: (0..2 * measured)
                .map(|_| f64::from(noise_stream.normal_f32()))
                .collect(),
            points: (problem.config.particles as usize).min(MOST),
            draws: Vec::new(),
            direction: 0,
            part: 0,
            total: 0.0,
            floor: 0.0,
        }
    }

    /// Distance of a recorded frame from the truth noised to the same level, in the picture's
    /// units.
    pub(super) fn per_step(&self, problem: &Problem, index: usize, frame: &[f32]) -> f64 {
        let level = problem.levels[index];
        let scale = problem.scale(level);
        let truth: Vec<f64> = self
            .clean
            .iter()
            .zip(&self.noise)
            .map(|(x, e)| scale * (x + level * e))
            .collect();
        let points: Vec<f64> = frame
            .iter()
            .take(truth.len())
            .map(|v| f64::from(*v))
            .collect();
        sliced(&points, &truth, COARSE)
    }

    /// Goes on with the final distance and its floor: draws a sample, or compares two of them in one
    /// direction; `false` when all is done.
    pub(super) fn advance(&mut self, problem: &Problem, ends: &[f64]) -> bool {
        if self.direction == FINE {
            return false;
        }
        let drawn = self.draws.len();
        if drawn <= FRESH as usize {
            let stream = Stream::new(problem.config.seed, StreamId::Data);
            let stream = stream.replicate(2 + drawn as u32);
            self.draws.push(if drawn == 0 {
                data::draw_stratified(&problem.mixture, &stream, self.points)
            } else {
                data::draw(&problem.mixture, &stream, 0..self.points)
            });
            return true;
        }
        let angle = angle(self.direction, FINE);
        if self.part == 0 {
            let ends = &ends[..ends.len().min(2 * self.points)];
            self.total += projected(ends, &self.draws[0], angle);
        } else {
            let fresh = &self.draws[self.part];
            self.floor += projected(fresh, &self.draws[0], angle) / f64::from(FRESH);
        }
        self.part += 1;
        if self.part > FRESH as usize {
            self.part = 0;
            self.direction += 1;
        }
        true
    }

    /// The final distance and its floor, data units.
    pub(super) fn result(&self) -> (f64, f64) {
        let mean = |v: f64| (v / self.direction.max(1) as f64).sqrt();
        (mean(self.total), mean(self.floor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_cloud_is_its_shift_over_root_two_away() {
        let a: Vec<f64> = (0..200).map(|i| f64::from(i % 37) * 0.1).collect();
        let b: Vec<f64> = a.chunks(2).flat_map(|p| [p[0] + 0.6, p[1] + 0.8]).collect();
        let d = sliced(&a, &b, 128);
        assert!((d - 1.0 / 2.0_f64.sqrt()).abs() < 1e-12, "{d}");
        assert_eq!(sliced(&a, &a, 16), 0.0);
    }

    #[test]
    fn the_order_of_the_particles_does_not_matter() {
        let a: Vec<f64> = (0..60).map(|i| f64::from((i * 7919) % 101)).collect();
        let b: Vec<f64> = (0..60).map(|i| f64::from((i * 104_729) % 97)).collect();
        let turned: Vec<f64> = b.chunks(2).rev().flatten().copied().collect();
        assert_eq!(sliced(&a, &b, 16), sliced(&a, &turned, 16));
        assert_eq!(sliced(&a, &b, 16), sliced(&b, &a, 16));
    }
}
