//! One setup at one load: the share of its requests within their targets.

use super::plan::{Part, Placement};
use crate::core::Arrange as _;
use crate::core::{Job, Result, Step};
use crate::labs::Library;
use crate::labs::serving::capacity::Load;
use crate::labs::serving::config::{Config, FaultChoice, Migration, Routing};
use crate::labs::serving::engine::{Engine, NoSink, Phase, Pools, Requests};
use crate::labs::serving::workload::{Making, Workload};
use std::sync::Arc;

/// Events of a step: about a millisecond.
const EVENTS: u64 = 256;

/// Who serves.
#[derive(Debug, Clone)]
pub(super) enum Party {
    /// An instance alone, or copies that each do both.
    One(Part, Box<Config>),
    /// Instances for prompts, and instances that decode.
    Two(Box<[Config; 2]>),
}

impl Party {
    /// The setup that the requests are made from.
    fn source(&self) -> &Config {
        match self {
            Self::One(_, config) => config,
            Self::Two(configs) => &configs[0],
        }
    }
}

/// Most requests of a run.
const MOST_REQUESTS: u64 = 100_000;

/// The setup with as many requests as it says for every GPU, so that runs of few and of many GPUs
/// last about as long: a queue that grows is felt in both.
pub(super) fn for_gpus(config: &Config, gpus: u64) -> Config {
    Config {
        requests: config.requests.saturating_mul(gpus).min(MOST_REQUESTS),
        ..config.clone()
    }
}

/// Instances of a placement: plain ones with the memory that their GPUs leave, and arrivals for the
/// one with the fewest requests.
pub(super) fn placed(config: &Config, placement: Placement, instances: u64) -> Config {
    Config {
        roofline_tensor_parallel: placement.tensor,
        pipeline_stages: placement.pipeline,
        blocks_from_memory: true,
        replicas: instances,
        prefill_instances: 0,
        routing: Routing::LeastOutstanding,
        migration: Migration::Off,
        scaling: false,
        power_row: false,
        fault: FaultChoice::None,
        ..config.clone()
    }
}

/// An engine on its way, and whose requests it serves.
struct Leg {
    engine: Engine,
    /// Requests of the workload by number in the engine, where it has not all of them in order.
    order: Option<Vec<u32>>,
}

impl Leg {
    /// Copies of an instance that serve outputs of these lengths.
    fn serving(config: &Config, workload: &Workload, outputs: &[u32]) -> Result<Self> {
        let arrival = workload.arrival.as_slice().into();
        let requests = Requests::new(arrival, &workload.prefill, outputs)
            .with_tags(Arc::clone(&workload.tags));
        let (policy, copies) = (config.policy(), config.replicas as u32);
        let engine = Engine::new(config.limits(), requests, &*policy, copies, config.router())?;
        Ok(Self {
            engine,
            order: None,
        })
    }

    /// Copies of an instance that decode requests whose first tokens come at these times over the
    /// links of `senders` instances: time, number of the request, sender.
    fn decoding(
        config: &Config,
        workload: &Workload,
        senders: u32,
        firsts: &[(f64, u32, u32)],
    ) -> Result<Self> {
        let arrival: Arc<[f64]> = firsts.iter().map(|f| f.0).collect();
        let lengths =
            |of: &[u32]| -> Vec<u32> { firsts.iter().map(|f| of[f.1 as usize]).collect() };
        let (prompts, outputs) = (lengths(&workload.prefill), lengths(&workload.decode));
        let pools = Pools {
            prefill: senders,
            latency_secs: config.transfer_millis * 1e-3,
            secs_per_token: config.secs_per_kv_token(),
        };
        let engine = Engine::new(
            config.limits(),
            Requests::new(arrival, &prompts, &outputs),
            &*config.policy(),
            senders + config.replicas as u32,
            config.router(),
        )?
        .with_pools(Some(pools))
        .with_prompts_done(firsts.iter().map(|f| f.2).collect());
        Ok(Self {
            engine,
            order: Some(firsts.iter().map(|f| f.1).collect()),
        })
    }

    /// Works off some events; whether none is left.
    fn advance(&mut self) -> Result<bool> {
        if self.engine.advance_all(EVENTS, &mut NoSink) == EVENTS {
            return Ok(false);
        }
        self.engine.deadlock().map_or(Ok(true), Err)
    }

    /// First token, last token and instance of every request that ended, by number in the
    /// workload.
    fn ended(&self) -> impl Iterator<Item = (u32, [f64; 2], u32)> {
        let r = self.engine.requests();
        let done = (0..r.len()).filter(|&i| r.phase[i] == Phase::Done);
        done.map(|i| {
            let number = self.order.as_ref().map_or(i as u32, |order| order[i]);
            (number, [r.first_at[i], r.completed_at[i]], r.replica[i])
        })
    }
}

