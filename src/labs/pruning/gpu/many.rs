//! Many seeds of several ways of pruning at once: all networks train side by side in the trainer
//! kernel; the exchange of weights, where it is due, and the pruning kernel follow every update. The
//! trained networks come back and are judged on the CPU.

use crate::core::mlp::{Evaluation, Mlp, Workspace};
use crate::core::{Error, Result};
use crate::gpu::kernels::{
    MLP_KEEP, MLP_PARAMS, MLP_REOPENS, MLP_WEIGHTS, MlpExchange, MlpPrune, MlpRowParams, MlpRule,
    MlpTrain, MlpTrainParams, mlp_exchange_entry,
};
use crate::gpu::{Dispatch, Gpu, Kernel as _, Readback};
use crate::labs::pruning::many::{BATCH, Comparison, RULE, SIZES, Spread, judge};
use crate::labs::pruning::network::Batches;
use wgpu::Buffer;

/// Updates handed over at once.
const CHUNK: u64 = 16;
/// Networks judged in one look.
const JUDGED: usize = 4;

/// What follows one another at an update.
struct Pass {
    train: Dispatch<MlpTrain>,
    exchange: Dispatch<MlpExchange>,
    prune: Dispatch<MlpPrune>,
}

struct Buffers {
    x: Buffer,
    labels: Buffer,
    rates: Buffer,
    gone: Buffer,
    exchanges: Buffer,
    weights: Buffer,
    trace: Buffer,
    /// Before the first update.
    first: Dispatch<MlpPrune>,
    passes: Vec<Pass>,
}

enum Stage {
    /// Nothing is on its way.
    Train,
    /// A chunk of updates is under way.
    Wait(Readback<[f32; 2]>),
    /// The trained networks are on their way.
    Fetch(Readback<f32>),
    /// They are judged one after the other.
    Judge(Vec<f32>),
}

/// The comparison on a device. Poll it once a frame.
pub(in super::super) struct ManyOnDevice {
    comparison: Comparison,
    buffers: Option<Buffers>,
    batches: Vec<Batches>,
    /// Updates handed over so far.
    t: u64,
    stage: Stage,
    judged: Vec<Evaluation>,
    work: Workspace,
}

impl ManyOnDevice {
    /// Nothing trained yet.
    pub(in super::super) fn new(comparison: Comparison) -> Self {
        Self {
            batches: (0..comparison.seeds.len())
                .map(|seed| comparison.batches(seed))
                .collect(),
            comparison,
            buffers: None,
            t: 0,
            stage: Stage::Train,
            judged: Vec::new(),
            work: Workspace::default(),
        }
    }

    /// Networks of a seed in a row, and of all.
    fn counts(&self) -> [usize; 2] {
        let lanes = self.comparison.ways.len();
        [lanes, lanes * self.comparison.seeds.len()]
    }

    /// Share done, 0 to 1.
    pub(in super::super) fn progress(&self) -> f64 {
        let trained = self.t as f64 / self.comparison.steps.max(1) as f64;
        0.8 * trained + 0.2 * self.judged.len() as f64 / self.counts()[1].max(1) as f64
    }

