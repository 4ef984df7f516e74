//! Chooses what kernels leave to the device: invocations of a workgroup, and reductions by subgroups
//! where there are any. Measured once per device in short batches that come back between frames; no
//! result depends on the outcome.

use super::device::Gpu;
use super::dispatch::RawDispatch;
use super::kernel::{KernelSpec, Pooling, Shape};
use super::kernels::{Axpb, AxpbParams, Normals, StatsParams, StreamParams, TensorStats};
use super::readback::Readback;
use crate::core::rng::normal_table;
use crate::core::{Result, stats};
use crate::labs::pruning::statistics::STATS_BINS;
use std::collections::VecDeque;
use wgpu::Buffer;

/// Invocations of a workgroup that are tried, the usual number first.
pub const WIDTHS: [u32; 3] = [64, 128, 256];

/// A batch lasts about this long, so that a frame hardly waits for it.
const WANTED_MS: f64 = 4.0;
/// Most dispatches in a batch.
const MOST: u32 = 256;
/// Rounds in which every shape has its turn.
const ROUNDS: usize = 5;
/// How much faster than the usual shape another must be.
const GAIN: f64 = 1.1;

/// The shape chosen, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// The shape.
    pub shape: Shape,
    /// Bytes a second that y = a x + b reads and writes with each width of [`WIDTHS`] the device
    /// allows.
    pub widths: Vec<(u32, f64)>,
    /// Bytes a second that the statistics of a tensor read without and with subgroups; `None` on
    /// devices without.
    pub pooling: Option<[f64; 2]>,
}

impl Tuned {
    /// "workgroups of 128, reductions by subgroups".
    pub fn words(&self) -> String {
        let by = match self.shape.pooling {
            Pooling::Alone => "atomics",
            Pooling::Subgroups => "subgroups",
        };
        format!("workgroups of {}, reductions by {by}", self.shape.width)
    }
}

/// Shapes of one kernel on the same buffers.
struct Contest {
    /// The usual shape first.
    entries: Vec<(Shape, RawDispatch)>,
    seen: Buffer,
    /// Bytes that a dispatch must read or write.
    bytes: f64,
    /// Dispatches in a batch.
    times: u32,
    /// Whether every entry has run: the first time compiles.
    warm: bool,
    /// Milliseconds of a batch of each entry, round after round.
    rounds: Vec<Vec<f64>>,
}

impl Contest {
    fn new(
        gpu: &Gpu,
        spec: &KernelSpec,
        shapes: impl Iterator<Item = Shape>,
        (params, invocations): (&[u8], u32),
        buffers: &[&Buffer],
    ) -> Result<Self> {
        let entries = shapes
            .map(|shape| {
                let entry = RawDispatch::new(gpu, spec, shape, params, invocations, buffers)?;
                Ok((shape, entry))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            entries,
            seen: (*buffers[1]).clone(),
            bytes: 0.0,
            times: 1,
            warm: false,
            rounds: Vec::new(),
        })
    }

    /// One batch that is not timed, then one of every entry.
    fn submit(&self, gpu: &Gpu) -> Result<VecDeque<Readback<u32>>> {
        let mut numbers = Vec::with_capacity(self.entries.len() + 1);
        let mut tickets = VecDeque::with_capacity(numbers.capacity());
        let first = self.entries.first().map(|entry| (1, entry));
        let turns = self.entries.iter().map(|entry| (self.times, entry));
        for (times, (_, dispatch)) in first.into_iter().chain(turns) {
            let mut batch = gpu.batch("tuning");
            for _ in 0..times {
                batch.add_raw(dispatch);
            }
            tickets.push_back(batch.read(&self.seen, 0..1)?);
            numbers.push(batch.submit_numbered()?);
        }
        gpu.watch(numbers);
        Ok(tickets)
    }

