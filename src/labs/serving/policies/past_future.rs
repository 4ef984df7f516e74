//! Past-Future admission: "Past-Future scheduler for LLM serving under SLA guarantees"
//! (arXiv 2507.10150; repository ModelTC/lightllm, router/req_queue). Output lengths of the past
//! give those of the running requests, and these the memory that everybody will need at one time:
//! with a_i tokens now and b_i to come, sorted by b descending, max over i of
//! (a_1 + … + a_i) + i·b_i.
//!
//! Beside it the two rules it is measured against: one looks at the tokens of now alone, the other
//! reserves the longest output its sender allows. Prompts run alone, as in LightLLM; who runs out of
//! memory starts again. An empty instance admits the head of its queue under every rule.

use super::lightllm::peak_tokens;
use super::{Card, Feature, Forecast, Policy};
use crate::core::rng::{Stream, StreamId};
use crate::labs::serving::config::Admission;
use crate::labs::serving::engine::{
    Beside, CohortRule, Desk, Entry, Limits, Phase, Place, Requests, Stop,
};
use std::collections::VecDeque;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Past-Future",
    exhibit: "past-future",
    features: &[
        Feature::PrefillLimit,
        Feature::InOrder,
        Feature::SingleTokens,
        Feature::Tries,
        Feature::Admission,
    ],
    make: |config| Box::new(PastFuture::new(config.admission, config.seed)),
};

/// Finished outputs that are remembered.
const WINDOW: usize = 200;
/// Most lists of lengths drawn for one try, and what a list has to make up for in a small batch.
const MOST_LISTS: usize = 5;
const SAMPLES: usize = 200;
/// Share of the pool that the estimated peak may reach.
const PAST_FUTURE_SHARE: f64 = 0.95;
/// Share of the pool that the tokens of now may reach.
const AGGRESSIVE_SHARE: f64 = 0.99;

/// What an instance remembers.
#[derive(Debug, Clone)]
pub struct PastFuture {
    admission: Admission,
    draws: Stream,
    tries: u32,
    /// Iterations since the last try to admit.
    waited: u32,
    /// Lengths of the last outputs, the oldest first; empty before the first try.
    history: VecDeque<u32>,
    /// (tokens now, tokens to come) of everybody, one list per draw.
    lists: Vec<Vec<(u32, u32)>>,
    forecast: Forecast,
}

impl PastFuture {
    /// With nothing remembered.
    pub fn new(admission: Admission, seed: u64) -> Self {
        Self {
            admission,
            draws: Stream::new(seed, StreamId::Policy),
            tries: 0,
            waited: 0,
            history: VecDeque::new(),
            lists: Vec::new(),
            forecast: Forecast::default(),
        }
    }

    /// Whether this iteration tries to admit.
    fn due(&mut self, desk: &mut Desk, limits: &Limits) -> bool {
        if self.waited >= limits.max_waiting_iters {
            self.waited = 0;
            return true;
        }
        if !desk.queue.is_empty() {
            desk.stop = Stop::NotDue {
                waited: self.waited,
                of: limits.max_waiting_iters,
            };
        }
        false
    }

    fn admit(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        if desk.queue.is_empty() {
            return;
        }
        self.tries += 1;
        let mut draws = self.draws.clone().step(self.tries);
        self.look_ahead(&mut draws, desk, requests, limits);
        let mut tokens = 0;
        while let Some(&r) = desk.queue.front() {
            let prompt = requests.prefill[r as usize];
            let with = tokens + u64::from(prompt);
            let stop = if with > limits.max_tokens_in_batch {
                Some(Stop::Tokens {
                    with,
                    limit: limits.max_tokens_in_batch,
                })
            } else if desk.holders >= limits.batch_cap {
                Some(Stop::Holders(limits.batch_cap))
            } else {
                self.no_room(&mut draws, desk, requests, limits, r)
            };
            if let Some(stop) = stop {
                desk.stop = stop;
                break;
            }
            desk.queue.pop_front();
            desk.allocate(requests, r, prompt);
            desk.run(requests, r, prompt);
            tokens = with;
        }
    }

