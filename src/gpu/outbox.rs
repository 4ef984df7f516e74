//! One submission a frame. Between [`Gpu::frame`] and its end, batches wait until all jobs had
//! their turn and are then handed over together, in their order.
//!
//! A write to a buffer takes effect before everything that is handed over later, so a write to one
//! that waiting commands use hands those over first: collecting changes no result.

use super::device::{Compiled, Gpu};
use super::faults::lock;
use crate::core::{Error, Result};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wgpu::{Buffer, CommandBuffer, SubmissionIndex};

/// Commands that are complete.
pub(super) struct Parcel {
    pub(super) label: &'static str,
    pub(super) commands: CommandBuffer,
    /// Kernels that run for the first time.
    pub(super) first_use: Vec<Arc<Compiled>>,
    /// Buffers in use; `None` if they were not written down, then it cannot wait.
    pub(super) touched: Option<BTreeSet<Buffer>>,
}

/// What waits for the end of the frame.
#[derive(Default)]
pub(super) struct Outbox {
    open: bool,
    label: &'static str,
    commands: Vec<CommandBuffer>,
    first_use: Vec<Arc<Compiled>>,
    touched: BTreeSet<Buffer>,
}

impl Outbox {
    fn put(&mut self, parcel: Parcel) {
        if self.commands.is_empty() {
            self.label = parcel.label;
        }
        self.commands.push(parcel.commands);
        self.first_use.extend(parcel.first_use);
        self.touched.extend(parcel.touched.into_iter().flatten());
    }
}

/// A frame: at its end, what was submitted in it is handed over.
#[must_use = "the frame ends when this is dropped"]
pub struct Frame(Gpu);

impl Drop for Frame {
    fn drop(&mut self) {
        lock(self.0.outbox()).open = false;
        // What goes wrong is remembered by the device.
        if let Err(error) = self.0.flush() {
            log::debug!("{error}");
        }
    }
}

impl Gpu {
    /// Begins a frame.
    pub fn frame(&self) -> Frame {
        lock(self.outbox()).open = true;
        Frame(self.clone())
    }

    /// Whether batches are collected.
    pub(super) fn collects(&self) -> bool {
        lock(self.outbox()).open
    }

    /// Takes commands; hands them over unless a frame is under way.
    pub(super) fn post(&self, parcel: Parcel) -> Result<()> {
        if self.lost() {
            return Err(Error::Gpu("the device was lost".to_owned()));
        }
        let waits = parcel.touched.is_some() && self.collects();
        lock(self.outbox()).put(parcel);
        if waits { Ok(()) } else { self.flush() }
    }

    /// Hands commands over at once, behind those that wait; the number says which submission it is.
    pub(super) fn post_now(&self, parcel: Parcel) -> Result<SubmissionIndex> {
        lock(self.outbox()).put(parcel);
        let number = self.hand_over()?;
        number.ok_or_else(|| Error::Gpu("the device was lost".to_owned()))
    }

    /// Hands over what waits.
    pub(super) fn flush(&self) -> Result<()> {
        self.hand_over().map(|_| ())
    }

    /// Hands over what waits if it uses this buffer, which is about to be written.
    pub(super) fn before_writing(&self, buffer: &Buffer) {
        let used = lock(self.outbox()).touched.contains(buffer);
        if used && let Err(error) = self.flush() {
            log::debug!("{error}");
        }
    }

    fn hand_over(&self) -> Result<Option<SubmissionIndex>> {
        let waiting = {
            let mut outbox = lock(self.outbox());
            let open = outbox.open;
            std::mem::replace(
                &mut *outbox,
                Outbox {
                    open,
                    ..Outbox::default()
                },
            )
        };
        if waiting.commands.is_empty() || self.lost() {
            return Ok(None);
        }
        self.note(|made| made.submissions += 1);
        if waiting.first_use.is_empty() {
            return Ok(Some(self.queue().submit(waiting.commands)));
        }
        let number = self
            .faults()
            .scoped(self.device(), waiting.label, || {
                self.queue().submit(waiting.commands)
            })
            .map_err(|e| Error::Gpu(format!("{}: {e}", waiting.label)))?;
        for compiled in &waiting.first_use {
            compiled.proven.store(true, Ordering::Relaxed);
        }
        Ok(Some(number))
    }
}