    fn prepare(&self, gpu: &Gpu) -> Result<Buffers> {
        let [lanes, runs] = self.counts();
        let (sets, most) = (self.comparison.seeds.len(), CHUNK as usize);
        let rule = MlpRule::Plain(RULE);
        let mut start = Vec::with_capacity(runs * MLP_PARAMS);
        let mut open = Vec::with_capacity(runs * MLP_WEIGHTS);
        for seed in 0..sets {
            let net = self.comparison.start(seed)?;
            for way in 0..lanes {
                start.extend_from_slice(net.params());
                open.extend(self.comparison.mask(way, seed));
            }
        }
        let x = gpu.empty::<f32>("batches", most * sets * BATCH * SIZES[0])?;
        let labels = gpu.empty::<u32>("labels", most * sets * BATCH)?;
        let rates = gpu.empty::<f32>("rates", most * runs)?;
        let corrections = gpu.storage("corrections", &vec![[1.0_f32; 2]; most])?;
        // One row for the state before the first update.
        let gone = gpu.empty::<u32>("gone", (most + 1) * runs)?;
        let weights = gpu.storage("weights", &start)?;
        let moments = gpu.empty::<f32>("moments", 2 * runs * MLP_PARAMS)?;
        let mask = gpu.storage("mask", &open)?;
        let resting = gpu.empty::<f32>("resting", runs * MLP_WEIGHTS)?;
        let exchanges = gpu.empty::<[u32; 4]>("exchanges", most * runs)?;
        let trace = gpu.empty::<[f32; 2]>("trace", most * runs)?;
        let bound = [
            &x,
            &labels,
            &rates,
            &corrections,
            &weights,
            &moments,
            &trace,
        ];
        let invocations = runs as u32 * MlpTrain::WORKGROUP;
        let train = |first: u32| {
            let params = MlpTrainParams {
                runs: runs as u32,
                lanes: lanes as u32,
                sets: sets as u32,
                first,
                steps: 1,
                batch: BATCH as u32,
                ..rule.params()?
            };
            Dispatch::new(gpu, &params, invocations, &bound)
        };
        let row_of = |row: u32| MlpRowParams::new(runs, row as usize);
        let prune = |row: u32| {
            let bound = [&gone, &weights, &moments, &mask, &resting];
            Dispatch::new(gpu, &row_of(row), invocations, &bound)
        };
        let exchange = |row: u32| {
            let bound = [&exchanges, &weights, &moments, &mask];
            Dispatch::new(gpu, &row_of(row), invocations, &bound)
        };
        let pass = |i: u32| {
            Ok(Pass {
                train: train(i)?,
                exchange: exchange(i)?,
                prune: prune(i + 1)?,
            })
        };
        Ok(Buffers {
            first: prune(0)?,
            passes: (0..CHUNK as u32).map(pass).collect::<Result<_>>()?,
            x,
            labels,
            rates,
            gone,
            exchanges,
            weights,
            trace,
        })
    }

    /// Hands the next updates over.
    fn submit(&mut self, gpu: &Gpu) -> Result<Readback<[f32; 2]>> {
        let [lanes, runs] = self.counts();
        let steps = CHUNK.min(self.comparison.steps - self.t);
        let (mut x, mut labels, mut rates) = (Vec::new(), Vec::new(), Vec::new());
        let mut gone = Vec::with_capacity((steps as usize + 1) * runs);
        let mut exchanges = Vec::with_capacity(steps as usize * runs);
        for t in self.t..=self.t + steps {
            // What is due at the start of a chunk was done at the end of the one before.
            let due = t == 0 || t > self.t;
            for run in 0..runs {
                let found = self.comparison.gone(run % lanes, t).filter(|_| due);
                gone.push(found.map_or(MLP_KEEP, |(gone, reopens)| {
                    gone as u32 | if reopens { MLP_REOPENS } else { 0 }
                }));
            }
            if t > self.t {
                let due = |run| self.comparison.exchange(run % lanes, run / lanes, t);
                exchanges.extend((0..runs).map(due).map(mlp_exchange_entry));
            }
            if t == self.t + steps {
                break;
            }
            for batches in &mut self.batches {
                let (images, classes) = batches.at(t);
                x.extend(images);
                labels.extend(classes.into_iter().map(u32::from));
            }
            rates.resize(rates.len() + runs, self.comparison.rate(t) as f32);
        }
        let Some(buffers) = &self.buffers else {
            return Err(Error::Stuck("there are no buffers yet".to_owned()));
        };
        gpu.write(&buffers.x, &x);
        gpu.write(&buffers.labels, &labels);
        gpu.write(&buffers.rates, &rates);
        gpu.write(&buffers.gone, &gone);
        gpu.write(&buffers.exchanges, &exchanges);
        let mut batch = gpu.batch("mlp_prune");
        if self.t == 0 {
            batch.add(&buffers.first);
        }
        for (pass, due) in buffers.passes.iter().zip(exchanges.chunks(runs)) {
            batch.add(&pass.train);
            if due.iter().any(|entry| *entry != [0; 4]) {
                batch.add(&pass.exchange);
            }
            batch.add(&pass.prune);
        }
        let ticket = batch.read(&buffers.trace, 0..1)?;
        batch.submit()?;
        self.t += steps;
        Ok(ticket)
    }

