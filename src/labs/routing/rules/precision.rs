//! Numbers as narrow formats hold them: what makes equal scores frequent.

/// A floating-point format.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Format {
    /// Explicit bits of the mantissa.
    mantissa: i32,
    /// Exponent of the smallest normal number.
    least: i32,
    /// Largest finite number.
    largest: f64,
}

/// bfloat16: 7 bits of mantissa.
pub const BFLOAT16: Format = Format {
    mantissa: 7,
    least: -126,
    largest: 3.389_531_389_251_535_5e38,
};

/// FP8 E4M3: 3 bits of mantissa, up to 448.
pub const E4M3: Format = Format {
    mantissa: 3,
    least: -6,
    largest: 448.0,
};

impl Format {
    /// The nearest number of the format, ties to even; what is too large becomes the largest.
    pub fn nearest(self, x: f64) -> f64 {
        if x == 0.0 || !x.is_finite() {
            return x;
        }
        let exponent = ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023;
        let step = power_of_two(exponent.max(self.least) - self.mantissa);
        ((x / step).round_ties_even() * step).clamp(-self.largest, self.largest)
    }
}

/// 2^n for n within the normal numbers.
fn power_of_two(n: i32) -> f64 {
    f64::from_bits(((n + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bfloat16_agrees_with_the_library_of_formats() {
        let mut draw = crate::core::rng::Stream::new(1, crate::core::rng::StreamId::Test);
        for _ in 0..2000 {
            let x = draw.normal_f32() * 8.0;
            let want = half::bf16::from_f32(x).to_f64();
            assert_eq!(BFLOAT16.nearest(f64::from(x)), want, "{x}");
        }
    }

    #[test]
    fn e4m3_has_eight_steps_an_octave_and_ends_at_448() {
        for (x, want) in [
            (1.0, 1.0),
            (1.06, 1.0),
            (1.0625, 1.0),
            (1.1875, 1.25),
            (-3.3, -3.25),
            (1000.0, 448.0),
            (-1e9, -448.0),
            (0.001, 0.001_953_125),
            (0.0009, 0.0),
        ] {
            assert_eq!(E4M3.nearest(x), want, "{x}");
        }
    }
}
