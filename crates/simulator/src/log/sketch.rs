//! Counts of positive values in buckets of equal relative width, for quantiles of very many values:
//! the idea of DDSketch (arXiv 1908.10693) with buckets cut at the bits of a float, so that no
//! logarithm is taken and every platform has the same ones.

/// Bits of the mantissa that tell buckets apart: 128 buckets per doubling.
const BITS: u32 = 7;
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - BITS;
/// Values below and above are counted at the ends: 2^-34 s (58 ps) and 2^30 s.
const LOWEST: u64 = (1023 - 34) << BITS;
const BUCKETS: u64 = 64 << BITS;

/// The counts.
#[derive(Debug, Clone, Default)]
pub struct Sketch {
    counts: Vec<u64>,
    least: f64,
    most: f64,
}

impl Sketch {
    /// Largest relative error of a quantile against the value of that rank: half a bucket.
    pub const ERROR: f64 = 1.0 / 256.0;

    /// Counts a value.
    pub fn add(&mut self, value: f64, count: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS as usize];
            (self.least, self.most) = (value, value);
        }
        self.least = self.least.min(value);
        self.most = self.most.max(value);
        let bucket = (value.max(0.0).to_bits() >> SHIFT).saturating_sub(LOWEST);
        self.counts[bucket.min(BUCKETS - 1) as usize] += count;
    }

    /// The middles of the buckets with their counts, ascending; the ends are exact.
    pub fn counts(&self) -> Vec<(f64, u64)> {
        let filled = self.counts.iter().zip(0_u64..).filter(|(n, _)| **n > 0);
        let mut values: Vec<(f64, u64)> = filled
            .map(|(&n, bucket)| {
                let edge = |b: u64| f64::from_bits((b + LOWEST) << SHIFT);
                let middle = f64::midpoint(edge(bucket), edge(bucket + 1));
                (middle.clamp(self.least, self.most), n)
            })
            .collect();
        // One of the last bucket is the largest value itself.
        if let Some((_, n)) = values.last_mut() {
            *n -= 1;
            values.push((self.most, 1));
        }
        values.retain(|v| v.1 > 0);
        values
    }
}
