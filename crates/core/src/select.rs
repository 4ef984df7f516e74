//! Exact selection by integer keys: the k-th smallest magnitude over any number of tensors, and
//! the mask that follows. The same algorithm runs as a kernel; both give the same bits.
//!
//! Rules. **Key** of a weight: its `f32` bit pattern without the sign, compared as an integer. So
//! +0 = -0, denormals keep their order, infinities come last. **Count**: k = s·n rounded half to
//! even. **Ties**: among equal keys the smaller flat index is pruned first, across tensors the
//! earlier tensor first. NaN has no place in an order: tensors with NaN are refused before.

use crate::mask::Mask;

/// The bits of an `f32` that make its magnitude key.
pub const MAGNITUDE_BITS: u32 = 0x7fff_ffff;

/// Shift and number of bins of the three passes over 32 key bits: 11 + 11 + 10.
const PASSES: [(u32, usize); 3] = [(21, 1 << 11), (10, 1 << 11), (0, 1 << 10)];

/// Magnitude key of a weight: monotone in |x|.
pub fn magnitude_key(x: f32) -> u32 {
    x.to_bits() & MAGNITUDE_BITS
}

/// Number of weights to prune for a sparsity: `sparsity · n`, rounded half to even (the rule of
/// `torch.nn.utils.prune`), at most `n`.
pub fn count_rule(sparsity: f64, n: usize) -> usize {
    let exact = sparsity * n as f64;
    if exact.is_nan() || exact <= 0.0 {
        return 0;
    }
    (exact.round_ties_even() as usize).min(n)
}

/// Where the k smallest keys end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// How many keys are pruned.
    pub k: u64,
    /// The k-th smallest key, the threshold T (0 when nothing is pruned).
    pub key: u32,
    /// Number of keys below T.
    pub below: u64,
    /// Number of keys equal to T.
    pub equal: u64,
    /// How many of the equal ones are pruned, in flat order: `k - below`.
    pub ties: u64,
}

impl Cut {
    /// Whether a key is kept, given how many equal to the threshold came before it.
    pub fn keeps(&self, key: u32, equal_before: u64) -> bool {
        key > self.key || (key == self.key && equal_before >= self.ties)
    }

    /// The threshold as a magnitude (for magnitude keys).
    pub fn magnitude(&self) -> f32 {
        f32::from_bits(self.key)
    }
}

/// Keys of one bin that are copied aside rather than looked for again, as a share of all.
const ASIDE: u64 = 4;

/// Radix select: the cut that prunes the `k` smallest keys of `parts` taken one after another; a
/// key is a word without the bits outside `bits`. Reads the data twice (three times where a quarter
/// of the keys or more share their upper bits), never sorts.
pub fn radix_select(parts: &[&[u32]], bits: u32, k: u64) -> Cut {
    let total: u64 = parts.iter().map(|p| p.len() as u64).sum();
    let k = k.min(total);
    if k == 0 {
        return Cut::default();
    }
    let (mut prefix, mut fixed_bits, mut below, mut equal) = (0_u32, 0_u32, 0_u64, total);
    // The keys that share the upper bits of the threshold, once they are few.
    let mut aside: Option<Vec<u32>> = None;
    for (pass, (shift, bins)) in PASSES.into_iter().enumerate() {
        let mut histogram = vec![0_u64; bins];
        match &aside {
            Some(keys) => count(keys, bits, [fixed_bits, prefix], shift, &mut histogram),
            None if pass > 0 && equal < total / ASIDE => {
                let mut keys = Vec::with_capacity(equal as usize);
                for part in parts {
                    let shared = part.iter().filter(|&&w| w & bits & fixed_bits == prefix);
                    keys.extend(shared);
                }
                count(&keys, bits, [fixed_bits, prefix], shift, &mut histogram);
                aside = Some(keys);
            }
            None => {
                for part in parts {
                    count(part, bits, [fixed_bits, prefix], shift, &mut histogram);
                }
            }
        }
        for (digit, &count) in histogram.iter().enumerate() {
            if below + count >= k {
                prefix |= (digit as u32) << shift;
                equal = count;
                break;
            }
            below += count;
        }
        fixed_bits |= (bins as u32 - 1) << shift;
    }
    Cut {
        k,
        key: prefix,
        below,
        equal,
        ties: k - below,
    }
}

