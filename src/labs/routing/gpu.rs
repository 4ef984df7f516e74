//! The lab on the device: softmax and top-k, then positions by a stable counting sort. Choices,
//! positions and drops are equal to the CPU's; gates agree within the kernel's tolerance.
//!
//! Tokens and logits are drawn on the CPU (they are rounded to single precision there, so both paths
//! see the same numbers). Configs whose drops depend on comparing gates, or whose bias follows the
//! load, stay on the CPU: a last bit of a gate could change who is dropped.

use super::Routing;
use super::config::{BufferOrder, Config, DropOrder, Renormalise, Router, SecondChoice, World};
use super::model::{Routed, Work};
use super::world::Run;
use crate::core::{Job as _, Result, Step};
use crate::gpu::kernels::{
    CountParams, OffsetParams, PositionParams, RouteCounts, RouteOffsets, RoutePositions,
    RouteTopk, TopkParams,
};
use crate::gpu::{Dispatch, Gpu, GpuJob, GpuLab, Readback};
use crate::labs::{Lab as _, Library};
use std::fmt;
use wgpu::Buffer;

impl GpuLab for Routing {
    fn start_gpu(
        gpu: &Gpu,
        config: &Config,
        data: &Library,
    ) -> Result<Option<Box<dyn GpuJob<Out = Run>>>> {
        Self::check(config)?;
        if config.world != World::Batches || !has_kernel(config) {
            return Ok(None);
        }
        Ok(Some(Box::new(DeviceWork::new(gpu, config, data)?)))
    }
}

/// Whether kernels decide exactly as the CPU does.
fn has_kernel(config: &Config) -> bool {
    let softmax = match config.router {
        Router::Mixtral | Router::Granite | Router::Switch => true,
        Router::Gshard => {
            config.second_choice == SecondChoice::Always
                && config.gshard_weights == Renormalise::AfterDropping
        }
        _ => false,
    };
    // What is protected takes its place before others.
    let protects = config.per_device() && config.protected > 0.0;
    let in_order = config.drop_order == DropOrder::Token
        && config.buffer_order == BufferOrder::ChoiceMajor
        && !protects;
    // The kernels take the lower of equal experts, and count no ties.
    if config.counts_ties() {
        return false;
    }
    // The kernels count experts in workgroup memory.
    let few = config.experts <= 256;
    few && softmax && (!config.limited || (in_order && !config.has_second_chance()))
}

/// Sizes of a batch on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Tokens N, up to 65,536.
    pub tokens: u32,
    /// Experts E, up to 256.
    pub experts: u32,
    /// Experts per token k, up to 8.
    pub k: u32,
    /// Who has places: experts, or devices whose experts share them; up to 256.
    pub bins: u32,
    /// Places of each.
    pub places: u32,
}

impl Sizes {
    fn of(config: &Config) -> Self {
        Self {
            tokens: config.tokens as u32,
            experts: config.experts as u32,
            k: config.choices() as u32,
            bins: config.bins() as u32,
            places: config.places() as u32,
        }
    }

    fn pairs(self) -> usize {
        (self.tokens * self.k) as usize
    }
}

/// Routing of one batch on the device: its four dispatches, bound once. No result depends on the
/// order in which invocations run.
pub struct Pipeline {
    sizes: Sizes,
    topk: Dispatch<RouteTopk>,
    counts: Dispatch<RouteCounts>,
    offsets: Dispatch<RouteOffsets>,
    positions: Dispatch<RoutePositions>,
    logits: Buffer,
    chosen: Buffer,
    gates: Buffer,
    entropy: Buffer,
    places: Buffer,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}

