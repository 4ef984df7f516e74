//! Kernels compiled before they are needed, one after the other between frames. wgpu compiles in the
//! background nowhere: a browser's pipeline is made at its first use, and some drivers translate a
//! kernel when it is first dispatched. So each one is dispatched once, on buffers of its own and with
//! parameters of zeros, for which no kernel has anything to do.

use super::device::Gpu;
use super::dispatch::RawDispatch;
use super::kernels::ALL;
use super::readback::Readback;
use super::twin::Listed;
use crate::core::Result;
use std::sync::atomic::Ordering;
use wgpu::Buffer;

/// Words of every buffer: above what any kernel declares.
const WORDS: usize = 1 << 12;

/// All kernels in the device's shape, one at a time: poll it once a frame.
pub struct WarmUp {
    left: std::slice::Iter<'static, Listed>,
    buffers: Vec<Buffer>,
    ticket: Option<Readback<u32>>,
}

impl Default for WarmUp {
    fn default() -> Self {
        Self {
            left: ALL.iter(),
            buffers: Vec::new(),
            ticket: None,
        }
    }
}

impl WarmUp {
    /// Goes on when the kernel before has run; `false` when all have.
    ///
    /// # Errors
    /// When the device refuses a kernel; a further call goes on with the next one.
    pub fn poll(&mut self, gpu: &Gpu) -> Result<bool> {
        if let Some(ticket) = &mut self.ticket {
            let Some(came) = ticket.poll() else {
                return Ok(true);
            };
            self.ticket = None;
            came?;
        }
        for listed in self.left.by_ref() {
            let spec = &listed.spec;
            let compiled = gpu.compiled(spec, gpu.shape())?;
            if compiled.proven.load(Ordering::Relaxed) {
                continue;
            }
            while self.buffers.len() < spec.bindings.len() {
                self.buffers.push(gpu.empty::<u32>("warm-up", WORDS)?);
            }
            let bound: Vec<&Buffer> = self.buffers[..spec.bindings.len()].iter().collect();
            let zeros = vec![0; spec.params_size];
            let dispatch = RawDispatch::new(gpu, spec, gpu.shape(), &zeros, 1, &bound)?;
            let mut batch = gpu.batch("warm-up");
            batch.add_raw(&dispatch);
            if let Some(first) = self.buffers.first() {
                self.ticket = Some(batch.read(first, 0..1)?);
            }
            batch.submit()?;
            return Ok(true);
        }
        Ok(false)
    }
}
