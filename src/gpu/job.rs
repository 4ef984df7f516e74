//! Work on the device, in the shape of a [`Job`](crate::core::Job): polled once a frame, never
//! waited for.

use super::device::Gpu;
use crate::core::{Result, Step};
use crate::labs::{Lab, Library};

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