impl Pipeline {
    /// Binds the kernels to buffers of these sizes.
    ///
    /// # Errors
    /// When the device refuses a kernel or a buffer, with the limit.
    pub fn new(gpu: &Gpu, sizes: Sizes) -> Result<Self> {
        let Sizes {
            tokens,
            experts,
            k,
            bins,
            places,
        } = sizes;
        let pairs = tokens * k;
        let topk = TopkParams {
            tokens,
            experts,
            k,
            pad0: 0,
        };
        let counting = CountParams::new([tokens, experts, k], bins);
        let tiles = counting.tiles();
        let logits = gpu.empty::<f32>("logits", (tokens * experts) as usize)?;
        let chosen = gpu.empty::<u32>("chosen", pairs as usize)?;
        let gates = gpu.empty::<f32>("gates", pairs as usize)?;
        let entropy = gpu.empty::<f32>("entropy", tokens as usize)?;
        let counts = gpu.empty::<u32>("counts", (tiles * bins) as usize)?;
        let offsets = gpu.empty::<u32>("offsets", (tiles * bins) as usize)?;
        let demand = gpu.empty::<u32>("demand", bins as usize)?;
        let positions = gpu.empty::<u32>("positions", pairs as usize)?;
        let kept = gpu.empty::<u32>("kept", pairs as usize)?;
        let scan = OffsetParams {
            experts: bins,
            tiles,
            pad0: 0,
            pad1: 0,
        };
        let placing = PositionParams::new(&counting, places);
        Ok(Self {
            sizes,
            topk: Dispatch::new(gpu, &topk, tokens, &[&logits, &chosen, &gates, &entropy])?,
            counts: Dispatch::new(gpu, &counting, pairs, &[&chosen, &counts])?,
            offsets: Dispatch::new(gpu, &scan, bins, &[&counts, &offsets, &demand])?,
            positions: Dispatch::new(
                gpu,
                &placing,
                pairs,
                &[&chosen, &offsets, &positions, &kept],
            )?,
            logits,
            chosen,
            gates,
            entropy,
            places: positions,
        })
    }

    /// Routes logits (N × E) and waits for what comes back: chosen experts (N × k), and the pairs'
    /// positions in buffer order. For tests and benchmarks: it blocks.
    ///
    /// # Errors
    /// When the device is lost or refuses the batch.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn route(&self, gpu: &Gpu, logits: &[f32]) -> Result<(Vec<u32>, Vec<u32>)> {
        gpu.write(&self.logits, logits);
        let mut tickets = self.submit(gpu)?;
        loop {
            gpu.poll()?;
            if let Some(routed) = tickets.take()? {
                return Ok((routed.chosen, routed.positions));
            }
            std::thread::yield_now();
        }
    }

    /// Routes the logits that are on the device.
    fn submit(&self, gpu: &Gpu) -> Result<Tickets> {
        let (pairs, tokens) = (self.sizes.pairs(), self.sizes.tokens as usize);
        let mut batch = gpu.batch("routing");
        batch
            .add(&self.topk)
            .add(&self.counts)
            .add(&self.offsets)
            .add(&self.positions)
            .reserve(4 * (3 * pairs + tokens));
        let tickets = Tickets {
            chosen: Ticket::Waiting(batch.read(&self.chosen, 0..pairs)?),
            gates: Ticket::Waiting(batch.read(&self.gates, 0..pairs)?),
            entropy: Ticket::Waiting(batch.read(&self.entropy, 0..tokens)?),
            positions: Ticket::Waiting(batch.read(&self.places, 0..pairs)?),
        };
        batch.submit()?;
        Ok(tickets)
    }
}

/// A read-back and, once it has come, its values.
enum Ticket<T> {
    Waiting(Readback<T>),
    Here(Vec<T>),
}

impl<T: bytemuck::Pod> Ticket<T> {
    fn look(&mut self) -> Result<bool> {
        if let Self::Waiting(readback) = self
            && let Some(values) = readback.poll()
        {
            *self = Self::Here(values?);
        }
        Ok(matches!(self, Self::Here(_)))
    }

    fn take(&mut self) -> Vec<T> {
        match self {
            Self::Here(values) => std::mem::take(values),
            Self::Waiting(_) => Vec::new(),
        }
    }
}

/// What one batch sends back.
struct Tickets {
    chosen: Ticket<u32>,
    gates: Ticket<f32>,
    entropy: Ticket<f32>,
    positions: Ticket<u32>,
}

