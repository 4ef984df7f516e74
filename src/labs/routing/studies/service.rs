//! Expert-as-a-Service (arXiv 2509.17863): experts are stateless services on servers of their own,
//! each on several of them; a client sends to any live one. Beside it a monolith that stops when one
//! server does. A day of traffic in steps of a quarter of an hour, servers that fail and are repaired.

use super::super::config::Config;
use super::run::Findings;
use super::sheet::{Row, Scene, Sheet};
use super::work::Slices;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Axis, Better, Chart, Metric, Series, num, stats};

/// Experts that a server is the first home of.
const HOME: usize = 4;
/// Steps of a day, and those of an hour.
const STEPS: usize = 96;
const PER_HOUR: usize = 4;
/// Steps that a repair takes.
const REPAIR: usize = 4;
/// Exponent of the experts' popularity.
const ZIPF: f64 = 0.3;
/// Load at the peak over what all servers can do; swing of the day; noise of a step.
const PEAK: f64 = 0.85;
const SWING: f64 = 0.5;
const NOISE: f64 = 0.05;
/// Parts in which an expert's load is sent to its servers, each to the least loaded.
const PARTS: usize = 16;

struct Step {
    /// Load over what all servers can do.
    traffic: f64,
    down: Vec<bool>,
    /// Load of each server, 1 for all it can do.
    load: Vec<f64>,
    /// Traffic served: as it was, with every server alive, and by a monolith.
    served: [f64; 3],
}

pub(super) struct Service {
    servers: usize,
    /// Share of the traffic of each expert, and its servers.
    share: Vec<f64>,
    on: Vec<Vec<usize>>,
    failures: Stream,
    noise: Stream,
    rate: f64,
    repaired: Vec<usize>,
    steps: Vec<Step>,
}

/// Sends every expert's load in parts to the least loaded of its live servers; the load of each
/// server, and what found no live one.
fn dispatch(share: &[f64], on: &[Vec<usize>], down: &[bool], traffic: f64) -> (Vec<f64>, f64) {
    let mut load = vec![0.0_f64; down.len()];
    let (mut lost, servers) = (0.0, down.len() as f64);
    for e in stats::descending(share) {
        let live: Vec<usize> = on[e].iter().copied().filter(|&s| !down[s]).collect();
        let whole = share[e] * traffic * servers;
        if live.is_empty() {
            lost += whole;
            continue;
        }
        for _ in 0..PARTS {
            let least = live
                .iter()
                .copied()
                .min_by(|&a, &b| load[a].total_cmp(&load[b]).then(a.cmp(&b)));
            if let Some(s) = least {
                load[s] += whole / PARTS as f64;
            }
        }
    }
    (load, lost)
}

/// What servers do of the load they are sent: no more than they can.
fn served(load: &[f64]) -> f64 {
    load.iter().map(|l| l.min(1.0)).sum::<f64>() / load.len() as f64
}

impl Service {
    pub(super) fn new(config: &Config) -> Self {
        let servers = config.servers as usize;
        let experts = HOME * servers;
        let mut draw = Stream::new(config.seed, StreamId::Weights).replicate(140);
        let weights: Vec<f64> = (0..experts)
            .map(|e| num::pow(1.0 + e as f64, -ZIPF))
            .collect();
        let total: f64 = weights.iter().sum();
        let mut order: Vec<usize> = (0..experts).collect();
        draw.shuffle(&mut order);
        let copies = (config.copies as usize).min(servers);
        let on = (0..experts).map(|e| {
            let mut own = vec![e / HOME];
            while own.len() < copies {
                let s = draw.below(servers as u32) as usize;
                if !own.contains(&s) {
                    own.push(s);
                }
            }
            own
        });
        Self {
            servers,
            on: on.collect(),
            share: order.iter().map(|&o| weights[o] / total).collect(),
            failures: Stream::new(config.seed, StreamId::Policy).replicate(141),
            noise: Stream::new(config.seed, StreamId::Noise).replicate(142),
            rate: config.failures / (servers * STEPS) as f64,
            repaired: vec![0; servers],
            steps: Vec::new(),
        }
    }

