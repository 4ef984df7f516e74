//! The Gram matrix of a tensor by a kernel, a piece of the longer side at a time; its eigenvalues are
//! then taken on the CPU.

use crate::core::{Error, Result};
use crate::gpu::kernels::{Gram, GramParams};
use crate::gpu::{Dispatch, Gpu, Readback};
use crate::labs::pruning::spectrum::{MOST_ON_SCREEN, Solving, check, not_finite, scale_of};
use std::sync::Arc;
use wgpu::Buffer;

/// Values looked at on the CPU in one look.
const SCANNED: usize = 1 << 21;
/// Rows added up by one dispatch: short sums are more exact.
const ROWS: usize = 256;
/// Values handed over at once, about.
const PIECE: usize = 1 << 20;
/// Products of one submission, about: far from what a driver takes for a hang.
const PRODUCTS: usize = 1 << 28;

enum Stage {
    /// How large values are, up to a place.
    Scan(usize, f32),
    /// Nothing is on its way.
    Multiply,
    /// A piece is under way; with the last one, the matrix is on its way.
    Wait(Readback<f32>),
}

/// Bound once, for a whole piece.
struct Buffers {
    x: Buffer,
    gram: Buffer,
    /// One for every few rows.
    passes: Vec<Dispatch<Gram>>,
}

impl Buffers {
    fn new(gpu: &Gpu, side: usize, piece: usize) -> Result<Self> {
        let x = gpu.empty::<f32>("rows", piece * side)?;
        let gram = gpu.empty::<f32>("gram", side * side)?;
        let passes = (0..piece)
            .step_by(ROWS)
            .map(|first| {
                let params = params(side, first, piece);
                Dispatch::new(gpu, &params, params.invocations(), &[&x, &gram])
            })
            .collect::<Result<_>>()?;
        Ok(Self { x, gram, passes })
    }
}

/// Rows from `first` on of a piece of so many.
fn params(side: usize, first: usize, piece: usize) -> GramParams {
    let rows = ROWS.min(piece - first);
    GramParams::new(side as u32, first as u32, rows as u32)
}

/// A Gram matrix on a device. Poll it once a frame.
pub(in super::super) struct GramOnDevice {
    name: String,
    values: Arc<[f32]>,
    dims: [usize; 2],
    scale: f64,
    /// Entries of the longer side handed over so far.
    at: usize,
    buffers: Option<Buffers>,
    stage: Stage,
}

impl GramOnDevice {
    /// Nothing multiplied yet.
    ///
    /// # Errors
    /// When the matrix is too large or has no entries.
    pub(in super::super) fn new(name: &str, values: Arc<[f32]>, dims: [usize; 2]) -> Result<Self> {
        check(dims, MOST_ON_SCREEN)?;
        if values.len() != dims[0] * dims[1] {
            let problem = format!("{} values for {} × {}", values.len(), dims[0], dims[1]);
            return Err(Error::malformed("the matrix", problem));
        }
        Ok(Self {
            name: name.to_owned(),
            values,
            dims,
            scale: 1.0,
            at: 0,
            buffers: None,
            stage: Stage::Scan(0, 0.0),
        })
    }

    /// Smaller and longer side.
    fn sides(&self) -> [usize; 2] {
        let [rows, cols] = self.dims;
        [rows.min(cols), rows.max(cols)]
    }

    /// Share done, 0 to 1.
    pub(in super::super) fn progress(&self) -> f64 {
        self.at as f64 / self.sides()[1].max(1) as f64
    }

    /// Entries of the longer side in one submission.
    fn piece(&self) -> usize {
        let [side, _] = self.sides();
        (PIECE / side)
            .min(PRODUCTS / (side * side))
            .clamp(16, 1 << 16)
    }

    fn submit(&mut self, gpu: &Gpu) -> Result<Readback<f32>> {
        let ([side, long], piece) = (self.sides(), self.piece());
        let to = (self.at + piece).min(long);
        let cols = self.dims[1];
        let small = |v: f32| (f64::from(v) / self.scale) as f32;
        let part: Vec<f32> = if self.dims[0] < cols {
            let column = |k: usize| (0..side).map(move |row| (row, k));
            let places = (self.at..to).flat_map(column);
            places
                .map(|(row, k)| small(self.values[row * cols + k]))
                .collect()
        } else {
            let values = &self.values[self.at * cols..to * cols];
            values.iter().map(|&v| small(v)).collect()
        };
        if self.buffers.is_none() {
            self.buffers = Some(Buffers::new(gpu, side, piece.min(long))?);
        }
        let Some(buffers) = &self.buffers else {
            return Err(Error::Stuck("there are no buffers yet".to_owned()));
        };
        gpu.write(&buffers.x, &part);
        let mut batch = gpu.batch("gram");
        let rows = to - self.at;
        for (pass, first) in buffers.passes.iter().zip((0..rows).step_by(ROWS)) {
            // All pieces are alike but the last.
            if first + ROWS > rows {
                pass.set_params(gpu, &params(side, first, rows));
            }
            batch.add(pass);
        }
        let wanted = if to == long { side * side } else { 1 };
        let ticket = batch.read(&buffers.gram, 0..wanted)?;
        batch.submit()?;
        self.at = to;
        Ok(ticket)
    }

