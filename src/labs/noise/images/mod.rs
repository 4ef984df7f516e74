//! Small images with the closed-form best denoiser of their training set: the posterior mean over
//! the images themselves (or over Gaussians of width h around them). It is honest about what a
//! perfect denoiser does: without a width every sample ends on a training image.

#[cfg(feature = "gpu")]
mod gpu;
mod grid;
mod import;
mod report;
mod run;
mod shapes;
mod work;

#[cfg(feature = "gpu")]
pub(super) use gpu::OnDevice;
pub use grid::{Cell, Row, TIMES};
pub use import::{FOLDER_SIDES, Folder, MOST_PICTURES, looks_like};
pub use run::{Image, ImageRun};
pub use shapes::SHAPE_SIDE;
pub(super) use work::Work;

use super::Config;
use crate::core::digits::{self, digits};
use crate::core::{Error, Result, num};
use crate::labs::{Dataset, Library};
use std::sync::Arc;

/// Samples that are generated.
const SAMPLES: usize = 24;

/// Training images, pixels from -1 to 1, with labels.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSet {
    rows: Arc<[f64]>,
    /// Empty for pictures of the user's.
    labels: Arc<[u8]>,
    /// What the labels stand for, where not for themselves.
    kinds: &'static [&'static str],
    side: usize,
    /// Variance of the Gaussian around every image.
    width: f64,
}

/// What the denoiser makes of a noisy image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    /// Index of the likeliest training image.
    pub best: usize,
    /// Its weight.
    pub weight: f64,
    /// exp of the entropy of the weights: how many training images are still possible.
    pub effective: f64,
}

impl ImageSet {
    /// The first `count` of the shuffled digits, value / 8 - 1, with Gaussians of deviation `h`.
    ///
    /// # Errors
    /// No images.
    pub fn digits(count: usize, h: f64) -> Result<Self> {
        let count = count.min(digits::COUNT);
        if count == 0 {
            return Err(Error::out_of_range("images", count, "at least 1"));
        }
        let all = digits();
        let chosen = &all.order()[..count];
        Ok(Self {
            rows: chosen
                .iter()
                .flat_map(|i| all.raw(*i).iter().map(|v| f64::from(*v) / 8.0 - 1.0))
                .collect(),
            labels: chosen.iter().map(|i| all.labels()[*i]).collect(),
            kinds: &[],
            side: digits::SIDE,
            width: h * h,
        })
    }

    /// The first `count` shapes of a seed, with Gaussians of deviation `h`.
    ///
    /// # Errors
    /// No images.
    pub fn shapes(seed: u64, count: usize, h: f64) -> Result<Self> {
        if count == 0 {
            return Err(Error::out_of_range("images", count, "at least 1"));
        }
        let (rows, labels) = shapes::draw(seed, count);
        Ok(Self {
            rows: rows.into(),
            labels: labels.into(),
            kinds: &shapes::KINDS,
            side: SHAPE_SIDE,
            width: h * h,
        })
    }

    /// The first `count` pictures of a folder at one of its sides, with Gaussians of deviation `h`.
    ///
    /// # Errors
    /// No pictures, or another side.
    pub fn folder(folder: &Folder, side: usize, count: usize, h: f64) -> Result<Self> {
        let count = count.min(folder.len());
        let Some(rows) = folder.rows(side).get(..count * side * side) else {
            return Err(Error::out_of_range("picture_side", side, "8, 16 or 32"));
        };
        if count == 0 {
            return Err(Error::out_of_range("images", count, "at least 1"));
        }
        Ok(Self {
            rows: rows.into(),
            labels: Arc::new([]),
            kinds: &[],
            side,
            width: h * h,
        })
    }

    /// The training set of a config.
    ///
    /// # Errors
    /// A folder that is not open in this session, or no pictures.
    pub fn of(config: &Config, data: &Library) -> Result<Self> {
        let (count, h) = (config.training_images as usize, config.bandwidth);
        match config.folder.as_ref().map(|key| (key, data.get(key))) {
            None if config.shapes => Self::shapes(config.seed, count, h),
            None => Self::digits(count, h),
            Some((_, Ok(Dataset::Images(folder)))) => {
                Self::folder(folder, config.picture_side as usize, count, h)
            }
            Some((key, Ok(_))) => Err(Error::MissingData {
                name: key.name.clone(),
            }),
            Some((_, Err(error))) => Err(error),
        }
    }

    /// Pixels along a side.
    pub fn side(&self) -> usize {
        self.side
    }

