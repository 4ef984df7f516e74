//! The two hot loops alone, without records, distances or pictures: what is timed when the lab is
//! compared with other implementations of the same work.

use super::config::Config;
use super::images::ImageSet;
use super::problem::{Exact, Problem};
use crate::core::Result;
use crate::core::rng::{Stream, StreamId, integer_normal};

/// Particles solved together.
const CHUNK: usize = 256;

/// Carries all particles of a config from noise through its levels; gives where they end, two
/// coordinates each, and the calls of the denoiser per particle.
///
/// # Errors
/// Parameters that do not fit.
pub fn particles(config: &Config) -> Result<(Vec<f64>, usize)> {
    let problem = Problem::new(config)?;
    let n = config.particles as usize;
    let (mut ends, mut calls) = (Vec::with_capacity(2 * n), 0);
    for first in (0..n).step_by(CHUNK) {
        let particles = first..(first + CHUNK).min(n);
        let start = problem.forward(particles.clone()).pop();
        let mut solver = problem.solver(start.unwrap_or_default());
        let mut model = Exact {
            problem: &problem,
            particles,
        };
        while !solver.done() {
            solver.advance(&mut model);
        }
        calls = solver.calls();
        ends.extend_from_slice(solver.x());
    }
    Ok((ends, calls))
}

/// Noisy copies of the first images of a set at level `s`, one after the other.
pub fn queries(set: &ImageSet, count: usize, s: f64) -> Vec<f64> {
    let noise = Stream::new(1, StreamId::Noise);
    (0..count)
        .flat_map(|k| set.image(k % set.len()).to_vec())
        .enumerate()
        .map(|(e, v)| v + s * f64::from(integer_normal(noise.at(e as u64))))
        .collect()
}

/// One call of the image denoiser for every query.
pub fn denoise(set: &ImageSet, queries: &[f64], s: f64) -> Vec<f64> {
    let mut out = vec![0.0; queries.len()];
    let pairs = queries
        .chunks_exact(set.pixels())
        .zip(out.chunks_exact_mut(set.pixels()));
    for (x, d) in pairs {
        set.denoise(x, s, d);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::noise::Direction;
    use crate::labs::noise::model::Start;

    #[test]
    fn the_loop_alone_ends_where_a_run_ends() {
        let config = Config {
            particles: 300,
            steps: 6,
            direction: Direction::Generate,
            ..Config::default()
        };
        let (ends, calls) = particles(&config).unwrap();
        let run = finish(&mut Start::new(&config, false).unwrap()).unwrap();
        let last = run.frames().last().unwrap();
        assert_eq!(calls, run.headline().calls);
        assert!(
            ends.iter()
                .zip(last.points.iter())
                .all(|(a, b)| *a as f32 == *b)
        );
    }
}
