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
    transport(&projection(a, angle), &projection(b, angle))
}

/// Points on a direction, sorted.
fn projection(points: &[f64], angle: f64) -> Vec<f64> {
    let (c, s) = (num::cos(angle), num::sin(angle));
    let mut v: Vec<f64> = points
        .chunks_exact(2)
        .map(|p| c * p[0] + s * p[1])
        .collect();
    v.sort_unstable_by(f64::total_cmp);
    v
}

/// Squared 2-Wasserstein distance of two sorted samples of one size.
fn transport(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len()).max(1);
    num::sum(a.iter().zip(b).map(|(x, y)| (x - y) * (x - y))) / n as f64
}

/// Energy distance of two sorted samples on the line: twice the integral of the squared difference
/// of their distribution functions (Székely, Rizzo: "Energy statistics", 2013).
fn energy(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut total) = (0, 0, 0.0);
    let share = |i: usize, n: usize| i as f64 / n.max(1) as f64;
    let mut from = f64::NAN;
    loop {
        let (next, of_a) = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x.total_cmp(y).is_le() => (*x, true),
            (_, Some(y)) => (*y, false),
            (Some(x), None) => (*x, true),
            (None, None) => return 2.0 * total,
        };
        if i + j > 0 {
            let gap = share(i, a.len()) - share(j, b.len());
            total += gap * gap * (next - from);
        }
        from = next;
        if of_a {
            i += 1;
        } else {
            j += 1;
        }
    }
}

/// In the plane the mean over directions of |u . x| is 2 |x| / pi, so energy distances of the
/// projections are averaged and multiplied by this.
const PLANE: f64 = PI / 2.0;

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
    /// Sums of the energy distances: of the particles and of the fresh draws.
    energies: [f64; 2],
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
            energies: [0.0; 2],
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
            let (ends, truth) = (projection(ends, angle), projection(&self.draws[0], angle));
            self.total += transport(&ends, &truth);
            self.energies[0] += energy(&ends, &truth);
        } else {
            let fresh = projection(&self.draws[self.part], angle);
            let truth = projection(&self.draws[0], angle);
            self.floor += transport(&fresh, &truth) / f64::from(FRESH);
            self.energies[1] += energy(&fresh, &truth) / f64::from(FRESH);
        }
        self.part += 1;
        if self.part > FRESH as usize {
            self.part = 0;
            self.direction += 1;
        }
        true
    }

    /// The energy distance and its floor, data units.
    pub(super) fn energy(&self) -> [f64; 2] {
        let directions = self.direction.max(1) as f64;
        self.energies.map(|sum| PLANE * sum / directions)
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
    fn projections_give_the_energy_distance_of_the_plane() {
        let mut stream = Stream::new(5, StreamId::Test);
        let a: Vec<f64> = (0..60).map(|_| f64::from(stream.normal_f32())).collect();
        let b: Vec<f64> = (0..60)
            .map(|i| 0.7 * f64::from(stream.normal_f32()) + f64::from(u8::from(i % 2 == 0)))
            .collect();
        let mean = |a: &[f64], b: &[f64]| {
            let pairs = a.chunks_exact(2).flat_map(|x| {
                b.chunks_exact(2)
                    .map(|y| ((x[0] - y[0]) * (x[0] - y[0]) + (x[1] - y[1]) * (x[1] - y[1])).sqrt())
            });
            num::sum(pairs) / 900.0
        };
        let want = 2.0 * mean(&a, &b) - mean(&a, &a) - mean(&b, &b);
        let sum = num::sum((0..FINE).map(|k| {
            let angle = angle(k, FINE);
            energy(&projection(&a, angle), &projection(&b, angle))
        }));
        let got = PLANE * sum / FINE as f64;
        assert!((got - want).abs() < 1e-3 * want, "{got} {want}");
        assert_eq!(energy(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
        assert_eq!(energy(&[0.0], &[3.0]), 6.0);
    }

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
