//! Products of one matrix with a vector, dense and as compressed sparse rows, checked against the
//! CPU and timed on the device.
//!
//! A time is that of one product among many in one batch: the time of twice the products minus that
//! of the products, over their number, so that handing over and reading back drop out. What these
//! cost is measured beside. All batches of a measurement are handed over at once, after one more
//! product: a batch lasts from the arrival of the one before it to its own, whatever the device drew
//! before and however rarely a screen looks.

use super::clock::now_ms;
use super::device::Gpu;
use super::dispatch::Dispatch;
use super::kernels::{
    CsrTimes, CsrTimesParams, DenseTimes, DenseTimesParams, csr_times_cpu, product_bound,
};
use super::readback::Readback;
use crate::core::{Error, Result};
use std::collections::VecDeque;
use wgpu::Buffer;

/// A batch lasts at least this long, in milliseconds.
const WANTED_MS: f64 = 12.0;
/// Most products in a batch.
const MOST: u32 = 512;
/// Pairs of a shorter and a longer batch; the median counts.
const PAIRS: usize = 3;

/// Milliseconds on the device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProductTimes {
    /// One dense product.
    pub dense: f64,
    /// One product with compressed sparse rows.
    pub csr: f64,
    /// Handing one dense product over and reading its result back, upload of the matrix excluded.
    pub round_trip: f64,
    /// How many products lasted long enough, of either form: a start for the next matrix.
    pub counts: [u32; 2],
}

/// A pruned matrix in both forms; columns a multiple of four.
#[derive(Debug, Clone, Copy)]
pub struct ProductMatrix<'a> {
    /// All weights row by row, pruned ones 0.
    pub dense: &'a [f32],
    /// Where every row begins, and the end.
    pub starts: &'a [u32],
    /// Columns of the kept weights.
    pub columns: &'a [u32],
    /// The kept weights.
    pub values: &'a [f32],
    /// The vector.
    pub x: &'a [f32],
}

enum Job {
    Dense(Dispatch<DenseTimes>),
    Csr(Dispatch<CsrTimes>),
}

/// What is under way.
enum Stage {
    /// Finding how many products last long enough. The first one is checked.
    Grow(u32),
    /// So many products, then twice as many, again and again.
    Measure(u32),
}

/// The measurement of one matrix. Poll it once a frame.
pub struct Products {
    jobs: [Job; 2],
    /// Result of the products.
    y: Buffer,
    want: Vec<[f64; 2]>,
    terms: Vec<usize>,
    current: usize,
    stage: Stage,
    /// Batches under way, and when those before them arrived.
    tickets: VecDeque<Readback<f32>>,
    arrived: Vec<f64>,
    since: f64,
    trip: f64,
    found: [f64; 2],
    counts: [u32; 2],
}

impl Products {
    /// Uploads the matrix; `counts` products of either form may last long enough.
    ///
    /// # Errors
    /// When it is larger than the device allows, or the device refuses a kernel.
    pub fn new(gpu: &Gpu, matrix: ProductMatrix<'_>, counts: [u32; 2]) -> Result<Self> {
        let rows = matrix.starts.len().saturating_sub(1);
        let y = gpu.empty::<f32>("y", rows)?;
        let x = gpu.storage("x", matrix.x)?;
        let dense = DenseTimesParams::new(rows as u32, matrix.x.len() as u32);
        let w = gpu.storage("w", matrix.dense)?;
        let sparse = CsrTimesParams::new(rows as u32);
        let starts = gpu.storage("starts", matrix.starts)?;
        let columns = gpu.storage("columns", matrix.columns)?;
        let values = gpu.storage("values", matrix.values)?;
        let csr = [&starts, &columns, &values, &x, &y];
        let counts = counts.map(|n| n.clamp(1, MOST));
        Ok(Self {
            jobs: [
                Job::Dense(Dispatch::new(
                    gpu,
                    &dense,
                    dense.invocations(),
                    &[&w, &x, &y],
                )?),
                Job::Csr(Dispatch::new(gpu, &sparse, sparse.invocations(), &csr)?),
            ],
            y,
            want: csr_times_cpu(matrix.starts, matrix.columns, matrix.values, matrix.x),
            // Zeros add nothing, but the dense sum has a term for each of them.
            terms: vec![matrix.x.len(); rows],
            current: 0,
            stage: Stage::Grow(counts[0]),
            tickets: VecDeque::new(),
            arrived: Vec::new(),
            since: 0.0,
            trip: f64::NAN,
            found: [f64::NAN; 2],
            counts,
        })
    }