/// Counts the digits at `shift` of the keys with the given upper bits. Four tables, so that equal
/// neighbours do not wait for each other.
fn count(words: &[u32], bits: u32, [fixed, prefix]: [u32; 2], shift: u32, out: &mut [u64]) {
    let last = out.len() - 1;
    let mut tables = vec![0_u32; 4 * out.len()];
    // A table never overflows within a stretch.
    for stretch in words.chunks(1 << 30) {
        let (fours, rest) = stretch.as_chunks::<4>();
        let (first, others) = tables.split_at_mut(last + 1);
        let (second, others) = others.split_at_mut(last + 1);
        let (third, fourth) = others.split_at_mut(last + 1);
        let mut add = |table: usize, word: u32| {
            let key = word & bits;
            let digit = (key >> shift) as usize & last;
            let one = u32::from(key & fixed == prefix);
            match table {
                0 => first[digit] += one,
                1 => second[digit] += one,
                2 => third[digit] += one,
                _ => fourth[digit] += one,
            }
        };
        for four in fours {
            for (table, &word) in four.iter().enumerate() {
                add(table, word);
            }
        }
        for &word in rest {
            add(0, word);
        }
        for table in tables.chunks_mut(last + 1) {
            for (sum, count) in out.iter_mut().zip(table) {
                *sum += u64::from(std::mem::take(count));
            }
        }
    }
}

/// Masks after a cut, one for each part, in the order of the parts. Up to the last equal key that
/// goes, those above the threshold are kept; behind it, those equal to it too.
pub fn masks(parts: &[&[u32]], bits: u32, cut: &Cut) -> Vec<Mask> {
    let key = cut.key;
    // Equal keys that are still to go.
    let mut left = cut.ties;
    let mut write = |part: &&[u32]| {
        if cut.k == 0 {
            return Mask::all(part.len());
        }
        if left == 0 {
            return Mask::from_keys(part, move |word| word & bits >= key);
        }
        let mut mask = Mask::from_keys(part, move |word| word & bits > key);
        if cut.ties == cut.equal {
            return mask;
        }
        let Some(last) = last_of(part, bits, key, &mut left) else {
            return mask;
        };
        let next = (last + 1).next_multiple_of(32).min(part.len());
        for (i, word) in part.iter().enumerate().take(next).skip(last + 1) {
            if word & bits == key {
                mask.set(i, true);
            }
        }
        mask.fill(next / 32, &part[next..], move |word| word & bits >= key);
        mask
    };
    parts.iter().map(&mut write).collect()
}

/// Place of the `left`-th key that equals `key`; `left` is lowered by those that are there.
fn last_of(part: &[u32], bits: u32, key: u32, left: &mut u64) -> Option<usize> {
    for (c, chunk) in part.chunks(1 << 12).enumerate() {
        let equal = |word: &u32| word & bits == key;
        let here = chunk.iter().filter(|w| equal(w)).count() as u64;
        if here < *left {
            *left -= here;
            continue;
        }
        let places = chunk.iter().enumerate().filter(|(_, w)| equal(w));
        let nth = places.map(|(i, _)| i).nth(*left as usize - 1);
        *left = 0;
        return nth.map(|i| (c << 12) + i);
    }
    None
}

/// Prunes the `k` weights of smallest magnitude over all tensors together.
pub fn prune_by_magnitude(tensors: &[&[f32]], k: u64) -> (Cut, Vec<Mask>) {
    let parts: Vec<&[u32]> = tensors.iter().map(|t| bytemuck::cast_slice(t)).collect();
    let cut = radix_select(&parts, MAGNITUDE_BITS, k);
    (cut, masks(&parts, MAGNITUDE_BITS, &cut))
}

