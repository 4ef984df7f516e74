//! Skip-join multi-level feedback queue: "Fast distributed inference serving for large language
//! models" (arXiv 2305.05920, repository LLMServe/FastServe). Level p has a quantum of q₀·2^p
//! seconds of running; whoever uses it up sinks one level. A prompt enters at the level whose
//! quantum covers its prefill, so that nobody sinks for the prompt alone. Nor does a request that
//! lost its memory for what it computes again: otherwise two that do not fit beside each other could
//! take turns in starting again for ever.

use super::ranked::Ranked;
use super::vllm_v1::retire;
use super::{Card, Feature, Policy};
use crate::core::sort_ids_by_turn;
use crate::labs::serving::engine::{Desk, Entry, Limits, Phase, Requests, Work};
use std::collections::BTreeMap;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "MLFQ (FastServe)",
    exhibit: "mlfq",
    features: &[Feature::Budget, Feature::Quantum],
    make: |config| Box::new(Mlfq::new(config.mlfq_quantum_secs)),
};

/// The deepest level.
const DEEPEST: u32 = 24;
/// Iterations between two looks at who starves.
const LOOK_EVERY: u64 = 1000;
/// Seconds without running after which a request starves and rises to level 0.
const STARVED_SECS: f64 = 3.0;

/// A request as the queue sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seat {
    level: u32,
    used_secs: f64,
    /// Order within the level, ascending.
    turn: i64,
    last_run: f64,
}

/// Levels of the requests that are here.
#[derive(Debug, Clone, Default)]
pub struct Mlfq {
    quantum_secs: f64,
    seats: BTreeMap<u32, Seat>,
    front: i64,
    back: i64,
    iterations: u64,
    running_secs: f64,
    ranked: Ranked,
}

/// Seconds of running that a level grants; `first` is the quantum of level 0.
fn quantum(first: f64, level: u32) -> f64 {
    first * f64::from(1_u32 << level.min(DEEPEST))
}

impl Mlfq {
    /// With the quantum of level 0 in seconds.
    pub fn new(quantum_secs: f64) -> Self {
        Self {
            quantum_secs,
            ..Self::default()
        }
    }

    fn quantum(&self, level: u32) -> f64 {
        quantum(self.quantum_secs, level)
    }

    /// The first level whose quantum covers a time.
    fn level_for(&self, secs: f64) -> u32 {
        (0..DEEPEST)
            .find(|&p| self.quantum(p) >= secs)
            .unwrap_or(DEEPEST)
    }

    fn lift_the_starved(&mut self, now: f64) {
        for seat in self.seats.values_mut() {
            if seat.level > 0 && now - seat.last_run >= STARVED_SECS {
                seat.level = 0;
                seat.used_secs = 0.0;
                seat.turn = self.back;
                self.back += 1;
            }
        }
    }
}

impl Policy for Mlfq {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.iterations += 1;
        if self.iterations.is_multiple_of(LOOK_EVERY) {
            self.lift_the_starved(desk.now);
        }
        self.ranked.gather(desk);
        let seats = &self.seats;
        let place = |r: u32| seats.get(&r).map_or((DEEPEST, 0), |s| (s.level, s.turn));
        sort_ids_by_turn(&mut self.ranked.order, &mut |r| place(r));
        self.ranked.step(desk, requests, limits);
        self.running_secs = limits.cost.stage_seconds(&desk.work(requests), 1);
    }

    fn arrived(&mut self, desk: &mut Desk, requests: &Requests, limits: &Limits, r: u32) {
        let prompt = u64::from(requests.prefill[r as usize]);
        let prefill = Work {
            prefill: prompt,
            quad: prompt * prompt,
            ..Work::default()
        };
        let seat = Seat {
            level: self.level_for(limits.cost.stage_seconds(&prefill, 1)),
            used_secs: 0.0,
            turn: self.back,
            last_run: desk.now,
        };
        self.back += 1;
        self.seats.insert(r, seat);
        desk.queue.push_back(r);
    }

    fn batch_end(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        _limits: &Limits,
        batch: &[Entry],
    ) {
        retire(desk, requests, batch);
        for entry in batch {
            let r = entry.request;
            if requests.completed_at[r as usize].is_finite() {
                self.seats.remove(&r);
                continue;
            }
            let Some(seat) = self.seats.get_mut(&r) else {
                continue;
            };
            let i = r as usize;
            let again = requests.restarts[i] > 0 && requests.phase[i] == Phase::Prefill;
            if !again {
                seat.used_secs += self.running_secs;
            }
            seat.last_run = desk.now;
            if seat.used_secs > quantum(self.quantum_secs, seat.level) && seat.level < DEEPEST {
                seat.level += 1;
                seat.used_secs = 0.0;
                // To the front of the next level.
                self.front -= 1;
                seat.turn = self.front;
            }
        }
    }

    fn why(&self, desk: &Desk, _requests: &Requests, limits: &Limits, r: u32) -> Vec<String> {
        let Some(seat) = self.seats.get(&r) else {
            return Vec::new();
        };
        let above = (self.seats.values())
            .filter(|s| (s.level, s.turn) < (seat.level, seat.turn))
            .count();
        let mut text = format!(
            "Level {}: {:.0} of {:.0} ms used; {above} requests stand above it or before it",
            seat.level,
            seat.used_secs * 1e3,
            self.quantum(seat.level) * 1e3
        );
        if above >= limits.batch_cap as usize && desk.queue.contains(&r) {
            text = format!("{text}, and {} may run", limits.batch_cap);
        }
        text.push('.');
        vec![text]
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}
