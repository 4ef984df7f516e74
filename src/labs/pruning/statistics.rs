//! Statistics of tensors: extremes, mean, standard deviation, zeros, what is not finite, and the
//! histogram of magnitudes. Taken tile by tile, as the kernel `tensor_stats` does.

use super::tally::Histogram;
use crate::core::num;

/// Values in a tile.
pub const STATS_TILE: usize = 4096;
/// Bins of the histogram: magnitudes by their upper 11 bits.
pub const STATS_BINS: usize = 1 << 11;

/// What is known of a tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tile {
    /// Zeros, values that are not finite, smallest and largest key ([`ordered`]) of the finite ones.
    pub counts: [u32; 4],
    /// Sum and sum of squares of the finite values.
    pub sums: [f64; 2],
}

/// A key in the order of the numbers, -0 before +0.
pub fn ordered(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits >> 31 == 1 {
        !bits
    } else {
        bits ^ 0x8000_0000
    }
}

/// The number of an ordered key.
fn of_key(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 {
        key ^ 0x8000_0000
    } else {
        !key
    })
}

/// One tile; adds its magnitudes to the bins.
pub fn tile(values: &[f32], bins: &mut [u32]) -> Tile {
    let mut counts = [0, 0, u32::MAX, 0];
    let mut sums = [0.0; 2];
    for &x in values {
        if !x.is_finite() {
            counts[1] += 1;
            continue;
        }
        counts[2] = counts[2].min(ordered(x));
        counts[3] = counts[3].max(ordered(x));
        if x == 0.0 {
            counts[0] += 1;
            continue;
        }
        if let Some(bin) = bins.get_mut(((x.to_bits() & 0x7fff_ffff) >> 20) as usize) {
            *bin += 1;
        }
        let x = f64::from(x);
        sums[0] += x;
        sums[1] += x * x;
    }
    Tile { counts, sums }
}

/// Statistics of a tensor; of its finite values where nothing else is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Number of values.
    pub n: u64,
    /// Zeros of either sign.
    pub zeros: u64,
    /// Values that are infinite or not a number.
    pub wild: u64,
    /// The smallest; NaN where there is none.
    pub min: f64,
    /// The largest; NaN where there is none.
    pub max: f64,
    /// Their mean; NaN where there is none.
    pub mean: f64,
    /// Their standard deviation, over n.
    pub deviation: f64,
    /// How large they are.
    pub histogram: Histogram,
}

impl Statistics {
    /// Puts the tiles of `n` values together.
    pub fn of(n: u64, tiles: &[Tile], bins: &[u32]) -> Self {
        let count = |i: usize| tiles.iter().map(|t| u64::from(t.counts[i])).sum::<u64>();
        let (zeros, wild) = (count(0), count(1));
        let finite = n - wild.min(n);
        let known = |key: Option<u32>| match key {
            Some(key) if finite > 0 => f64::from(of_key(key)),
            _ => f64::NAN,
        };
        let min = known(tiles.iter().map(|t| t.counts[2]).min());
        let max = known(tiles.iter().map(|t| t.counts[3]).max());
        let mean = num::sum(tiles.iter().map(|t| t.sums[0])) / finite as f64;
        let square = num::sum(tiles.iter().map(|t| t.sums[1])) / finite as f64;
        let wide: Vec<u64> = bins.iter().map(|&b| u64::from(b)).collect();
        let largest = min.abs().max(max.abs()) as f32;
        Self {
            n,
            zeros,
            wild,
            min,
            max,
            mean,
            deviation: (square - mean * mean).max(0.0).sqrt(),
            histogram: Histogram::from_bins(&wide, zeros, largest.max(f32::MIN_POSITIVE)),
        }
    }
}

/// The statistics of a tensor in short steps.
#[derive(Debug)]
pub struct Counting {
    at: usize,
    tiles: Vec<Tile>,
    bins: Vec<u32>,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            at: 0,
            tiles: Vec::new(),
            bins: vec![0; STATS_BINS],
        }
    }
}

impl Counting {
    /// Some tiles more; the statistics once all are counted.
    pub fn step(&mut self, values: &[f32]) -> Option<Statistics> {
        for _ in 0..32 {
            let to = (self.at + STATS_TILE).min(values.len());
            if self.at == to {
                return Some(Statistics::of(values.len() as u64, &self.tiles, &self.bins));
            }
            self.tiles.push(tile(&values[self.at..to], &mut self.bins));
            self.at = to;
        }
        None
    }
}

/// The statistics of a tensor at once.
pub fn statistics(values: &[f32]) -> Statistics {
    let mut counting = Counting::default();
    loop {
        if let Some(found) = counting.step(values) {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};
    use crate::core::stats::mean;

    #[test]
    fn the_statistics_are_those_of_the_plain_formulas_over_many_tiles() {
        let mut luck = Stream::new(2, StreamId::Test);
        let mut values: Vec<f32> = (0..3 * STATS_TILE + 5).map(|_| luck.normal_f32()).collect();
        (values[7], values[9_000]) = (0.0, -0.0);
        (values[3], values[5_000]) = (f32::NAN, f32::NEG_INFINITY);
        let found = statistics(&values);
        let finite: Vec<f64> = values
            .iter()
            .filter(|x| x.is_finite())
            .map(|&x| f64::from(x))
            .collect();
        let m = mean(&finite);
        let square: Vec<f64> = finite.iter().map(|x| (x - m) * (x - m)).collect();
        assert_eq!((found.zeros, found.wild), (2, 2));
        assert_eq!(found.min, finite.iter().copied().fold(f64::NAN, f64::min));
        assert_eq!(found.max, finite.iter().copied().fold(f64::NAN, f64::max));
        assert!((found.mean - m).abs() < 1e-12, "{} {m}", found.mean);
        assert!((found.deviation - mean(&square).sqrt()).abs() < 1e-9);
        let counted: u64 = found.histogram.counts.iter().sum();
        assert_eq!(counted + found.zeros + found.wild, found.n);
    }

    #[test]
    fn nothing_and_nothing_finite_have_no_extremes() {
        for values in [&[][..], &[f32::NAN, f32::INFINITY]] {
            let found = statistics(values);
            assert!(found.min.is_nan() && found.max.is_nan() && found.mean.is_nan());
            assert_eq!(found.wild, values.len() as u64);
        }
        for x in [-2.5_f32, -0.0, 0.0, 1e-42, 3e38] {
            assert_eq!(of_key(ordered(x)).to_bits(), x.to_bits());
        }
        assert!(ordered(-1.0) < ordered(-0.5) && ordered(-0.5) < ordered(0.25));
    }
}
