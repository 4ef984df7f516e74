//! Work on the device, in the shape of a [`Job`](crate::core::Job): polled once a frame, never
//! waited for.

use super::device::Gpu;
use crate::core::{Result, Step};
use crate::labs::{Lab, Library};
#[cfg(not(target_arch = "wasm32"))]
use {
    crate::core::golden::Case,
    crate::labs::golden::GoldenFile,
    crate::labs::{LabKind, lr, noise, pruning, routing, serving},
    serde_json::Value,
};

/// Work on the device. Submits what fits the budget, looks for what came back, returns at once.
/// Drop it to cancel; what was submitted already runs to its end and is ignored.
pub trait GpuJob {
    /// What the job computes.
    type Out;

    /// Goes on if something has come back from the device.
    ///
    /// # Errors
    /// A fault of the device (go on with the CPU), or the reason why the run cannot go on.
    fn poll(&mut self, gpu: &Gpu) -> Result<Step<Self::Out>>;

    /// Share of the work done, 0 to 1.
    fn progress(&self) -> f64;

    /// What is known so far, as [`Job::preview`](crate::core::Job::preview).
    fn preview(&mut self) -> Option<Self::Out> {
        None
    }

    /// Whether it waits for the device, so that polling again at once is of no use.
    fn is_waiting(&self) -> bool {
        true
    }
}

/// A lab that can compute (part of) its run by kernels.
pub trait GpuLab: Lab {
    /// Starts the computation on the device; `None` when this config has no kernel. Checks the
    /// config first.
    ///
    /// # Errors
    /// A bad parameter, data that is not loaded, or a kernel the device refuses.
    fn start_gpu(
        gpu: &Gpu,
        config: &Self::Config,
        data: &Library,
    ) -> Result<Option<Box<dyn GpuJob<Out = Self::Run>>>> {
        Self::check(config)?;
        let _ = (gpu, data);
        Ok(None)
    }

    /// Evaluates a reference file through kernels, for `schedlab verify --gpu`; `None` when its
    /// kind has no kernel. Native only: it waits.
    ///
    /// # Errors
    /// Malformed inputs, or a fault of the device.
    #[cfg(not(target_arch = "wasm32"))]
    fn verify_gpu(gpu: &Gpu, kind: &str, file: &Value) -> Result<Option<Vec<Case>>> {
        let _ = (gpu, kind, file);
        Ok(None)
    }
}

/// The cases of a reference file that a kernel can evaluate, named as such; empty when its kind
/// has no kernel.
///
/// # Errors
/// Malformed inputs, or a fault of the device.
#[cfg(not(target_arch = "wasm32"))]
pub fn verify_by_kernel(gpu: &Gpu, file: &GoldenFile) -> Result<Vec<Case>> {
    let (kind, content) = (file.kind.as_str(), &file.content);
    let cases = match LabKind::from_id(&file.lab) {
        Some(LabKind::Serving) => serving::Serving::verify_gpu(gpu, kind, content)?,
        Some(LabKind::Lr) => lr::Lr::verify_gpu(gpu, kind, content)?,
        Some(LabKind::Noise) => noise::Noise::verify_gpu(gpu, kind, content)?,
        Some(LabKind::Routing) => routing::Routing::verify_gpu(gpu, kind, content)?,
        Some(LabKind::Pruning) => pruning::Pruning::verify_gpu(gpu, kind, content)?,
        None => None,
    };
    let mut cases = cases.unwrap_or_default();
    for case in &mut cases {
        case.name.push_str(" (kernel)");
    }
    Ok(cases)
}

/// Polls a job to its end. For the command line and tests.
///
/// # Errors
/// The job's own error.
#[cfg(not(target_arch = "wasm32"))]
pub fn finish_gpu<J: GpuJob + ?Sized>(job: &mut J, gpu: &Gpu) -> Result<J::Out> {
    loop {
        if let Step::Done(out) = job.poll(gpu)? {
            return Ok(out);
        }
        gpu.wait()?;
    }
}
