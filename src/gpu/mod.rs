//! Compute kernels. A kernel is declared once: WGSL, typed parameters and a CPU twin. Declarations
//! and twins are plain data; the device itself is behind the feature `gpu`.

mod include;
mod kernel;
pub mod kernels;
mod slicer;
mod twin;

#[cfg(feature = "gpu")]
mod bench;
#[cfg(feature = "gpu")]
mod buffer;
#[cfg(feature = "gpu")]
mod caps;
#[cfg(feature = "gpu")]
mod choose;
#[cfg(feature = "gpu")]
mod clock;
#[cfg(feature = "gpu")]
mod device;
#[cfg(feature = "gpu")]
mod dispatch;
#[cfg(feature = "gpu")]
mod faults;
#[cfg(feature = "gpu")]
mod images;
#[cfg(feature = "gpu")]
mod job;
#[cfg(feature = "gpu")]
mod outbox;
#[cfg(feature = "gpu")]
mod products;
#[cfg(feature = "gpu")]
mod readback;
#[cfg(feature = "gpu")]
mod select;
#[cfg(all(test, feature = "gpu", not(target_arch = "wasm32")))]
mod test_device;
#[cfg(all(test, feature = "gpu", not(target_arch = "wasm32")))]
mod test_looks;
#[cfg(feature = "gpu")]
mod trial;
#[cfg(feature = "gpu")]
mod tune;
#[cfg(feature = "gpu")]
mod warm;

pub use crate::kernel_fields;
pub use include::resolve;
pub use kernel::{
    Access, Binding, FOLD, Kernel, KernelSpec, MAX_GROUPS, Pooling, Shape, workgroups,
};
pub use slicer::Slicer;
pub use twin::{CANARY, Case, Deviation, Listed, Slot, Twin, Want, words};

#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
pub use job::{finish_gpu, verify_by_kernel};
#[cfg(feature = "gpu")]
pub use {
    bench::{KernelBench, KernelTiming},
    caps::{Caps, Tier},
    choose::{Choice, Path, Probe, Speeds, Wish, choose},
    device::{Gpu, Made},
    dispatch::{Batch, Dispatch},
    images::{ImageDenoiser, ImageDenoising},
    job::{GpuJob, GpuLab},
    outbox::Frame,
    products::{ProductMatrix, ProductTimes, Products},
    readback::Readback,
    select::{Selected, Selector},
    trial::{Trial, TrialReport},
    tune::{Tuned, Tuner, WIDTHS},
    warm::WarmUp,
};
#[cfg(all(test, feature = "gpu", not(target_arch = "wasm32")))]
pub(crate) use {test_device::test_device, test_looks::steady_looks};
