//! Time to a target over several problems, after AlgoPerf ("Benchmarking Neural Network Training
//! Algorithms", arXiv 2306.07179): every schedule is tuned and then run in five studies with seeds of
//! their own; it reaches a target when at least three studies do, after the median of their times. The
//! performance profile ρ(τ) is the share of the problems on which a schedule needs at most τ times as
//! long as the fastest one, and the score is its mean for τ from 1 to 4.
//!
//! Ours: the problems are this lab's quick ones, time is counted in updates, all have one budget, and
//! the target of a problem is what a tuned constant rate reaches with 1.5 times the budget. Tuning
//! picks the peak rate and the length of the schedule, on seeds that no study sees.

use super::config::Problem;
use super::schedule::Shape;

/// The problems, and their names.
pub(super) const WORKLOADS: [(Problem, &str); 5] = [
    (Problem::Quadratic, "noisy quadratic"),
    (Problem::Logistic, "logistic regression"),
    (Problem::Bigram, "letter pairs"),
    (Problem::Masking, "masked letters"),
    (Problem::Digits, "digits network"),
];
/// Studies in a group, and how many must reach the target.
pub(super) const STUDIES: usize = 5;
const NEEDED: usize = 3;
/// Largest τ of a profile.
const WIDEST: f64 = 4.0;

/// The setting of a schedule on a problem.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tuned {
    /// Peak rate.
    pub(super) peak: f64,
    /// Length of the schedule over the budget.
    pub(super) length: f64,
}

/// One schedule on one problem.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// What tuning chose.
    pub(super) tuned: Tuned,
    /// Times of the studies, group after group; infinite where the target was not reached.
    pub(super) times: Vec<f64>,
}

impl Entry {
    /// The time of a group of studies: their median, infinite when fewer than three reach the target.
    pub(super) fn time(&self, group: usize) -> f64 {
        let Some(studies) = self.times.chunks(STUDIES).nth(group) else {
            return f64::INFINITY;
        };
        median_time(studies)
    }
}

/// Median time of studies; infinite when fewer than three of five, or than that share, reach it.
fn median_time(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let reached = sorted.iter().filter(|t| t.is_finite()).count();
    if reached * STUDIES < NEEDED * sorted.len() {
        return f64::INFINITY;
    }
    sorted
        .get(sorted.len() / 2)
        .copied()
        .unwrap_or(f64::INFINITY)
}

/// Everything a benchmark found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct League {
    /// The schedules.
    pub(super) shapes: Vec<Shape>,
    /// Target of every problem.
    pub(super) targets: Vec<f64>,
    /// Per schedule, per problem.
    pub(super) entries: Vec<Vec<Entry>>,
    /// Groups of five studies.
    pub(super) groups: usize,
}

impl League {
    /// How many times as long as the fastest schedule one needs on a problem; infinite where it does
    /// not reach the target.
    fn ratio(&self, schedule: usize, problem: usize, group: usize) -> f64 {
        let fastest = (self.entries.iter())
            .filter_map(|e| e.get(problem))
            .map(|e| e.time(group))
            .fold(f64::INFINITY, f64::min);
        let own = (self.entries.get(schedule))
            .and_then(|e| e.get(problem))
            .map_or(f64::INFINITY, |e| e.time(group));
        if own.is_finite() {
            own / fastest
        } else {
            f64::INFINITY
        }
    }

    /// Ratios of a schedule over all problems, rising.
    fn ratios(&self, schedule: usize, group: usize) -> Vec<f64> {
        let mut out: Vec<f64> = (0..self.targets.len())
            .map(|p| self.ratio(schedule, p, group))
            .collect();
        out.sort_by(f64::total_cmp);
        out
    }

    /// Mean of the profile for τ from 1 to 4: 1 is a schedule that is fastest everywhere.
    pub(super) fn score(&self, schedule: usize, group: usize) -> f64 {
        let ratios = self.ratios(schedule, group);
        let area: f64 = ratios.iter().map(|r| (WIDEST - r).max(0.0)).sum();
        area / (WIDEST - 1.0) / ratios.len().max(1) as f64
    }

    /// The profile as steps (τ, share of the problems), its mean over the groups.
    pub(super) fn profile(&self, schedule: usize) -> Vec<[f64; 2]> {
        let all: Vec<f64> = (0..self.groups)
            .flat_map(|g| self.ratios(schedule, g))
            .collect();
        let mut corners: Vec<f64> = all.iter().copied().filter(|r| *r <= WIDEST).collect();
        corners.sort_by(f64::total_cmp);
        corners.dedup();
        let share =
            |tau: f64| all.iter().filter(|r| **r <= tau).count() as f64 / all.len().max(1) as f64;
        let mut out = vec![[1.0, share(1.0)]];
        for tau in corners.into_iter().filter(|t| *t > 1.0) {
            let before = out.last().map_or(0.0, |p| p[1]);
            out.extend([[tau, before], [tau, share(tau)]]);
        }
        out.push([WIDEST, share(WIDEST)]);
        out
    }

    /// Share of the studies of a group that have not reached their target after `t` updates.
    pub(super) fn missing(&self, schedule: usize, group: usize, t: f64) -> f64 {
        let studies: Vec<f64> = (self.entries[schedule].iter())
            .flat_map(|e| e.times.chunks(STUDIES).nth(group).unwrap_or(&[]))
            .copied()
            .collect();
        studies.iter().filter(|s| **s > t).count() as f64 / studies.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(times: &[f64]) -> Entry {
        Entry {
            tuned: Tuned {
                peak: 1.0,
                length: 1.0,
            },
            times: times.to_vec(),
        }
    }

    const NEVER: f64 = f64::INFINITY;

    #[test]
    fn three_of_five_studies_make_a_time() {
        assert_eq!(entry(&[10.0, NEVER, 30.0, NEVER, 20.0]).time(0), 30.0);
        assert_eq!(entry(&[10.0, NEVER, NEVER, NEVER, 20.0]).time(0), NEVER);
        assert_eq!(entry(&[1.0; 5]).time(1), NEVER, "no such group");
    }

    #[test]
    fn scores_are_the_area_under_the_profile() {
        // On one problem twice as slow, on the other the only one.
        let league = League {
            shapes: vec![Shape::Constant, Shape::Linear],
            targets: vec![1.0, 1.0],
            entries: vec![
                vec![entry(&[10.0; 5]), entry(&[NEVER; 5])],
                vec![entry(&[20.0; 5]), entry(&[7.0; 5])],
            ],
            groups: 1,
        };
        assert_eq!(league.score(0, 0), 0.5);
        // (4 - 2) / 3 on the first, 1 on the second.
        assert!((league.score(1, 0) - 5.0 / 6.0).abs() < 1e-12);
        assert_eq!(
            league.profile(1),
            [[1.0, 0.5], [2.0, 0.5], [2.0, 1.0], [4.0, 1.0]]
        );
        let area: f64 = (league.profile(1).windows(2))
            .map(|w| (w[1][0] - w[0][0]) * w[0][1])
            .sum();
        assert!((area / 3.0 - league.score(1, 0)).abs() < 1e-12);
        assert_eq!(league.missing(1, 0, 10.0), 0.5);
    }
}
