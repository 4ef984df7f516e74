//! Statistics of the tensors of a file by a kernel, a piece at a time.

use crate::core::Result;
use crate::gpu::kernels::{StatsParams, TensorStats};
use crate::gpu::{Dispatch, Gpu, Readback};
use crate::labs::pruning::checkpoint::Tensor;
use crate::labs::pruning::statistics::{STATS_BINS, STATS_TILE, Statistics, Tile};
use wgpu::Buffer;

/// Values handed over at once: whole tiles, well below any limit of a buffer.
const PIECE: usize = 1024 * STATS_TILE;

/// Bound once, for the largest piece.
struct Buffers {
    values: Buffer,
    counts: Buffer,
    sums: Buffer,
    bins: Buffer,
    pass: Dispatch<TensorStats>,
}

impl Buffers {
    fn new(gpu: &Gpu, most: usize) -> Result<Self> {
        let params = StatsParams::new(most as u32);
        let tiles = params.tiles as usize;
        let values = gpu.empty::<f32>("values", most)?;
        let counts = gpu.empty::<[u32; 4]>("counts", tiles)?;
        let sums = gpu.empty::<[f32; 2]>("sums", tiles)?;
        let bins = gpu.empty::<u32>("histogram", STATS_BINS)?;
        let bound = [&values, &counts, &sums, &bins];
        Ok(Self {
            pass: Dispatch::new(gpu, &params, params.invocations(), &bound)?,
            values,
            counts,
            sums,
            bins,
        })
    }

    /// Hands a piece over.
    fn submit(&mut self, gpu: &Gpu, values: &[f32]) -> Result<Ticket> {
        let params = StatsParams::new(values.len() as u32);
        let tiles = params.tiles as usize;
        gpu.write(&self.values, values);
        self.pass.set_params(gpu, &params);
        self.pass.set_invocations(params.invocations());
        let mut batch = gpu.batch("tensor_stats");
        batch
            .clear(&self.bins)
            .add(&self.pass)
            .reserve(tiles * size_of::<([u32; 4], [f32; 2])>() + 4 * STATS_BINS);
        let ticket = Ticket {
            counts: batch.read(&self.counts, 0..tiles)?,
            sums: batch.read(&self.sums, 0..tiles)?,
            bins: batch.read(&self.bins, 0..STATS_BINS)?,
            came_counts: None,
            came_sums: None,
        };
        batch.submit()?;
        Ok(ticket)
    }
}

struct Ticket {
    counts: Readback<[u32; 4]>,
    sums: Readback<[f32; 2]>,
    bins: Readback<u32>,
    came_counts: Option<Vec<[u32; 4]>>,
    came_sums: Option<Vec<[f32; 2]>>,
}

/// The statistics of some tensors on a device. Poll it once a frame.
pub(in super::super) struct StatsOnDevice {
    tensors: Vec<Tensor>,
    buffers: Option<Buffers>,
    /// Where the next piece of the tensor under way begins.
    at: usize,
    tiles: Vec<Tile>,
    bins: Vec<u32>,
    ticket: Option<Ticket>,
    /// Of the tensors so far.
    pub(in super::super) found: Vec<Statistics>,
}

impl StatsOnDevice {
    /// Nothing counted yet.
    pub(in super::super) fn new(tensors: Vec<Tensor>) -> Self {
        Self {
            tensors,
            buffers: None,
            at: 0,
            tiles: Vec::new(),
            bins: vec![0; STATS_BINS],
            ticket: None,
            found: Vec::new(),
        }
    }

    /// Share done, 0 to 1.
    pub(in super::super) fn progress(&self) -> f64 {
        self.found.len() as f64 / self.tensors.len().max(1) as f64
    }

    fn buffers(&mut self, gpu: &Gpu) -> Result<Buffers> {
        if let Some(made) = self.buffers.take() {
            return Ok(made);
        }
        let largest = self.tensors.iter().map(|t| t.values.len()).max();
        Buffers::new(gpu, largest.unwrap_or(0).min(PIECE))
    }

