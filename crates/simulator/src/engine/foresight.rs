//! What would become of a request on an instance: the state of the instance is copied and run on,
//! with predicted output lengths and without further arrivals.
//!
//! After "Block: balancing load in LLM serving with context, knowledge and predictive scheduling"
//! (arXiv 2508.03611, repository AKafakA/Block).

use super::cluster::Cluster;
use super::event_loop::{Engine, Flight};
use super::events::Calendar;
use super::requests::{Phase, Requests};
use super::sink::NoSink;
use super::{Chains, Limits};
use std::cmp::Reverse;
use std::sync::Arc;

/// Events after which a look ahead gives up.
const MOST: u64 = 20_000;

impl Cluster<'_> {
    /// Seconds until request `r` would have its last token on an instance; infinite where it would
    /// not end within reason.
    pub fn seconds_to_end(&self, instance: usize, r: u32) -> f64 {
        let number = self.number(instance);
        let mut ahead = self.copy_of(number);
        ahead.requests.phase[r as usize] = Phase::Waiting;
        for i in 0..ahead.requests.len() {
            let live = matches!(
                ahead.requests.phase[i],
                Phase::Waiting | Phase::Prefill | Phase::Decode | Phase::Swapped
            );
            let here = i as u32 == r || self.requests.replica[i] == number;
            if live && here {
                expect(&mut ahead.requests, self.limits, i as u32);
            }
        }
        ahead.seat(r, 0, &mut NoSink);
        for _ in 0..MOST {
            if ahead.requests.phase[r as usize] == Phase::Done {
                return ahead.requests.completed_at[r as usize] - self.now;
            }
            if !ahead.advance_with(&mut NoSink) {
                break;
            }
        }
        f64::INFINITY
    }

    /// A run of one instance alone, as it stands.
    fn copy_of(&self, number: u32) -> Engine {
        let replica = self.replicas[number as usize].clone();
        let mut flights = vec![Flight::default(); self.flights.len()];
        for (copy, flight) in flights.iter_mut().zip(self.flights) {
            if flight.replica == number {
                copy.clone_from(flight);
                copy.replica = 0;
            }
        }
        let nobody = |f: &Flight| f.entries.is_empty() && !f.cohort && !f.lost;
        let spare = (self.flights.iter().enumerate())
            .filter(|(_, f)| f.replica != number || nobody(f))
            .map(|(i, _)| i as u32)
            .collect();
        let ends: Calendar<_> = (self.ends.iter())
            .filter(|Reverse(e)| e.what.replica == number)
            .map(|&Reverse(mut e)| {
                e.what.replica = 0;
                Reverse(e)
            })
            .collect();
        let requests = Requests {
            chains: Arc::new(Chains::default()),
            ..self.requests.clone()
        };
        let mut ahead = Engine::alone(Arc::clone(self.limits), requests, replica, self.now);
        ahead.resume(flights, spare, ends);
        ahead.plan_copies_anew();
        // Whoever decodes together leaves by true lengths; from here on by expected ones.
        ahead.dissolve(0, &mut NoSink);
        ahead
    }
}

/// Gives a request the output length that is predicted for it: at least one token more than it has,
/// and no more than the pool can hold.
fn expect(requests: &mut Requests, limits: &Limits, r: u32) {
    let i = r as usize;
    let predicted = requests.tags.predicted(r).clamp(1.0, 1e9) as u32;
    let behind = requests.prefill[i].saturating_sub(requests.prompt[i]);
    let room = (limits.num_blocks - limits.watermark_blocks.min(limits.num_blocks))
        .saturating_mul(limits.block_size);
    let most = (room + 1).saturating_sub(requests.prefill[i]);
    let least = match requests.unswapped(r) {
        Phase::Decode => requests.processed[i] + 1 - requests.prefill[i],
        _ => 1,
    };
    requests.decode[i] = (predicted.saturating_sub(behind)).min(most).max(least);
}
