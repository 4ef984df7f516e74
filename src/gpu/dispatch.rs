//! Dispatches and the batches they are submitted in. [`Dispatch`] does what people forget: rounds
//! workgroups up, folds counts above 65,535 into y and refuses sizes over the device's limits.

use super::device::{Compiled, Gpu};
use super::kernel::{Kernel, KernelSpec, MAX_GROUPS, Shape, workgroups};
use super::outbox::Parcel;
use super::readback::{Pages, Readback};
use crate::core::{Error, Result};
use bytemuck::Pod;
use std::collections::BTreeSet;
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
    bound: Vec<Buffer>,
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
            bound: buffers.iter().copied().cloned().collect(),
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
    /// Dispatches that follow one another share a pass; anything else ends it.
    pass: Option<ComputePass<'static>>,
    encoder: CommandEncoder,
    first_use: Vec<Arc<Compiled>>,
    pages: Pages,
    /// Buffers in use, where the batch may have to wait for the end of a frame.
    touched: Option<BTreeSet<Buffer>>,
}

impl Batch {
    pub(super) fn new(gpu: &Gpu, label: &'static str) -> Self {
        let encoder = gpu
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(label) });
        Self {
            gpu: gpu.clone(),
            label,
            pass: None,
            encoder,
            first_use: Vec::new(),
            pages: Pages::default(),
            touched: gpu.collects().then(BTreeSet::new),
        }
    }

    /// Adds one dispatch.
    pub fn add<K: Kernel>(&mut self, dispatch: &Dispatch<K>) -> &mut Self {
        self.add_raw(&dispatch.raw);
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

    pub(super) fn add_raw(&mut self, dispatch: &RawDispatch) {
        if !dispatch.compiled.proven.load(Ordering::Relaxed) {
            self.first_use.push(dispatch.compiled.clone());
        }
        for buffer in dispatch.bound.iter().chain([&dispatch.params]) {
            self.touch(buffer);
        }
        let pass = self.pass.get_or_insert_with(|| {
            let described = wgpu::ComputePassDescriptor {
                label: Some(self.label),
                timestamp_writes: None,
            };
            self.encoder
                .begin_compute_pass(&described)
                .forget_lifetime()
        });
        dispatch.encode(pass);
    }

    fn touch(&mut self, buffer: &Buffer) {
        if let Some(touched) = &mut self.touched
            && !touched.contains(buffer)
        {
            touched.insert(buffer.clone());
        }
    }

    /// Fills a buffer with zeros.
    pub fn clear(&mut self, buffer: &Buffer) -> &mut Self {
        self.touch(buffer);
        self.pass = None;
        self.encoder.clear_buffer(buffer, 0, None);
        self
    }

    /// Copies `len` values of one buffer, from a value of it on, to the start of another.
    pub fn copy<T: Pod>(
        &mut self,
        (from, first): (&Buffer, usize),
        to: &Buffer,
        len: usize,
    ) -> &mut Self {
        let start = (first * size_of::<T>()) as u64;
        let bytes = ((len * size_of::<T>()) as u64).next_multiple_of(4);
        if bytes > 0 {
            self.touch(from);
            self.touch(to);
            self.pass = None;
            self.encoder
                .copy_buffer_to_buffer(from, start, to, 0, bytes);
        }
        self
    }

    /// Makes room for so many bytes to be read back, so that one staging buffer takes them all.
    pub fn reserve(&mut self, bytes: usize) -> &mut Self {
        self.pages.reserve(&self.gpu, bytes as u64);
        self
    }

    /// Copies values `range` of a buffer back as they are at this point; the ticket brings them
    /// some time after [`Batch::submit`].
    ///
    /// # Errors
    /// When the range lies outside of the buffer.
    pub fn read<T: Pod>(&mut self, buffer: &Buffer, range: Range<usize>) -> Result<Readback<T>> {
        self.touch(buffer);
        self.pass = None;
        self.pages.read(&self.gpu, &mut self.encoder, buffer, range)
    }

    /// Hands everything to the device, in a [`Gpu::frame`] at its end. Does not wait.
    ///
    /// # Errors
    /// When the device refuses the first dispatch of a kernel, or is lost.
    pub fn submit(self) -> Result<()> {
        let gpu = self.gpu.clone();
        gpu.post(self.close())
    }

    /// Hands everything over at once, frame or not, as measurements must; the number says which
    /// submission this is, for [`Gpu::watch`].
    pub(super) fn submit_numbered(self) -> Result<wgpu::SubmissionIndex> {
        let gpu = self.gpu.clone();
        gpu.post_now(self.close())
    }

    fn close(self) -> Parcel {
        drop(self.pass);
        self.pages.map_on_submit(&self.gpu, &self.encoder);
        Parcel {
            label: self.label,
            commands: self.encoder.finish(),
            first_use: self.first_use,
            touched: self.touched,
        }
    }
}