    /// Goes on; the spreads once known.
    ///
    /// # Errors
    /// When the device fails.
    pub(in super::super) fn poll(&mut self, gpu: &Gpu) -> Result<Option<Vec<Spread>>> {
        match std::mem::replace(&mut self.stage, Stage::Train) {
            Stage::Train => {
                if self.buffers.is_none() {
                    self.buffers = Some(self.prepare(gpu)?);
                }
                self.stage = if self.t < self.comparison.steps {
                    Stage::Wait(self.submit(gpu)?)
                } else {
                    self.fetch(gpu)?
                };
            }
            Stage::Wait(mut ticket) => match ticket.poll() {
                Some(came) => {
                    came?;
                    // The next chunk at once: a screen looks once a frame.
                    return self.poll(gpu);
                }
                None => self.stage = Stage::Wait(ticket),
            },
            Stage::Fetch(mut ticket) => {
                self.stage = match ticket.poll() {
                    Some(came) => Stage::Judge(came?),
                    None => Stage::Fetch(ticket),
                };
            }
            Stage::Judge(weights) => {
                let rest = weights.chunks_exact(MLP_PARAMS).skip(self.judged.len());
                for params in rest.take(JUDGED) {
                    let mut net = Mlp::zeros(&SIZES)?;
                    net.params_mut().copy_from_slice(params);
                    self.judged.push(judge(&net, &mut self.work));
                }
                if self.judged.len() == self.counts()[1] {
                    return Ok(Some(self.spreads()));
                }
                self.stage = Stage::Judge(weights);
            }
        }
        Ok(None)
    }

    fn fetch(&self, gpu: &Gpu) -> Result<Stage> {
        let Some(buffers) = &self.buffers else {
            return Err(Error::Stuck("there are no buffers yet".to_owned()));
        };
        let mut batch = gpu.batch("networks");
        let ticket = batch.read(&buffers.weights, 0..self.counts()[1] * MLP_PARAMS)?;
        batch.submit()?;
        Ok(Stage::Fetch(ticket))
    }

    /// On the device the networks of a seed lie in a row.
    fn spreads(&self) -> Vec<Spread> {
        let [lanes, runs] = self.counts();
        let by_way: Vec<Evaluation> = (0..lanes)
            .flat_map(|lane| (lane..runs).step_by(lanes))
            .map(|run| self.judged[run])
            .collect();
        self.comparison.spreads(&by_way)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::core::stats::mean;
    use crate::gpu::{steady_looks, test_device};
    use crate::labs::pruning::Config;
    use crate::labs::pruning::many::Comparing;

    /// Rounding differs, so a network ends elsewhere; over seeds the means are the same.
    #[test]
    fn schedules_on_the_device_end_like_their_twin() {
        let Some(gpu) = test_device() else { return };
        let config = Config {
            sparsity: 90.0,
            train_steps: 50,
            begin: 0.0,
            finish: 60.0,
            every: 5,
            ..Config::default()
        };
        let comparison = Comparison {
            seeds: vec![1, 2],
            ..Comparison::of(&config)
        };
        let want = finish(&mut Comparing::new(comparison.clone())).expect("a run");
        let mut job = ManyOnDevice::new(comparison.clone());
        let mut looks = 0;
        let got = loop {
            looks += 1;
            assert!(looks < 200, "it does not end: {}", job.progress());
            if let Some(found) = job.poll(&gpu).expect("a device") {
                break found;
            }
            gpu.wait().expect("a device");
        };
        let mut again = ManyOnDevice::new(comparison);
        steady_looks(&gpu, "seeds", || {
            again.poll(&gpu).expect("a device").is_some()
        });
        for (a, b) in want.iter().zip(&got) {
            assert_eq!(a.name, b.name);
            let off = mean(&a.accuracy) - mean(&b.accuracy);
            assert!(off.abs() <= 1.0, "{}: {a:?}, {b:?}", a.name);
        }
    }
}
