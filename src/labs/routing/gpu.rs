//! Kernels of the lab.

use super::Routing;
use crate::gpu::GpuLab;

impl GpuLab for Routing {}