    fn step(&mut self) {
        let now = self.steps.len();
        let phase = 2.0 * std::f64::consts::PI * now as f64 / STEPS as f64;
        // From the quiet of the night to the peak of the day.
        let day = 1.0 - SWING * (0.5 + 0.5 * num::cos(phase));
        let traffic = (PEAK * day * (1.0 + NOISE * self.noise.normal())).max(0.0);
        let down: Vec<bool> = (0..self.servers)
            .map(|s| {
                let u = self.failures.uniform();
                if self.repaired[s] <= now && u < self.rate {
                    self.repaired[s] = now + REPAIR;
                }
                self.repaired[s] > now
            })
            .collect();
        let alive = vec![false; self.servers];
        let (load, _) = dispatch(&self.share, &self.on, &down, traffic);
        let (whole, _) = dispatch(&self.share, &self.on, &alive, traffic);
        let halts = down.contains(&true);
        self.steps.push(Step {
            traffic,
            served: [
                served(&load),
                served(&whole),
                if halts { 0.0 } else { served(&whole) },
            ],
            load,
            down,
        });
    }

    /// Servers that the traffic of each step needs.
    fn needed(&self) -> Vec<f64> {
        let all = self.steps.iter();
        all.map(|s| (s.traffic * self.servers as f64 / PEAK).ceil())
            .collect()
    }

    fn scene(&self, now: usize) -> Scene {
        let hours = STEPS / PER_HOUR;
        let rows = (0..self.servers).map(|s| {
            let hour = |h: usize| {
                let steps = h * PER_HOUR..((h + 1) * PER_HOUR).min(now + 1);
                let loads: Vec<f64> = steps.map(|t| self.steps[t].load[s]).collect();
                if loads.is_empty() {
                    0.0
                } else {
                    stats::mean(&loads).min(1.0) as f32
                }
            };
            let failed = |h: &usize| {
                let steps = h * PER_HOUR..((h + 1) * PER_HOUR).min(now + 1);
                steps.into_iter().any(|t| self.steps[t].down[s])
            };
            Row {
                name: format!("server {s}"),
                cells: (0..hours).map(hour).collect(),
                right: (0..hours).filter(failed).map(|h| h as u16).collect(),
                value: 100.0 * self.steps[now].load[s],
            }
        });
        Scene {
            at: (now + 1) as f64,
            rows: rows.collect(),
        }
    }
}

impl Slices for Service {
    fn slice(&mut self) -> bool {
        if self.steps.len() < STEPS {
            self.step();
        }
        self.steps.len() == STEPS
    }

    fn progress(&self) -> f64 {
        self.steps.len() as f64 / STEPS as f64
    }

