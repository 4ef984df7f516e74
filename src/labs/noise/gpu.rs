//! Kernels of the lab.

use super::Noise;
use crate::gpu::GpuLab;

impl GpuLab for Noise {}
