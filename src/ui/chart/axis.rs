//! Ticks of an axis: the same on screen and in exported pictures.

use crate::core::num::{log10, pow};
use crate::core::{Axis, Scale};
use crate::ui::format;

/// A tick: position on the axis' own scale, and its text (empty for a minor tick).
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Position, log10 of the value on a logarithmic axis.
    pub at: f64,
    /// Text, empty for minor ticks.
    pub text: String,
}

/// How the values of one axis are written: one unit for all.
#[derive(Debug, Clone, PartialEq)]
pub struct Style {
    axis: Axis,
    factor: f64,
    unit: String,
}

impl Style {
    /// For values between two positions on the axis' own scale.
    pub fn new(axis: &Axis, [low, high]: [f64; 2]) -> Self {
        let (factor, unit) = match axis.scale {
            Scale::Linear => format::scaled_unit(low.abs().max(high.abs()), axis.unit),
            Scale::Log => (1.0, axis.unit.to_owned()),
        };
        Self {
            axis: axis.clone(),
            factor,
            unit,
        }
    }

    /// The unit in which the ticks count.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Title with the unit: "Time (ms)".
    pub fn title(&self) -> String {
        if self.unit.is_empty() {
            self.axis.name.to_owned()
        } else {
            format!("{} ({})", self.axis.name, self.unit)
        }
    }

    /// Ticks between two positions, at least about `gap` apart.
    pub fn ticks(&self, [low, high]: [f64; 2], gap: f64) -> Vec<Tick> {
        if !(low.is_finite() && high.is_finite() && high > low && gap > 0.0) {
            return Vec::new();
        }
        match self.axis.scale {
            Scale::Linear => self.linear_ticks([low, high], gap),
            Scale::Log => log_ticks([low, high], gap),
        }
    }

    fn linear_ticks(&self, [low, high]: [f64; 2], gap: f64) -> Vec<Tick> {
        let step = nice_step(gap / self.factor) * self.factor;
        let decimals = (-log10(step / self.factor * 1.000_001).floor()).clamp(0.0, 12.0) as usize;
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        (first..=last.min(first + 100))
            .map(|i| {
                let at = i as f64 * step;
                Tick {
                    at,
                    text: linear_text(at / self.factor, step / self.factor, decimals),
                }
            })
            .collect()
    }
}

fn linear_text(v: f64, step: f64, decimals: usize) -> String {
    if v == 0.0 {
        return "0".to_owned();
    }
    // Three digits tell neighbours apart up to so many steps from zero.
    let short = v.abs() < 99.0 * step;
    if short && (v.abs() >= 1e4 && step >= 100.0 || step < 1e-3) {
        return format::number(v);
    }
    format!("{v:.decimals$}").replace('-', "−")
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `gap`.
pub fn nice_step(gap: f64) -> f64 {
    let base = pow(10.0, log10(gap).floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|f| base * f >= gap * 0.999)
        .unwrap_or(10.0);
    base * factor
}

/// Powers of ten with text (some left out where they crowd), and the eight between them without.
fn log_ticks([low, high]: [f64; 2], gap: f64) -> Vec<Tick> {
    let every = gap.ceil().max(1.0) as i64;
    // Within a decade or two the powers alone would leave the axis almost bare.
    let spell: &[i64] = if gap < 0.18 {
        &[2, 5]
    } else if gap < 0.45 {
        &[3]
    } else {
        &[]
    };
    let mut ticks = Vec::new();
    for decade in (low.floor() as i64)..=(high.ceil() as i64) {
        for digit in 1..=9_i64 {
            let at = decade as f64 + log10(digit as f64);
            if at < low - 1e-9 || at > high + 1e-9 || (digit > 1 && (every > 1 || gap > 0.8)) {
                continue;
            }
            let named = digit == 1 && decade.rem_euclid(every) == 0 || spell.contains(&digit);
            let text = if named {
                log_text(digit, decade)
            } else {
                String::new()
            };
            ticks.push(Tick { at, text });
        }
    }
    ticks
}

fn log_text(digit: i64, decade: i64) -> String {
    if (-3..=3).contains(&decade) {
        let decimals = (-decade).max(0) as usize;
        return format!("{:.decimals$}", digit as f64 * pow(10.0, decade as f64));
    }
    let power: String = decade
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '4' => '⁴',
            '5' => '⁵',
            '6' => '⁶',
            '7' => '⁷',
            '8' => '⁸',
            _ => '⁹',
        })
        .collect();
    if digit == 1 {
        format!("10{power}")
    } else {
        format!("{digit}·10{power}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, range: [f64; 2], gap: f64) -> Vec<String> {
        Style::new(axis, range)
            .ticks(range, gap)
            .into_iter()
            .map(|t| t.text)
            .collect()
    }

    #[test]
    fn linear_ticks_are_round_numbers_in_one_unit() {
        let time = Axis::linear("Time", "s");
        assert_eq!(
            texts(&time, [0.0, 0.25], 0.04),
            ["0", "50", "100", "150", "200", "250"]
        );
        assert_eq!(Style::new(&time, [0.0, 0.25]).title(), "Time (ms)");
        let share = Axis::linear("Share", "%");
        assert_eq!(
            texts(&share, [-1.0, 1.0], 0.5),
            ["−1.0", "−0.5", "0", "0.5", "1.0"]
        );
    }

    #[test]
    fn neighbouring_ticks_never_read_the_same() {
        let axis = Axis::linear("loss", "");
        for (low, span) in [
            (0.1045, 0.002),
            (123_400.0, 600.0),
            (2.9, 1e-3),
            (0.0, 4e-4),
        ] {
            let texts = texts(&axis, [low, low + span], span / 5.0);
            assert!(texts.len() > 2, "{texts:?}");
            assert!(texts.windows(2).all(|two| two[0] != two[1]), "{texts:?}");
        }
    }

    #[test]
    fn log_ticks_are_powers_of_ten() {
        let rate = Axis::log("Learning rate", "");
        let named: Vec<String> = texts(&rate, [-5.0, -1.0], 0.5)
            .into_iter()
            .filter(|t| !t.is_empty())
            .collect();
        assert_eq!(named, ["10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1"]);
        assert_eq!(texts(&rate, [-5.0, -1.0], 0.5).len(), 37, "minor ticks");
    }

    #[test]
    fn degenerate_ranges_have_no_ticks() {
        assert!(texts(&Axis::linear("x", ""), [1.0, 1.0], 0.1).is_empty());
        assert!(texts(&Axis::log("x", ""), [f64::NAN, 1.0], 0.1).is_empty());
    }
}
