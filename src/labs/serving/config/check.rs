//! Refusals.

use super::super::aside::World;
use super::super::cost::{CostKind, Gpu, Model};
use super::super::policies::Feature;
use super::{Arrivals, Config, FaultChoice, Lengths};
use crate::core::{Error, Result, validate};

impl Config {
    /// Refuses a shape whose parts do not add up.
    fn check_own_model(&self) -> Result<()> {
        if self.own_model_active > self.own_model_params {
            return Err(Error::out_of_range(
                "own_model_active",
                self.own_model_active,
                format!("at most all {} billion", self.own_model_params),
            ));
        }
        let Some(experts) = self.shape().experts else {
            return Ok(());
        };
        if experts.active > experts.count {
            return Err(Error::out_of_range(
                "own_model_topk",
                experts.active,
                format!("at most the {} experts", experts.count),
            ));
        }
        let all = experts.layers
            * f64::from(experts.count)
            * 3.0
            * self.own_model_width as f64
            * experts.ffn;
        if all > self.own_model_params * 1e9 {
            return Err(Error::out_of_range(
                "own_model_params",
                self.own_model_params,
                format!("at least the {:.1} billion of the experts", all / 1e9),
            ));
        }
        Ok(())
    }

    /// Checks every parameter, and those that depend on each other.
    ///
    /// # Errors
    /// The first that cannot run, with what is allowed.
    pub fn check(&self) -> Result<()> {
        validate(&super::super::params::PARAMS, self)?;
        if self.world != World::Server {
            return super::super::aside::check(self);
        }
        if self.sizes_pool() && self.blocks_beside_weights().is_none() {
            return Err(Error::out_of_range(
                "roofline_tensor_parallel",
                self.roofline_tensor_parallel,
                format!(
                    "more GPUs: the weights of {} do not fit into {} of {}",
                    Model::NAMES[self.model as usize],
                    self.roofline_tensor_parallel * self.stages(),
                    Gpu::NAMES[self.roofline_gpu as usize],
                ),
            ));
        }
        if self.scheduler.has(Feature::Pools)
            && self.replicas > 1
            && self.prefill_instances >= self.replicas
        {
            return Err(Error::out_of_range(
                "prefill_instances",
                self.prefill_instances,
                format!(
                    "at most {}: somebody has to decode",
                    self.replicas.saturating_sub(1)
                ),
            ));
        }
        if self.replicas > 1 && self.routes_by_length() && self.scheduler.has(Feature::Scored) {
            return Err(Error::out_of_range(
                "routing",
                self.routing.card().name,
                "another router: this scheduler has ranks, not the lengths that this one needs",
            ));
        }
        if self.scales() && self.least_instances > self.replicas {
            return Err(Error::out_of_range(
                "least_instances",
                self.least_instances,
                format!("at most the {} instances", self.replicas),
            ));
        }
        if self.promises() && self.deadline_share + self.compound_share > 1.0 {
            return Err(Error::out_of_range(
                "compound_share",
                self.compound_share,
                format!(
                    "at most {:.2}: the rest beside requests with a deadline",
                    1.0 - self.deadline_share
                ),
            ));
        }
        if self.caps_power() && self.cap_second < self.cap_first {
            return Err(Error::out_of_range(
                "cap_second",
                self.cap_second,
                format!("at least the first threshold, {}", self.cap_first),
            ));
        }
        if self.fault != FaultChoice::None && self.fault_instance >= self.replicas {
            return Err(Error::out_of_range(
                "fault_instance",
                self.fault_instance,
                format!("below the number of instances, {}", self.replicas),
            ));
        }
        if self.cost_kind == CostKind::Roofline && self.model == Model::Own {
            self.check_own_model()?;
        }
        if self.batch_size_cap < self.stages() {
            return Err(Error::out_of_range(
                "batch_size_cap",
                self.batch_size_cap,
                format!("at least the {} pipeline stages", self.stages()),
            ));
        }
        if self.scheduler.has(Feature::PrefillLimit)
            && self.max_tokens_in_batch < self.max_tokens_per_sequence
        {
            return Err(Error::out_of_range(
                "max_tokens_in_batch",
                self.max_tokens_in_batch,
                format!(
                    "at least the longest sequence, {} tokens: a longer prompt would block the queue",
                    self.max_tokens_per_sequence
                ),
            ));
        }
        if self.scheduler.has(Feature::Slots) && self.pool_tokens() < self.max_tokens_per_sequence {
            return Err(Error::out_of_range(
                "num_blocks",
                self.num_blocks,
                format!(
                    "at least {}: one slot of {} tokens",
                    self.max_tokens_per_sequence.div_ceil(self.block_size),
                    self.max_tokens_per_sequence
                ),
            ));
        }
        for (name, shortest, longest) in [
            ("prompt_min", self.prompt_min, self.prompt_max),
            ("output_min", self.output_min, self.output_max),
        ] {
            if self.lengths.has_shortest() && shortest > longest {
                return Err(Error::out_of_range(
                    name,
                    shortest,
                    format!("at most the longest, {longest}"),
                ));
            }
        }
        if self.lengths == Lengths::Resampled && self.trace.is_none() {
            return Err(Error::out_of_range(
                "lengths",
                "pairs of a trace",
                "open a trace file first, or choose another distribution",
            ));
        }
        if self.arrivals == Arrivals::Trace && self.trace.is_none() {
            return Err(Error::out_of_range(
                "arrivals",
                "an imported trace",
                "open a trace file first, or choose another kind of arrivals",
            ));
        }
        Ok(())
    }
}
