//! Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
//! as 1, 2, 3", SC 2011). Output is a function of (counter, key), so any element can be drawn at
//! once, in any order, on the CPU or the GPU, with the same bits.
//!
//! Counter layout: c0 = element / 4, c1 = step, c2 = stream, c3 = replicate; key = the 64-bit seed
//! shown to the user. Element e uses word e mod 4.

use super::num;
use std::convert::Infallible;
use std::sync::OnceLock;

/// What a stream of random numbers is used for. Two purposes never share a stream, so changing
/// one part of a setup (say the scheduler) never changes another (say the workload).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum StreamId {
    /// Initial weights.
    Weights = 1,
    /// Noise added to data.
    Noise = 2,
    /// Order in which data is visited.
    DataOrder = 3,
    /// Arrival times.
    Arrivals = 4,
    /// Lengths of prompts and outputs.
    Lengths = 5,
    /// Data sets drawn from a distribution.
    Data = 6,
    /// Router logits and embeddings.
    Logits = 7,
    /// Decisions of a policy.
    Policy = 8,
    /// Resampling for intervals.
    Bootstrap = 9,
    /// Anything in a test.
    Test = 10,
    /// Lengths of phases of a modulated process.
    Phases = 11,
    /// Who does something.
    Users = 12,
    /// Classes.
    Classes = 13,
    /// Conversations.
    Sessions = 14,
    /// Pauses.
    Think = 15,
    /// Errors of predicted lengths.
    Predictions = 16,
    /// What requests are promised.
    Promises = 17,
}

/// Ten rounds of Philox4x32.
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let p0 = u64::from(c0) * 0xD251_1F53;
        let p1 = u64::from(c2) * 0xCD9E_8D57;
        let (hi0, lo0) = ((p0 >> 32) as u32, p0 as u32);
        let (hi1, lo1) = ((p1 >> 32) as u32, p1 as u32);
        (c0, c1, c2, c3) = (hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0);
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
    }
    [c0, c1, c2, c3]
}

/// A stream of random words at a position; cheap to copy, `at` visits any element.
#[derive(Debug, Clone)]
pub struct Stream {
    key: [u32; 2],
    step: u32,
    id: u32,
    replicate: u32,
    next: u64,
    block: [u32; 4],
    block_index: u64,
}

impl Stream {
    /// Stream `id` of `seed`.
    pub fn new(seed: u64, id: StreamId) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            step: 0,
            id: id as u32,
            replicate: 0,
            next: 0,
            block: [0; 4],
            block_index: u64::MAX,
        }
    }

    /// The same stream for another time step (epoch, draw number), from its first element.
    pub fn step(mut self, step: u32) -> Self {
        self.step = step;
        self.rewind()
    }

    /// The same stream for another replicate (run), from its first element.
    pub fn replicate(mut self, replicate: u32) -> Self {
        self.replicate = replicate;
        self.rewind()
    }

    fn rewind(mut self) -> Self {
        self.next = 0;
        self.block_index = u64::MAX;
        self
    }

    /// Word of element `e`, without moving. Elements up to 2^34.
    pub fn at(&self, e: u64) -> u32 {
        let block = philox(
            [(e / 4) as u32, self.step, self.id, self.replicate],
            self.key,
        );
        block[(e % 4) as usize]
    }

    /// Next word.
    pub fn word(&mut self) -> u32 {
        let (index, lane) = (self.next / 4, (self.next % 4) as usize);
        if index != self.block_index {
            self.block = philox([index as u32, self.step, self.id, self.replicate], self.key);
            self.block_index = index;
        }
        self.next += 1;
        self.block[lane]
    }

    /// Uniform in [0, 1) with 53 bits (two words).
    pub fn uniform(&mut self) -> f64 {
        let hi = u64::from(self.word() >> 5);
        let lo = u64::from(self.word() >> 6);
        ((hi << 26) | lo) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in (0, 1): never 0, never 1.
    pub fn open_uniform(&mut self) -> f64 {
        let hi = u64::from(self.word() >> 6);
        let lo = u64::from(self.word() >> 6);
        (((hi << 26) | lo) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Whole number in `[0, n)` by the high word of a product; bias below n / 2^32.
    pub fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.word()) * u64::from(n)) >> 32) as u32
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -num::ln(self.open_uniform())
    }

    /// Standard normal in double precision (inverse transform: one draw, one number).
    pub fn normal(&mut self) -> f64 {
        normal_quantile(self.open_uniform())
    }

    /// Standard normal from integers only: the same bits on CPU and GPU. See [`integer_normal`].
    pub fn normal_f32(&mut self) -> f32 {
        integer_normal(self.word())
    }

    /// Shuffles in place (Fisher-Yates from the back).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i as u32 + 1) as usize;
            items.swap(i, j);
        }
    }
}

