//! What happens to the weights of a 64-32-10 network between two updates. The kernels `mlp_prune` and
//! `mlp_exchange` do the same.

use super::super::systems::random;
use super::SIZES;
use crate::core::mask::Mask;
use crate::core::select::{MAGNITUDE_BITS, magnitude_key, masks, radix_select};

/// Weights of the first layer.
pub const FIRST: usize = SIZES[0] * SIZES[1];
/// Weights of both layers.
pub const WEIGHTS: usize = FIRST + SIZES[1] * SIZES[2];

/// Key of a weight that takes no part: behind all others.
const OUT: u32 = u32::MAX;

/// The weights among the parameters, without the biases of the first layer between them.
pub fn places() -> impl Iterator<Item = usize> {
    (0..WEIGHTS).map(place)
}

fn place(weight: usize) -> usize {
    if weight < FIRST {
        weight
    } else {
        weight + SIZES[1]
    }
}

/// Which weights come instead of those that go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    /// Those with the largest gradients.
    Gradient,
    /// Random ones; the word is the seed.
    Random(u32),
}

/// A network under its mask.
#[derive(Debug)]
pub struct Masked<'a> {
    /// All parameters.
    pub weights: &'a mut [f32],
    /// Their momenta. After an update those of pruned weights are their gradients: value and
    /// momentum were 0 before it.
    pub moments: &'a mut [f32],
    /// 1 for weights that are kept.
    pub mask: &'a mut [u32],
    /// What pruned weights were, for those that may come back.
    pub resting: &'a mut [f32],
}

impl Masked<'_> {
    /// Prunes until so many weights are gone, smallest magnitudes first, among equals the first. A
    /// pruned weight is smaller than any other, or with `reopens` has its old magnitude and may come
    /// back.
    pub fn cut(&mut self, gone: u64, reopens: bool) {
        if gone == 0 && !reopens {
            return;
        }
        let key = |i: usize| match (self.mask[i], reopens) {
            (0, false) => 0,
            (0, true) => magnitude_key(self.resting[i]) + 1,
            _ => magnitude_key(self.weights[place(i)]) + 1,
        };
        let keys: Vec<u32> = (0..WEIGHTS).map(key).collect();
        let gone = smallest(&keys, gone);
        for (i, at) in places().enumerate() {
            if self.mask[i] != 0 && gone.kept(i) {
                self.resting[i] = self.weights[at];
                self.mask[i] = 0;
            } else if self.mask[i] == 0 && reopens && !gone.kept(i) {
                self.mask[i] = 1;
                (self.weights[at], self.moments[at]) = (self.resting[i], 0.0);
            }
        }
    }

    /// In each layer prunes `counts` of the smallest weights and takes as many of those that were
    /// pruned before; new weights start at 0.
    pub fn exchange(&mut self, counts: [u32; 2], by: Gain) {
        for (range, n) in [0..FIRST, FIRST..WEIGHTS].into_iter().zip(counts) {
            let size = |i: usize| match self.mask[i] {
                0 => OUT,
                _ => magnitude_key(self.weights[place(i)]),
            };
            let gain = |i: usize| match (self.mask[i], by) {
                (0, Gain::Gradient) => MAGNITUDE_BITS - magnitude_key(self.moments[place(i)]),
                (0, Gain::Random(seed)) => random::key(seed, i as u32) >> 1,
                _ => OUT,
            };
            let [go, come] = [
                range.clone().map(size).collect::<Vec<u32>>(),
                range.clone().map(gain).collect(),
            ]
            .map(|keys| smallest(&keys, u64::from(n)));
            for (k, i) in range.enumerate() {
                if self.mask[i] == 0 {
                    if come.kept(k) {
                        self.mask[i] = 1;
                        (self.weights[place(i)], self.moments[place(i)]) = (0.0, 0.0);
                    }
                } else if go.kept(k) {
                    self.mask[i] = 0;
                }
            }
        }
    }

    /// Sets pruned weights and their momenta to 0.
    pub fn hold(&mut self) {
        for (kept, at) in self.mask.iter().zip(places()) {
            if *kept == 0 {
                (self.weights[at], self.moments[at]) = (0.0, 0.0);
            }
        }
    }
}

/// The `n` smallest keys.
pub(super) fn smallest(keys: &[u32], n: u64) -> Mask {
    let cut = radix_select(&[keys], u32::MAX, n);
    let others = &masks(&[keys], u32::MAX, &cut)[0];
    Mask::from_fn(keys.len(), |i| !others.kept(i))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weight i is i + 1, its gradient falls with i.
    fn network() -> [Vec<f32>; 3] {
        let mut weights = vec![0.0; 2410];
        let mut moments = weights.clone();
        for (i, at) in places().enumerate() {
            weights[at] = (i + 1) as f32;
            moments[at] = -1.0 / (i + 1) as f32;
        }
        [weights, moments, vec![0.0; WEIGHTS]]
    }

    #[test]
    fn reopened_weights_have_their_old_values_and_others_never_come_back() {
        for reopens in [true, false] {
            let [mut weights, mut moments, mut resting] = network();
            let mut mask = vec![1; WEIGHTS];
            let mut net = Masked {
                weights: &mut weights,
                moments: &mut moments,
                mask: &mut mask,
                resting: &mut resting,
            };
            net.cut(2200, reopens);
            net.hold();
            assert_eq!(net.mask.iter().sum::<u32>(), 168);
            assert_eq!(net.weights[2199], 0.0);
            net.cut(100, reopens);
            let kept = net.mask.iter().sum::<u32>();
            assert_eq!(kept, if reopens { 2268 } else { 168 });
            let back = if reopens { [2000.0, 0.0] } else { [0.0; 2] };
            assert_eq!([net.weights[1999], net.moments[1999]], back);
            assert_eq!([net.mask[99], net.mask[2367]], [0, 1]);
        }
    }

    #[test]
    fn an_exchange_keeps_the_count_of_each_layer_and_takes_the_largest_gradients() {
        let [mut weights, mut moments, mut resting] = network();
        // Kept: the odd ones.
        let mut mask: Vec<u32> = (0..WEIGHTS).map(|i| i as u32 % 2).collect();
        let before = mask.clone();
        let mut net = Masked {
            weights: &mut weights,
            moments: &mut moments,
            mask: &mut mask,
            resting: &mut resting,
        };
        net.exchange([3, 2], Gain::Gradient);
        assert_eq!(net.mask[..8], [1, 0, 1, 0, 1, 0, 0, 1]);
        assert_eq!(net.mask[FIRST..FIRST + 6], [1, 0, 1, 0, 0, 1]);
        assert_eq!((net.weights[0], net.moments[0]), (0.0, 0.0));
        let moved = |a: &[u32]| a.iter().zip(&before).filter(|(a, b)| a != b).count();
        assert_eq!(moved(net.mask), 10);
        net.exchange([100, 0], Gain::Random(7));
        let kept = |range: std::ops::Range<usize>| net.mask[range].iter().sum::<u32>();
        assert_eq!((kept(0..FIRST), kept(FIRST..WEIGHTS)), (1024, 160));
        assert!(moved(net.mask) > 150, "{}", moved(net.mask));
    }
}