    /// Why the memory does not let the head of the queue in, if it does not.
    fn no_room(
        &mut self,
        draws: &mut Stream,
        desk: &Desk,
        requests: &Requests,
        limits: &Limits,
        r: u32,
    ) -> Option<Stop> {
        let prompt = requests.prefill[r as usize];
        let free = desk.free(limits);
        if self.admission == Admission::Aggressive {
            let reserve = limits.num_blocks - share(limits, AGGRESSIVE_SHARE);
            let fits = free > prompt.saturating_add(reserve);
            return (!fits && desk.holders > 0).then_some(Stop::Blocks {
                need: prompt,
                free,
                reserve,
            });
        }
        let out = requests.produced(r);
        let mut worst = (0, 0);
        for (i, list) in self.lists.iter_mut().enumerate() {
            let length = match self.admission {
                Admission::PastFuture => {
                    self.history[draws.below(self.history.len() as u32) as usize]
                }
                _ => limits.max_new_tokens,
            };
            list.push((prompt + 1, length.saturating_sub(out.saturating_add(2))));
            worst = worst.max((peak_tokens(list), i));
        }
        let capacity = match self.admission {
            Admission::PastFuture => share(limits, PAST_FUTURE_SHARE),
            _ => limits.num_blocks,
        };
        let (peak, list) = worst;
        let full = peak >= u64::from(capacity) && desk.holders > 0 || free < prompt;
        if full {
            return Some(Stop::Peak {
                peak,
                capacity: u64::from(capacity),
            });
        }
        self.forecast.now_and_to_come.clone_from(&self.lists[list]);
        None
    }

    /// Draws the lengths of those who hold memory.
    fn look_ahead(
        &mut self,
        draws: &mut Stream,
        desk: &Desk,
        requests: &Requests,
        limits: &Limits,
    ) {
        let longest = limits.max_new_tokens;
        if self.history.is_empty() {
            self.history.extend([longest; WINDOW / 2]);
        }
        let count = match self.admission {
            Admission::Aggressive => 0,
            Admission::Conservative => 1,
            Admission::PastFuture if desk.held.is_empty() => 1,
            Admission::PastFuture => MOST_LISTS.min(SAMPLES / desk.held.len() + 1),
        };
        let mut past: Vec<u32> = self.history.iter().copied().collect();
        past.sort_unstable();
        self.lists.resize(count, Vec::new());
        for list in &mut self.lists {
            list.clear();
            list.extend(desk.held.iter().map(|&r| {
                let out = requests.produced(r);
                let length = match self.admission {
                    Admission::PastFuture => length_given(out, &past, longest, draws.uniform()),
                    _ => longest,
                };
                let now = requests.processed[r as usize];
                (now, length.saturating_sub(out.saturating_add(1)))
            }));
        }
        self.forecast.at = desk.now;
        let peaks = self.lists.iter_mut().map(|l| peak_tokens(l));
        match peaks.enumerate().max_by_key(|&(_, peak)| peak) {
            Some((worst, _)) => (self.forecast.now_and_to_come).clone_from(&self.lists[worst]),
            None => self.forecast.now_and_to_come.clear(),
        }
    }
}

/// Tokens of a share of the pool.
fn share(limits: &Limits, share: f64) -> u32 {
    (f64::from(limits.num_blocks) * share) as u32
}

/// A draw from the lengths of the past, sorted, given that `out` tokens are out already: uniform
/// over the longer ones, the length so far and the longest allowed, interpolated.
fn length_given(out: u32, past: &[u32], longest: u32, uniform: f64) -> u32 {
    let longer = &past[past.partition_point(|&l| l <= out)..];
    let value = |i: usize| match i {
        0 => f64::from(out),
        i if i <= longer.len() => f64::from(longer[i - 1]),
        _ => f64::from(longest.max(out)),
    };
    let place = uniform * (longer.len() + 1) as f64;
    let below = place.floor();
    let (low, high) = (value(below as usize), value(below as usize + 1));
    (low + (high - low) * (place - below)).round() as u32
}

/// One token for each holder, oldest first.
fn decode(desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
    desk.sort_held(requests);
    while let Some(r) = desk.held.pop_front() {
        if desk.make_room_for_token(requests, limits, r) {
            desk.run(requests, r, 1);
        }
    }
}

