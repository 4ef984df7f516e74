//! Masks, one bit a weight: bit `i % 32` of word `i / 32`, low bit first, 1 = kept, zero padded.

/// Which weights of one tensor are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mask {
    words: Vec<u32>,
    len: usize,
}

impl Mask {
    /// A mask of `len` weights, none kept.
    pub fn none(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(32)],
            len,
        }
    }

    /// A mask of `len` weights, all kept.
    pub fn all(len: usize) -> Self {
        Self::from_fn(len, |_| true)
    }

    /// A mask from a rule for each flat index.
    pub fn from_fn(len: usize, mut kept: impl FnMut(usize) -> bool) -> Self {
        let mut mask = Self::none(len);
        for i in 0..len {
            if kept(i) {
                mask.words[i / 32] |= 1 << (i % 32);
            }
        }
        mask
    }

    /// A mask from a rule for the 32 weights from a flat index on, the first in the lowest bit; bits
    /// past the end must be 0.
    pub fn from_words(len: usize, mut word: impl FnMut(usize) -> u32) -> Self {
        Self {
            words: (0..len.div_ceil(32)).map(|w| word(32 * w)).collect(),
            len,
        }
    }

    /// Number of weights.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the tensor has no weights at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether weight `i` is kept; false past the end.
    pub fn kept(&self, i: usize) -> bool {
        self.words
            .get(i / 32)
            .is_some_and(|word| word >> (i % 32) & 1 == 1)
    }

    /// Marks weight `i` as kept or pruned; nothing happens past the end.
    pub fn set(&mut self, i: usize, kept: bool) {
        if i >= self.len {
            return;
        }
        let bit = 1 << (i % 32);
        if let Some(word) = self.words.get_mut(i / 32) {
            if kept {
                *word |= bit;
            } else {
                *word &= !bit;
            }
        }
    }

    /// Sets the `count` weights (at most 32) from `i` on to these bits; all lie inside the mask.
    pub(super) fn put(&mut self, i: usize, bits: u32, count: usize) {
        let (word, shift) = (i / 32, i % 32);
        let span = u64::MAX >> (64 - count.clamp(1, 32)) << shift;
        let bits = u64::from(bits) << shift & span;
        for (half, word) in self.words[word..].iter_mut().take(2).enumerate() {
            let part = |v: u64| (v >> (32 * half)) as u32;
            *word = *word & !part(span) | part(bits);
        }
    }

    /// Number of weights kept.
    pub fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// The packed words.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Weights kept by both masks (of the length of the shorter one).
    pub fn and(&self, other: &Self) -> Self {
        Self {
            words: self
                .words
                .iter()
                .zip(&other.words)
                .map(|(a, b)| a & b)
                .collect(),
            len: self.len.min(other.len),
        }
    }

    /// All decisions in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.len).map(|i| self.kept(i))
    }

    /// Number of weights on which two masks of one tensor differ.
    pub fn hamming(&self, other: &Self) -> usize {
        let differing = |(a, b): (&u32, &u32)| (a ^ b).count_ones() as usize;
        self.words.iter().zip(&other.words).map(differing).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_packed_low_bit_first_and_padded_with_zeros() {
        let mask = Mask::from_fn(35, |i| i == 0 || i == 33 || i == 34);
        assert_eq!(mask.words(), [1, 6]);
        assert_eq!(mask.count(), 3);
        assert!(!mask.kept(35), "past the end");
        assert_eq!(Mask::all(40).words(), [u32::MAX, 0xff]);
    }

    #[test]
    fn setting_past_the_end_leaves_the_padding_clear() {
        let mut mask = Mask::none(3);
        mask.set(2, true);
        mask.set(3, true);
        assert_eq!(mask.words(), [4]);
        mask.set(2, false);
        assert_eq!(mask.count(), 0);
    }
}
