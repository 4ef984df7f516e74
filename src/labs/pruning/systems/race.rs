//! The experiment behind claims about training: the same first weights and batches, several ways
//! of becoming sparse, compared seed by seed.

use crate::core::mlp::{Evaluation, Workspace};
use crate::core::{ClaimResult, Job, Result, Step, Verdict, stats};
use crate::labs::Effort;
use crate::labs::pruning::Config;
use crate::labs::pruning::training::{Course, Event, Judged, Judging, Leg, class_gap};

/// How one training ended.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// On the test images.
    pub(super) judged: Evaluation,
    /// Mean density over its steps.
    pub(super) mean_density: f64,
    /// After every round: density, PQ index, judgement.
    pub(super) rounds: Vec<(f64, f64, Evaluation)>,
    /// The last mask on other first weights.
    pub(super) control: Option<Evaluation>,
    /// Beside the task: the first task, or noisy images.
    pub(super) second: Option<Evaluation>,
    /// Accuracy by class at the end.
    pub(super) classes: Vec<f64>,
    /// Share of the weights that are gone.
    pub(super) gone: f64,
    /// Bits that a weight costs, mean of all; 32 where they keep all of theirs.
    pub(super) bits: f64,
    /// Judgement at the end of the stretch before the last.
    pub(super) before: Option<Judged>,
}

impl Outcome {
    /// Test accuracy in per cent.
    pub(super) fn accuracy(&self) -> f64 {
        100.0 * self.judged.accuracy()
    }

    /// Accuracy beside the task, in per cent.
    pub(super) fn beside(&self) -> f64 {
        self.second.map_or(f64::NAN, |e| 100.0 * e.accuracy())
    }

    /// Accuracy on the task at the end of the stretch before the last, in per cent.
    pub(super) fn accuracy_before(&self) -> f64 {
        let before = self.before.as_ref();
        before.map_or(f64::NAN, |b| 100.0 * b.main.accuracy())
    }

    /// Points of accuracy that the worst class lost in the last stretch, beyond what all lost.
    pub(super) fn worst_class(&self) -> f64 {
        let Some(dense) = self.before.as_ref().and_then(|b| b.classes.as_ref()) else {
            return f64::NAN;
        };
        100.0 * class_gap(dense, &self.classes).max_excess
    }

    /// Test loss in nats.
    pub(super) fn loss(&self) -> f64 {
        self.judged.loss
    }
}

/// What is measured on the outcomes of one seed, in the order of the entrants.
pub(super) type Measure = fn(&[Outcome]) -> f64;

/// Words on all outcomes, by seed and entrant.
pub(super) type Words = fn(&[Vec<Outcome>]) -> String;

/// A further condition on all outcomes, by seed and entrant: whether it holds, and words.
pub(super) type Demand = fn(&[Vec<Outcome>]) -> (bool, String);

