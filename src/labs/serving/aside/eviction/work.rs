//! The computation in short steps: attention drawn query by query, then what each choice of keys
//! keeps of it.

use super::super::AsideRun;
use super::attention::Attention;
use super::config::Aggregation;
use super::report;
use super::scores::{Scores, hindsight, kept, scores};
use crate::core::{Job, Result, Step};
use crate::labs::serving::config::Config;

/// Shares of the cache at which all choices are compared.
pub(super) const SHARES: [f64; 7] = [0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8];
/// The choices compared: three aggregations and hindsight.
pub(super) const RULES: usize = 4;
const AGGREGATIONS: [Aggregation; RULES - 1] =
    [Aggregation::Mean, Aggregation::Max, Aggregation::Defensive];

/// Attention kept of one later query in one query head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kept {
    /// By the keys chosen in the setup, by the mean of the window, with hindsight.
    pub(super) shown: [f64; 3],
    /// Share of the output's bound that is lost: weights times norms of values.
    pub(super) lost_output: f64,
}

/// Everything measured.
pub(super) struct Measured {
    pub(super) attention: Attention,
    /// Keys kept by the setup, by the mean of the window, with hindsight: by KV head and key.
    pub(super) chosen: [Vec<bool>; 3],
    /// By later query, then query head.
    pub(super) kept: Vec<Vec<Kept>>,
    /// By rule and share: attention kept, by later query and query head.
    pub(super) masses: Vec<Vec<Vec<f32>>>,
}

enum Stage {
    Drawing(Attention),
    /// Scores rule by rule.
    Scoring(Attention, Vec<Scores>),
    Keeping {
        measured: Measured,
        /// By rule and share: keys kept.
        sets: Vec<Vec<Vec<bool>>>,
        next: usize,
    },
    Over,
}

/// The experiment in steps.
pub(in super::super::super) struct Work {
    config: Config,
    stage: Stage,
}

impl Work {
    pub(in super::super::super) fn new(config: &Config) -> Self {
        Self {
            stage: Stage::Drawing(Attention::new(&config.eviction, config.seed)),
            config: config.clone(),
        }
    }

    /// The next rule's scores; the keys that every rule keeps once all are known.
    fn score(&self, attention: Attention, mut rules: Vec<Scores>) -> Stage {
        let c = &*self.config.eviction;
        rules.push(match AGGREGATIONS.get(rules.len()) {
            Some(aggregation) => scores(c, &attention, *aggregation),
            None => hindsight(c, &attention),
        });
        if rules.len() < RULES {
            return Stage::Scoring(attention, rules);
        }
        let one_stage = super::EvictionConfig {
            two_stages: false,
            ..c.clone()
        };
        let sets = rules.iter().map(|rule| {
            let at = |keep: &f64| kept(&one_stage, &attention, rule, *keep);
            SHARES.iter().map(at).collect()
        });
        let sets = sets.collect();
        let own = AGGREGATIONS.iter().position(|a| *a == c.aggregation);
        let own = own.unwrap_or(0);
        let chosen = [
            kept(c, &attention, &rules[own], c.keep),
            kept(&one_stage, &attention, &rules[0], c.keep),
            kept(&one_stage, &attention, &rules[3], c.keep),
        ];
        Stage::Keeping {
            measured: Measured {
                attention,
                chosen,
                kept: Vec::new(),
                masses: vec![vec![Vec::new(); SHARES.len()]; RULES],
            },
            sets,
            next: c.window as usize,
        }
    }
}

/// Adds what every choice keeps of one query.
fn measure(config: &Config, measured: &mut Measured, sets: &[Vec<Vec<bool>>], query: usize) {
    let c = &config.eviction;
    let (keys, group) = (c.keys as usize, c.group as usize);
    let mut own = Vec::with_capacity((c.heads * c.group) as usize);
    for head in 0..(c.heads * c.group) as usize {
        let row = measured.attention.row(query, head);
        let from = head / group * keys;
        let mass = |set: &[bool]| -> f64 {
            let of = row.iter().zip(&set[from..from + keys]);
            of.map(|(w, kept)| f64::from(*w) * f64::from(u8::from(*kept)))
                .sum()
        };
        let values = &measured.attention.values[from..from + keys];
        let set = &measured.chosen[0][from..from + keys];
        let (mut lost, mut all) = (0.0, 0.0);
        for ((w, v), kept) in row.iter().zip(values).zip(set) {
            let out = f64::from(*w) * v;
            all += out;
            lost += if *kept { 0.0 } else { out };
        }
        own.push(Kept {
            shown: [0, 1, 2].map(|i: usize| mass(&measured.chosen[i])),
            lost_output: lost / all,
        });
        for (rule, sets) in sets.iter().enumerate() {
            for (share, set) in sets.iter().enumerate() {
                measured.masses[rule][share].push(mass(set) as f32);
            }
        }
    }
    measured.kept.push(own);
}

/// The heaviest keys of a query in a query head, the first of equals first.
pub(super) fn heaviest(row: &[f32], count: usize) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::with_capacity(count + 1);
    for (key, weight) in row.iter().enumerate() {
        let place = found.partition_point(|f| row[*f] >= *weight);
        if place < count {
            found.insert(place, key);
            found.truncate(count);
        }
    }
    found
}

impl Job for Work {
    type Out = AsideRun;

    fn step(&mut self) -> Result<Step<AsideRun>> {
        let c = &self.config.eviction;
        let all = (c.window + c.later) as usize;
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Drawing(mut attention) => {
                attention.draw();
                self.stage = if attention.rows() < all {
                    Stage::Drawing(attention)
                } else {
                    Stage::Scoring(attention, Vec::new())
                };
            }
            Stage::Scoring(attention, rules) => self.stage = self.score(attention, rules),
            Stage::Keeping {
                mut measured,
                sets,
                next,
            } => {
                measure(&self.config, &mut measured, &sets, next);
                if next + 1 == all {
                    let findings = report::findings(&self.config, &measured);
                    return Ok(Step::Done(AsideRun::new(&self.config, findings)));
                }
                self.stage = Stage::Keeping {
                    measured,
                    sets,
                    next: next + 1,
                };
            }
            Stage::Over => {}
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let c = &self.config.eviction;
        let all = (c.window + 2 * c.later) as f64;
        match &self.stage {
            Stage::Drawing(attention) => attention.rows() as f64 / all,
            Stage::Scoring(..) => (c.window + c.later) as f64 / all,
            Stage::Keeping { next, .. } => (c.later as f64 + *next as f64) / all,
            Stage::Over => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::heaviest;

    #[test]
    fn the_heaviest_come_in_order() {
        assert_eq!(heaviest(&[0.1, 0.4, 0.2, 0.4, 0.0], 3), [1, 3, 2]);
        assert_eq!(heaviest(&[0.1], 3), [0]);
    }
}
