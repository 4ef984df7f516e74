//! Compute kernels. A kernel is declared once: WGSL, typed parameters and a CPU twin; the device
//! itself is behind the feature `gpu`.

mod kernel;
pub mod kernels;

pub use kernel::{Access, Binding, FOLD, Kernel, MAX_GROUPS, workgroups};
