//! The judgement of a moment, in short parts.

use super::course::Course;
use crate::core::digits::CLASSES;
use crate::core::mlp::{Evaluation, Mlp, Workspace};
use crate::labs::pruning::network::{self, EVAL_PARTS, Exam};

/// What a network is worth at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judged {
    /// On the task.
    pub(crate) main: Evaluation,
    /// On what is judged beside it.
    pub(crate) second: Option<Evaluation>,
    /// Accuracy by class on the task, at the end of a leg.
    pub(crate) classes: Option<Vec<f64>>,
}

const EMPTY: Evaluation = Evaluation {
    loss: 0.0,
    correct: 0,
    count: 0,
};

/// A judgement under way.
pub(crate) struct Judging {
    /// Whether the leg ends here.
    pub(crate) last: bool,
    exams: Vec<Exam>,
    /// Parts judged so far, of all exams and of the classes.
    done: usize,
    totals: Vec<Evaluation>,
    counts: [[u32; 2]; CLASSES],
    /// Where images are judged one by one: the judgement so far.
    running: Option<Evaluation>,
}

impl Judging {
    /// Nothing judged yet; classes are counted at the last look of a leg.
    pub(crate) fn new(course: &Course, last: bool) -> Self {
        let (main, second) = course.exams();
        let exams: Vec<Exam> = std::iter::once(main).chain(second).collect();
        Self {
            totals: vec![EMPTY; exams.len()],
            counts: [[0; 2]; CLASSES],
            running: course.running,
            done: 0,
            exams,
            last,
        }
    }

    /// One part; the judgement when it is complete.
    pub(crate) fn step(&mut self, net: &Mlp, work: &mut Workspace) -> Option<Judged> {
        if let Some(main) = self.running {
            return Some(Judged {
                main,
                second: None,
                classes: None,
            });
        }
        let (exam, part) = (self.done / EVAL_PARTS, self.done % EVAL_PARTS);
        match self.exams.get(exam) {
            Some(&kind) => {
                let found = network::judge_part(net, kind, part, work);
                network::add(&mut self.totals[exam], found);
            }
            None => network::count_classes(net, self.exams[0], part, &mut self.counts, work),
        }
        self.done += 1;
        let wanted = self.exams.len() + usize::from(self.last);
        if self.done < wanted * EVAL_PARTS {
            return None;
        }
        let share = |[right, all]: &[u32; 2]| f64::from(*right) / f64::from(*all).max(1.0);
        Some(Judged {
            main: self.totals[0],
            second: self.totals.get(1).copied(),
            classes: self.last.then(|| self.counts.iter().map(share).collect()),
        })
    }
}