    /// Takes the milliseconds of one round; `true` when there are enough.
    fn learn(&mut self, round: Vec<f64>) -> bool {
        if !std::mem::replace(&mut self.warm, true) {
            return false;
        }
        let shortest = round.iter().copied().fold(f64::INFINITY, f64::min);
        if self.rounds.is_empty() && shortest < WANTED_MS && self.times < MOST {
            let factor = (WANTED_MS / shortest.max(0.05)).clamp(2.0, 8.0);
            self.times = ((f64::from(self.times) * factor) as u32).min(MOST);
            return false;
        }
        self.rounds.push(round);
        self.rounds.len() >= ROUNDS
    }

    /// Bytes a second of each shape by its median round.
    fn speeds(&self) -> Vec<(Shape, f64)> {
        let median = |i: usize| {
            let times: Vec<f64> = self.rounds.iter().map(|round| round[i]).collect();
            stats::percentile(&times, 50.0)
        };
        let speed = |ms: f64| self.bytes * f64::from(self.times) / ms.max(1e-3) * 1e3;
        let entries = self.entries.iter().enumerate();
        entries
            .map(|(i, (shape, _))| (*shape, speed(median(i))))
            .collect()
    }
}

/// The fastest shape, if it is worth leaving the first one for.
fn best(speeds: &[(Shape, f64)]) -> Shape {
    let usual = speeds.first().copied().unwrap_or_default();
    let fastest = speeds
        .iter()
        .copied()
        .fold(usual, |a, b| if b.1 > a.1 { b } else { a });
    if fastest.1 > GAIN * usual.1 {
        fastest.0
    } else {
        usual.0
    }
}

/// A measurement in steps: poll it once a frame, or wait for it on the command line.
pub struct Tuner {
    values: Buffer,
    n: u32,
    contest: Contest,
    tickets: VecDeque<Readback<u32>>,
    arrived: Vec<f64>,
    widths: Option<Vec<(Shape, f64)>>,
}

impl Tuner {
    /// Fills a buffer on the device and starts with the widths.
    ///
    /// # Errors
    /// When the device refuses a kernel or a buffer.
    pub fn start(gpu: &Gpu) -> Result<Self> {
        // Sixteen megabytes; on a software device as much as a frame may cost.
        let n: u32 = if gpu.caps().software {
            1 << 16
        } else {
            1 << 22
        };
        let values = gpu.empty::<u32>("values", n as usize)?;
        let table = gpu.storage("normal table", normal_table())?;
        let mut fill = gpu.batch("tuning");
        let draws = StreamParams::new(1, 10, 0, 0, n / 4);
        fill.run::<Normals>(&draws, n / 4, &[&table, &values])?;
        fill.submit_numbered()?;
        let out = gpu.empty::<u32>("y", n as usize)?;
        let params = AxpbParams {
            a: 0.5,
            b: 0.25,
            quads: n / 4,
            pad0: 0,
        };
        let most = gpu.caps().limits.max_compute_invocations_per_workgroup;
        let shapes = WIDTHS.into_iter().filter(|&width| width <= most);
        let mut contest = Contest::new(
            gpu,
            &KernelSpec::of::<Axpb>(),
            shapes.map(|width| Shape {
                width,
                ..Shape::default()
            }),
            (bytemuck::bytes_of(&params), n / 4),
            &[&values, &out],
        )?;
        contest.bytes = 8.0 * f64::from(n);
        Ok(Self {
            tickets: contest.submit(gpu)?,
            values,
            n,
            contest,
            arrived: Vec::new(),
            widths: None,
        })
    }