    /// Goes on; whether all tensors are done.
    ///
    /// # Errors
    /// When the device fails.
    pub(in super::super) fn poll(&mut self, gpu: &Gpu) -> Result<bool> {
        let current = self.found.len();
        let Some(len) = self.tensors.get(current).map(|t| t.values.len()) else {
            return Ok(true);
        };
        if let Some(ticket) = &mut self.ticket {
            if ticket.came_counts.is_none() {
                ticket.came_counts = ticket.counts.poll().transpose()?;
            }
            if ticket.came_sums.is_none() {
                ticket.came_sums = ticket.sums.poll().transpose()?;
            }
            let (Some(counts), Some(sums)) = (&ticket.came_counts, &ticket.came_sums) else {
                return Ok(false);
            };
            let Some(bins) = ticket.bins.poll().transpose()? else {
                return Ok(false);
            };
            for (&counts, sums) in counts.iter().zip(sums) {
                let sums = sums.map(f64::from);
                self.tiles.push(Tile { counts, sums });
            }
            for (all, here) in self.bins.iter_mut().zip(bins) {
                *all += here;
            }
            self.at = (self.at + PIECE).min(len);
            self.ticket = None;
        }
        if self.at < len {
            let to = (self.at + PIECE).min(len);
            let mut buffers = self.buffers(gpu)?;
            let piece = &self.tensors[current].values[self.at..to];
            self.ticket = Some(buffers.submit(gpu, piece)?);
            self.buffers = Some(buffers);
            return Ok(false);
        }
        let found = Statistics::of(len as u64, &self.tiles, &self.bins);
        self.found.push(found);
        self.at = 0;
        self.tiles.clear();
        self.bins.fill(0);
        // The next tensor at once: a screen looks once a frame.
        self.poll(gpu)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};
    use crate::gpu::{steady_looks, test_device};
    use crate::labs::pruning::statistics::statistics;

    #[test]
    fn the_statistics_on_the_device_are_those_of_the_cpu() {
        let Some(gpu) = test_device() else { return };
        let mut luck = Stream::new(5, StreamId::Test);
        let sizes = [10_000, 0, 1, 4096];
        let tensors: Vec<Tensor> = sizes
            .map(|n| Tensor {
                name: format!("of {n}"),
                dtype: "F32".to_owned(),
                shape: vec![n],
                values: (0..n).map(|_| luck.normal_f32()).collect(),
                bytes: 4 * n,
                nan: 0,
                inf: 0,
            })
            .to_vec();
        let mut job = StatsOnDevice::new(tensors.clone());
        for _ in 0..20 {
            if job.poll(&gpu).expect("a device") {
                break;
            }
            gpu.wait().expect("a device");
        }
        let mut again = StatsOnDevice::new(tensors.clone());
        steady_looks(&gpu, "statistics", || again.poll(&gpu).expect("a device"));
        assert_eq!(job.found.len(), sizes.len());
        for (tensor, got) in tensors.iter().zip(&job.found) {
            let want = statistics(&tensor.values);
            assert_eq!(got.histogram, want.histogram, "{}", tensor.name);
            assert_eq!(
                (got.n, got.zeros, got.wild),
                (want.n, want.zeros, want.wild)
            );
            assert_eq!(got.min.to_bits(), want.min.to_bits(), "{}", tensor.name);
            assert_eq!(got.max.to_bits(), want.max.to_bits(), "{}", tensor.name);
            let near = |a: f64, b: f64, by: f64| a.is_nan() && b.is_nan() || (a - b).abs() < by;
            assert!(near(got.mean, want.mean, 1e-5), "{}", tensor.name);
            // Squares in single precision, less the square of the mean.
            assert!(near(got.deviation, want.deviation, 1e-3), "{}", tensor.name);
        }
    }
}
