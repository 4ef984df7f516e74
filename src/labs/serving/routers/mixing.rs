//! By what an arrival costs everybody: "Intelligent router for LLM workloads: improving performance
//! through workload-aware load balancing" (arXiv 2408.13510). The score of an instance is the time
//! to the predicted end of the request there, and λ times what those who decode there lose: their
//! stall during its prompt, and longer iterations beside it.
//!
//! The learned variant corrects the score by what it was wrong before in the same situation (queue,
//! running requests and memory in coarse steps): one value per situation, moved towards the error of
//! every request that has ended.

use super::{Card, Route};
use crate::labs::serving::engine::{Cluster, Work};
use crate::labs::serving::learner::{Table, doubling};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Mixing impact",
    exhibit: "intelligent-router",
    make: |config| {
        Box::new(Mixing {
            weight: config.mixing_weight,
            learned: config.router_learns.then(Learned::default),
        })
    },
};

/// Weight of the newest error.
const RATE: f64 = 0.1;
/// Coarse steps of every part of a situation.
const STEPS: usize = 4;

#[derive(Debug, Clone)]
struct Mixing {
    weight: f64,
    learned: Option<Learned>,
}

/// What was learned so far.
#[derive(Debug, Clone)]
struct Learned {
    /// Mean error of the predicted time to the end, by situation.
    errors: Table,
    /// Requests on their way: number, situation, predicted end.
    open: Vec<(u32, usize, f64)>,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            errors: Table::new(STEPS * STEPS * STEPS, 0.0, RATE),
            open: Vec::new(),
        }
    }
}

impl Learned {
    /// Learns from everybody who has ended.
    fn look_back(&mut self, cluster: &Cluster<'_>) {
        let completed = &cluster.requests().completed_at;
        let errors = &mut self.errors;
        self.open.retain(|&(r, situation, end)| {
            let at = completed[r as usize];
            if at.is_finite() {
                errors.learn(situation, at - end);
            }
            !at.is_finite()
        });
    }
}

/// An instance as a request finds it.
#[derive(Debug, Clone, Copy)]
struct View {
    /// Seconds to the predicted end.
    own: f64,
    /// Seconds that those who run there lose, all together.
    others: f64,
    situation: usize,
}

/// Seconds of prompts alone, without what an iteration costs anyway.
fn prompt_secs(cluster: &Cluster<'_>, tokens: u32) -> f64 {
    let tokens = u64::from(tokens);
    let cost = &cluster.limits().cost;
    let prompt = Work {
        prefill: tokens,
        quad: tokens * tokens,
        ..Work::default()
    };
    cost.stage_seconds(&prompt, 1) - cost.stage_seconds(&Work::default(), 1)
}

fn view(cluster: &Cluster<'_>, instance: usize, r: u32) -> View {
    let (requests, limits) = (cluster.requests(), cluster.limits());
    let prompt = requests.prefill[r as usize];
    let output = requests.tags.predicted(r).max(1.0);
    let waiting: Vec<u32> = cluster.waiting_prompts(instance).collect();
    let running = cluster.outstanding(instance).saturating_sub(waiting.len()) as u64;
    let kv = u64::from(cluster.used_blocks(instance)) * u64::from(limits.block_size);
    let iteration = |decodes: u64, kv_read: u64| {
        let work = Work {
            decodes,
            kv_read,
            ..Work::default()
        };
        limits.cost.stage_seconds(&work, 1)
    };
    let queued: f64 = waiting.iter().map(|&p| prompt_secs(cluster, p)).sum();
    let prefill = prompt_secs(cluster, prompt);
    let beside = iteration(running + 1, kv + u64::from(prompt));
    let slower = beside - iteration(running, kv);
    let tokens: u64 = waiting.iter().map(|&p| u64::from(p)).sum();
    let share = kv as f64 / (f64::from(limits.num_blocks) * f64::from(limits.block_size));
    let parts = [
        doubling(tokens as f64 / 512.0, STEPS),
        doubling(running as f64 / 8.0, STEPS),
        ((share * STEPS as f64) as usize).min(STEPS - 1),
    ];
    View {
        own: queued + prefill + output * beside,
        others: running as f64 * (prefill + output * slower),
        situation: parts.iter().fold(0, |all, part| all * STEPS + part),
    }
}

impl Route for Mixing {
    fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize {
        if let Some(learned) = &mut self.learned {
            learned.look_back(cluster);
        }
        let views: Vec<View> = (0..cluster.len()).map(|i| view(cluster, i, r)).collect();
        let error = |v: &View| {
            self.learned
                .as_ref()
                .map_or(0.0, |l| l.errors.get(v.situation))
        };
        let score = |v: &View| v.own + error(v) + self.weight * v.others;
        let best = (0..views.len())
            .min_by(|&a, &b| score(&views[a]).total_cmp(&score(&views[b])))
            .unwrap_or(0);
        if let (Some(learned), Some(v)) = (&mut self.learned, views.get(best)) {
            learned.open.push((r, v.situation, cluster.now() + v.own));
        }
        best
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(self.clone())
    }
}
