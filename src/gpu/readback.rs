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

/// Staging buffers kept for reuse; the one that was not used for longest goes first.
const KEPT: usize = 8;
/// Bytes of the smallest.
const LEAST: u64 = 1 << 12;

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

/// A staging buffer that the values of one batch share: it is mapped once.
struct Page {
    buffer: Buffer,
    used: u64,
    parts: Vec<(Range<usize>, Arc<Mutex<Slot>>)>,
}

/// The values that a batch brings back.
#[derive(Default)]
pub(super) struct Pages(Vec<Page>);

impl Pages {
    /// Makes room for so many bytes in one staging buffer.
    pub(super) fn reserve(&mut self, gpu: &Gpu, bytes: u64) {
        let room = |page: &Page| page.buffer.size() - page.used >= bytes;
        if !self.0.last().is_some_and(room) {
            self.0.push(Page {
                buffer: take_staging(gpu, bytes),
                used: 0,
                parts: Vec::new(),
            });
        }
    }

    /// Has values `range` of a buffer copied, as it is at this point of the commands.
    pub(super) fn read<T: Pod>(
        &mut self,
        gpu: &Gpu,
        encoder: &mut CommandEncoder,
        buffer: &Buffer,
        range: Range<usize>,
    ) -> Result<Readback<T>> {
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
        let ticket = Readback {
            gpu: gpu.clone(),
            slot: Arc::new(Mutex::new(Slot::Waiting)),
            kind: PhantomData,
        };
        if bytes == 0 {
            *lock(&ticket.slot) = Slot::Bytes(Vec::new(), now_ms());
            return Ok(ticket);
        }
        self.reserve(gpu, copied);
        if let Some(page) = self.0.last_mut() {
            encoder.copy_buffer_to_buffer(buffer, start, &page.buffer, page.used, copied);
            let at = page.used as usize;
            page.parts.push((at..at + bytes, ticket.slot.clone()));
            page.used += copied;
        }
        Ok(ticket)
    }

    /// Has the values taken when the commands have run.
    pub(super) fn map_on_submit(self, gpu: &Gpu, encoder: &CommandEncoder) {
        for page in self.0.into_iter().filter(|page| page.used > 0) {
            gpu.note(|made| made.mapped += 1);
            let (pool, repaint) = (gpu.staging().clone(), gpu.repaint());
            let staging = page.buffer.clone();
            encoder.map_buffer_on_submit(&staging, MapMode::Read, 0..page.used, move |mapped| {
                page.take(mapped.map_err(|error| error.to_string()), &pool);
                if let Some(repaint) = repaint {
                    repaint();
                }
            });
        }
    }
}

impl Page {
    /// Hands every ticket its bytes, and the buffer back for reuse. From the last to the first:
    /// whoever finds the first values also finds the others.
    fn take(self, mapped: std::result::Result<(), String>, pool: &Mutex<Vec<Buffer>>) {
        let view = mapped.and_then(|()| {
            let view = self.buffer.slice(0..self.used).get_mapped_range();
            view.map_err(|error| error.to_string())
        });
        let now = now_ms();
        for (range, slot) in self.parts.into_iter().rev() {
            *lock(&slot) = match &view {
                Ok(view) => Slot::Bytes(view[range].to_vec(), now),
                Err(why) => Slot::Failed(why.clone()),
            };
        }
        if let Ok(view) = view {
            drop(view);
            self.buffer.unmap();
            let mut pool = lock(pool);
            if pool.len() == KEPT {
                pool.remove(0);
            }
            pool.push(self.buffer);
        }
    }
}

impl<T: Pod> Readback<T> {
    /// The values when they have come, once; `None` before (and after). Does not wait.
    pub fn poll(&mut self) -> Option<Result<Vec<T>>> {
        Some(self.poll_stamped()?.map(|(values, _)| values))
    }

    /// [`Readback::poll`] with the time at which the values arrived, in milliseconds: a screen may
    /// look much later.
    pub fn poll_stamped(&mut self) -> Option<Result<(Vec<T>, f64)>> {
        if matches!(*lock(&self.slot), Slot::Waiting)
            && let Err(error) = self.gpu.poll()
            && matches!(*lock(&self.slot), Slot::Waiting)
        {
            *lock(&self.slot) = Slot::Taken;
            return Some(Err(error));
        }
        let mut slot = lock(&self.slot);
        match std::mem::replace(&mut *slot, Slot::Taken) {
            Slot::Bytes(bytes, at) => Some(Ok((bytemuck::pod_collect_to_vec(&bytes), at))),
            Slot::Failed(why) => Some(Err(Error::Gpu(why))),
            Slot::Taken => None,
            Slot::Waiting => {
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
    let fits = |b: &Buffer| b.size() >= bytes && b.size() <= 4 * bytes.max(LEAST);
    if let Some(at) = pool.iter().position(fits) {
        return pool.remove(at);
    }
    drop(pool);
    gpu.note(|made| made.buffers += 1);
    gpu.device().create_buffer(&BufferDescriptor {
        label: Some("read-back"),
        size: bytes.max(LEAST).next_power_of_two(),
        usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}
