//! What every request got, and the moments that stand out.

use super::config::Config;
use super::engine::{Column, Engine, Phase};
use super::log::Log;
use super::workload::Workload;

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
}

impl Results {
    /// Evaluates the final state.
    pub(super) fn new(
        config: &Config,
        workload: &Workload,
        engine: &Engine,
        log: &Log,
        saturated: bool,
    ) -> Self {
        let r = engine.requests();
        let n = r.len();
        let since = |at: &Column<f64>| -> Vec<f64> {
            at.iter()
                .zip(&workload.arrival)
                .map(|(t, a)| t - a)
                .collect()
        };
        let ttft = since(&r.first_at);
        let e2e = since(&r.completed_at);
        let tpot: Vec<f64> = (0..n)
            .map(|i| match workload.decode[i] {
                0 | 1 => f64::NAN,
                d => (e2e[i] - ttft[i]) / f64::from(d - 1),
            })
            .collect();
        let ending: Vec<Ending> = r
            .phase
            .iter()
            .map(|phase| match phase {
                Phase::Done => Ending::Finished,
                Phase::Ignored => Ending::Ignored,
                _ => Ending::Unfinished,
            })
            .collect();
        let meets_slo = (0..n)
            .map(|i| {
                let [first, further] = config.targets(workload.tags.class(i as u32));
                ending[i] == Ending::Finished
                    && ttft[i] <= first
                    && (tpot[i].is_nan() || tpot[i] <= further)
            })
            .collect();
        let out = (n as f64 * config.warmup_percent / 100.0).floor() as usize;
        Self {
            ending,
            replica: r.replica.to_vec(),
            queueing: since(&r.scheduled_at),
            ttft,
            tpot,
            e2e,
            stall: log.longest_gap.iter().map(|g| g.0).collect(),
            restarts: r.restarts.to_vec(),
            meets_slo,
            counted: (out, n - out),
            end: engine.now(),
            saturated,
            waiting_at_end: engine.waiting(),
        }
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

    /// The values that averages count: finite ones of requests inside the counted range, sorted.
    pub fn sorted(&self, values: &[f64]) -> Vec<f64> {
        let (from, to) = self.counted;
        let mut kept: Vec<f64> = values
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .copied()
            .filter(|v| v.is_finite())
            .collect();
        kept.sort_by(f64::total_cmp);
        kept
    }

    /// Share of all arrivals that meet every target.
    pub fn attainment(&self) -> f64 {
        let met = self.meets_slo.iter().filter(|m| **m).count();
        met as f64 / self.len().max(1) as f64
    }
}
