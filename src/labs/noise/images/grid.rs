//! One image under several schedules at the same times: what "t = 0.4" means differs from schedule
//! to schedule, which the power log-SNR of every cell says in numbers.

use super::super::config::Config;
use super::super::schedule::{self, ScheduleKind};
use super::super::tables;
use crate::core::rng::{Stream, StreamId, integer_normal};
use crate::core::{Result, num};
use std::sync::Arc;

/// Times of the columns, from clean (0) to noise (1).
pub const TIMES: [f64; 6] = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85];

/// Training laws beside the setup's own.
const LAWS: [ScheduleKind; 6] = [
    ScheduleKind::Linear,
    ScheduleKind::Cosine,
    ScheduleKind::Sigmoid,
    ScheduleKind::Logistic,
    ScheduleKind::Laplace,
    ScheduleKind::Flow,
];

/// One schedule.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// A cell for every time.
    pub cells: Vec<Cell>,
}

/// The image at one time of one schedule.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Power log-SNR there.
    pub log_snr: f64,
    /// Pixels, scaled so that noise never grows beyond the contrast of the set.
    pub pixels: Arc<[f32]>,
}

/// Noise level of a setup's schedule at a time: of its training law, or along the levels it visits.
fn level_at(config: &Config, levels: &[f64], t: f64) -> Result<f64> {
    if let Some(bars) = schedule::alpha_bars(config)? {
        let at = (t * (bars.len() - 1) as f64).round() as usize;
        let s = tables::sigma_from_alpha_bar(bars[at.min(bars.len() - 1)]);
        return Ok(schedule::shift_of(config) * s);
    }
    let falling: Vec<f64> = levels
        .iter()
        .filter(|s| **s > 0.0)
        .map(|s| num::ln(*s))
        .collect();
    Ok(num::exp(schedule::along(&falling, 1.0 - t)))
}

/// The rows: the setup's own schedule first.
///
/// # Errors
/// A law whose parameters do not fit.
pub(super) fn rows(
    config: &Config,
    levels: &[f64],
    image: &[f64],
    contrast: f64,
) -> Result<Vec<Row>> {
    let stream = Stream::new(config.seed, StreamId::Noise).replicate(29);
    let noise: Vec<f64> = (0..image.len() as u64)
        .map(|e| f64::from(integer_normal(stream.at(e))))
        .collect();
    let plain = Config::default();
    let others = LAWS
        .iter()
        .filter(|k| **k != config.schedule)
        .map(|kind| Config {
            schedule: *kind,
            ..plain.clone()
        });
    std::iter::once(config.clone())
        .chain(others)
        .map(|c| {
            let cell = |t: &f64| {
                let s = level_at(&c, levels, *t)?;
                let scale = contrast / (contrast * contrast + s * s).sqrt();
                Ok(Cell {
                    log_snr: -2.0 * num::ln(s),
                    pixels: image
                        .iter()
                        .zip(&noise)
                        .map(|(x, e)| (scale * (x + s * e)) as f32)
                        .collect(),
                })
            };
            Ok(Row {
                name: c.schedule.name(),
                cells: TIMES.iter().map(cell).collect::<Result<_>>()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_time_is_another_noise_in_every_schedule() {
        let config = Config {
            schedule: ScheduleKind::Edm,
            ..Config::default()
        };
        let levels = schedule::levels(&config).unwrap();
        let image = vec![0.5; 16];
        let rows = rows(&config, &levels, &image, 0.6).unwrap();
        assert_eq!(rows.len(), 7);
        for row in &rows {
            let falls = row.cells.windows(2).all(|w| w[0].log_snr > w[1].log_snr);
            assert!(falls, "{}", row.name);
        }
        let at = |name: &str, k: usize| {
            let row = rows.iter().find(|r| r.name == name).unwrap();
            row.cells[k].log_snr
        };
        // The flow's u / (1 - u) at a table's time next to 0.4, and the logistic law's straight line.
        assert!((at("flow", 2) - 2.0 * num::ln(0.6 / 0.4)).abs() < 0.02);
        let slope = (at("logistic", 5) - at("logistic", 0)) / 0.75;
        assert!((slope + 15.0).abs() < 0.1, "{slope}");
        assert!((at("linear", 3) - at("cosine", 3)).abs() > 1.0);
    }
}
