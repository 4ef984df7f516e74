//! Serving lab: schedulers of language-model servers, simulated event by event.

pub mod aside;
pub mod capacity;
mod charts;
mod claims;
mod classes;
mod closing;
mod config;
mod fairness;
pub mod files;
mod forecast;
pub mod golden;
mod goodput;
#[cfg(feature = "gpu")]
mod gpu;
mod instances;
mod kinetics;
mod lanes;
mod learner;
mod metrics;
mod model;
mod moments;
#[cfg(feature = "app")]
mod panels;
mod params;
pub mod policies;
mod power;
mod predictions;
mod presets;
pub mod queueing;
mod results;
pub mod routers;
mod slowdown;
mod story;
pub mod systems;
mod tables;
pub mod trace;
#[cfg(feature = "app")]
mod view;
mod work;
mod workload;
mod world;

use schedlab_simulator::log;
pub use schedlab_simulator::{cost, engine};

pub use aside::{AsideRun, World};
pub use config::{
    Admission, Allocation, Arrivals, BlendOrder, Config, FaultChoice, JitOrder, Lengths, Migration,
    PreemptAt, Preemption, Routing, ScaleBy, Scheduler, SglangOrder,
};
pub use cost::{CostKind, CostPreset};
pub use lanes::{Column, Flying, Lanes, Snapshot, Strip, columns, lanes};
pub use log::{
    Eviction, Gaps, Gather, Iterations, Log, Meter, Segment, Service, Sides, Sketch, Sorted,
    Stretch, Stretches, Swap, Terms, Usage,
};
pub use model::Run;
pub use policies::Feature;
pub use results::{Ending, Results};
pub use systems::EXHIBITS;
pub use workload::{Workload, workload};
pub use world::WorldRun;

use super::{DataKey, Dataset, Exhibit, Lab, LabInfo, LabKind, Library, Preset};
use crate::core::{Error, Job, Param, Result};

/// The serving lab.
#[derive(Debug)]
pub struct Serving;

impl Serving {
    /// Starts a run of the engine.
    ///
    /// # Errors
    /// A bad parameter, data that is not loaded, or a config of another world.
    pub fn simulate(config: &Config, data: &Library) -> Result<Box<dyn Job<Out = Run>>> {
        if config.world != World::Server {
            return Err(Error::out_of_range(
                "world",
                World::NAMES[config.world as usize],
                "servers of a language model (use `schedlab run` for others)",
            ));
        }
        config.check()?;
        Ok(Box::new(work::Work::new(config, data)?))
    }
}

impl Lab for Serving {
    type Config = Config;
    type Run = WorldRun;

    const KIND: LabKind = LabKind::Serving;
    const INFO: LabInfo = LabInfo {
        title: "Serving",
        question: "Which requests wait, and why?",
        entity: "request",
        picture: "Timeline of requests: one lane per request, coloured by waiting, prefill, decode, stalled and preempted; below it the tokens of every iteration and the KV memory in use.",
    };

