//! The device: shared with the window's renderer, or opened without one for the command line.

use super::caps::{Caps, Tier};
use super::dispatch::Batch;
use super::faults::{Faults, lock};
use super::include;
use super::kernel::{Access, Kernel, KernelSpec, Pooling, Shape};
use super::outbox::Outbox;
use crate::core::{Error, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wgpu::{Adapter, AdapterInfo, Device, PollType, Queue};

/// Asks the window for a new frame.
pub(super) type Repaint = Arc<dyn Fn() + Send + Sync>;

/// A kernel ready to run.
pub(super) struct Compiled {
    /// Invocations of a workgroup.
    pub(super) width: u32,
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) pipeline: wgpu::ComputePipeline,
    /// Whether a dispatch has run inside an error scope yet.
    pub(super) proven: std::sync::atomic::AtomicBool,
}

/// What was made on a device so far. While a run goes on, the first two stand still, and the others
/// grow by one a frame at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Made {
    /// Buffers, those for reading back included.
    pub buffers: u64,
    /// Kernels compiled.
    pub pipelines: u64,
    /// Times that commands were handed over.
    pub submissions: u64,
    /// Staging buffers mapped to read back.
    pub mapped: u64,
}

struct Inner {
    device: Device,
    queue: Queue,
    info: AdapterInfo,
    caps: Caps,
    pipelines: Mutex<BTreeMap<(&'static str, Shape), Arc<Compiled>>>,
    shape: Mutex<Shape>,
    made: Mutex<Made>,
    outbox: Mutex<Outbox>,
    staging: Arc<Mutex<Vec<wgpu::Buffer>>>,
    faults: Faults,
    repaint: Arc<Mutex<Option<Repaint>>>,
}

/// Features that are asked for where they are. Browsers want a line in every source that uses
/// subgroups, which natively is an error, and wgpu 30 does not ask them for subgroups anyway.
const WANTED: wgpu::Features = if cfg!(target_arch = "wasm32") {
    wgpu::Features::TIMESTAMP_QUERY
} else {
    wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::SUBGROUP)
};

/// A graphics device with the kernels compiled on it. Cheap to clone. Everywhere an
/// `Option<Gpu>`: no device is a normal state.
#[derive(Clone)]
pub struct Gpu(Arc<Inner>);

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gpu").field(&self.name()).finish()
    }
}

impl Gpu {
    /// Wraps a device that exists already (the window's renderer), so that results can be drawn
    /// without a copy.
    pub fn from_parts(adapter: &Adapter, device: &Device, queue: &Queue) -> Self {
        let repaint = Arc::new(Mutex::new(None::<Repaint>));
        let faults = Faults::default();
        let wake = repaint.clone();
        faults.watch(device, move || {
            if let Some(wake) = lock(&wake).as_ref() {
                wake();
            }
        });
        Self(Arc::new(Inner {
            device: device.clone(),
            queue: queue.clone(),
            info: adapter.get_info(),
            caps: Caps::of(adapter, device),
            pipelines: Mutex::default(),
            shape: Mutex::default(),
            made: Mutex::default(),
            outbox: Mutex::default(),
            staging: Arc::default(),
            faults,
            repaint,
        }))
    }

