//! What a device can do, reduced once to a tier.

use wgpu::{Adapter, Device, DeviceType, DownlevelFlags, Features, Limits};

/// What the device is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Draws and computes.
    Full,
    /// Draws; everything is computed on the CPU (WebGL2).
    DrawOnly,
    /// No device.
    None,
}

/// What a device can do.
#[derive(Debug, Clone)]
pub struct Caps {
    /// Drawing and computing.
    pub tier: Tier,
    /// A software rasteriser: kernels work, but the CPU twins are usually faster.
    pub software: bool,
    /// Passes can be timed.
    pub timestamps: bool,
    /// Smallest and largest number of invocations in a subgroup; `None` where kernels cannot use
    /// subgroups, as everywhere in a page: this wgpu knows no way to ask a browser for them.
    pub subgroups: Option<[u32; 2]>,
    /// Limits of the device (not of the adapter).
    pub limits: Limits,
}

impl Caps {
    pub(super) fn of(adapter: &Adapter, device: &Device) -> Self {
        let limits = device.limits();
        let compute = adapter
            .get_downlevel_capabilities()
            .flags
            .contains(DownlevelFlags::COMPUTE_SHADERS)
            && limits.max_compute_invocations_per_workgroup >= 64
            && limits.max_storage_buffers_per_shader_stage >= 4;
        let info = adapter.get_info();
        Self {
            tier: if compute { Tier::Full } else { Tier::DrawOnly },
            software: info.device_type == DeviceType::Cpu,
            timestamps: device.features().contains(Features::TIMESTAMP_QUERY),
            subgroups: device
                .features()
                .contains(Features::SUBGROUP)
                .then_some([info.subgroup_min_size, info.subgroup_max_size]),
            limits,
        }
    }
}
