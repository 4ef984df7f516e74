//! The exact denoiser of a finite image set on the device, chunk by chunk: each chunk of rows is
//! one submission whose size follows what the last one took, so that long work never holds the
//! device and can be given up between chunks.

use super::device::Gpu;
use super::dispatch::Dispatch;
use super::kernels::{
    IMAGE_MOST, IMAGE_SLICE, ImageDenoise, ImageDenoiseParams, ImageState, image_chunk,
    image_points,
};
use super::readback::Readback;
use super::slicer::Slicer;
use crate::core::{Error, Result};
use std::sync::Arc;
use wgpu::Buffer;

/// Rows believed to fit one interactive dispatch.
const GUESS: u32 = 4096;

/// Images on the device.
pub struct ImageDenoiser {
    data: Buffer,
    rows: u32,
    width: usize,
    slicer: Slicer,
    /// For the number of queries asked for last.
    bound: Option<Bound>,
}

/// Buffers of some queries, with a dispatch for every slice of the sums.
#[derive(Clone)]
struct Bound {
    queries: usize,
    places: Buffer,
    running: Buffer,
    sums: Buffer,
    dispatches: Arc<[Dispatch<ImageDenoise>]>,
}

/// Estimates on their way; drop it to give up. One at a time for a denoiser.
pub struct ImageDenoising {
    width: usize,
    left: u32,
    done: u32,
    params: ImageDenoiseParams,
    bound: Bound,
    chunk: Option<Chunk>,
}

/// Rows under way.
struct Chunk {
    rows: u32,
    since: f64,
    running: Readback<[f32; 4]>,
    /// With the last rows.
    sums: Option<Readback<[f32; 4]>>,
}

impl ImageDenoiser {
    /// Uploads rows of `width` values.
    ///
    /// # Errors
    /// A width that the kernel does not take, or more than a buffer of this device holds.
    pub fn new(gpu: &Gpu, data: &[f32], width: usize) -> Result<Self> {
        if width == 0 || !width.is_multiple_of(4) || width > IMAGE_MOST {
            return Err(Error::out_of_range(
                "width",
                width,
                format!("a multiple of 4 up to {IMAGE_MOST}"),
            ));
        }
        let rows = u32::try_from(data.len() / width)
            .map_err(|e| Error::Gpu(format!("{} values: {e}", data.len())))?;
        Ok(Self {
            data: gpu.storage("image data", data)?,
            rows,
            width,
            slicer: Slicer::new(Slicer::INTERACTIVE_MS, GUESS, image_chunk(width / 4)),
            bound: None,
        })
    }

    fn bind(&self, gpu: &Gpu, queries: usize, params: &ImageDenoiseParams) -> Result<Bound> {
        let (quads, slices) = (self.width / 4, self.width.div_ceil(IMAGE_SLICE));
        let places = gpu.empty::<f32>("image queries", self.width * queries)?;
        let running = gpu.empty::<[f32; 4]>("image states", slices * queries)?;
        let sums = gpu.empty::<[f32; 4]>("image sums", quads * queries)?;
        let buffers = [&self.data, &places, &running, &sums];
        let dispatches = (0..slices)
            .map(|_| Dispatch::new(gpu, params, queries as u32, &buffers))
            .collect::<Result<_>>()?;
        Ok(Bound {
            queries,
            places,
            running,
            sums,
            dispatches,
        })
    }

    /// Starts with queries of the data's width; `half_inverse` is 1 / (2 variance). As many queries
    /// as before use the same buffers.
    ///
    /// # Errors
    /// When the device refuses.
    pub fn begin(
        &mut self,
        gpu: &Gpu,
        points: &[f32],
        half_inverse: f32,
    ) -> Result<ImageDenoising> {
        let queries = points.len() / self.width;
        let params = ImageDenoiseParams {
            queries: queries as u32,
            quads: (self.width / 4) as u32,
            half_inverse,
            ..ImageDenoiseParams::default()
        };
        let bound = match self.bound.take().filter(|bound| bound.queries == queries) {
            Some(bound) => bound,
            None => self.bind(gpu, queries, &params)?,
        };
        gpu.write(&bound.places, &image_points(points, self.width));
        self.bound = Some(bound.clone());
        Ok(ImageDenoising {
            width: self.width,
            left: self.rows,
            done: 0,
            params,
            bound,
            chunk: None,
        })
    }