    /// Opens the best adapter without a window. Blocks: for the command line and tests.
    ///
    /// # Errors
    /// When there is no adapter, or it refuses the device.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn headless() -> Result<Self> {
        pollster::block_on(async {
            let mut wanted = wgpu::InstanceDescriptor::new_without_display_handle();
            wanted.backends = wgpu::Backends::PRIMARY;
            let instance = wgpu::Instance::new(wanted.with_env());
            let adapter = instance
                .request_adapter(&wgpu::RequestAdapterOptions {
                    power_preference: wgpu::PowerPreference::HighPerformance,
                    ..Default::default()
                })
                .await
                .map_err(|e| Error::Gpu(format!("no adapter ({e})")))?;
            let (device, queue) = adapter
                .request_device(&Self::descriptor(&adapter))
                .await
                .map_err(|e| Error::Gpu(format!("the adapter refused the device ({e})")))?;
            Ok(Self::from_parts(&adapter, &device, &queue))
        })
    }

    /// The device we ask an adapter for: WebGPU's default limits, larger buffers, timestamps and
    /// subgroups where the adapter has them. For the window's renderer too.
    pub fn descriptor(adapter: &Adapter) -> wgpu::DeviceDescriptor<'static> {
        let has = adapter.limits();
        let compute = adapter
            .get_downlevel_capabilities()
            .flags
            .contains(wgpu::DownlevelFlags::COMPUTE_SHADERS);
        let base = if compute {
            wgpu::Limits::default()
        } else {
            wgpu::Limits::downlevel_webgl2_defaults()
        };
        wgpu::DeviceDescriptor {
            label: Some("schedlab"),
            required_features: adapter.features() & WANTED,
            required_limits: wgpu::Limits {
                max_buffer_size: has.max_buffer_size.min(1 << 30),
                max_storage_buffer_binding_size: has.max_storage_buffer_binding_size.min(1 << 30),
                max_texture_dimension_2d: has.max_texture_dimension_2d.min(8192),
                ..base
            },
            ..Default::default()
        }
    }

    /// Sets what is called when something arrives from the device: the window's request for a
    /// repaint.
    pub fn on_news(&self, repaint: impl Fn() + Send + Sync + 'static) {
        *lock(&self.0.repaint) = Some(Arc::new(repaint));
    }

    /// Name of the adapter; browsers may keep it to themselves.
    pub fn name(&self) -> &str {
        match self.0.info.name.as_str() {
            "" if self.0.caps.software => "software adapter",
            "" => "graphics adapter",
            name => name,
        }
    }

    /// The adapter.
    pub fn info(&self) -> &AdapterInfo {
        &self.0.info
    }

    /// What the device can do.
    pub fn caps(&self) -> &Caps {
        &self.0.caps
    }

    /// Whether kernels can run: computing is allowed, the device is not lost.
    pub fn computes(&self) -> bool {
        self.0.caps.tier == Tier::Full && !self.lost()
    }

    /// The wgpu device, for drawing.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// The wgpu queue, for drawing.
    pub fn queue(&self) -> &Queue {
        &self.0.queue
    }

    /// Whether the device is lost: drop everything on it and go on with the CPU.
    pub fn lost(&self) -> bool {
        self.0.faults.lost()
    }

    /// Why the device cannot be trusted any more, in words; `None` while all is well.
    pub fn fault(&self) -> Option<String> {
        self.0.faults.first()
    }

    /// Forgets earlier errors (not a loss), when the user asks to try again.
    pub fn forgive(&self) {
        self.0.faults.forgive();
    }

    /// Takes news from the device without waiting. Call once a frame; [`super::Readback::poll`]
    /// calls it too.
    ///
    /// # Errors
    /// The first fault of the device, if there is one.
    pub fn poll(&self) -> Result<()> {
        if !self.lost()
            && let Err(error) = self.0.device.poll(PollType::Poll)
        {
            log::debug!("poll: {error}");
        }
        self.0.faults.poll();
        self.fault().map_or(Ok(()), |why| Err(Error::Gpu(why)))
    }

    /// Waits until all submitted work is done. Never in the page, where it would not wait.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(&self) -> Result<()> {
        if !self.lost() {
            self.flush()?;
            self.0
                .device
                .poll(PollType::wait_indefinitely())
                .map_err(|e| Error::Gpu(e.to_string()))?;
        }
        self.poll()
    }

    /// Has each of these submissions noticed when it is done instead of when a screen looks next, so
    /// that what they read back is stamped with its time. Not in the page, where the browser says so
    /// by itself.
    #[cfg(not(target_arch = "wasm32"))]
    #[expect(clippy::disallowed_methods, reason = "not built for the page")]
    pub(super) fn watch(&self, submissions: Vec<wgpu::SubmissionIndex>) {
        let gpu = self.clone();
        std::thread::spawn(move || {
            for number in submissions {
                let wait = PollType::Wait {
                    submission_index: Some(number),
                    timeout: None,
                };
                if gpu.lost() || gpu.0.device.poll(wait).is_err() {
                    return;
                }
            }
        });
    }

    /// The browser notices by itself.
    #[cfg(target_arch = "wasm32")]
    #[expect(clippy::unused_self, reason = "called as it is natively")]
    pub(super) fn watch(&self, _submissions: Vec<wgpu::SubmissionIndex>) {}

    /// Milliseconds on a clock, to pace dispatches with a [`super::Slicer`]; never part of a result.
    pub fn now_ms(&self) -> f64 {
        super::clock::now_ms()
    }

    /// A new list of commands.
    pub fn batch(&self, label: &'static str) -> Batch {
        Batch::new(self, label)
    }

    /// Compiles a kernel ahead of its first use.
    ///
    /// # Errors
    /// When the device refuses it.
    pub fn prepare<K: Kernel>(&self) -> Result<()> {
        self.compiled(&KernelSpec::of::<K>(), self.shape())
            .map(|_| ())
    }

    /// The shape of kernels that are compiled from now on.
    pub fn shape(&self) -> Shape {
        *lock(&self.0.shape)
    }

    /// Changes it, within what the device allows.
    pub fn set_shape(&self, wish: Shape) {
        let most = self.0.caps.limits.max_compute_invocations_per_workgroup;
        *lock(&self.0.shape) = Shape {
            width: wish.width.clamp(1, most.max(1)),
            pooling: match self.0.caps.subgroups {
                Some(_) => wish.pooling,
                None => Pooling::Alone,
            },
        };
    }

    /// What was made on this device so far.
    pub fn made(&self) -> Made {
        *lock(&self.0.made)
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Made)) {
        change(&mut lock(&self.0.made));
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    pub(super) fn outbox(&self) -> &Mutex<Outbox> {
        &self.0.outbox
    }

    pub(super) fn staging(&self) -> &Arc<Mutex<Vec<wgpu::Buffer>>> {
        &self.0.staging
    }

    pub(super) fn repaint(&self) -> Option<Repaint> {
        lock(&self.0.repaint).clone()
    }

    /// The kernel, compiled at its first use.
    pub(super) fn compiled(&self, spec: &KernelSpec, wish: Shape) -> Result<Arc<Compiled>> {
        let shape = spec.shaped(wish);
        let key = (spec.name, shape);
        if let Some(found) = lock(&self.0.pipelines).get(&key) {
            return Ok(found.clone());
        }
        self.check(spec, shape)?;
        let source = include::resolve(spec.wgsl, shape.pooling)?;
        let built = self
            .0
            .faults
            .scoped(&self.0.device, spec.name, || {
                self.build(spec, shape.width, source)
            })
            .map_err(|e| Error::Gpu(format!("kernel {}: {e}", spec.name)))?;
        self.note(|made| made.pipelines += 1);
        let built = Arc::new(built);
        lock(&self.0.pipelines).insert(key, built.clone());
        Ok(built)
    }

    fn check(&self, spec: &KernelSpec, shape: Shape) -> Result<()> {
        let limits = &self.0.caps.limits;
        if !self.computes() {
            return Err(Error::Gpu(format!("{} cannot compute", self.name())));
        }
        if shape.width > limits.max_compute_invocations_per_workgroup
            || spec.bindings.len() as u32 > limits.max_storage_buffers_per_shader_stage
        {
            return Err(Error::Gpu(format!(
                "kernel {} needs {} invocations and {} buffers; allowed: {} and {}",
                spec.name,
                shape.width,
                spec.bindings.len(),
                limits.max_compute_invocations_per_workgroup,
                limits.max_storage_buffers_per_shader_stage
            )));
        }
        Ok(())
    }

    fn build(&self, spec: &KernelSpec, width: u32, source: String) -> Compiled {
        let device = &self.0.device;
        let label = Some(spec.name);
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
        entries.extend(spec.bindings.iter().zip(1..).map(|(binding, at)| {
            let read_only = binding.access == Access::Read;
            entry(at, wgpu::BufferBindingType::Storage { read_only })
        }));
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label,
            entries: &entries,
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let chosen = [("WIDTH", f64::from(width))];
        let constants: &[_] = if spec.has_free_width() { &chosen } else { &[] };
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: None,
            compilation_options: wgpu::PipelineCompilationOptions {
                constants,
                ..Default::default()
            },
            cache: None,
        });
        Compiled {
            width,
            layout,
            pipeline,
            proven: std::sync::atomic::AtomicBool::new(false),
        }
    }
}
