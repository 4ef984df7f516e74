//! Declaration of a kernel: pure data, checked by tests against naga's view of the WGSL.

use super::include;

/// How a kernel uses a storage buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    Write,
}

/// One storage buffer of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// Name in the WGSL.
    pub name: &'static str,
    /// How it is used.
    pub access: Access,
}

impl Binding {
    /// A buffer that is only read.
    pub const fn read(name: &'static str) -> Self {
        Self {
            name,
            access: Access::Read,
        }
    }

    /// A buffer that is written (and maybe read).
    pub const fn write(name: &'static str) -> Self {
        Self {
            name,
            access: Access::Write,
        }
    }
}

/// A WGSL compute kernel. Group 0, binding 0 is always the uniform `Params`; bindings 1, 2, …
/// follow [`Kernel::BINDINGS`].
pub trait Kernel {
    /// Name of the kernel and of its WGSL file.
    const NAME: &'static str;
    /// WGSL source, one entry point.
    const WGSL: &'static str;
    /// Invocations per workgroup (x only); of a kernel that includes `lib/width.wgsl`, the usual
    /// number: a device may get another.
    const WORKGROUP: u32;
    /// Uniform parameters: plain old data, size a multiple of 16 bytes.
    type Params: bytemuck::Pod;
    /// Storage buffers in order.
    const BINDINGS: &'static [Binding];
    /// Fields of [`Kernel::Params`] with their byte offsets, in order; written with
    /// [`kernel_fields!`] and compared with the WGSL struct by a test.
    const FIELDS: &'static [(&'static str, usize)];
}

/// Names and offsets of a parameter struct's fields, for [`Kernel::FIELDS`]:
/// `kernel_fields!(AxpbParams: a, b, quads, pad0)`.
#[macro_export]
macro_rules! kernel_fields {
    ($params:ty: $($field:ident),+ $(,)?) => {
        &[$((stringify!($field), std::mem::offset_of!($params, $field))),+]
    };
}

/// The declaration of a kernel as a plain value.
#[derive(Debug, Clone, Copy)]
pub struct KernelSpec {
    /// [`Kernel::NAME`].
    pub name: &'static str,
    /// [`Kernel::WGSL`], includes not yet resolved.
    pub wgsl: &'static str,
    /// [`Kernel::WORKGROUP`].
    pub workgroup: u32,
    /// Bytes of [`Kernel::Params`].
    pub params_size: usize,
    /// [`Kernel::BINDINGS`].
    pub bindings: &'static [Binding],
    /// [`Kernel::FIELDS`].
    pub fields: &'static [(&'static str, usize)],
}

impl KernelSpec {
    /// The declaration of `K`.
    pub const fn of<K: Kernel>() -> Self {
        Self {
            name: K::NAME,
            wgsl: K::WGSL,
            workgroup: K::WORKGROUP,
            params_size: size_of::<K::Params>(),
            bindings: K::BINDINGS,
            fields: K::FIELDS,
        }
    }
}

/// How invocations bring their counts to an atomic of the workgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Pooling {
    /// Each by itself.
    #[default]
    Alone,
    /// A subgroup together, where the device has subgroups.
    Subgroups,
}

/// What a kernel may leave to the device it runs on; no result depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// Invocations of a workgroup, for kernels that include `lib/width.wgsl`.
    pub width: u32,
    /// For kernels that include `lib/pool.wgsl`.
    pub pooling: Pooling,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            width: 64,
            pooling: Pooling::Alone,
        }
    }
}

impl KernelSpec {
    /// Whether the number of invocations in a workgroup is left to the device.
    pub fn has_free_width(&self) -> bool {
        include::names(self.wgsl, include::WIDTH)
    }

    /// Whether there is a variant for devices with subgroups.
    pub fn has_subgroup_variant(&self) -> bool {
        include::names(self.wgsl, include::POOL)
    }

    /// What the kernel makes of a wished shape: what it does not leave free stays as declared.
    pub fn shaped(&self, wish: Shape) -> Shape {
        Shape {
            width: if self.has_free_width() {
                wish.width
            } else {
                self.workgroup
            },
            pooling: if self.has_subgroup_variant() {
                wish.pooling
            } else {
                Pooling::Alone
            },
        }
    }
}

/// Largest number of workgroups in one dimension that every device allows.
pub const MAX_GROUPS: u32 = 65_535;

/// Workgroup counts (x, y) that cover `n` invocations: counts over the limit of one dimension are
/// folded into y, x is then [`FOLD`]; the kernel rebuilds the index and tests it against `n`.
pub const fn workgroups(n: u32, workgroup: u32) -> (u32, u32) {
    let groups = if n == 0 { 1 } else { n.div_ceil(workgroup) };
    if groups <= MAX_GROUPS {
        (groups, 1)
    } else {
        (FOLD, groups.div_ceil(FOLD))
    }
}

/// Workgroups in x when the grid is folded.
pub const FOLD: u32 = 32_768;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_cover_every_element_and_respect_the_limit() {
        for n in [0, 1, 63, 64, 65, 65_535 * 64, 65_535 * 64 + 1, u32::MAX] {
            let (x, y) = workgroups(n, 64);
            assert!(u64::from(x) * u64::from(y) * 64 >= u64::from(n), "{n}");
            assert!(
                x >= 1 && y >= 1 && x <= MAX_GROUPS && y <= MAX_GROUPS,
                "{n}"
            );
        }
    }
}
