//! Loss and accuracy along a sweep.

use super::network::{self, EVAL_PARTS, Recipe, Training};
use super::plan::{Plan, Rule};
use crate::core::Result;
use crate::core::mlp::{Evaluation, Mlp, Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

/// What a judgement depends on: the network, and how it is pruned.
pub(super) type Case = (Recipe, Rule);

/// What is known of a case, by the bits of the sparsity in per cent.
#[derive(Default)]
struct Judged {
    done: BTreeMap<u64, Evaluation>,
    /// Sparsities that a judge has begun with.
    begun: BTreeSet<u64>,
}

/// Sweeps remembered, so that another sparsity of the same sweep is judged alone.
const REMEMBERED: usize = 24;

/// Judgements made before or under way. They are functions of their case, so remembering changes no
/// result; judges of one case that are at work at once share it between them.
fn memory() -> &'static Mutex<Vec<(Case, Judged)>> {
    static MEMORY: OnceLock<Mutex<Vec<(Case, Judged)>>> = OnceLock::new();
    MEMORY.get_or_init(Mutex::default)
}

/// Judges a network at steps of a plan, in any order.
pub(super) struct Judge {
    dense: Arc<Mlp>,
    net: Mlp,
    plan: Arc<Plan>,
    /// Steps still to judge, the next one last.
    queue: Vec<usize>,
    part: usize,
    total: Evaluation,
    /// Per step, once it is judged.
    pub(super) done: Vec<Option<Evaluation>>,
    /// Steps judged so far.
    pub(super) judged: usize,
    case: Option<(Case, Vec<f64>)>,
    /// Train what is left before it is judged.
    retrain: Option<Recipe>,
    training: Option<Training>,
}

impl Judge {
    /// Judges the steps in this order.
    pub(super) fn new(net: &Arc<Mlp>, plan: Arc<Plan>, order: impl Iterator<Item = usize>) -> Self {
        let steps = plan.kept.first().map_or(0, Vec::len);
        let mut queue: Vec<usize> = order.filter(|&s| s < steps).collect();
        queue.reverse();
        let mut judge = Self {
            dense: net.clone(),
            net: (**net).clone(),
            plan,
            queue,
            part: 0,
            total: EMPTY,
            done: vec![None; steps],
            judged: 0,
            case: None,
            retrain: None,
            training: None,
        };
        judge.prune();
        judge
    }

    /// Remembers what it finds, and uses what others found. `steps` are sparsities in per cent.
    pub(super) fn of(mut self, case: Case, steps: &[f64]) -> Self {
        if let Ok(mut memory) = memory().lock()
            && !memory.iter().any(|(c, _)| *c == case)
        {
            memory.insert(0, (case.clone(), Judged::default()));
            memory.truncate(REMEMBERED);
        }
        self.case = Some((case, steps.to_vec()));
        self.next();
        self
    }

    /// Takes what others of this case found and goes to a step that none of them has begun with; to
    /// one of theirs where there is no other, for they may have been given up.
    fn next(&mut self) {
        if let Some((case, steps)) = &self.case
            && let Ok(mut memory) = memory().lock()
            && let Some((_, known)) = memory.iter_mut().find(|(c, _)| c == case)
        {
            for (done, s) in self.done.iter_mut().zip(steps) {
                if done.is_none() {
                    *done = known.done.get(&s.to_bits()).copied();
                }
            }
            self.queue.retain(|&s| self.done[s].is_none());
            self.judged = self.done.iter().flatten().count();
            let free = |&s: &usize| !known.begun.contains(&steps[s].to_bits());
            if let Some(at) = self.queue.iter().rposition(free) {
                let step = self.queue.remove(at);
                self.queue.push(step);
            }
            if let Some(&step) = self.queue.last() {
                known.begun.insert(steps[step].to_bits());
            }
        }
        self.prune();
    }

    /// Trains the pruned network by this recipe before every judgement.
    pub(super) fn after_training(mut self, recipe: Recipe) -> Self {
        self.retrain = Some(recipe);
        self
    }

    /// One optimizer step towards the next judgement; whether it can be judged.
    fn train(&mut self, step: usize) -> Result<bool> {
        let Some(recipe) = &self.retrain else {
            return Ok(true);
        };
        if self.part > 0 {
            return Ok(true);
        }
        if self.training.is_none() {
            let plan = &self.plan;
            let kept = |l: usize, i: usize| usize::from(plan.pruned_at[l][i]) > step;
            self.training = Some(Training::pruned(recipe.clone(), kept)?);
        }
        let trained = self.training.as_mut().and_then(Training::step);
        if let Some(net) = &trained {
            self.net = (**net).clone();
            self.training = None;
        }
        Ok(trained.is_some())
    }

    /// Steps to judge in all.
    pub(super) fn wanted(&self) -> usize {
        self.judged + self.queue.len()
    }

    /// Zeroes the weights that are gone at the next step.
    fn prune(&mut self) {
        let Some(&step) = self.queue.last() else {
            return;
        };
        for (l, at) in self.plan.pruned_at.iter().enumerate() {
            let dense = self.dense.weights(l);
            let weights = self.net.weights_mut(l).iter_mut();
            for ((w, &before), &gone) in weights.zip(dense).zip(at.iter()) {
                *w = if usize::from(gone) > step {
                    before
                } else {
                    0.0
                };
            }
        }
    }

    /// One part of one step; whether all steps are judged.
    pub(super) fn advance(&mut self, work: &mut Workspace) -> Result<bool> {
        let Some(&step) = self.queue.last() else {
            return Ok(true);
        };
        if !self.train(step)? {
            return Ok(false);
        }
        network::add(
            &mut self.total,
            network::evaluate_part(&self.net, self.part, work),
        );
        self.part += 1;
        if self.part == EVAL_PARTS {
            self.done[step] = Some(self.total);
            self.remember(step, self.total);
            (self.part, self.total) = (0, EMPTY);
            self.judged += 1;
            self.queue.pop();
            self.next();
        }
        Ok(self.queue.is_empty())
    }

    fn remember(&self, step: usize, found: Evaluation) {
        if let Some((case, steps)) = &self.case
            && let Ok(mut memory) = memory().lock()
            && let Some((_, known)) = memory.iter_mut().find(|(c, _)| c == case)
        {
            known.done.insert(steps[step].to_bits(), found);
        }
    }
}

/// Steps 0 to `count - 1` so that the first few span the whole sweep: the given ones, then every
/// 16th, every 8th, … of the rest.
pub(super) fn coarse_to_fine(first: &[usize], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    let strides = [16, 8, 4, 2, 1];
    let rest = strides.iter().flat_map(|&by| (0..count).step_by(by));
    for s in first.iter().copied().chain(rest) {
        if let Some(seen) = seen.get_mut(s)
            && !*seen
        {
            *seen = true;
            order.push(s);
        }
    }
    order
}

const EMPTY: Evaluation = Evaluation {
    loss: 0.0,
    correct: 0,
    count: 0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_is_judged_from_coarse_to_fine_and_every_step_once() {
        let mut order = coarse_to_fine(&[0, 30, 40], 41);
        assert_eq!(order[..6], [0, 30, 40, 16, 32, 8]);
        order.sort_unstable();
        assert_eq!(order, (0..41).collect::<Vec<_>>());
    }
}
