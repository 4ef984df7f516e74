//! Values of raw bytes, and what is counted of them.

/// Calls `use_value` for each value of a floating-point format, in single precision: half formats
/// are widened exactly, double precision is rounded.
pub(super) fn each_value(dtype: &str, raw: &[u8], use_value: impl FnMut(f32)) {
    match dtype {
        "F16" => each(raw, |b| half::f16::from_le_bytes(b).to_f32(), use_value),
        "BF16" => each(raw, |b| half::bf16::from_le_bytes(b).to_f32(), use_value),
        "F64" => each(raw, |b| f64::from_le_bytes(b) as f32, use_value),
        _ => each(raw, f32::from_le_bytes, use_value),
    }
}

fn each<const N: usize>(
    raw: &[u8],
    convert: impl Fn([u8; N]) -> f32,
    mut use_value: impl FnMut(f32),
) {
    for &bytes in raw.as_chunks::<N>().0 {
        use_value(convert(bytes));
    }
}

/// What is counted of a tensor before it is pruned.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Stats {
    pub(super) finite: u64,
    pub(super) zeros: u64,
    pub(super) nan: u64,
    pub(super) infinite: u64,
    /// Sums over the finite values, in flat order.
    magnitudes: f64,
    pub(super) squares: f64,
    /// Largest finite magnitude.
    pub(super) largest: f32,
}

impl Stats {
    pub(super) fn add(&mut self, dtype: &str, raw: &[u8]) {
        each_value(dtype, raw, |v| {
            if v.is_nan() {
                self.nan += 1;
            } else if v.is_infinite() {
                self.infinite += 1;
            } else {
                let size = f64::from(v.abs());
                self.finite += 1;
                self.zeros += u64::from(v == 0.0);
                self.magnitudes += size;
                self.squares += size * size;
                self.largest = self.largest.max(v.abs());
            }
        });
    }

    pub(super) fn mean_magnitude(&self) -> f64 {
        self.magnitudes / self.finite.max(1) as f64
    }

    pub(super) fn rms(&self) -> f64 {
        (self.squares / self.finite.max(1) as f64).sqrt()
    }
}