/// Prunes the `k` smallest scores among the weights that `alive` still keeps (all of them where it
/// is `None`); ties by index. For scores that are not magnitudes.
pub fn prune_by_score(scores: &[f64], alive: Option<&Mask>, k: usize) -> Mask {
    let mut order: Vec<usize> = (0..scores.len())
        .filter(|&i| alive.is_none_or(|m| m.kept(i)))
        .collect();
    // A stable sort keeps equal scores in flat order; adding 0 makes -0 equal to +0.
    order.sort_by(|&a, &b| (scores[a] + 0.0).total_cmp(&(scores[b] + 0.0)));
    let mut mask = Mask::none(scores.len());
    for &i in order.iter().skip(k) {
        mask.set(i, true);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Stream, StreamId};

    fn sorted_cut(parts: &[&[u32]], bits: u32, k: u64) -> Cut {
        let mut keys: Vec<u32> = parts
            .iter()
            .flat_map(|p| p.iter())
            .map(|w| w & bits)
            .collect();
        keys.sort_unstable();
        let k = k.min(keys.len() as u64);
        if k == 0 {
            return Cut::default();
        }
        let key = keys[k as usize - 1];
        let below = keys.partition_point(|&x| x < key) as u64;
        let equal = keys.partition_point(|&x| x <= key) as u64 - below;
        Cut {
            k,
            key,
            below,
            equal,
            ties: k - below,
        }
    }

    #[test]
    fn radix_select_agrees_with_sorting_on_every_rank() {
        let mut stream = Stream::new(1, StreamId::Test);
        // Few distinct keys, so that ties are everywhere; every bit position is used.
        let words: Vec<u32> = (0..300)
            .map(|_| stream.below(7).wrapping_mul(0x2492_4925))
            .collect();
        let parts = [&words[..100], &words[100..100], &words[100..]];
        for bits in [MAGNITUDE_BITS, u32::MAX] {
            for k in 0..=301 {
                assert_eq!(
                    radix_select(&parts, bits, k),
                    sorted_cut(&parts, bits, k),
                    "k {k}"
                );
            }
        }
    }

    #[test]
    fn exactly_k_weights_go_and_ties_go_by_index() {
        let (cut, masks) = prune_by_magnitude(&[&[0.5, -0.5, 1.0], &[-0.5, 0.0, -0.0]], 4);
        assert_eq!(
            (cut.magnitude(), cut.below, cut.equal, cut.ties),
            (0.5, 2, 3, 2)
        );
        let kept: Vec<Vec<bool>> = masks.iter().map(|m| m.iter().collect()).collect();
        assert_eq!(kept, [[false, false, true], [true, false, false]]);
    }

    #[test]
    fn masks_with_many_ties_are_those_of_the_rule_for_each_key() {
        let mut stream = Stream::new(2, StreamId::Test);
        let words: Vec<u32> = (0..9000).map(|_| stream.below(5)).collect();
        let parts = [
            &words[..100],
            &words[100..100],
            &words[100..8000],
            &words[8000..],
        ];
        for k in [0, 1, 99, 100, 101, 3000, 4500, 8999, 9000] {
            let cut = radix_select(&parts, u32::MAX, k);
            let mut equal = 0;
            for (mask, part) in masks(&parts, u32::MAX, &cut).iter().zip(parts) {
                assert_eq!(mask.len(), part.len());
                for (i, &key) in part.iter().enumerate() {
                    let keeps = k == 0 || cut.keeps(key, equal);
                    assert_eq!(mask.kept(i), keeps, "k {k}, {i} of {}", part.len());
                    equal += u64::from(key == cut.key);
                }
            }
        }
    }

    #[test]
    fn denormals_are_ordered_and_infinity_is_kept_longest() {
        let w = [
            f32::INFINITY,
            f32::from_bits(2),
            -f32::from_bits(1),
            0.0,
            f32::MAX,
        ];
        let (_, masks) = prune_by_magnitude(&[&w], 2);
        assert_eq!(
            masks[0].iter().collect::<Vec<_>>(),
            [true, true, false, false, true]
        );
        let (_, masks) = prune_by_magnitude(&[&w], 4);
        assert_eq!(
            masks[0].iter().collect::<Vec<_>>(),
            [true, false, false, false, false]
        );
    }

    #[test]
    fn the_count_rule_rounds_half_to_even() {
        assert_eq!(count_rule(0.5, 5), 2);
        assert_eq!(count_rule(0.35, 10), 4);
        assert_eq!(count_rule(0.45, 10), 4);
        assert_eq!(count_rule(f64::NAN, 10), 0);
        assert_eq!(count_rule(2.0, 10), 10);
    }

    #[test]
    fn pruning_by_score_counts_survivors_only() {
        let alive = Mask::from_fn(4, |i| i != 0);
        let mask = prune_by_score(&[0.0, 3.0, 1.0, 1.0], Some(&alive), 1);
        assert_eq!(mask.iter().collect::<Vec<_>>(), [false, true, false, true]);
    }
}
