//! Buffers. Never 0 bytes long: empty content is one element.

use super::device::Gpu;
use crate::core::{Error, Result};
use bytemuck::Pod;
use wgpu::{Buffer, BufferDescriptor, BufferUsages};

impl Gpu {
    /// A storage buffer with this content; it can be read back, cleared and drawn from.
    ///
    /// # Errors
    /// When it is larger than the device allows.
    pub fn storage<T: Pod>(&self, label: &str, content: &[T]) -> Result<Buffer> {
        let bytes: &[u8] = bytemuck::cast_slice(content);
        let buffer = self.raw(label, bytes.len() as u64, STORAGE)?;
        self.write(&buffer, content);
        Ok(buffer)
    }

    /// A storage buffer for `len` values, zero at first.
    ///
    /// # Errors
    /// When it is larger than the device allows.
    pub fn empty<T: Pod>(&self, label: &str, len: usize) -> Result<Buffer> {
        self.raw(label, (len * size_of::<T>()) as u64, STORAGE)
    }

    /// Overwrites the start of a buffer. In order with submissions.
    pub fn write<T: Pod>(&self, buffer: &Buffer, content: &[T]) {
        self.before_writing(buffer);
        let bytes: &[u8] = bytemuck::cast_slice(content);
        let whole = bytes.len() / 4 * 4;
        if whole > 0 {
            self.queue().write_buffer(buffer, 0, &bytes[..whole]);
        }
        if whole < bytes.len() {
            let mut last = [0; 4];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            self.queue().write_buffer(buffer, whole as u64, &last);
        }
    }

    /// Overwrites a part of a buffer, from a value of it on. In order with submissions.
    pub fn write_at(&self, buffer: &Buffer, first: usize, content: &[f32]) {
        self.before_writing(buffer);
        let start = (first * size_of::<f32>()) as u64;
        let bytes = bytemuck::cast_slice(content);
        self.queue().write_buffer(buffer, start, bytes);
    }

    pub(super) fn raw(&self, label: &str, bytes: u64, usage: BufferUsages) -> Result<Buffer> {
        let limits = &self.caps().limits;
        let mut most = limits.max_buffer_size;
        if usage.contains(BufferUsages::STORAGE) {
            most = most.min(limits.max_storage_buffer_binding_size);
        }
        // One vec4 at least; whole words.
        let size = bytes.max(16).next_multiple_of(16);
        if size > most {
            return Err(Error::Gpu(format!(
                "buffer {label} needs {size} bytes; this device allows {most}"
            )));
        }
        self.note(|made| made.buffers += 1);
        self.faults()
            .scoped(self.device(), label, || {
                self.device().create_buffer(&BufferDescriptor {
                    label: Some(label),
                    size,
                    usage,
                    mapped_at_creation: false,
                })
            })
            .map_err(|e| Error::Gpu(format!("buffer {label}: {e}")))
    }
}

const STORAGE: BufferUsages = BufferUsages::STORAGE
    .union(BufferUsages::COPY_SRC)
    .union(BufferUsages::COPY_DST)
    .union(BufferUsages::VERTEX);
