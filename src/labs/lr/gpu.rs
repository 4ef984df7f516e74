//! Kernels of the lab.

use super::Lr;
use crate::gpu::GpuLab;

impl GpuLab for Lr {}
