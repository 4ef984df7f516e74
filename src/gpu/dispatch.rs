//! Dispatches and the batches they are submitted in. [`Dispatch`] does what people forget: rounds
//! workgroups up, folds counts above 65,535 into y and refuses sizes over the device's limits.

use super::device::{Compiled, Gpu};
use super::kernel::{Kernel, KernelSpec, MAX_GROUPS, Shape, workgroups};
use super::readback::Readback;
use crate::core::{Error, Result};
use bytemuck::Pod;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wgpu::{BindGroup, Buffer, BufferUsages, CommandEncoder, ComputePass};

/// A kernel bound to its buffers, ready to be put in any number of batches.
pub struct Dispatch<K: Kernel> {
    raw: RawDispatch,
    kernel: PhantomData<fn() -> K>,
}

/// The same without the type.
pub(super) struct RawDispatch {
    compiled: Arc<Compiled>,
    group: BindGroup,
    params: Buffer,
    invocations: u32,
}

impl<K: Kernel> Dispatch<K> {
    /// Binds `buffers` (in the order of [`Kernel::BINDINGS`]) for `invocations` invocations.
    ///
    /// # Errors
    /// When the device refuses the kernel, or the number of buffers or invocations.
    pub fn new(
        gpu: &Gpu,
        params: &K::Params,
        invocations: u32,
        buffers: &[&Buffer],
    ) -> Result<Self> {
        let bytes = bytemuck::bytes_of(params);
        let spec = KernelSpec::of::<K>();
        let raw = RawDispatch::new(gpu, &spec, gpu.shape(), bytes, invocations, buffers)?;
        Ok(Self {
            raw,
            kernel: PhantomData,
        })
    }

    /// Changes the parameters of later submissions.
    pub fn set_params(&self, gpu: &Gpu, params: &K::Params) {
        gpu.write(&self.raw.params, bytemuck::bytes_of(params));
    }

    /// Changes the number of invocations of later batches.
    pub fn set_invocations(&mut self, invocations: u32) {
        self.raw.invocations = invocations;
    }
}

impl RawDispatch {
    pub(super) fn new(
        gpu: &Gpu,
        spec: &KernelSpec,
        shape: Shape,
        params: &[u8],
        invocations: u32,
        buffers: &[&Buffer],
    ) -> Result<Self> {
        let compiled = gpu.compiled(spec, shape)?;
        if buffers.len() != spec.bindings.len() {
            return Err(Error::Gpu(format!(
                "kernel {} takes {} buffers, got {}",
                spec.name,
                spec.bindings.len(),
                buffers.len()
            )));
        }
        let (x, y) = workgroups(invocations, compiled.width);
        let most = MAX_GROUPS.min(gpu.caps().limits.max_compute_workgroups_per_dimension);
        if x.max(y) > most {
            return Err(Error::Gpu(format!(
                "kernel {} over {invocations} elements needs {x} × {y} workgroups; allowed: {most}",
                spec.name
            )));
        }
        let uniform = gpu.raw(
            spec.name,
            params.len() as u64,
            BufferUsages::UNIFORM | BufferUsages::COPY_DST,
        )?;
        gpu.write(&uniform, params);
        let entries: Vec<_> = std::iter::once(&uniform)
            .chain(buffers.iter().copied())
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let group = gpu
            .faults()
            .scoped(gpu.device(), spec.name, || {
                gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some(spec.name),
                    layout: &compiled.layout,
                    entries: &entries,
                })
            })
            .map_err(|e| Error::Gpu(format!("kernel {}: {e}", spec.name)))?;
        Ok(Self {
            compiled,
            group,
            params: uniform,
            invocations,
        })
    }

    fn encode(&self, pass: &mut ComputePass<'_>) {
        let (x, y) = workgroups(self.invocations, self.compiled.width);
        pass.set_pipeline(&self.compiled.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(x, y, 1);
    }
}

/// Commands that are submitted together, in order.
pub struct Batch {
    gpu: Gpu,
    label: &'static str,
    encoder: CommandEncoder,
    first_use: Vec<Arc<Compiled>>,
}

