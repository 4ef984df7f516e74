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
use wgpu::Buffer;

/// Rows believed to fit one interactive dispatch.
const GUESS: u32 = 4096;

/// Images on the device.
pub struct ImageDenoiser {
    data: Buffer,
    rows: u32,
    width: usize,
    slicer: Slicer,
}

/// Estimates on their way; drop it to give up.
pub struct ImageDenoising {
    queries: usize,
    width: usize,
    left: u32,
    done: u32,
    dispatches: Vec<Dispatch<ImageDenoise>>,
    params: ImageDenoiseParams,
    running: Buffer,
    sums: Buffer,
    /// Rows of the chunk under way, and when it was handed over.
    chunk: Option<(u32, f64, Readback<[f32; 4]>)>,
    last: Option<[Readback<[f32; 4]>; 2]>,
    came: Option<Vec<[f32; 4]>>,
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
        })
    }

    /// Starts with queries of the data's width; `half_inverse` is 1 / (2 variance).
    ///
    /// # Errors
    /// When the device refuses.
    pub fn begin(&self, gpu: &Gpu, points: &[f32], half_inverse: f32) -> Result<ImageDenoising> {
        let (queries, quads) = (points.len() / self.width, self.width / 4);
        let slices = self.width.div_ceil(IMAGE_SLICE);
        let places = gpu.storage("image queries", &image_points(points, self.width))?;
        let running = gpu.empty::<[f32; 4]>("image states", slices * queries)?;
        let sums = gpu.empty::<[f32; 4]>("image sums", quads * queries)?;
        let params = ImageDenoiseParams {
            queries: queries as u32,
            quads: quads as u32,
            half_inverse,
            ..ImageDenoiseParams::default()
        };
        let buffers = [&self.data, &places, &running, &sums];
        let dispatches = (0..slices)
            .map(|_| Dispatch::new(gpu, &params, queries as u32, &buffers))
            .collect::<Result<_>>()?;
        Ok(ImageDenoising {
            queries,
            width: self.width,
            left: self.rows,
            done: 0,
            dispatches,
            params,
            running,
            sums,
            chunk: None,
            last: None,
            came: None,
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
        if let Some((rows, begun, ticket)) = &mut work.chunk {
            let Some(arrived) = ticket.poll() else {
                return Ok(None);
            };
            arrived?;
            self.slicer.record(*rows, gpu.now_ms() - *begun);
            work.chunk = None;
        }
        if work.left > 0 {
            self.submit(gpu, work)?;
            return Ok(None);
        }
        let Some([running, sums]) = &mut work.last else {
            let mut batch = gpu.batch("image denoise");
            work.last = Some([
                batch.read(&work.running, 0..work.queries)?,
                batch.read(&work.sums, 0..work.width / 4 * work.queries)?,
            ]);
            batch.submit()?;
            return Ok(None);
        };
        if work.came.is_none() {
            work.came = running.poll().transpose()?;
        }
        if work.came.is_some()
            && let Some(sums) = sums.poll().transpose()?
        {
            let running = work.came.take().unwrap_or_default();
            return Ok(Some(states(&running, &sums, work.width / 4)));
        }
        Ok(None)
    }

    fn submit(&self, gpu: &Gpu, work: &mut ImageDenoising) -> Result<()> {
        let rows = self.slicer.next(work.left);
        let mut batch = gpu.batch("image denoise");
        for (slice, dispatch) in work.dispatches.iter().enumerate() {
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
        let ticket = batch.read(&work.running, 0..1.min(work.queries))?;
        batch.submit()?;
        work.chunk = Some((rows, gpu.now_ms(), ticket));
        work.done += rows;
        work.left -= rows;
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
