//! Guidance and when it acts: towards a class, only between two noise levels (Kynkäänniemi et al.,
//! arXiv 2404.07724), and towards rare samples, at some times only (Um and Ye, arXiv 2407.11555).

use super::config::Config;
use super::mixture::Mixture;
use super::schedule;
use crate::core::num;
use crate::core::rng::{Stream, StreamId, integer_normal};
use std::ops::Range;

/// Factor on the difference between the class's estimate and that of all data at a level: the
/// weight inside the interval, 1 (no guidance) outside.
pub fn weight_at(config: &Config, level: f64) -> f64 {
    let inside = (config.guidance_low..=config.guidance_high).contains(&level);
    if config.one_class && inside {
        config.guidance_weight
    } else {
        1.0
    }
}

/// `D = D_all + w (D_class - D_all)` in place of the class's estimates.
pub fn towards_class(whole: &Mixture, weight: f64, points: &[f64], level: f64, out: &mut [f64]) {
    let mut at = whole.level(1.0, level);
    let mut all = [0.0; 2];
    for (x, d) in points.chunks_exact(2).zip(out.chunks_exact_mut(2)) {
        at.denoise(x, &mut all);
        for (d, all) in d.iter_mut().zip(all) {
            *d = all + weight * (*d - all);
        }
    }
}

/// Share of the sampler's own time, 1 at the start, at which an estimate is noised again to see how
/// well it is reconstructed.
const AGAIN: f64 = 0.8;

/// Whether the guidance towards rare samples acts in a step.
pub fn minority_acts(config: &Config, step: usize, steps: usize) -> bool {
    let time = 1.0 - step as f64 / steps.max(1) as f64;
    config.minority_scale > 0.0
        && time > config.minority_until
        && step.is_multiple_of(config.minority_every.max(1) as usize)
}

/// A step under way, for the guidance towards rare samples.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'a> {
    /// Which step.
    pub step: usize,
    /// Level it leaves.
    pub level: f64,
    /// Level it goes to.
    pub next: f64,
    /// Points before the step, variance-exploding form.
    pub points: &'a [f64],
    /// Their denoised estimates.
    pub estimates: &'a [f64],
}

/// Moves points along the gradient of the distance between an estimate and what becomes of it when
/// it is noised and denoised again: large where data are rare. The gradient is taken through the
/// estimate alone, by the denoiser's derivative along the difference, and scaled to largest
/// coordinate 1; the move is the scale times the variance of the step.
pub fn towards_rare(
    config: &Config,
    mixture: &Mixture,
    levels: &[f64],
    moved: Moved<'_>,
    particles: Range<usize>,
    out: &mut [f64],
) {
    let ln: Vec<f64> = levels
        .iter()
        .filter(|s| **s > 0.0)
        .map(|s| num::ln(*s))
        .collect();
    let again = num::exp(schedule::along(&ln, 1.0 - AGAIN));
    let stream = Stream::new(config.seed, StreamId::Noise)
        .replicate(40)
        .step(moved.step as u32);
    let ratio = moved.next / moved.level;
    let variance = moved.next * moved.next * (1.0 - ratio * ratio).max(0.0);
    let alpha = 1.0 / (1.0 + moved.next * moved.next).sqrt();
    let push = config.minority_scale * alpha * variance;
    let (mut far, mut here) = (mixture.level(1.0, again), mixture.level(1.0, moved.level));
    let h = 1e-4 * moved.level;
    let each = moved
        .points
        .chunks_exact(2)
        .zip(moved.estimates.chunks_exact(2))
        .zip(out.chunks_exact_mut(2));
    for (i, ((x, d), out)) in particles.zip(each) {
        let z = [0, 1].map(|c| f64::from(integer_normal(stream.at(2 * i as u64 + c))));
        let mut back = [0.0; 2];
        far.denoise(&[d[0] + again * z[0], d[1] + again * z[1]], &mut back);
        let apart = [d[0] - back[0], d[1] - back[1]];
        let norm = (apart[0] * apart[0] + apart[1] * apart[1]).sqrt();
        if norm == 0.0 {
            continue;
        }
        // The derivative of the exact denoiser is symmetric: its transpose is itself.
        let (mut ahead, mut behind) = ([0.0; 2], [0.0; 2]);
        let by = apart.map(|a| h * a / norm);
        here.denoise(&[x[0] + by[0], x[1] + by[1]], &mut ahead);
        here.denoise(&[x[0] - by[0], x[1] - by[1]], &mut behind);
        let slope = [ahead[0] - behind[0], ahead[1] - behind[1]];
        let largest = slope[0].abs().max(slope[1].abs());
        if largest > 0.0 {
            for (o, s) in out.iter_mut().zip(slope) {
                *o += push * s / largest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::noise::data::DataSet;

    #[test]
    fn weight_one_is_the_class_and_zero_is_all_data() {
        let all = DataSet::Ring8.mixture(0.05, 0.0).unwrap();
        let class = Mixture::round(&[1.0], &[[1.0, 0.0]], &[0.05]).unwrap();
        let (x, level) = ([0.2, -0.4], 0.7);
        let estimate = |m: &Mixture| {
            let mut d = [0.0; 2];
            m.level(1.0, level).denoise(&x, &mut d);
            d
        };
        for (weight, want) in [(1.0, estimate(&class)), (0.0, estimate(&all))] {
            let mut d = estimate(&class);
            towards_class(&all, weight, &x, level, &mut d);
            assert!((d[0] - want[0]).abs() < 1e-12, "{weight}: {d:?} {want:?}");
        }
    }

    #[test]
    fn guidance_acts_in_its_interval_and_at_its_times_only() {
        let config = Config {
            one_class: true,
            guidance_weight: 3.0,
            guidance_low: 0.2,
            guidance_high: 2.0,
            minority_scale: 1.0,
            minority_until: 0.5,
            minority_every: 5,
            ..Config::default()
        };
        assert_eq!(
            [0.1, 0.2, 1.0, 2.5].map(|s| weight_at(&config, s)),
            [1.0, 3.0, 3.0, 1.0]
        );
        let acts: Vec<usize> = (0..20).filter(|k| minority_acts(&config, *k, 20)).collect();
        assert_eq!(acts, [0, 5]);
    }
}