    /// Goes on; the states of all queries at the end. Does not wait.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn poll(
        &mut self,
        gpu: &Gpu,
        work: &mut ImageDenoising,
    ) -> Result<Option<Vec<ImageState>>> {
        if let Some(chunk) = &mut work.chunk {
            let Some(arrived) = chunk.running.poll_stamped() else {
                return Ok(None);
            };
            let (running, at) = arrived?;
            self.slicer.record(chunk.rows, at - chunk.since);
            if let Some(sums) = &mut chunk.sums {
                // It shares a staging buffer with the states.
                let sums = sums
                    .poll()
                    .unwrap_or_else(|| Err(Error::Gpu("the sums did not come".to_owned())))?;
                return Ok(Some(states(&running, &sums, work.width / 4)));
            }
        }
        self.submit(gpu, work)?;
        Ok(None)
    }

    /// Hands the next rows over; after the last ones the states come back.
    fn submit(&self, gpu: &Gpu, work: &mut ImageDenoising) -> Result<()> {
        let rows = self.slicer.next(work.left);
        let mut batch = gpu.batch("image denoise");
        for (slice, dispatch) in work.bound.dispatches.iter().enumerate() {
            let params = ImageDenoiseParams {
                first: work.done,
                rows,
                slice: slice as u32,
                fresh: u32::from(work.done == 0),
                ..work.params
            };
            dispatch.set_params(gpu, &params);
            batch.add(dispatch);
        }
        work.done += rows;
        work.left -= rows;
        let Bound {
            queries,
            running,
            sums,
            ..
        } = &work.bound;
        let (running, sums) = if work.left > 0 {
            (batch.read(running, 0..1.min(*queries))?, None)
        } else {
            let quads = work.width / 4;
            batch.reserve((quads + 1) * queries * size_of::<[f32; 4]>());
            let running = batch.read(running, 0..*queries)?;
            (running, Some(batch.read(sums, 0..quads * queries)?))
        };
        batch.submit()?;
        work.chunk = Some(Chunk {
            rows,
            since: gpu.now_ms(),
            running,
            sums,
        });
        Ok(())
    }

    /// Waits for the estimates. Never in the page.
    ///
    /// # Errors
    /// A fault of the device.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn denoise(
        &mut self,
        gpu: &Gpu,
        points: &[f32],
        half_inverse: f32,
    ) -> Result<Vec<ImageState>> {
        let mut work = self.begin(gpu, points, half_inverse)?;
        loop {
            if let Some(states) = self.poll(gpu, &mut work)? {
                return Ok(states);
            }
            gpu.wait()?;
        }
    }

    /// Rows a dispatch may take now at most, for tests of the slicing.
    pub fn limit_rows(&mut self, rows: u32) {
        self.slicer = Slicer::new(Slicer::INTERACTIVE_MS, GUESS, rows.max(1));
    }
}

fn states(running: &[[f32; 4]], sums: &[[f32; 4]], quads: usize) -> Vec<ImageState> {
    let queries = running.len();
    running
        .iter()
        .enumerate()
        .map(|(q, [top, weight, lag, best])| ImageState {
            top: f64::from(*top),
            weight: f64::from(*weight),
            lag: f64::from(*lag),
            best: *best as usize,
            sum: (0..quads)
                .flat_map(|c| sums[c * queries + q].map(f64::from))
                .collect(),
        })
        .collect()
}
