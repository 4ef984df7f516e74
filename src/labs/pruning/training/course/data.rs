//! Training on a part of the images: a first network says which are easy, a second one with other
//! first weights is trained on what stays.

use super::{CHECKED, Course};
use crate::core::Result;
use crate::core::digits::{CLASSES, PIXELS};
use crate::core::mask::Mask;
use crate::core::mlp::Mlp;
use crate::core::rng::{Stream, StreamId};
use crate::labs::pruning::criteria::difficulty::{margin, pick};
use crate::labs::pruning::network::{self, Batches};

/// The training images of a course, and which of them stay.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Images {
    /// Their numbers among all training images.
    pub pool: Vec<usize>,
    /// Margin of each in the first network, as far as known.
    pub margins: Vec<f64>,
    /// Which stay; none before they are chosen.
    pub kept: Option<Mask>,
}

impl Images {
    /// So many training images drawn by the seed, in their own order; 0 for all.
    pub(super) fn pool_of(seed: u64, count: usize) -> Vec<usize> {
        let all = network::data().0.len();
        let mut pool: Vec<usize> = (0..all).collect();
        if count > 0 && count < all {
            Stream::new(seed, StreamId::Data).shuffle(&mut pool);
            pool.truncate(count);
            pool.sort_unstable();
        }
        pool
    }

    /// The images that stay.
    pub fn left(&self) -> Vec<usize> {
        let stays = |i: usize| self.kept.as_ref().is_none_or(|k| k.kept(i));
        (0..self.pool.len())
            .filter(|&i| stays(i))
            .map(|i| self.pool[i])
            .collect()
    }

    /// Number of images that stay.
    pub fn count(&self) -> usize {
        self.kept.as_ref().map_or(self.pool.len(), Mask::count)
    }
}

impl Course {
    /// Part of the choice of the images; with the last part the second network stands.
    pub(super) fn choose_images(&mut self) -> Result<()> {
        let train = &network::data().0;
        let done = self.images.margins.len();
        let next: Vec<usize> = self
            .images
            .pool
            .iter()
            .skip(done)
            .take(CHECKED)
            .copied()
            .collect();
        if !next.is_empty() {
            let mut x = Vec::with_capacity(next.len() * PIXELS);
            for &i in &next {
                x.extend_from_slice(train.image(i));
            }
            let logits = self
                .net
                .logits(&x, None, &mut self.work)
                .chunks_exact(CLASSES);
            for (row, &i) in logits.zip(&next) {
                self.images
                    .margins
                    .push(margin(row, usize::from(train.labels[i])));
            }
            return Ok(());
        }
        let c = &self.config;
        let mut luck = Stream::new(c.seed, StreamId::Policy);
        let luck: Vec<u32> = self.images.pool.iter().map(|_| luck.word()).collect();
        let share = c.images_cut / 100.0;
        self.images.kept = Some(pick(&self.images.margins, &luck, c.pick, share));
        let mut stream = Stream::new(c.seed, StreamId::Weights).replicate(1);
        self.net = Mlp::new(&c.sizes(), &mut stream)?;
        self.batches = Batches::among(c.seed, self.images.left());
        self.see();
        Ok(())
    }
}