    /// The statistics of the same values, without and with subgroups.
    fn reductions(&self, gpu: &Gpu, width: u32) -> Result<Contest> {
        let params = StatsParams::new(self.n);
        let tiles = params.tiles as usize;
        let counts = gpu.empty::<[u32; 4]>("counts", tiles)?;
        let sums = gpu.empty::<[f32; 2]>("sums", tiles)?;
        let histogram = gpu.empty::<u32>("histogram", STATS_BINS)?;
        let mut contest = Contest::new(
            gpu,
            &KernelSpec::of::<TensorStats>(),
            [Pooling::Alone, Pooling::Subgroups]
                .into_iter()
                .map(|pooling| Shape { width, pooling }),
            (bytemuck::bytes_of(&params), params.invocations()),
            &[&self.values, &counts, &sums, &histogram],
        )?;
        contest.bytes = 4.0 * f64::from(self.n);
        Ok(contest)
    }

    /// Goes on; what was chosen when all is measured, for [`Gpu::set_shape`].
    pub fn poll(&mut self, gpu: &Gpu) -> Option<Result<Tuned>> {
        self.go_on(gpu).transpose()
    }

    fn go_on(&mut self, gpu: &Gpu) -> Result<Option<Tuned>> {
        while let Some(ticket) = self.tickets.front_mut() {
            let Some(came) = ticket.poll_stamped() else {
                return Ok(None);
            };
            self.arrived.push(came?.1);
            self.tickets.pop_front();
        }
        let arrived = std::mem::take(&mut self.arrived);
        let round = arrived.windows(2).map(|w| w[1] - w[0]).collect();
        if self.contest.learn(round) {
            let speeds = self.contest.speeds();
            match &self.widths {
                None if gpu.caps().subgroups.is_some() => {
                    self.contest = self.reductions(gpu, best(&speeds).width)?;
                    self.widths = Some(speeds);
                }
                None => return Ok(Some(chosen(&speeds, None))),
                Some(widths) => return Ok(Some(chosen(widths, Some(&speeds)))),
            }
        }
        self.tickets = self.contest.submit(gpu)?;
        Ok(None)
    }

    /// Measures to the end. Never in the page.
    ///
    /// # Errors
    /// When the device fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(mut self, gpu: &Gpu) -> Result<Tuned> {
        loop {
            if let Some(tuned) = self.poll(gpu) {
                return tuned;
            }
            gpu.wait()?;
        }
    }
}

fn chosen(widths: &[(Shape, f64)], pooling: Option<&[(Shape, f64)]>) -> Tuned {
    Tuned {
        shape: Shape {
            width: best(widths).width,
            pooling: pooling.map_or(Pooling::Alone, |speeds| best(speeds).pooling),
        },
        widths: widths
            .iter()
            .map(|(shape, speed)| (shape.width, *speed))
            .collect(),
        pooling: pooling.and_then(|speeds| match speeds {
            [(_, alone), (_, together)] => Some([*alone, *together]),
            _ => None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speeds(all: [f64; 3]) -> Vec<(Shape, f64)> {
        let shape = |width| Shape {
            width,
            ..Shape::default()
        };
        WIDTHS.into_iter().map(shape).zip(all).collect()
    }

    #[test]
    fn another_width_must_be_clearly_faster() {
        assert_eq!(best(&speeds([10.0, 10.9, 9.0])).width, 64);
        assert_eq!(best(&speeds([10.0, 11.2, 12.0])).width, 256);
        assert_eq!(best(&[]).width, 64);
    }

    #[test]
    fn both_choices_are_told() {
        let pooling = [Pooling::Alone, Pooling::Subgroups].map(|pooling| Shape {
            width: 128,
            pooling,
        });
        let reductions: Vec<_> = pooling.into_iter().zip([4.0, 6.0]).collect();
        let tuned = chosen(&speeds([1.0, 2.0, 1.5]), Some(&reductions));
        assert_eq!(tuned.words(), "workgroups of 128, reductions by subgroups");
        assert_eq!(tuned.pooling, Some([4.0, 6.0]));
        let without = chosen(&speeds([1.0, 1.0, 1.0]), None);
        assert_eq!(without.shape, Shape::default());
        assert_eq!(without.words(), "workgroups of 64, reductions by atomics");
    }
}
