// Standard normal from one random word by integer operations and one exact scaling: the same bits
// on every device. The kernel that includes this declares the storage buffer `normal_table`
// (the 3,224 words of `core::rng::normal_table`).
fn integer_normal(word: u32) -> f32 {
    let m = word & 0x7fffffffu;
    var z = 0u;
    if (m < 128u) {
        z = normal_table[m];
    } else {
        let s = firstLeadingBit(m) - 7u;
        let i = 128u + 129u * s + ((m >> s) & 127u);
        // The 16 bits below the seven that chose the entry. Shift counts stay below 32 on both sides.
        let down = m >> (max(s, 16u) - 16u);
        let up = m << (16u - min(s, 16u));
        let f = select(up, down, s >= 16u) & 0xffffu;
        z = normal_table[i] - (((normal_table[i] - normal_table[i + 1u]) * f) >> 16u);
    }
    let value = f32(max(z, 1u)) * 9.5367431640625e-7;
    return select(value, -value, (word >> 31u) == 1u);
}