    /// What an image is called: with its label, if it has one.
    pub fn name(&self, i: usize) -> String {
        match self.labels.get(i) {
            Some(label) => match self.kinds.get(usize::from(*label)) {
                Some(kind) => format!("training image {i}, a {kind}"),
                None => format!("training image {i}, a {label}"),
            },
            None => format!("training image {i}"),
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.rows.len() / self.pixels()
    }

    /// Whether there are none (never, after construction).
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Number of pixels of an image.
    pub fn pixels(&self) -> usize {
        self.side * self.side
    }

    /// Pixels of an image.
    pub fn image(&self, i: usize) -> &[f64] {
        &self.rows[i * self.pixels()..(i + 1) * self.pixels()]
    }

    /// Label of an image; pictures of the user's have none.
    pub fn label(&self, i: usize) -> Option<u8> {
        self.labels.get(i).copied()
    }

    /// Root mean square distance of a pixel from its mean over the set.
    pub fn spread(&self) -> f64 {
        let mut mean = vec![0.0; self.pixels()];
        for row in self.rows.chunks_exact(self.pixels()) {
            for (m, v) in mean.iter_mut().zip(row) {
                *m += v / self.len() as f64;
            }
        }
        let rows = self.rows.chunks_exact(self.pixels());
        let variance = num::sum(rows.map(|row| square_distance(row, &mean)));
        (variance / self.rows.len() as f64 + self.width).sqrt()
    }

    /// Root mean square distance of a pixel from the mean grey of the whole set: what noise is
    /// shown against. A single picture has contrast but no [`Self::spread`]. At least one step of
    /// eight-bit grey, so that an even picture can be shown, too.
    pub fn contrast(&self) -> f64 {
        let count = self.rows.len() as f64;
        let mean = num::sum(self.rows.iter().copied()) / count;
        let squares = self.rows.iter().map(|v| (v - mean) * (v - mean));
        (num::sum(squares) / count + self.width)
            .sqrt()
            .max(1.0 / 128.0)
    }

    /// Posterior mean of the clean image at `x = y + s eps` into `out`.
    pub fn denoise(&self, x: &[f64], s: f64, out: &mut [f64]) -> Belief {
        let total = self.width + s * s;
        // Direct differences: the expanded square loses the small distances of near duplicates.
        let mut weights: Vec<f64> = self
            .rows
            .chunks_exact(self.pixels())
            .map(|y| -0.5 * square_distance(x, y) / total)
            .collect();
        let top = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for w in &mut weights {
            *w = num::exp(*w - top);
        }
        let sum = num::sum(weights.iter().copied());
        out.fill(0.0);
        let (mut best, mut entropy) = (0, 0.0);
        for (i, w) in weights.iter_mut().enumerate() {
            *w /= sum;
            // Too little to change a sum in double precision.
            if *w < 1e-20 {
                continue;
            }
            entropy -= *w * num::ln(*w);
            for (o, y) in out.iter_mut().zip(self.image(i)) {
                *o += *w * y;
            }
            if *w > 1.0 / sum - 1e-12 {
                best = i;
            }
        }
        // Each Gaussian moves its own mean towards x by h^2 / (h^2 + s^2).
        let pull = self.width / total;
        for (o, x) in out.iter_mut().zip(x) {
            *o += pull * (x - *o);
        }
        Belief {
            best,
            weight: weights[best],
            effective: num::exp(entropy),
        }
    }

    /// The nearest training image and its root mean square distance per pixel.
    pub fn nearest(&self, x: &[f64]) -> (usize, f64) {
        let mut best = (0, f64::INFINITY);
        for (i, y) in self.rows.chunks_exact(self.pixels()).enumerate() {
            let square = square_distance(x, y);
            if square < best.1 {
                best = (i, square);
            }
        }
        (best.0, (best.1 / self.pixels() as f64).sqrt())
    }
}

/// Sum of the squared differences, in eight sums that do not wait for each other.
fn square_distance(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += (a - b) * (a - b);
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b));
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::noise::empirical::Empirical;
    use crate::labs::noise::{Config, World};

    #[test]
    fn without_width_it_is_the_empirical_denoiser() {
        let set = ImageSet::digits(50, 0.0).unwrap();
        let rows: Vec<f64> = (0..50).flat_map(|i| set.image(i).to_vec()).collect();
        let plain = Empirical::new(64, rows).unwrap();
        let x: Vec<f64> = (0..64).map(|i| f64::from(i % 7) * 0.3 - 0.9).collect();
        for s in [0.3, 1.5, 20.0] {
            let mut got = vec![0.0; 64];
            let belief = set.denoise(&x, s, &mut got);
            let want = plain.posterior(&x, 1.0, s).unwrap();
            for (a, b) in got.iter().zip(&want.denoised) {
                assert!((a - b).abs() < 1e-12, "{s}: {a} {b}");
            }
            assert!((belief.weight - want.weights[belief.best]).abs() < 1e-12);
            assert!(want.weights.iter().all(|w| *w <= belief.weight + 1e-12));
        }
    }

    #[test]
    fn far_noise_leaves_all_images_possible_and_little_noise_one() {
        let set = ImageSet::digits(40, 0.0).unwrap();
        let mut out = vec![0.0; 64];
        let far = set.denoise(set.image(3), 1000.0, &mut out);
        assert!((far.effective - 40.0).abs() < 0.1, "{far:?}");
        let near = set.denoise(set.image(3), 0.05, &mut out);
        assert_eq!((near.best, near.effective), (3, 1.0));
        assert!(
            out.iter()
                .zip(set.image(3))
                .all(|(a, b)| (a - b).abs() < 1e-9)
        );
    }

    #[test]
    fn a_single_picture_is_seen_at_the_end_as_it_is() {
        let config = Config {
            world: World::Images,
            training_images: 1,
            bandwidth: 0.0,
            steps: 4,
            ..Config::default()
        };
        let work = Work::new(&config, &Library::default()).unwrap();
        assert_eq!((work.set.len(), work.set.spread()), (1, 0.0));
        let seen = work.seen(work.set.image(0), 0.0);
        for (a, b) in seen.iter().zip(work.set.image(0)) {
            assert!((f64::from(*a) - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn a_run_memorises_without_width_and_less_with_it() {
        let ends = |bandwidth| {
            let config = Config {
                world: World::Images,
                training_images: 120,
                bandwidth,
                steps: 12,
                ..Config::default()
            };
            finish(&mut Work::new(&config, &Library::default()).unwrap()).unwrap()
        };
        let (sharp, soft) = (ends(0.0), ends(0.3));
        assert!(sharp.distance() < 1e-6, "{}", sharp.distance());
        assert!(soft.distance() > 0.05, "{}", soft.distance());
        for image in sharp.images() {
            assert_eq!(image.frames.len(), 13);
            assert!(image.frames.iter().all(|f| f.iter().all(|v| v.is_finite())));
            let first = image.beliefs.first().unwrap();
            assert!(first.effective > 60.0, "{first:?}");
        }
    }
}
