//! Kernels of the lab.

use super::Pruning;
use crate::gpu::GpuLab;

impl GpuLab for Pruning {}