/// `rand` distributions can be drawn from a [`Stream`].
impl rand::TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = u64::from(self.word());
        Ok(low | (u64::from(self.word()) << 32))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(4) {
            let bytes = self.word().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

/// Inverse of the standard normal distribution: Acklam's rational start, then two Newton-Halley
/// steps on `erfc`, good to about 1e-15 relative.
pub fn normal_quantile(p: f64) -> f64 {
    if p.is_nan() || p <= 0.0 || p >= 1.0 {
        return match p {
            0.0 => f64::NEG_INFINITY,
            1.0 => f64::INFINITY,
            _ => f64::NAN,
        };
    }
    // The lower half keeps full relative accuracy in the tail.
    if p > 0.5 {
        return -normal_quantile_lower(1.0 - p);
    }
    normal_quantile_lower(p)
}

fn normal_quantile_lower(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    let mut x = if p < 0.02425 {
        let q = (-2.0 * num::ln(p)).sqrt();
        (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5])
            / ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1.0)
    } else {
        let q = p - 0.5;
        let r = q * q;
        (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q
            / (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1.0)
    };
    for _ in 0..2 {
        let e = 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2) - p;
        let u = e * (2.0 * std::f64::consts::PI).sqrt() * num::exp(x * x / 2.0);
        x -= u / (1.0 + x * u / 2.0);
    }
    x
}

/// Number of entries of [`normal_table`].
pub const NORMAL_TABLE_LEN: usize = 128 + 24 * 129;

/// Table of the integer normal, values round(2^20 z); the same table is uploaded to the GPU.
pub fn normal_table() -> &'static [u32; NORMAL_TABLE_LEN] {
    static TABLE: OnceLock<[u32; NORMAL_TABLE_LEN]> = OnceLock::new();
    TABLE.get_or_init(|| {
        let z = |m: u64| -> u32 {
            if m >= 1 << 31 {
                return 0;
            }
            let u = (m as f64 + 0.5) / (1_u64 << 31) as f64;
            (-normal_quantile(u / 2.0) * f64::from(1 << 20)).round() as u32
        };
        let mut table = [0; NORMAL_TABLE_LEN];
        for m in 0..128 {
            table[m] = z(m as u64);
        }
        for s in 0..24 {
            for j in 0..129 {
                table[128 + 129 * s + j] = z((128 + j as u64) << s);
            }
        }
        table
    })
}

/// Standard normal from one word by integer operations and one exact scaling: bit-identical on
/// every device. Largest error against the exact quantile 4.5e-6; |z| ≤ 6.338.
pub fn integer_normal(word: u32) -> f32 {
    let table = normal_table();
    let m = word & 0x7fff_ffff;
    let z = if m < 128 {
        table[m as usize]
    } else {
        let s = m.ilog2() - 7;
        let i = (128 + 129 * s + ((m >> s) & 127)) as usize;
        let f = if s >= 16 {
            m >> (s - 16)
        } else {
            m << (16 - s)
        } & 0xffff;
        table[i] - (((table[i] - table[i + 1]) * f) >> 16)
    };
    let value = z.max(1) as f32 / (1_u32 << 20) as f32;
    if word >> 31 == 1 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fnv(words: impl Iterator<Item = u32>) -> u64 {
        words.fold(0xcbf2_9ce4_8422_2325, |h, w| {
            (h ^ u64::from(w)).wrapping_mul(0x100_0000_01b3)
        })
    }

    #[test]
    fn philox_matches_the_known_answers() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn the_integer_normal_has_the_published_fingerprints() {
        assert_eq!(
            fnv(normal_table().iter().copied()),
            0x16f9_465d_52c3_19fd,
            "table"
        );
        let key = [0xdead_beef, 0x2a];
        let draws = (0..16384_u32).flat_map(|c| philox([c, 0, 0, 0], key).map(integer_normal));
        let first: Vec<f32> = draws.clone().take(4).collect();
        assert_eq!(
            first,
            [-0.039_720_535, -1.782_576_6, 0.285_848_62, -0.451_082_23]
        );
        assert_eq!(
            fnv(draws.map(f32::to_bits)),
            0x0fc8_299d_2a3e_776f,
            "65,536 draws"
        );
    }

    #[test]
    fn a_stream_is_the_same_in_any_order() {
        let mut stream = Stream::new(7, StreamId::Test).step(3).replicate(1);
        let random_access = stream.clone();
        for e in 0..100 {
            assert_eq!(stream.word(), random_access.at(e), "element {e}");
        }
    }

    #[test]
    fn uniforms_stay_inside_their_interval_and_have_the_right_mean() {
        let mut stream = Stream::new(1, StreamId::Test);
        let mut total = 0.0;
        for _ in 0..20_000 {
            let u = stream.open_uniform();
            assert!(u > 0.0 && u < 1.0, "{u}");
            total += u;
        }
        assert!((total / 20_000.0 - 0.5).abs() < 0.01, "{total}");
    }
}