impl Tickets {
    fn take(&mut self) -> Result<Option<Routed>> {
        let here = [
            self.chosen.look()?,
            self.gates.look()?,
            self.entropy.look()?,
            self.positions.look()?,
        ];
        Ok((here == [true; 4]).then(|| Routed {
            chosen: self.chosen.take(),
            gates: self.gates.take(),
            entropy: self.entropy.take(),
            positions: self.positions.take(),
        }))
    }
}

/// Milliseconds of drawing tokens in one poll.
const BUDGET_MS: f64 = 3.0;

/// A run on the device.
struct DeviceWork {
    work: Work,
    plan: Pipeline,
    /// Logits drawn that are not yet on the device, and those that are.
    logits: Vec<f32>,
    written: usize,
    tickets: Option<Tickets>,
    tokens: usize,
    experts: usize,
}

/// Logits sent to the device in one piece, about.
const PIECE: usize = 1 << 18;

impl DeviceWork {
    fn new(gpu: &Gpu, config: &Config, data: &Library) -> Result<Self> {
        Ok(Self {
            work: Work::with(config, data)?,
            plan: Pipeline::new(gpu, Sizes::of(config))?,
            logits: Vec::new(),
            written: 0,
            tickets: None,
            tokens: config.tokens as usize,
            experts: config.experts as usize,
        })
    }

    /// Draws tokens of the next batch; whether it was complete and is under way.
    fn draw(&mut self, gpu: &Gpu) -> Result<bool> {
        let drawn = self.written + self.logits.len();
        self.logits.extend(self.work.logits(drawn / self.experts));
        let complete = self.written + self.logits.len() == self.tokens * self.experts;
        if complete || self.logits.len() >= PIECE {
            gpu.write_at(&self.plan.logits, self.written, &self.logits);
            self.written += self.logits.len();
            self.logits.clear();
        }
        if complete {
            self.tickets = Some(self.plan.submit(gpu)?);
            self.written = 0;
        }
        Ok(complete)
    }
}

impl GpuJob for DeviceWork {
    type Out = Run;

    fn poll(&mut self, gpu: &Gpu) -> Result<Step<Run>> {
        gpu.poll()?;
        let until = gpu.now_ms() + BUDGET_MS;
        loop {
            if let Some(tickets) = &mut self.tickets {
                let Some(routed) = tickets.take()? else {
                    return Ok(Step::Working);
                };
                self.tickets = None;
                self.work.take_routed(routed);
            } else if self.work.receive() {
                // A slice of the batch that came back.
            } else if self.work.routed() {
                if let Some(run) = self.work.conclude() {
                    return Ok(Step::Done(Run::Batches(run)));
                }
            } else if self.work.prepared() && self.draw(gpu)? {
                // One submission a look.
                return Ok(Step::Working);
            }
            if gpu.now_ms() > until {
                return Ok(Step::Working);
            }
        }
    }