    /// Submits one product and then batches of so many; reads back all results of the first, and one
    /// of each batch.
    fn submit(&mut self, gpu: &Gpu, batches: &[u32]) -> Result<()> {
        self.arrived.clear();
        self.since = now_ms();
        let mut numbers = Vec::with_capacity(batches.len() + 1);
        for (i, &times) in std::iter::once(&1).chain(batches).enumerate() {
            let mut batch = gpu.batch("products");
            for _ in 0..times {
                match &self.jobs[self.current] {
                    Job::Dense(job) => batch.add(job),
                    Job::Csr(job) => batch.add(job),
                };
            }
            let count = if i == 0 { self.want.len() } else { 1 };
            let ticket = batch.read(&self.y, 0..count.min(self.want.len()))?;
            numbers.push(batch.submit_numbered()?);
            self.tickets.push_back(ticket);
        }
        gpu.watch(numbers);
        Ok(())
    }

    /// Goes on; the times once known.
    ///
    /// # Errors
    /// When the device fails, or a product is not that of the CPU.
    pub fn poll(&mut self, gpu: &Gpu) -> Result<Option<ProductTimes>> {
        while let Some(ticket) = self.tickets.front_mut() {
            let Some(came) = ticket.poll_stamped() else {
                return Ok(None);
            };
            let (values, at) = came?;
            if self.arrived.is_empty() {
                self.check(&values)?;
            }
            self.arrived.push(at);
            self.tickets.pop_front();
        }
        let times: Vec<f64> = self.arrived.windows(2).map(|w| w[1] - w[0]).collect();
        let of_pairs = |n: u32| [n, 2 * n].repeat(PAIRS);
        match (&self.stage, times.as_slice()) {
            (Stage::Grow(n), []) => {
                let n = *n;
                self.submit(gpu, &[n])?;
            }
            (Stage::Grow(n), [spent, ..]) => {
                let n = *n;
                if self.current == 0 && self.trip.is_nan() {
                    self.trip = self.arrived[0] - self.since;
                }
                if *spent < WANTED_MS && n < MOST {
                    // Straight to about as many as last long enough.
                    let guess = f64::from(n) * WANTED_MS / spent.max(0.05);
                    let next = (guess.ceil() as u32).clamp(2 * n, 16 * n).min(MOST);
                    self.stage = Stage::Grow(next);
                    self.submit(gpu, &[next])?;
                } else {
                    self.stage = Stage::Measure(n);
                    self.submit(gpu, &of_pairs(n))?;
                }
            }
            (Stage::Measure(n), times) => {
                let (n, current) = (*n, self.current);
                let whole = self.arrived.last().map_or(0.0, |last| last - self.since);
                let whole = whole / f64::from(1 + 3 * PAIRS as u32 * n);
                let found = per_product(times, n);
                // A page that was busy notices all batches at once.
                self.found[current] = if found > 0.0 { found } else { whole };
                self.counts[current] = n;
                if current == 1 {
                    let [dense, csr] = self.found;
                    return Ok(Some(ProductTimes {
                        dense,
                        csr,
                        round_trip: self.trip,
                        counts: self.counts,
                    }));
                }
                self.current = 1;
                self.stage = Stage::Grow(self.counts[1]);
                self.submit(gpu, &[self.counts[1]])?;
            }
        }
        Ok(None)
    }

    /// Compares the results of a product with the CPU's.
    fn check(&self, values: &[f32]) -> Result<()> {
        for (row, ((got, [want, size]), terms)) in
            values.iter().zip(&self.want).zip(&self.terms).enumerate()
        {
            let off = (f64::from(*got) - want).abs();
            if off.is_nan() || off > product_bound(*terms, *size) {
                return Err(Error::Gpu(format!(
                    "a product on the device is {got} in row {row}, on the CPU {want}"
                )));
            }
        }
        Ok(())
    }
}

fn median(values: &[f64]) -> f64 {
    crate::core::stats::percentile(values, 50.0)
}

/// Time of one product from pairs of batches of `n` and `2 n`. Where a busy machine hides the
/// difference, the longer batch counts whole.
fn per_product(times: &[f64], n: u32) -> f64 {
    let (shorter, longer): (Vec<f64>, Vec<f64>) =
        times.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
    let (a, b) = (median(&shorter), median(&longer));
    if b - a > 0.2 * b {
        (b - a) / f64::from(n)
    } else {
        b / (2.0 * f64::from(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_batches_share_drops_out() {
        let times = [7.0, 12.0, 9.0, 14.0, 7.0, 12.0];
        assert_eq!(per_product(&times, 5), 1.0);
        // Noise larger than the difference: at most what the longer one took.
        assert_eq!(per_product(&[10.0, 10.0, 10.0, 10.0, 10.0, 10.0], 5), 1.0);
    }
}
