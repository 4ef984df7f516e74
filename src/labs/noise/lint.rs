//! What a list of noise levels may be doing wrong, in words, each with its place.

use super::config::{Config, Prediction};
use super::schedule::{self, ScheduleKind};
use super::solver::SolverKind;
use crate::core::num;

/// A remark about one place of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// Index into the levels.
    pub index: usize,
    /// What is odd there.
    pub text: String,
}

/// Remarks on falling levels that end at 0 or at a smallest level.
pub fn levels(levels: &[f64]) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut add = |index, text: String| notes.push(Note { index, text });
    for (i, s) in levels.iter().enumerate() {
        if !s.is_finite() || *s < 0.0 {
            add(i, format!("{s} is not a noise level"));
        }
    }
    for (i, w) in levels.windows(2).enumerate() {
        if w[0] == w[1] {
            add(
                i + 1,
                format!("{} is visited twice: a call without effect", w[1]),
            );
        } else if w[1] > w[0] {
            add(i + 1, format!("the level rises from {} to {}", w[0], w[1]));
        }
    }
    if !notes.is_empty() {
        return notes;
    }
    let mut add = |index, text: String| notes.push(Note { index, text });
    let h: Vec<f64> = levels
        .windows(2)
        .filter(|w| w[1] > 0.0)
        .map(|w| num::ln(w[0] / w[1]))
        .collect();
    for (i, w) in h.windows(2).enumerate() {
        let ratio = (w[1] / w[0]).max(w[0] / w[1]);
        if ratio > 3.0 {
            add(
                i + 1,
                format!(
                    "neighbouring steps of ln s differ by a factor {ratio:.1}: multistep solvers overshoot above 3"
                ),
            );
        }
    }
    let whole = num::sum(h.iter().copied());
    if let Some(last) = h.last().filter(|last| h.len() > 2 && **last > 0.4 * whole) {
        let share = 100.0 * last / whole;
        add(
            h.len() - 1,
            format!("the last step covers {share:.0} % of ln s"),
        );
    }
    notes
}

/// Where the whole training time that a network is given stands for a level more than a hundredth
/// off the one the sampler uses: the worst place, if any. `table` holds the level of every training
/// time.
pub fn rounded_times(levels: &[f64], times: &[f64], table: &[f64]) -> Option<Note> {
    const NOTICED: f64 = 0.01;
    let moved = levels
        .iter()
        .zip(times)
        .enumerate()
        .filter_map(|(i, (s, t))| {
            let told = table
                .get(*t as usize)
                .filter(|_| t.fract() == 0.0 && *t >= 0.0)?;
            let share = (told / s - 1.0).abs();
            (*s > 0.0 && share.is_finite() && share > NOTICED).then_some((i, share, told, s))
        });
    let (index, share, told, s) = moved.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Note {
        index,
        text: format!(
            "its time is rounded to {}, whose level {told:.4} is {:.1} % off the {s:.4} that the sampler uses",
            times[index],
            100.0 * share
        ),
    })
}

/// Remarks on a whole setup with its levels.
pub fn setup(config: &Config, list: &[f64], spread: f64) -> Vec<Note> {
    let mut notes = levels(list);
    let top = list.first().copied().unwrap_or(0.0);
    if top < 3.0 * spread {
        notes.push(Note {
            index: 0,
            text: format!("starts at s = {top:.3}, only {:.1} times the spread of the data: pure noise is not what the sampler expects there", top / spread),
        });
    }
    if config.zero_terminal_snr
        && config.schedule.is_table()
        && config.prediction == Prediction::Epsilon
        && config.model_error > 0.0
    {
        notes.push(Note {
            index: 0,
            text: "zero terminal SNR with a network that predicts eps: its error is multiplied by s = 4096 in the first step; use v or x0".to_owned(),
        });
    }
    if config.schedule == ScheduleKind::Flow && config.dynamic_shift && config.shift != 1.0 {
        notes.push(Note {
            index: 0,
            text: format!(
                "shifted twice: by {} and by the resolution, {:.3} together",
                config.shift,
                schedule::shift_of(config)
            ),
        });
    }
    if config.solver.takes_noise()
        && config.eta == 0.0
        && matches!(
            config.solver,
            SolverKind::EulerAncestral | SolverKind::DpmPp2mSde | SolverKind::HeunChurn
        )
    {
        notes.push(Note {
            index: 0,
            text: format!("{} with eta 0 adds no noise", config.solver.name()),
        });
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smooth_list_passes_and_every_fault_is_named_at_its_place() {
        let smooth = [8.0, 4.0, 2.0, 1.0, 0.5, 0.0];
        assert_eq!(levels(&smooth), []);
        assert_eq!(levels(&[8.0, 4.0, 4.0, 1.0])[0].index, 2);
        assert_eq!(levels(&[8.0, 4.0, 5.0, 1.0])[0].index, 2);
        assert!(levels(&[8.0, f64::NAN])[0].text.contains("NaN"));
        let jump = levels(&[8.0, 7.0, 1.0, 0.5, 0.25, 0.0]);
        assert_eq!(jump[0].index, 1, "{jump:?}");
        let last = levels(&[8.0, 6.0, 4.0, 0.1, 0.0]);
        assert!(
            last.iter().any(|n| n.text.contains("last step")),
            "{last:?}"
        );
    }

    #[test]
    fn a_rounded_time_is_seen_where_it_moves_the_level_most() {
        let table = [0.01, 0.02, 0.04, 0.08];
        let note = rounded_times(&[0.0805, 0.041, 0.03], &[3.0, 2.0, 1.0], &table).unwrap();
        assert_eq!(note.index, 2);
        assert!(note.text.contains("33.3 %"), "{}", note.text);
        assert_eq!(rounded_times(&[0.0805, 0.03], &[3.0, 1.5], &table), None);
        assert_eq!(rounded_times(&[0.0, f64::NAN], &[3.0, 99.0], &table), None);
    }

    #[test]
    fn a_doubled_shift_and_a_low_start_are_seen() {
        let config = Config {
            schedule: ScheduleKind::Flow,
            dynamic_shift: true,
            shift: 3.0,
            ..Config::default()
        };
        let notes = setup(&config, &[1.0, 0.5, 0.0], 0.8);
        assert!(notes.iter().any(|n| n.text.contains("twice")), "{notes:?}");
        assert!(
            notes.iter().any(|n| n.text.contains("starts at")),
            "{notes:?}"
        );
    }
}
