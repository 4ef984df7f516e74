//! Read-back as a ticket: recorded with the commands that produce the data, asked for once a
//! frame, never waited for on a screen.

use super::clock::now_ms;
use super::device::Gpu;
use super::faults::lock;
use crate::core::{Error, Result};
use bytemuck::Pod;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use wgpu::{Buffer, BufferDescriptor, BufferUsages, CommandEncoder, MapMode};

/// Staging buffers kept for reuse.
const KEPT: usize = 6;

enum Slot {
    Waiting,
    /// The bytes and when they arrived, in milliseconds.
    Bytes(Vec<u8>, f64),
    Failed(String),
    Taken,
}

/// Values on their way back from the device.
pub struct Readback<T> {
    gpu: Gpu,
    slot: Arc<Mutex<Slot>>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Pod> Readback<T> {
    pub(super) fn record(
        gpu: &Gpu,
        encoder: &mut CommandEncoder,
        buffer: &Buffer,
        range: Range<usize>,
    ) -> Result<Self> {
        let start = (range.start * size_of::<T>()) as u64;
        let bytes = range.len() * size_of::<T>();
        let copied = (bytes as u64).next_multiple_of(4);
        if !start.is_multiple_of(4) || start + copied > buffer.size() {
            return Err(Error::Gpu(format!(
                "read-back of bytes {start}..{} from a buffer of {}",
                start + copied,
                buffer.size()
            )));
        }
        let ticket = Self {
            gpu: gpu.clone(),
            slot: Arc::new(Mutex::new(Slot::Waiting)),
            kind: PhantomData,
        };
        if bytes == 0 {
            *lock(&ticket.slot) = Slot::Bytes(Vec::new(), now_ms());
            return Ok(ticket);
        }
        let staging = take_staging(gpu, copied);
        encoder.copy_buffer_to_buffer(buffer, start, &staging, 0, copied);
        let (slot, pool, repaint) = (ticket.slot.clone(), gpu.staging().clone(), gpu.repaint());
        encoder.map_buffer_on_submit(&staging.clone(), MapMode::Read, 0..copied, move |mapped| {
            let taken = match mapped {
                Err(error) => Slot::Failed(error.to_string()),
                Ok(()) => match staging.slice(0..copied).get_mapped_range() {
                    Err(error) => Slot::Failed(error.to_string()),
                    Ok(view) => Slot::Bytes(view[..bytes].to_vec(), now_ms()),
                },
            };
            if matches!(taken, Slot::Bytes(..)) {
                staging.unmap();
                let mut pool = lock(&pool);
                if pool.len() < KEPT {
                    pool.push(staging);
                }
            }
            *lock(&slot) = taken;
            if let Some(repaint) = repaint {
                repaint();
            }
        });
        Ok(ticket)
    }

    /// The values when they have come, once; `None` before (and after). Does not wait.
    pub fn poll(&mut self) -> Option<Result<Vec<T>>> {
        Some(self.poll_stamped()?.map(|(values, _)| values))
    }

    /// [`Readback::poll`] with the time at which the values arrived, in milliseconds: a screen may
    /// look much later.
    pub(super) fn poll_stamped(&mut self) -> Option<Result<(Vec<T>, f64)>> {
        let health = self.gpu.poll();
        let mut slot = lock(&self.slot);
        match std::mem::replace(&mut *slot, Slot::Taken) {
            Slot::Bytes(bytes, at) => Some(Ok((bytemuck::pod_collect_to_vec(&bytes), at))),
            Slot::Failed(why) => Some(Err(Error::Gpu(why))),
            Slot::Taken => None,
            Slot::Waiting => {
                if let Err(error) = health {
                    return Some(Err(error));
                }
                *slot = Slot::Waiting;
                None
            }
        }
    }

    /// Waits for the values. Never in the page, where it would not wait.
    ///
    /// # Errors
    /// When the device fails, or the commands were not submitted.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(mut self) -> Result<Vec<T>> {
        self.gpu.wait()?;
        self.poll()
            .unwrap_or_else(|| Err(Error::Gpu("nothing was submitted to read back".to_owned())))
    }
}

/// A free staging buffer that is large enough (and not wastefully large), or a new one.
fn take_staging(gpu: &Gpu, bytes: u64) -> Buffer {
    let mut pool = lock(gpu.staging());
    let fits = |b: &Buffer| b.size() >= bytes && b.size() <= 4 * bytes.max(4096);
    if let Some(at) = pool.iter().position(fits) {
        return pool.swap_remove(at);
    }
    drop(pool);
    gpu.note(|made| made.buffers += 1);
    gpu.device().create_buffer(&BufferDescriptor {
        label: Some("read-back"),
        size: bytes.next_power_of_two(),
        usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}