    /// Goes on; what is left to do on the CPU once the matrix is there.
    ///
    /// # Errors
    /// When the device fails, or with values that are not finite.
    pub(in super::super) fn poll(&mut self, gpu: &Gpu) -> Result<Option<Solving>> {
        let [_, long] = self.sides();
        match &mut self.stage {
            Stage::Scan(at, largest) => {
                let to = (*at + SCANNED).min(self.values.len());
                for v in &self.values[*at..to] {
                    if !v.is_finite() {
                        return Err(not_finite(&self.name));
                    }
                    *largest = largest.max(v.abs());
                }
                *at = to;
                if to == self.values.len() {
                    self.scale = scale_of(f64::from(*largest));
                    self.stage = Stage::Multiply;
                }
            }
            Stage::Multiply => self.stage = Stage::Wait(self.submit(gpu)?),
            Stage::Wait(ticket) => {
                let Some(came) = ticket.poll() else {
                    return Ok(None);
                };
                let came = came?;
                if self.at < long {
                    // The next piece at once: a screen looks once a frame.
                    self.stage = Stage::Wait(self.submit(gpu)?);
                    return Ok(None);
                }
                let gram = came.into_iter().map(f64::from).collect();
                let epsilon = f64::from(f32::EPSILON);
                return Ok(Some(Solving::new(self.dims, gram, self.scale, epsilon)));
            }
        }
        Ok(None)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::core::rng::{Stream, StreamId};
    use crate::gpu::{steady_looks, test_device};
    use crate::labs::pruning::spectrum::{Decomposing, Flat};

    fn on_device(gpu: &Gpu, mut job: GramOnDevice) -> Result<Solving> {
        for _ in 0..500 {
            if let Some(found) = job.poll(gpu)? {
                return Ok(found);
            }
            gpu.wait()?;
        }
        panic!("it does not end: {}", job.progress())
    }

    #[test]
    fn spectra_by_the_kernel_are_those_of_the_cpu_down_to_the_floor() {
        let Some(gpu) = test_device() else { return };
        let mut luck = Stream::new(8, StreamId::Test);
        // Columns of falling size, so that the spectrum falls to below the floor; several pieces.
        for dims in [[70, 70], [33, 20_000], [20_000, 5], [1, 3], [600, 40]] {
            let values: Arc<[f32]> = (0..dims[0] * dims[1])
                .map(|i| {
                    let k = i % dims[1] % 40;
                    1e-30 * luck.normal_f32() * 0.7_f32.powi(k as i32)
                })
                .collect();
            let cells = Flat::new(values.clone(), dims).expect("a matrix");
            let mut job = Decomposing::new("a", cells, MOST_ON_SCREEN).expect("small");
            let want = finish(&mut job).expect("a spectrum");
            let job = GramOnDevice::new("a", values, dims).expect("small");
            let got = finish(&mut on_device(&gpu, job).expect("a device")).expect("a spectrum");
            assert_eq!((got.dims, got.values.len()), (dims, want.values.len()));
            assert!(got.floor > 1e3 * want.floor, "{} {}", got.floor, want.floor);
            for (a, b) in got.values.iter().zip(&want.values) {
                let off = (a * a - b * b).abs();
                assert!(off <= 8.0 * got.floor * got.floor, "{a} {b} of {dims:?}");
            }
            assert!(
                (got.largest() / want.largest() - 1.0).abs() < 1e-5,
                "{dims:?}"
            );
        }
        let values: Arc<[f32]> = vec![0.5; 33 * 140_000].into();
        let mut job = GramOnDevice::new("d", values, [33, 140_000]).expect("small");
        steady_looks(&gpu, "spectra", || {
            job.poll(&gpu).expect("a device").is_some()
        });
        let wild: Arc<[f32]> = vec![1.0, f32::NAN].into();
        let job = GramOnDevice::new("b", wild, [1, 2]).expect("small");
        let error = on_device(&gpu, job).expect_err("no spectrum").to_string();
        assert!(error.contains("tensor \"b\""), "{error}");
        assert!(GramOnDevice::new("c", vec![0.0; 4].into(), [3, 1]).is_err());
    }
}
