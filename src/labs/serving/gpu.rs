//! Kernels of the lab.

use super::Serving;
use crate::gpu::GpuLab;

impl GpuLab for Serving {}
