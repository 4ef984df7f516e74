//! Random pruning with a counter-based generator: the mask of any weight follows from its index
//! and the seed, on every device.
//!
//! pcg(x): s = 747796405 x + 2891336453; t = ((s >> ((s >> 28) + 4)) ^ s) · 277803737;
//! out = (t >> 22) ^ t. The key of weight i is pcg(i ^ pcg(seed)); the k smallest are pruned.

/// The 32-bit PCG output hash.
pub fn pcg(x: u32) -> u32 {
    let s = x.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let t = ((s >> ((s >> 28) + 4)) ^ s).wrapping_mul(277_803_737);
    (t >> 22) ^ t
}

/// The random key of weight `index`.
pub fn key(seed: u32, index: u32) -> u32 {
    pcg(index ^ pcg(seed))
}

/// The 32 bits of a 64-bit seed that the generator uses.
pub fn fold(seed: u64) -> u32 {
    (seed ^ (seed >> 32)) as u32
}