    fn progress(&self) -> f64 {
        self.work.progress()
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::super::config::CapacityScope;
    use super::*;
    use crate::core::finish;
    use crate::core::gate::top_k;
    use crate::core::rng::{Stream, StreamId};
    use crate::gpu::{finish_gpu, test_device};

    #[test]
    fn a_run_on_the_device_decides_as_the_cpu_does() {
        let Some(gpu) = test_device() else { return };
        let library = Library::default();
        let (own, shared) = (CapacityScope::Expert, CapacityScope::Device);
        for (router, k, experts, tokens, capacity_scope) in [
            (Router::Mixtral, 2, 8, 256, own),
            (Router::Granite, 8, 64, 100, own),
            (Router::Switch, 1, 7, 65, own),
            (Router::Gshard, 2, 16, 129, own),
            // Logits that come in two pieces.
            (Router::Switch, 1, 128, 2100, own),
            (Router::Mixtral, 2, 8, 256, shared),
            (Router::Granite, 3, 10, 77, shared),
        ] {
            let config = Config {
                capacity_scope,
                protected: 0.0,
                router,
                k,
                experts,
                tokens,
                batches: 3,
                ..Config::default()
            };
            let mut job = Routing::start_gpu(&gpu, &config, &library)
                .unwrap()
                .unwrap();
            let device = finish_gpu(&mut *job, &gpu).unwrap();
            let cpu = finish(&mut *Routing::start(&config, &library).unwrap()).unwrap();
            let (device, cpu) = (device.batches().unwrap(), cpu.batches().unwrap());
            for (d, c) in device.batches().iter().zip(cpu.batches()) {
                assert_eq!(d.carried, c.carried, "{router:?}");
                assert_eq!(d.pairs.len(), c.pairs.len(), "{router:?}");
                for (a, b) in d.pairs.iter().zip(c.pairs.iter()) {
                    assert_eq!(
                        (a.token, a.expert, a.fate, a.position, a.arrives, a.leaves),
                        (b.token, b.expert, b.fate, b.position, b.arrives, b.leaves),
                        "{router:?}"
                    );
                    assert!(
                        (a.gate - b.gate).abs() < 2e-5 * b.gate + 1e-9,
                        "{router:?} {a:?} {b:?}"
                    );
                    assert!((a.weight - b.weight).abs() < 4e-5, "{router:?} {a:?} {b:?}");
                }
                assert!(
                    (d.stats.router_entropy - c.stats.router_entropy).abs() < 1e-4,
                    "{router:?}"
                );
            }
        }
    }

    /// Random logits routed on the device as by the reference on the CPU, and twice alike.
    fn routed_alike(tokens: u32) {
        let Some(gpu) = test_device() else { return };
        let sizes = Sizes {
            tokens,
            experts: 256,
            k: 8,
            bins: 256,
            places: tokens / 32,
        };
        let mut stream = Stream::new(9, StreamId::Test);
        // Multiples of 1/64: ties happen in most rows.
        let logits: Vec<f32> = (0..tokens * 256)
            .map(|_| (stream.below(1024) as f32 - 512.0) / 64.0)
            .collect();
        let pipeline = Pipeline::new(&gpu, sizes).expect("a pipeline");
        let (chosen, positions) = pipeline.route(&gpu, &logits).expect("a result");
        let mut next = vec![0; 256];
        let mut wanted = Vec::with_capacity(sizes.pairs());
        for row in logits.chunks_exact(256) {
            let row: Vec<f64> = row.iter().map(|&z| f64::from(z)).collect();
            wanted.extend(top_k(&row, 8).iter().map(|&e| e as u32));
        }
        assert!(chosen == wanted, "choices differ");
        for j in 0..8 {
            for t in 0..tokens as usize {
                let slot: &mut u32 = &mut next[wanted[8 * t + j] as usize];
                let got = positions[j * tokens as usize + t];
                assert_eq!(got, *slot, "token {t}, choice {j}");
                *slot += 1;
            }
        }
        let again = pipeline.route(&gpu, &logits).expect("a result");
        assert!(again == (chosen, positions), "a second run differs");
    }

    #[test]
    fn two_thousand_tokens_choose_eight_of_256_experts_as_on_the_cpu() {
        routed_alike(2048);
    }

    #[test]
    fn sixty_five_thousand_tokens_choose_eight_of_256_experts_as_on_the_cpu() {
        routed_alike(65_536);
    }

    #[test]
    fn configs_whose_drops_compare_gates_stay_on_the_cpu() {
        assert!(has_kernel(&Config::default()), "the default has kernels");
        let score = Config {
            drop_order: DropOrder::Score,
            ..Config::default()
        };
        assert!(!has_kernel(&score), "gates decide who is dropped");
        let free = Config {
            router: Router::LossFree,
            ..Config::default()
        };
        assert!(!has_kernel(&free), "the bias follows the load");
        let shared = Config {
            capacity_scope: CapacityScope::Device,
            ..Config::default()
        };
        assert!(!has_kernel(&shared), "protected pairs go first");
    }
}
