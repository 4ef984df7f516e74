//! Buffers of a group, and the dispatches of a chunk.

use super::super::Config;
use super::super::training::SIZES;
use super::group::Chunk;
use crate::core::Result;
use crate::gpu::kernels::{MLP_MAX_STEPS, MLP_PARAMS, MlpRule, MlpTrain, MlpTrainParams};
use crate::gpu::{Batch, Dispatch, Gpu, Kernel as _, Readback};
use wgpu::Buffer;

/// Inputs of a chunk, and the dispatches that read them.
struct Inputs {
    x: Buffer,
    labels: Buffer,
    rates: Buffer,
    corrections: Buffer,
    passes: Vec<Dispatch<MlpTrain>>,
}

/// Networks in training on the device.
pub(super) struct OnDevice {
    rule: MlpRule,
    runs: usize,
    sets: usize,
    /// In turn: the next chunk is written while one is under way.
    inputs: [Inputs; 2],
    pub(super) weights: Buffer,
    trace: Buffer,
}

impl OnDevice {
    /// `weights` of all networks, those of a set in a row; up to `limit` updates at once.
    pub(super) fn new(
        gpu: &Gpu,
        (config, rule): (&Config, MlpRule),
        weights: &[f32],
        sets: usize,
        limit: u32,
    ) -> Result<Self> {
        let (most, runs) = (limit as usize, weights.len() / MLP_PARAMS);
        let samples = most * sets * config.batch as usize;
        let start: Vec<f32> = weights
            .chunks_exact(MLP_PARAMS)
            .flat_map(|w| [rule.first_moments(w), vec![0.0; MLP_PARAMS]].concat())
            .collect();
        let moments = gpu.storage("moments", &start)?;
        let trace = gpu.empty::<[f32; 2]>("trace", most * runs)?;
        let weights = gpu.storage("weights", weights)?;
        let params = rule.params()?;
        let invocations = runs as u32 * MlpTrain::WORKGROUP;
        let inputs = || {
            let x = gpu.empty::<f32>("batches", samples * SIZES[0])?;
            let labels = gpu.empty::<u32>("labels", samples)?;
            let rates = gpu.empty::<f32>("rates", most * runs)?;
            let corrections = gpu.empty::<[f32; 2]>("corrections", most)?;
            let buffers = [
                &x,
                &labels,
                &rates,
                &corrections,
                &weights,
                &moments,
                &trace,
            ];
            let passes = (0..limit.div_ceil(MLP_MAX_STEPS))
                .map(|_| Dispatch::new(gpu, &params, invocations, &buffers))
                .collect::<Result<_>>()?;
            Ok(Inputs {
                x,
                labels,
                rates,
                corrections,
                passes,
            })
        };
        Ok(Self {
            rule,
            runs,
            sets,
            inputs: [inputs()?, inputs()?],
            weights,
            trace,
        })
    }

    /// Hands a chunk over; the ticket brings loss and squared gradient norm per update and run.
    pub(super) fn submit(
        &mut self,
        gpu: &Gpu,
        config: &Config,
        chunk: &Chunk,
    ) -> Result<Readback<[f32; 2]>> {
        self.inputs.swap(0, 1);
        let [inputs, _] = &self.inputs;
        gpu.write(&inputs.x, &chunk.x);
        gpu.write(&inputs.labels, &chunk.labels);
        gpu.write(&inputs.rates, &chunk.rates);
        gpu.write(&inputs.corrections, &chunk.corrections);
        let mut batch = gpu.batch("mlp_train");
        let mut first = 0;
        for pass in &inputs.passes {
            let steps = MLP_MAX_STEPS.min(chunk.steps - first);
            if steps == 0 {
                break;
            }
            let params = self.params(config, first, steps)?;
            pass.set_params(gpu, &params);
            batch.add(pass);
            first += steps;
        }
        let trace = batch.read(&self.trace, 0..chunk.steps as usize * self.runs)?;
        batch.submit()?;
        Ok(trace)
    }

    fn params(&self, config: &Config, first: u32, steps: u32) -> Result<MlpTrainParams> {
        Ok(MlpTrainParams {
            runs: self.runs as u32,
            lanes: (self.runs / self.sets) as u32,
            sets: self.sets as u32,
            first,
            steps,
            batch: config.batch as u32,
            ..self.rule.params()?
        })
    }

    /// After the last update: leaves the weights where the networks are evaluated.
    pub(super) fn close(&self, gpu: &Gpu, config: &Config, batch: &mut Batch) -> Result<()> {
        let [inputs, _] = &self.inputs;
        if let (Some(correction), Some(pass)) = (self.rule.closing(), inputs.passes.first()) {
            gpu.write(&inputs.rates, &vec![0.0_f32; self.runs]);
            gpu.write(&inputs.corrections, &[correction]);
            pass.set_params(gpu, &self.params(config, 0, 1)?);
            batch.add(pass);
        }
        Ok(())
    }
}