enum Stage {
    Making(Box<Making>),
    Running(Box<(Workload, Leg)>),
    Over,
}

/// The run in steps, seed after seed.
pub(super) struct Trial {
    party: Party,
    load: Load,
    at: f64,
    seeds: u64,
    seed: u64,
    data: Library,
    stage: Stage,
    /// Requests within their targets, and all of them.
    kept: [usize; 2],
}

impl Trial {
    /// Before the first request.
    ///
    /// # Errors
    /// A trace that is not loaded.
    pub(super) fn new(
        party: Party,
        load: Load,
        at: f64,
        seeds: u64,
        data: &Library,
    ) -> Result<Self> {
        let mut trial = Self {
            party,
            load,
            at,
            seeds,
            seed: 0,
            data: data.clone(),
            stage: Stage::Over,
            kept: [0; 2],
        };
        trial.stage = trial.making()?;
        Ok(trial)
    }

    /// The requests of the next seed.
    fn making(&self) -> Result<Stage> {
        let mut config = self.load.put(self.party.source(), self.at);
        config.seed = config.seed.wrapping_add(self.seed);
        Ok(Stage::Making(Box::new(Making::new(&config, &self.data)?)))
    }

    /// The first engine of the requests.
    fn first(&self, workload: &Workload) -> Result<Leg> {
        let once = || vec![1; workload.decode.len()];
        match &self.party {
            Party::One(Part::Together, config) => Leg::serving(config, workload, &workload.decode),
            Party::One(Part::Prefill, config) => Leg::serving(config, workload, &once()),
            Party::Two(configs) => Leg::serving(&configs[0], workload, &once()),
            Party::One(Part::Decode, config) => {
                let firsts: Vec<_> = (workload.arrival.iter().enumerate())
                    .map(|(r, at)| (*at, r as u32, 0))
                    .collect();
                Leg::decoding(config, workload, 1, &firsts)
            }
        }
    }

    /// The second engine, where prompts are over and others decode.
    fn second(&self, workload: &Workload, prompts: &Leg) -> Result<Option<Leg>> {
        let Party::Two(configs) = &self.party else {
            return Ok(None);
        };
        if prompts.order.is_some() {
            return Ok(None);
        }
        let mut firsts: Vec<_> = (prompts.ended())
            .map(|(r, at, from)| (at[0], r, from))
            .collect();
        firsts.arrange_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let senders = configs[0].replicas as u32;
        Leg::decoding(&configs[1], workload, senders, &firsts).map(Some)
    }

    /// Counts the requests of a seed that kept their targets.
    fn count(&mut self, workload: &Workload, leg: &Leg) {
        let config = self.party.source();
        let within = leg.ended().filter(|&(r, [first, last], _)| {
            let i = r as usize;
            let [ttft, tpot] = config.targets(workload.tags.class(r));
            let further = f64::from(workload.decode[i].max(2) - 1);
            let soon = first - workload.arrival[i] <= ttft;
            let steady = (last - first) / further <= tpot;
            match &self.party {
                Party::One(Part::Prefill, _) => soon,
                Party::One(Part::Decode, _) => steady,
                Party::One(Part::Together, _) | Party::Two(_) => soon && steady,
            }
        });
        let within = within.count();
        self.kept[0] += within;
        self.kept[1] += workload.arrival.len();
    }

    fn advance(&mut self, workload: Workload, mut leg: Leg) -> Result<Stage> {
        if !leg.advance()? {
            return Ok(Stage::Running(Box::new((workload, leg))));
        }
        if let Some(second) = self.second(&workload, &leg)? {
            return Ok(Stage::Running(Box::new((workload, second))));
        }
        self.count(&workload, &leg);
        self.seed += 1;
        if self.seed < self.seeds {
            self.making()
        } else {
            Ok(Stage::Over)
        }
    }
}

impl Job for Trial {
    /// Share of the requests within their targets, 0 to 1.
    type Out = f64;

    fn step(&mut self) -> Result<Step<f64>> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Making(mut making) => match making.step()? {
                Step::Working => Stage::Making(making),
                Step::Done(workload) => {
                    let leg = self.first(&workload)?;
                    Stage::Running(Box::new((workload, leg)))
                }
            },
            Stage::Running(running) => {
                let (workload, leg) = *running;
                self.advance(workload, leg)?
            }
            Stage::Over => Stage::Over,
        };
        Ok(if matches!(self.stage, Stage::Over) {
            Step::Done(self.kept[0] as f64 / self.kept[1].max(1) as f64)
        } else {
            Step::Working
        })
    }

    fn progress(&self) -> f64 {
        self.seed as f64 / self.seeds as f64
    }
}
