//! Cost, accuracy and performance of a setup together, as MoE-CAP draws them (arXiv 2412.07067): what
//! a decoding step costs and does, from the routed batches and the prices and times that are given.

use super::config::{Config, World};
use super::model::Work;
use super::route::Batch;
use super::utilise;
use crate::core::{Job as _, Result, Step, num, stats};
use crate::labs::Library;

/// One direction of the picture; outward is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spoke {
    /// What is measured.
    pub(super) name: &'static str,
    /// Its unit.
    pub(super) unit: &'static str,
    /// What it is in words.
    pub(super) doc: &'static str,
    /// Values at the centre and at the rim.
    pub(super) ends: [f64; 2],
    /// Whether equal steps outward are equal factors.
    pub(super) log: bool,
}

/// The directions, clockwise from the top.
pub(super) const SPOKES: [Spoke; 5] = [
    Spoke {
        name: "Cost",
        unit: "tokens/€",
        doc: "Tokens decoded for a euro: devices, their price per hour, tokens together and the time of a step as given under System.",
        ends: [1e3, 1e8],
        log: true,
    },
    Spoke {
        name: "Gate mass kept",
        unit: "%",
        doc: "Stands for accuracy, which needs a model: share of the router's weight that found a place.",
        ends: [0.0, 100.0],
        log: false,
    },
    Spoke {
        name: "Performance",
        unit: "tokens/s",
        doc: "Tokens together over the time of a step.",
        ends: [1.0, 1e6],
        log: true,
    },
    Spoke {
        name: "S-MBU",
        unit: "%",
        doc: "Sparse bandwidth utilisation: bytes of the experts touched, the other weights and the KV cache, over step time and peak bandwidth.",
        ends: [0.0, 100.0],
        log: false,
    },
    Spoke {
        name: "S-MFU",
        unit: "%",
        doc: "Sparse flop utilisation: operations on the parameters in use, over step time and peak throughput.",
        ends: [0.01, 100.0],
        log: true,
    },
];

impl Spoke {
    /// How far out a value is, 0 to 1; beyond the ends it stays there.
    pub(super) fn share(&self, value: f64) -> f64 {
        let [low, high] = self.ends;
        let share = if self.log {
            num::ln(value.max(low) / low) / num::ln(high / low)
        } else {
            (value - low) / (high - low)
        };
        share.clamp(0.0, 1.0)
    }
}

/// Values of a setup in the order of the spokes.
pub(super) type Values = [f64; SPOKES.len()];

fn values(config: &Config, batches: &[Batch]) -> Values {
    let per_second = config.together as f64 / (1e-3 * config.step_ms);
    let euros = config.devices as f64 * config.device_eur / 3600.0;
    let kept: Vec<f64> = batches.iter().map(|b| b.stats.retained).collect();
    let [mbu, mfu] = utilise::sparse(config, batches);
    [
        per_second / euros,
        100.0 * stats::mean(&kept),
        per_second,
        100.0 * mbu,
        100.0 * mfu,
    ]
}

/// Setups compared, in short steps: only their batches are routed.
#[derive(Default)]
pub(super) struct Comparing {
    setups: Vec<Config>,
    done: Vec<Option<Values>>,
    work: Option<Work>,
}

impl Comparing {
    /// Whether this is about these setups.
    pub(super) fn is_about(&self, setups: &[Config]) -> bool {
        self.setups == setups
    }

    /// Starts on setups.
    pub(super) fn new(setups: &[Config]) -> Self {
        Self {
            setups: setups.to_vec(),
            done: Vec::new(),
            work: None,
        }
    }

    /// What is known so far: of each setup its values, none where it routes no batches.
    pub(super) fn values(&self) -> &[Option<Values>] {
        &self.done
    }

    /// Whether all is known.
    pub(super) fn is_done(&self) -> bool {
        self.done.len() == self.setups.len()
    }

    /// A slice of the work; `true` while there is more.
    ///
    /// # Errors
    /// Why a setup cannot be run; it has no values then.
    pub(super) fn step(&mut self, data: &Library) -> Result<bool> {
        let Some(config) = self.setups.get(self.done.len()) else {
            return Ok(false);
        };
        if config.world != World::Batches {
            self.done.push(None);
            return Ok(true);
        }
        let outcome = match &mut self.work {
            Some(work) => work.step(),
            None => config.check().and_then(|()| {
                self.work = Some(Work::begin(config, data)?.without_more());
                Ok(Step::Working)
            }),
        };
        match outcome {
            Ok(Step::Working) => return Ok(true),
            Ok(Step::Done(run)) => self.done.push(Some(values(run.config(), run.batches()))),
            Err(error) => {
                self.done.push(None);
                self.work = None;
                return Err(error);
            }
        }
        self.work = None;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::LabRun as _;

    #[test]
    fn shares_run_from_the_centre_to_the_rim() {
        for spoke in &SPOKES {
            let [low, high] = spoke.ends;
            assert_eq!(spoke.share(low), 0.0, "{spoke:?}");
            assert!((spoke.share(high) - 1.0).abs() < 1e-12, "{spoke:?}");
            assert_eq!(spoke.share(10.0 * high), 1.0, "{spoke:?}");
        }
        let cost = SPOKES[0];
        assert!((cost.share(1e4) - 0.2).abs() < 1e-12, "a decade of five");
        assert_eq!(cost.share(0.0), 0.0);
    }

    #[test]
    fn the_values_are_those_of_the_run() {
        let config = Config {
            router_skew: 0.8,
            devices: 4,
            device_eur: 2.0,
            together: 8,
            step_ms: 10.0,
            batches: 2,
            ..Config::default()
        };
        let trained = Config {
            world: World::Training,
            ..Config::default()
        };
        let mut work = Comparing::new(&[config.clone(), trained]);
        while work.step(&Library::default()).expect("a legal setup") {}
        assert!(work.is_done());
        let [Some(found), None] = work.values() else {
            panic!("values of the first alone");
        };
        // 800 tokens a second for 8 euros an hour.
        assert!((found[0] - 360_000.0).abs() < 1e-6, "{found:?}");
        assert_eq!(found[2], 800.0);
        let mut whole = Work::begin(&config, &Library::default()).expect("a run");
        let run = crate::core::finish(&mut whole).expect("a run");
        let metric = |id: &str| {
            let metrics = run.metrics();
            metrics
                .iter()
                .find(|m| m.id == id)
                .map_or(f64::NAN, |m| m.value)
        };
        for (at, id) in [(1, "retained_gate_mass"), (3, "s_mbu"), (4, "s_mfu")] {
            assert!((found[at] - metric(id)).abs() < 1e-9, "{id}: {found:?}");
        }
    }
}
