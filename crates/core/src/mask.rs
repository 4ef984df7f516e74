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
        let mut words = vec![u32::MAX; len.div_ceil(32)];
        if let (false, Some(last)) = (len.is_multiple_of(32), words.last_mut()) {
            *last = (1 << (len % 32)) - 1;
        }
        Self { words, len }
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

    /// A mask from a rule for the key of each weight.
    pub fn from_keys(keys: &[u32], kept: impl Fn(u32) -> bool) -> Self {
        let mut mask = Self::none(keys.len());
        mask.fill(0, keys, kept);
        mask
    }

    /// Decides all weights from word `from` on by their keys.
    pub(crate) fn fill(&mut self, from: usize, keys: &[u32], kept: impl Fn(u32) -> bool) {
        let words = self.words.get_mut(from..).unwrap_or(&mut []);
        // A byte a key first: a loop without branches, which compilers turn into vectors.
        let mut flags = [0_u8; STRETCH];
        for (keys, words) in keys.chunks(STRETCH).zip(words.chunks_mut(STRETCH / 32)) {
            for (flag, key) in flags.iter_mut().zip(keys) {
                *flag = u8::from(kept(*key));
            }
            flags[keys.len()..].fill(0);
            let (quarters, _) = flags.as_chunks::<8>();
            let (whole, _) = quarters.as_chunks::<4>();
            for (word, [a, b, c, d]) in words.iter_mut().zip(whole) {
                *word = bits(*a) | bits(*b) << 8 | bits(*c) << 16 | bits(*d) << 24;
            }
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
    pub fn put(&mut self, i: usize, bits: u32, count: usize) {
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

/// Keys looked at together.
const STRETCH: usize = 1024;

/// Eight bytes of 0 or 1 as eight bits, the first the lowest: every product lands on its own bit.
fn bits(flags: [u8; 8]) -> u32 {
    (u64::from_le_bytes(flags).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
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
    fn a_mask_of_keys_is_that_of_the_rule_for_each_of_them() {
        for n in [0, 1, 31, 32, 33, 64, 200, 1024, 3000] {
            let keys: Vec<u32> = (0..n).map(|i: u32| i.wrapping_mul(0x9E37_79B9)).collect();
            let rule = |key: u32| key > 0x7000_0000;
            let want = Mask::from_fn(keys.len(), |i| rule(keys[i]));
            assert_eq!(Mask::from_keys(&keys, rule), want, "{n}");
        }
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