    fn findings(&mut self) -> Findings {
        let broken: Vec<&Step> = (self.steps.iter())
            .filter(|s| s.down.contains(&true))
            .collect();
        let lost: Vec<f64> = broken
            .iter()
            .map(|s| 100.0 * (1.0 - s.served[0] / s.served[1]))
            .collect();
        // A failure at the peak, for every server in turn.
        let at_peak: Vec<f64> = (0..self.servers)
            .map(|dead| {
                let mut down = vec![false; self.servers];
                let (whole, _) = dispatch(&self.share, &self.on, &down, 1.0);
                down[dead] = true;
                let (load, _) = dispatch(&self.share, &self.on, &down, 1.0);
                100.0 * (1.0 - served(&load) / served(&whole))
            })
            .collect();
        let needed = self.needed();
        let most = needed.iter().copied().fold(0.0, f64::max);
        let saved = 100.0 * (1.0 - stats::mean(&needed) / most);
        let halted = 100.0 * broken.len() as f64 / STEPS as f64;
        let mean_lost = if lost.is_empty() {
            0.0
        } else {
            stats::mean(&lost)
        };
        let new = Metric::new;
        let metrics = vec![
            new(
                "lost_saturated",
                "Lost by a failure, saturated",
                "%",
                stats::mean(&at_peak),
                Better::Lower,
                "Throughput lost when one server fails while the traffic is all that the servers can do: mean over the servers. 1 / M where the others have nothing to spare.",
            ),
            new(
                "lost",
                "Lost by failures, this day",
                "%",
                mean_lost,
                Better::Lower,
                "Mean loss of throughput over the steps in which a server was down, against the same traffic with all alive.",
            ),
            new(
                "halted",
                "A monolith stands still",
                "%",
                halted,
                Better::Neither,
                "Share of the day in which some server was down: a system that needs all of them does nothing then.",
            ),
            new(
                "saved",
                "Servers saved by scaling",
                "%",
                saved,
                Better::Higher,
                "Servers that the traffic of each step needs, mean over the day, against as many as the peak needs.",
            ),
        ];
        let line = |of: fn(&Step) -> f64| -> Vec<[f64; 2]> {
            let all = self.steps.iter().enumerate();
            all.map(|(i, s)| [(i + 1) as f64, 100.0 * of(s)]).collect()
        };
        let scaled: Vec<[f64; 2]> = (needed.iter().enumerate())
            .map(|(i, n)| [(i + 1) as f64, *n])
            .collect();
        let ends = [1.0, STEPS as f64];
        let chart = |id, title, doc, y, series| Chart {
            id,
            title,
            doc,
            x: Axis::linear("quarter of an hour", ""),
            y,
            series,
            marks: Vec::new(),
            on_timeline: true,
        };
        let charts = vec![
            chart(
                "served",
                "Traffic served",
                "What is served of the traffic, in per cent of what all servers can do: with services, and by a monolith that halts while a server is down.",
                Axis::zero_based("served", "%"),
                vec![
                    Series::line("services", line(|s| s.served[0])),
                    Series::line("monolith", line(|s| s.served[2])),
                    Series::line("traffic", line(|s| s.traffic)).as_reference(),
                ],
            ),
            chart(
                "servers",
                "Servers needed",
                "Servers that keep the load of each at its share of the peak, step by step, and as many as the peak needs.",
                Axis::zero_based("servers", ""),
                vec![
                    Series::line("scaled with the traffic", scaled),
                    Series::line("for the peak", ends.map(|x| [x, most]).to_vec()).as_reference(),
                ],
            ),
        ];
        Findings {
            axis: ["quarter of an hour", "a quarter of an hour"],
            summary: format!(
                "{} servers: a failure costs {:.2} % of the throughput when all are busy; a monolith stands still for {halted:.0} % of this day; scaling with the traffic saves {saved:.0} % of the servers.",
                self.servers, metrics[0].value
            ),
            sheet: Sheet {
                name: "Servers over a day",
                caption: "dark: load of the server in the hour; framed: down in it; bar: load now",
                columns: (0..STEPS / PER_HOUR).map(|h| format!("{h}:00")).collect(),
                group: 0,
                value: "load",
                unit: "%",
                scenes: (0..STEPS).map(|t| self.scene(t)).collect(),
            },
            metrics,
            charts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_goes_to_the_least_loaded_live_server_and_is_lost_without_one() {
        // One expert on both servers, one on the second alone.
        let (share, on) = (vec![0.5, 0.5], vec![vec![0, 1], vec![1]]);
        let (load, lost) = dispatch(&share, &on, &[false, false], 1.0);
        assert_eq!(lost, 0.0);
        assert!((load.iter().sum::<f64>() - 2.0).abs() < 1e-12);
        let (load, lost) = dispatch(&share, &on, &[false, true], 1.0);
        assert!(
            (lost - 1.0).abs() < 1e-12,
            "the second expert has no server"
        );
        assert!((load[0] - 1.0).abs() < 1e-12 && load[1] == 0.0);
        assert!((served(&[2.0, 0.5]) - 0.75).abs() < 1e-12);
    }

    #[test]
    fn a_saturated_failure_costs_at_least_the_server_that_failed() {
        let mut service = Service::new(&Config {
            servers: 16,
            copies: 3,
            ..Config::default()
        });
        while !service.slice() {}
        let findings = service.findings();
        assert!(findings.metrics[0].value >= 100.0 / 16.0 * 0.5);
        assert!(findings.metrics[0].value < 2.0 * 100.0 / 16.0);
    }
}