    fn params() -> &'static [Param<Config>] {
        &params::PARAMS
    }

    fn presets() -> &'static [Preset<Config>] {
        presets::PRESETS
    }

    fn exhibits() -> &'static [&'static Exhibit] {
        EXHIBITS
    }

    fn exhibit(config: &Config) -> Option<&'static Exhibit> {
        let router = config.routing.card().exhibit;
        let id = if config.world != World::Server {
            config.world.exhibit()
        } else if config.watches_power() {
            "polca"
        } else if config.clock < 1.0 {
            "greener-llms"
        } else if config.pools().is_some() && (config.on_demand || config.tuned_split) {
            "pd-serve"
        } else if config.pools().is_some() {
            "distserve"
        } else if config.migrates() || (config.scales() && !config.provisions()) {
            "llumnix"
        } else if config.replicas > 1 && !router.is_empty() {
            router
        } else {
            config.scheduler.card().exhibit
        };
        EXHIBITS.iter().copied().find(|e| e.id == id)
    }

    fn label(config: &Config) -> String {
        if config.world != World::Server {
            return aside::label(config);
        }
        let name = config.scheduler.name();
        let mut label = if config.scheduler.has(Feature::Budget) {
            format!("{name}, budget {}", config.chunk_size)
        } else if config.scheduler.has(Feature::Slots) {
            format!("{name}, batch {}", config.batch_size_cap)
        } else {
            name.to_owned()
        };
        if config.swaps() {
            label.push_str(", swapping");
        }
        match config.blend_order {
            _ if config.scheduler != Scheduler::BlendServe => {}
            BlendOrder::DualScan => {}
            BlendOrder::DepthFirst => label.push_str(", depth first"),
            BlendOrder::Arrival => label.push_str(", by arrival"),
        }
        match config.jit_order {
            _ if config.scheduler != Scheduler::JitServe => {}
            JitOrder::Margin => {}
            JitOrder::Deadline => label.push_str(", earliest deadline"),
            JitOrder::LeastService => label.push_str(", least service"),
        }
        match config.preempt_at {
            _ if !config.scheduler.has(Feature::Urgent) => {}
            PreemptAt::Expert => label.push_str(", at experts"),
            PreemptAt::Layer => label.push_str(", at layers"),
            PreemptAt::Iteration => label.push_str(", between iterations"),
        }
        if config.scheduler.has(Feature::Shares) && !config.tuned_shares {
            let [prompts, decodes] = [config.prompt_share, config.decode_share];
            label = format!("{label}, shares {prompts:.2} and {decodes:.2}");
        }
        if config.replicas > 1 {
            let router = config.routing.card().name;
            label = match config.pools() {
                Some(pools) => format!(
                    "{label}, {} prefill and {} decode instances",
                    pools.prefill,
                    config.replicas - u64::from(pools.prefill)
                ),
                None => format!("{label}, {} instances, {router}", config.replicas),
            };
            if config.pools().is_some() && config.on_demand {
                label.push_str(", on demand");
            }
            if config.migrates() {
                label.push_str(", migrating");
            }
            if config.caps_power() {
                label.push_str(", power capped");
            }
        }
        if config.clock < 1.0 {
            label = format!("{label}, clock {:.2}", config.clock);
        }
        label
    }

    fn check(config: &Config) -> Result<()> {
        config.check()
    }

    fn start(config: &Config, data: &Library) -> Result<Box<dyn Job<Out = WorldRun>>> {
        Self::check(config)?;
        world::start(config, data)
    }

    fn seed(config: &Config) -> u64 {
        config.seed
    }

    fn set_seed(config: &mut Config, seed: u64) {
        config.seed = seed;
    }

    fn use_data(config: &Config, key: &DataKey, data: &Dataset) -> Result<Config> {
        if let Dataset::Profile(profile) = data {
            let (bend, hinge) = &profile.hinge;
            // A bend has one more number to fit; it must earn it.
            let bends = hinge.objective < 0.8 * profile.linear.objective;
            let [c0, c1, c2, c3, c4] = if bends { hinge.c } else { profile.linear.c };
            return Ok(Config {
                world: World::Server,
                cost_kind: if bends {
                    CostKind::Hinge
                } else {
                    CostKind::Linear
                },
                roofline_gpu: config.gpu(),
                bend_tokens: *bend,
                c0,
                c1,
                c2,
                c3,
                c4,
                ..config.clone()
            });
        }
        let Dataset::Trace(trace) = data else {
            return Err(Error::Unsupported(format!(
                "{} ({}) in this lab",
                key.name,
                data.words()
            )));
        };
        // As many requests as stay pleasant to look at; the user may ask for more.
        Ok(Config {
            world: World::Server,
            arrivals: Arrivals::Trace,
            trace: Some(key.clone()),
            requests: (trace.len() as u64).min(300),
            rate_scale: 1.0,
            max_tokens_per_sequence: config.max_tokens_per_sequence.max(16_384),
            max_tokens_in_batch: config.max_tokens_in_batch.max(16_384),
            ..config.clone()
        })
    }
}