impl Batch {
    pub(super) fn new(gpu: &Gpu, label: &'static str) -> Self {
        let encoder = gpu
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(label) });
        Self {
            gpu: gpu.clone(),
            label,
            encoder,
            first_use: Vec::new(),
        }
    }

    /// Adds one dispatch.
    pub fn add<K: Kernel>(&mut self, dispatch: &Dispatch<K>) -> &mut Self {
        self.add_raw(&dispatch.raw, None);
        self
    }

    /// Binds and adds a dispatch that is used once.
    ///
    /// # Errors
    /// As [`Dispatch::new`].
    pub fn run<K: Kernel>(
        &mut self,
        params: &K::Params,
        invocations: u32,
        buffers: &[&Buffer],
    ) -> Result<&mut Self> {
        let dispatch = Dispatch::<K>::new(&self.gpu, params, invocations, buffers)?;
        Ok(self.add(&dispatch))
    }

    pub(super) fn add_raw(
        &mut self,
        dispatch: &RawDispatch,
        timestamps: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        if !dispatch.compiled.proven.load(Ordering::Relaxed) {
            self.first_use.push(dispatch.compiled.clone());
        }
        let mut pass = self
            .encoder
            .begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some(dispatch.compiled.spec.name),
                timestamp_writes: timestamps,
            });
        dispatch.encode(&mut pass);
    }

    /// Adds one dispatch whose time on the device is measured, where the device can: the ticket
    /// brings (start, end) in ticks of [`wgpu::Queue::get_timestamp_period`] nanoseconds.
    pub fn add_timed<K: Kernel>(&mut self, dispatch: &Dispatch<K>) -> Option<Readback<u64>> {
        if !self.gpu.caps().timestamps {
            self.add_raw(&dispatch.raw, None);
            return None;
        }
        let set = self
            .gpu
            .device()
            .create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            });
        let writes = wgpu::ComputePassTimestampWrites {
            query_set: &set,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        };
        self.add_raw(&dispatch.raw, Some(writes));
        let usage = BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC;
        let ticks = self.gpu.raw("timestamps", 16, usage).ok()?;
        self.encoder.resolve_query_set(&set, 0..2, &ticks, 0);
        self.read(&ticks, 0..2).ok()
    }

    /// Fills a buffer with zeros.
    pub fn clear(&mut self, buffer: &Buffer) -> &mut Self {
        self.encoder.clear_buffer(buffer, 0, None);
        self
    }

    /// Copies `len` values from the start of one buffer to the start of another.
    pub fn copy<T: Pod>(&mut self, from: &Buffer, to: &Buffer, len: usize) -> &mut Self {
        let bytes = ((len * size_of::<T>()) as u64).next_multiple_of(4);
        if bytes > 0 {
            self.encoder.copy_buffer_to_buffer(from, 0, to, 0, bytes);
        }
        self
    }

    /// Copies values `range` of a buffer back; the ticket brings them some time after
    /// [`Batch::submit`].
    ///
    /// # Errors
    /// When the range lies outside of the buffer.
    pub fn read<T: Pod>(&mut self, buffer: &Buffer, range: Range<usize>) -> Result<Readback<T>> {
        Readback::record(&self.gpu, &mut self.encoder, buffer, range)
    }

    /// Hands everything to the device. Does not wait.
    ///
    /// # Errors
    /// When the device refuses the first dispatch of a kernel, or is lost.
    pub fn submit(self) -> Result<()> {
        self.submit_numbered().map(|_| ())
    }

    /// [`Batch::submit`]; the number says which submission this is, for [`Gpu::watch`].
    pub(super) fn submit_numbered(self) -> Result<wgpu::SubmissionIndex> {
        if self.gpu.lost() {
            return Err(Error::Gpu("the device was lost".to_owned()));
        }
        let (gpu, encoder) = (&self.gpu, self.encoder);
        gpu.note(|made| made.submissions += 1);
        if self.first_use.is_empty() {
            return Ok(gpu.queue().submit([encoder.finish()]));
        }
        let number = gpu
            .faults()
            .scoped(gpu.device(), self.label, || {
                gpu.queue().submit([encoder.finish()])
            })
            .map_err(|e| Error::Gpu(format!("{}: {e}", self.label)))?;
        for compiled in &self.first_use {
            compiled.proven.store(true, Ordering::Relaxed);
        }
        Ok(number)
    }
}
