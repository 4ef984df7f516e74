//! The built-in data set: 1,797 handwritten digits of 8 × 8 pixels ("Optical Recognition of
//! Handwritten Digits", Alpaydin and Kaynak 1998, as shipped by scikit-learn). Source, licence and
//! layout of the file are in `assets/README.md`.

use std::sync::OnceLock;

/// Number of images.
pub const COUNT: usize = 1797;
/// Pixels along a side of an image.
pub const SIDE: usize = 8;

/// Pixels of an image, 8 rows of 8.
pub const PIXELS: usize = 64;
/// Number of classes.
pub const CLASSES: usize = 10;
/// Largest raw pixel value.
pub const MAX_PIXEL: u8 = 16;
/// Training images of the pruning lab's split; the rest is its test set.
pub const PRUNING_TRAIN: usize = 1297;
/// Training images of the learning-rate lab's split; the rest is held out.
pub const LR_TRAIN: usize = 1437;

static BYTES: &[u8; COUNT * PIXELS + COUNT + 2 * COUNT] =
    include_bytes!("../../../assets/digits.bin");

/// All images in scikit-learn's order, with the fixed permutation that splits them.
#[derive(Debug)]
pub struct Digits {
    pixels: Vec<u8>,
    labels: &'static [u8],
    order: Vec<usize>,
}

/// Some of the images, ready for a network: pixels scaled to 0..1.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Pixels / 16, one image after the other.
    pub x: Vec<f32>,
    /// One label per image.
    pub labels: Vec<u8>,
}

impl Samples {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pixels of image `i`; empty past the end.
    pub fn image(&self, i: usize) -> &[f32] {
        self.x.get(i * PIXELS..(i + 1) * PIXELS).unwrap_or(&[])
    }
}

/// The data set, decoded once.
pub fn digits() -> &'static Digits {
    static DIGITS: OnceLock<Digits> = OnceLock::new();
    DIGITS.get_or_init(|| {
        let (by_pixel, rest) = BYTES.split_at(COUNT * PIXELS);
        let (labels, order) = rest.split_at(COUNT);
        let image = |i: usize| by_pixel.iter().skip(i).step_by(COUNT).copied();
        Digits {
            pixels: (0..COUNT).flat_map(image).collect(),
            labels,
            order: order
                .chunks_exact(2)
                .map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])))
                .collect(),
        }
    })
}

impl Digits {
    /// Raw pixels (0 to 16) of image `i`; empty past the end.
    pub fn raw(&self, i: usize) -> &[u8] {
        self.pixels.get(i * PIXELS..(i + 1) * PIXELS).unwrap_or(&[])
    }

    /// Labels of all images.
    pub fn labels(&self) -> &'static [u8] {
        self.labels
    }

    /// The fixed permutation of 0..1796 that both splits are cut from.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Image indices of the two parts when the first `train` of the permutation are for training.
    pub fn split(&self, train: usize) -> (&[usize], &[usize]) {
        self.order.split_at(train.min(COUNT))
    }

    /// The images with these indices (indices past the end are skipped).
    pub fn samples(&self, indices: &[usize]) -> Samples {
        let mut out = Samples {
            x: Vec::with_capacity(indices.len() * PIXELS),
            labels: Vec::with_capacity(indices.len()),
        };
        for &i in indices.iter().filter(|&&i| i < COUNT) {
            let scale = 1.0 / f32::from(MAX_PIXEL);
            out.x
                .extend(self.raw(i).iter().map(|&v| f32::from(v) * scale));
            out.labels.push(self.labels[i]);
        }
        out
    }

    /// The pruning lab's training and test images.
    pub fn pruning_split(&self) -> (Samples, Samples) {
        let (train, test) = self.split(PRUNING_TRAIN);
        (self.samples(train), self.samples(test))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_what_its_description_says() {
        let d = digits();
        assert!(BYTES[..COUNT * PIXELS].iter().all(|&v| v <= MAX_PIXEL));
        assert!(d.labels().iter().all(|&l| usize::from(l) < CLASSES));
        let mut order = d.order().to_vec();
        order.sort_unstable();
        assert!(order.into_iter().eq(0..COUNT), "a permutation");
        let total: u64 = (0..COUNT)
            .flat_map(|i| d.raw(i))
            .map(|&v| u64::from(v))
            .sum();
        assert_eq!(total, 561_718, "sum of all raw pixels");
    }

    #[test]
    fn the_pruning_split_has_the_published_sums() {
        let d = digits();
        let (train, test) = d.split(PRUNING_TRAIN);
        assert_eq!((train.len(), test.len()), (1297, 500));
        assert_eq!((train[0], test[0]), (1081, 1768));
        let labels: u64 = test.iter().map(|&i| u64::from(d.labels()[i])).sum();
        let pixels: u64 = test
            .iter()
            .flat_map(|&i| d.raw(i))
            .map(|&v| u64::from(v))
            .sum();
        assert_eq!((labels, pixels), (2246, 155_894));
    }

    #[test]
    fn samples_are_scaled_to_one() {
        let d = digits();
        let s = d.samples(&[0, 5, COUNT]);
        assert_eq!(s.len(), 2, "an index past the end is skipped");
        assert_eq!(s.image(1).len(), PIXELS);
        for (x, &raw) in s.image(1).iter().zip(d.raw(5)) {
            assert_eq!(*x * 16.0, f32::from(raw));
        }
        assert!(s.image(2).is_empty());
    }
}
