//! What every request got, and the moments that stand out.

use super::config::Config;
use super::engine::{Engine, Phase, Promise};
use super::log::{Log, Sorted};
use super::workload::Workload;

/// Stretches of time of the charts.
pub(super) const STRETCHES: usize = 160;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All tokens are out.
    Finished,
    /// It could never fit and was set aside.
    Ignored,
    /// The run stopped before its end.
    Unfinished,
}

/// Results per request, one array per field; NaN where there is no value.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// How each ended.
    pub ending: Vec<Ending>,
    /// Instance.
    pub replica: Vec<u32>,
    /// First batch formed minus arrival.
    pub queueing: Vec<f64>,
    /// First token minus arrival.
    pub ttft: Vec<f64>,
    /// Mean time per token after the first; NaN for one token.
    pub tpot: Vec<f64>,
    /// Last token minus arrival.
    pub e2e: Vec<f64>,
    /// Longest gap between two tokens.
    pub stall: Vec<f64>,
    /// Preemptions.
    pub restarts: Vec<u32>,
    /// Whether both targets are met.
    pub meets_slo: Vec<bool>,
    /// First request (in order of arrival) and last one plus one that averages count.
    pub counted: (usize, usize),
    /// Time of the last event.
    pub end: f64,
    /// Whether the run was stopped before its end.
    pub saturated: bool,
    /// Waiting requests when the run ended.
    pub waiting_at_end: usize,
    /// The counted values in order.
    pub ordered: Ordered,
    /// Middle of each of [`STRETCHES`] equal stretches of time, median and longest gap between two
    /// tokens in it.
    pub gaps_over_time: Vec<[f64; 3]>,
}

/// Values that averages count (see [`Results::counted_of`]), ascending.
#[derive(Debug, Clone, Default)]
pub struct Ordered {
    /// First token minus arrival.
    pub ttft: Vec<f64>,
    /// First batch formed minus arrival.
    pub queueing: Vec<f64>,
    /// Last token minus arrival.
    pub e2e: Vec<f64>,
    /// Gaps between two tokens, of all requests.
    pub gaps: Sorted,
}

impl Results {
    /// Nothing evaluated yet.
    pub(super) fn new(config: &Config, engine: &Engine, saturated: bool) -> Self {
        let n = engine.requests().len();
        let out = (n as f64 * config.warmup_percent / 100.0).floor() as usize;
        Self {
            counted: (out, n - out),
            end: engine.now(),
            saturated,
            waiting_at_end: engine.waiting(),
            ..Self::default()
        }
    }

    /// Evaluates the final state of about `most` more requests, but for what has to be sorted;
    /// whether all are evaluated.
    pub(super) fn extend(
        &mut self,
        config: &Config,
        workload: &Workload,
        engine: &Engine,
        log: &Log,
        most: usize,
    ) -> bool {
        let r = engine.requests();
        let upto = (self.len() + most).min(r.len());
        for i in self.len()..upto {
            let arrival = workload.arrival[i];
            let ttft = r.first_at[i] - arrival;
            let e2e = r.completed_at[i] - arrival;
            let tpot = match workload.decode[i] {
                0 | 1 => f64::NAN,
                d => (e2e - ttft) / f64::from(d - 1),
            };
            let ending = match r.phase[i] {
                Phase::Done => Ending::Finished,
                Phase::Ignored => Ending::Ignored,
                _ => Ending::Unfinished,
            };
            let [first, further] = config.targets(workload.tags.class(i as u32));
            let kept = match workload.tags.promise(i as u32) {
                Promise::Streaming => ttft <= first && (tpot.is_nan() || tpot <= further),
                // Of calls that belong together none counts without the others.
                Promise::Deadline | Promise::Compound => {
                    let deadline = workload.tags.deadline(i as u32);
                    (workload.tags.peers(i as u32)).all(|p| {
                        r.completed_at[p as usize] - workload.arrival[p as usize] <= deadline
                    })
                }
            };
            self.meets_slo.push(ending == Ending::Finished && kept);
            self.ending.push(ending);
            self.replica.push(r.replica[i]);
            self.queueing.push(r.scheduled_at[i] - arrival);
            self.ttft.push(ttft);
            self.tpot.push(tpot);
            self.e2e.push(e2e);
            self.stall.push(log.longest_gap[i].0);
            self.restarts.push(r.restarts[i]);
        }
        upto == r.len()
    }

    /// Number of requests.
    pub fn len(&self) -> usize {
        self.ending.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ending.is_empty()
    }

    /// How many ended in a way.
    pub fn count(&self, ending: Ending) -> usize {
        self.ending.iter().filter(|e| **e == ending).count()
    }

    /// The values that averages count: finite ones of requests inside the counted range.
    pub fn counted_of(&self, values: &[f64]) -> Vec<f64> {
        let (from, to) = self.counted;
        let all = values.get(from..to).unwrap_or_default();
        let mut finite = Vec::with_capacity(all.len());
        finite.extend(all.iter().filter(|v| v.is_finite()));
        finite
    }

    /// Share of all arrivals that meet every target.
    pub fn attainment(&self) -> f64 {
        let met = self.meets_slo.iter().filter(|m| **m).count();
        met as f64 / self.len().max(1) as f64
    }
}
