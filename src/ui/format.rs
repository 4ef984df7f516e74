//! Numbers in words: significant digits, prefixes and units chosen by magnitude.

use crate::core::num::log10;

/// What stands for "no value".
pub const DASH: &str = "–";

const TIMES: [(f64, &str); 5] = [
    (60.0, "min"),
    (1.0, "s"),
    (1e-3, "ms"),
    (1e-6, "µs"),
    (1e-9, "ns"),
];
const BYTES: [(f64, &str); 5] = [
    (1_099_511_627_776.0, "TiB"),
    (1_073_741_824.0, "GiB"),
    (1_048_576.0, "MiB"),
    (1024.0, "KiB"),
    (1.0, "B"),
];
const COUNTS: [(f64, &str); 5] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")];

/// A number with three significant digits; big ones with a prefix: `1.23 M`.
pub fn number(v: f64) -> String {
    significant(v, 3)
}

/// A number with four significant digits, for tables; a dash where it is undefined.
pub fn table_number(v: f64) -> String {
    significant(v, 4)
}

/// A value with its unit, both chosen by magnitude: seconds become ms or µs, bytes KiB or GiB,
/// per cent keep one decimal.
pub fn quantity(v: f64, unit: &str) -> String {
    quantity_with(v, unit, 3)
}

/// [`quantity`] with four significant digits, for tables.
pub fn table_quantity(v: f64, unit: &str) -> String {
    quantity_with(v, unit, 4)
}

/// Factor and name of the unit in which values up to `largest` read best, fixed for a whole axis
/// or column: divide by the factor, write the name.
pub fn scaled_unit(largest: f64, unit: &str) -> (f64, String) {
    let largest = largest.abs();
    let (factor, name) = match unit {
        "s" if largest >= 600.0 => (60.0, "min"),
        "s" => pick(&TIMES[1..], largest),
        "B" => pick(&BYTES, largest),
        "B/s" => {
            let (factor, name) = pick(&BYTES, largest);
            return (factor, format!("{name}/s"));
        }
        "%" | "×" | "" => return (1.0, unit.to_owned()),
        _ if largest >= 1e4 => {
            let (factor, prefix) = pick(&COUNTS, largest);
            return (factor, format!("{prefix} {unit}").trim_start().to_owned());
        }
        _ => (1.0, unit),
    };
    (factor, name.to_owned())
}

fn quantity_with(v: f64, unit: &str, digits: i32) -> String {
    if v.is_nan() {
        return DASH.to_owned();
    }
    match unit {
        "" => significant(v, digits),
        "%" => format!("{v:.1} %"),
        "s" | "B" | "B/s" => {
            let (factor, name) = scaled_unit(v, unit);
            join(&plain(v / factor, digits), &name)
        }
        _ => join(&significant(v, digits), unit),
    }
}

fn join(number: &str, unit: &str) -> String {
    format!("{number} {unit}")
}

fn pick(units: &[(f64, &'static str)], largest: f64) -> (f64, &'static str) {
    units
        .iter()
        .find(|(factor, _)| largest >= *factor * 0.9995)
        .or_else(|| {
            if largest == 0.0 {
                units.iter().find(|(factor, _)| *factor == 1.0)
            } else {
                units.last()
            }
        })
        .copied()
        .unwrap_or((1.0, ""))
}

/// `digits` significant digits; a prefix from ten thousand on, a power of ten below a thousandth.
fn significant(v: f64, digits: i32) -> String {
    if !v.is_finite() {
        return plain(v, digits);
    }
    let magnitude = v.abs();
    if magnitude >= 9999.5 {
        if magnitude >= 1e15 {
            return exponent(v, digits);
        }
        let (factor, prefix) = pick(&COUNTS, magnitude);
        return format!("{} {prefix}", plain(v / factor, digits));
    }
    if magnitude > 0.0 && magnitude < 1e-3 {
        return exponent(v, digits);
    }
    plain(v, digits)
}

fn exponent(v: f64, digits: i32) -> String {
    format!("{v:.*e}", (digits - 2).max(1) as usize)
}

/// Fixed-point text with `digits` significant digits; whole numbers up to 9999 keep all of theirs.
fn plain(v: f64, digits: i32) -> String {
    if v.is_nan() {
        return DASH.to_owned();
    }
    if v.is_infinite() {
        return if v > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    if v == 0.0 {
        return "0".to_owned();
    }
    let text = if v == v.round() && v.abs() < 1e4 {
        format!("{v:.0}")
    } else {
        let decimals = (digits - 1 - log10(v.abs()).floor() as i32).clamp(0, 17);
        format!("{v:.*}", decimals as usize)
    };
    text.replacen('-', "−", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_significant_digits() {
        assert_eq!(number(0.0), "0");
        assert_eq!(number(512.0), "512");
        assert_eq!(number(1234.0), "1234");
        assert_eq!(number(12.345), "12.3");
        assert_eq!(number(0.012345), "0.0123");
        assert_eq!(number(3e-4), "3.0e-4");
        assert_eq!(number(1_234_567.0), "1.23 M");
        assert_eq!(number(45_000.0), "45 k");
        assert_eq!(number(-12.345), "−12.3");
        assert_eq!(number(f64::NAN), "–");
        assert_eq!(number(f64::INFINITY), "∞");
    }

    #[test]
    fn tables_keep_four() {
        assert_eq!(table_number(12.3456), "12.35");
        assert_eq!(table_number(0.1), "0.1000");
        assert_eq!(table_number(f64::NAN), "–");
    }

    #[test]
    fn units_follow_the_magnitude() {
        assert_eq!(quantity(0.0, "s"), "0 s");
        assert_eq!(quantity(0.0123, "s"), "12.3 ms");
        assert_eq!(quantity(4.5e-5, "s"), "45.0 µs");
        assert_eq!(quantity(12.34, "s"), "12.3 s");
        assert_eq!(quantity(1200.0, "s"), "20 min");
        assert_eq!(quantity(2048.0, "B"), "2 KiB");
        assert_eq!(quantity(3.5 * 1_073_741_824.0, "B"), "3.50 GiB");
        assert_eq!(quantity(90.0, "%"), "90.0 %");
        assert_eq!(quantity(1234.5, "tok/s"), "1234 tok/s");
        assert_eq!(quantity(12_345.0, "tok/s"), "12.3 k tok/s");
        assert_eq!(quantity(1.8, "×"), "1.80 ×");
        assert_eq!(quantity(f64::NAN, "s"), "–");
    }

    #[test]
    fn an_axis_has_one_unit() {
        assert_eq!(scaled_unit(0.25, "s"), (1e-3, "ms".to_owned()));
        assert_eq!(scaled_unit(60.0, "s"), (1.0, "s".to_owned()));
        assert_eq!(scaled_unit(0.0, "s"), (1.0, "s".to_owned()));
        assert_eq!(scaled_unit(5e9, "B"), (1_073_741_824.0, "GiB".to_owned()));
        assert_eq!(scaled_unit(2e6, "tok"), (1e6, "M tok".to_owned()));
        assert_eq!(scaled_unit(50.0, ""), (1.0, String::new()));
    }
}