/// Several trainings, repeated over seeds.
pub(super) struct Race {
    entrants: Vec<(&'static str, Config)>,
    seeds: Vec<u64>,
    quantity: &'static str,
    unit: &'static str,
    measure: Measure,
    /// The claim is that the value stays above this instead of above 0.
    above: f64,
    /// Words beside the means.
    more: Option<Words>,
    /// What must hold beside the measure.
    demand: Option<Demand>,
    course: Option<Course>,
    judging: Option<Judging>,
    current: Option<Outcome>,
    /// Of this seed.
    found: Vec<Outcome>,
    all: Vec<Vec<Outcome>>,
    work: Workspace,
}

impl Race {
    /// A race over 8 or 20 seeds.
    pub(super) fn new(
        effort: Effort,
        quantity: &'static str,
        unit: &'static str,
        entrants: Vec<(&'static str, Config)>,
        measure: Measure,
    ) -> Self {
        let seeds = match effort {
            Effort::Quick => 8,
            Effort::Full => 20,
        };
        Self {
            entrants,
            seeds: (0..seeds).collect(),
            quantity,
            unit,
            measure,
            above: 0.0,
            more: None,
            demand: None,
            course: None,
            judging: None,
            current: None,
            found: Vec::new(),
            all: Vec::new(),
            work: Workspace::default(),
        }
    }

    /// The claim allows to fall behind by so much.
    pub(super) fn allowing(mut self, behind: f64) -> Self {
        self.above = -behind;
        self
    }

    /// Other seeds than usual, for long trainings.
    pub(super) fn seeds(mut self, count: u64) -> Self {
        self.seeds = (0..count).collect();
        self
    }

    /// Words beside the means.
    pub(super) fn saying(mut self, more: Words) -> Self {
        self.more = Some(more);
        self
    }

    /// The claim says more than the measure does.
    pub(super) fn demanding(mut self, demand: Demand) -> Self {
        self.demand = Some(demand);
        self
    }

    fn result(&self) -> ClaimResult {
        let values: Vec<f64> = self.all.iter().map(|o| (self.measure)(o)).collect();
        let (measured, interval) = stats::mean_interval(&values);
        let limit = self.above;
        let (verdict, spread) = if interval[0] > limit {
            let words = if limit < 0.0 {
                format!("the interval lies above {limit}, as much as the claim allows")
            } else {
                "the interval lies above 0".to_owned()
            };
            (Verdict::Reproduced, words)
        } else if interval[1] < limit {
            let words = "the other way round: the interval lies below".to_owned();
            (Verdict::NotReproduced, format!("{words} {limit}"))
        } else {
            let words = format!("no clear difference: the interval contains {limit}");
            (Verdict::NotReproduced, words)
        };
        let (verdict, spread) = match self.demand.map(|d| d(&self.all)) {
            Some((false, words)) if verdict == Verdict::Reproduced => {
                (Verdict::Partly, format!("{spread}, but {words}"))
            }
            Some((_, words)) => (verdict, format!("{spread}; {words}")),
            None => (verdict, spread),
        };
        let mean = |i: usize, of: fn(&Outcome) -> f64| {
            stats::mean(&self.all.iter().map(|o| of(&o[i])).collect::<Vec<_>>())
        };
        let ended: Vec<String> = self
            .entrants
            .iter()
            .enumerate()
            .map(|(i, (name, _))| {
                format!(
                    "{name} {:.1} % (loss {:.3})",
                    mean(i, Outcome::accuracy),
                    mean(i, Outcome::loss)
                )
            })
            .collect();
        let more = self.more.map_or(String::new(), |m| m(&self.all));
        ClaimResult {
            quantity: self.quantity.to_owned(),
            unit: self.unit.to_owned(),
            measured,
            interval,
            seeds: self.seeds.clone(),
            verdict,
            why: format!(
                "Test accuracy, mean of {} networks: {}; {spread}.{more}",
                self.seeds.len(),
                ended.join(", ")
            ),
        }
    }

    /// Takes the end of a leg.
    fn ended(&mut self, found: Judged) {
        let judged = found.main;
        let Some(course) = &self.course else {
            return;
        };
        if course.leg() == Some(Leg::Control) {
            if let Some(current) = &mut self.current {
                current.control = Some(judged);
            }
            return;
        }
        let earlier = self.current.take();
        let before = earlier.as_ref().map(|c| Judged {
            main: c.judged,
            second: c.second,
            classes: Some(c.classes.clone()),
        });
        let mut rounds = earlier.map_or(Vec::new(), |c| c.rounds);
        if matches!(course.leg(), Some(Leg::Round(_))) {
            let density = course.kept() as f64 / course.size().max(1) as f64;
            rounds.push((density, course.index(), judged));
        }
        let bits = course.mean_bits();
        self.current = Some(Outcome {
            bits,
            judged,
            mean_density: course.mean_density(),
            rounds,
            control: None,
            second: found.second,
            classes: found.classes.unwrap_or_default(),
            before,
            gone: 1.0 - course.kept() as f64 / course.size().max(1) as f64,
        });
    }
}

impl Job for Race {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let Some(&seed) = self.seeds.get(self.all.len()) else {
            return Ok(Step::Done(self.result()));
        };
        let Some(course) = &mut self.course else {
            let mut config = self.entrants[self.found.len()].1.clone();
            config.seed = seed;
            self.course = Some(Course::new(&config)?);
            return Ok(Step::Working);
        };
        if let Some(mut judging) = self.judging.take() {
            match judging.step(course.network(), &mut self.work) {
                None => self.judging = Some(judging),
                Some(found) => self.ended(found),
            }
            return Ok(Step::Working);
        }
        match course.advance()? {
            Event::Look { last: true } => self.judging = Some(Judging::new(course, true)),
            Event::Look { last: false } | Event::Working => {}
            Event::Done => {
                self.course = None;
                self.found.extend(self.current.take());
                if self.found.len() == self.entrants.len() {
                    self.all.push(std::mem::take(&mut self.found));
                }
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let inside = self.course.as_ref().map_or(0.0, Course::progress);
        let here = (self.found.len() as f64 + inside) / self.entrants.len().max(1) as f64;
        (self.all.len() as f64 + here) / self.seeds.len().max(1) as f64
    }
}