impl Policy for PastFuture {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        if desk.held.is_empty() || self.due(desk, limits) {
            self.admit(desk, requests, limits);
            if !desk.batch.is_empty() {
                self.waited = 0;
                return;
            }
        }
        self.waited += 1;
        let before = desk.evictions;
        decode(desk, requests, limits);
        // The only holder made room for nobody but itself: its memory is free now.
        if desk.batch.is_empty() && desk.evictions > before {
            self.admit(desk, requests, limits);
        }
    }

    fn batch_end(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        _limits: &Limits,
        batch: &[Entry],
    ) {
        for entry in batch {
            if requests.phase[entry.request as usize] == Phase::Done {
                if self.history.len() == WINDOW {
                    self.history.pop_front();
                }
                self.history.push_back(requests.produced(entry.request));
            }
        }
        desk.put_back(requests, batch);
    }

    fn cohort(&self) -> Option<CohortRule> {
        Some(CohortRule {
            place: Place::Popped,
            grows: true,
            by_arrival: true,
        })
    }

    fn beside(&mut self, desk: &mut Desk, _requests: &mut Requests, limits: &Limits) -> Beside {
        let due = desk.cohort.blocks_due();
        let try_now = self.waited >= limits.max_waiting_iters && !desk.queue.is_empty();
        // A try to admit looks at everybody, and so does the search for somebody to evict.
        if try_now || !desk.held.is_empty() || desk.free(limits) <= due {
            return Beside::Plain;
        }
        self.due(desk, limits);
        self.waited += 1;
        desk.run_cohort(due);
        Beside::Formed
    }

    fn forecast(&self) -> Option<&Forecast> {
        (self.admission != Admission::Aggressive).then_some(&self.forecast)
    }

    fn why(&self, desk: &Desk, _requests: &Requests, limits: &Limits, r: u32) -> Vec<String> {
        if self.admission == Admission::Aggressive || !desk.queue.contains(&r) {
            return Vec::new();
        }
        let mut list = self.forecast.now_and_to_come.clone();
        let now: u64 = list.iter().map(|&(a, _)| u64::from(a)).sum();
        let source = match self.admission {
            Admission::PastFuture => "with lengths drawn from the last outputs",
            _ => "with every output as long as its sender allows",
        };
        vec![format!(
            "Memory to come: at the last try, {:.2} s, {} requests held {now} tokens, and at their peak {} of {} {source}.",
            self.forecast.at,
            list.len(),
            peak_tokens(&mut list),
            limits.num_blocks,
        )]
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::engine::Quirks;
    use crate::labs::serving::policies::tests::{limits, run_tagged};

    #[test]
    fn a_length_lies_among_the_longer_ones_of_the_past() {
        let past = [10, 20, 30];
        let at = |out, u| length_given(out, &past, 40, u);
        // Beyond 15: 15, 20, 30, 40, thirds of the unit interval between them.
        assert_eq!([at(15, 0.0), at(15, 1.0 / 3.0), at(15, 0.5)], [15, 20, 25]);
        assert_eq!(at(15, 0.999_999_9), 40);
        assert_eq!([at(35, 0.0), at(35, 0.5)], [35, 38], "none of the past");
        assert_eq!(at(40, 0.7), 40);
    }

    #[test]
    fn the_three_rules_admit_by_what_they_look_at() {
        // Six prompts of 10 with outputs of 5, allowed 40, for a pool of 100.
        let limits = Limits {
            num_blocks: 100,
            max_new_tokens: 40,
            max_waiting_iters: 0,
            quirks: Quirks::NONE,
            ..limits()
        };
        let together = |admission| {
            let policy = PastFuture::new(admission, 1);
            let (batches, engine) = run_tagged(
                &policy,
                limits.clone(),
                &[(10, 5); 6],
                crate::labs::serving::engine::Tags::default(),
            );
            assert_eq!(engine.finished(), 6, "{admission:?}");
            // The first request runs alone, before the others have arrived.
            (batches[1].1.len(), engine.desk(0).evictions)
        };
        assert_eq!(together(Admission::Aggressive), (5, 0));
        // 11 + 39 of the first and 11 + 38 of one more are 99 of 100.
        assert_eq!(together(Admission::Conservative), (1, 0));
        // Nothing has finished, so every draw is between the tokens out and 40.
        let (some, evictions) = together(Admission::PastFuture);
        assert!((1..=4).contains(&some) && evictions == 0, "{some}");
    }

    #[test]
    fn the_past_teaches_it_to_admit_more() {
        let limits = Limits {
            num_blocks: 200,
            max_new_tokens: 150,
            max_waiting_iters: 0,
            quirks: Quirks::NONE,
            ..limits()
        };
        let policy = PastFuture::new(Admission::PastFuture, 1);
        let (batches, _) = run_tagged(
            &policy,
            limits,
            &[(4, 5); 400],
            crate::labs::serving::engine::Tags::default(),
        );
        let largest =
            |part: &[(f64, Vec<(u32, u32)>)]| part.iter().map(|b| b.1.len()).max().unwrap_or(0);
        let (early, late) = batches.split_at(batches.len() / 10);
        assert!(
            largest(late) > 2 * largest(early).max(1),
            "{} {}",
            largest(early),
            largest(late)
        );
    }
}
