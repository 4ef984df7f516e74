//! Which path computes: the kernels or their CPU twins. Measured on a software adapter, where the
//! CPU is usually faster; the user can override it; the reason is always there in words.

use super::caps::Tier;
use super::clock::now_ms;
use super::device::Gpu;
use super::dispatch::Dispatch;
use super::kernels::{PhiloxWords, StreamParams, philox_words_cpu};
use super::readback::Readback;
use crate::core::Result;

/// Where kernels run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// On the graphics device.
    Gpu,
    /// On the CPU, by the twins.
    Cpu,
}

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    /// The faster one.
    #[default]
    Auto,
    /// The kernels.
    Gpu,
    /// The CPU.
    Cpu,
}

/// The path in use and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The path.
    pub path: Path,
    /// Why, in words for the status line.
    pub reason: String,
}

/// Million random words a second on either path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speeds {
    /// By the kernel, read-back included.
    pub gpu: f64,
    /// By the twin, one thread.
    pub cpu: f64,
}

/// Chooses. Without measured speeds a software adapter means the CPU.
pub fn choose(gpu: Option<&Gpu>, wish: Wish, speeds: Option<Speeds>) -> Choice {
    let cpu = |reason: String| Choice {
        path: Path::Cpu,
        reason,
    };
    let Some(gpu) = gpu else {
        return cpu("no graphics device".to_owned());
    };
    if let Some(why) = gpu.fault() {
        return cpu(format!("the graphics device failed: {why}"));
    }
    if gpu.caps().tier != Tier::Full {
        return cpu(format!("{} can draw but not compute", gpu.name()));
    }
    decide(gpu.name(), gpu.caps().software, wish, speeds)
}

fn decide(name: &str, software: bool, wish: Wish, speeds: Option<Speeds>) -> Choice {
    let figures = speeds.map_or_else(String::new, |s| {
        format!(
            " ({:.0} against {:.0} million random words a second on the CPU)",
            s.gpu, s.cpu
        )
    });
    let (path, why) = match (wish, software, speeds) {
        (Wish::Cpu, ..) => (Path::Cpu, "you chose the CPU".to_owned()),
        (Wish::Gpu, ..) => (Path::Gpu, format!("you chose {name}")),
        (Wish::Auto, false, _) => (Path::Gpu, format!("{name} is a hardware device")),
        (Wish::Auto, true, Some(s)) if s.gpu > MARGIN * s.cpu => {
            (Path::Gpu, format!("{name} is software, but faster"))
        }
        (Wish::Auto, true, Some(_)) => (Path::Cpu, format!("{name} is software and slower")),
        (Wish::Auto, true, None) => (Path::Cpu, format!("{name} is software")),
    };
    Choice {
        path,
        reason: why + &figures,
    }
}

/// How much faster a software device must be: it competes with everything else for the same cores.
const MARGIN: f64 = 1.5;
/// Blocks of four draws in the measurement.
const BLOCKS: u32 = 1 << 16;
/// Blocks the CPU draws in one poll, about 2 ms.
const SLICE: u32 = 1 << 13;

enum Stage {
    WarmUp(Readback<u32>),
    Timed(Readback<u32>, f64),
    Cpu { gpu_ms: f64, done: u32, cpu_ms: f64 },
}

/// A short measurement of one kernel against its twin, in slices that fit between frames.
pub struct Probe {
    dispatch: Dispatch<PhiloxWords>,
    draws: wgpu::Buffer,
    stage: Stage,
}

impl Probe {
    /// Starts with a dispatch that is not timed: the first one compiles.
    ///
    /// # Errors
    /// When the device refuses the kernel.
    pub fn start(gpu: &Gpu) -> Result<Self> {
        let draws = gpu.empty::<u32>("draws", 4 * BLOCKS as usize)?;
        let dispatch = Dispatch::new(gpu, &params(BLOCKS), BLOCKS, &[&draws])?;
        let ticket = submit(gpu, &dispatch, &draws)?;
        Ok(Self {
            dispatch,
            draws,
            stage: Stage::WarmUp(ticket),
        })
    }

    /// Goes on; the speeds when measured.
    pub fn poll(&mut self, gpu: &Gpu) -> Option<Result<Speeds>> {
        match &mut self.stage {
            Stage::WarmUp(ticket) => {
                if let Err(error) = ticket.poll()? {
                    return Some(Err(error));
                }
                let start = now_ms();
                match submit(gpu, &self.dispatch, &self.draws) {
                    Ok(ticket) => self.stage = Stage::Timed(ticket, start),
                    Err(error) => return Some(Err(error)),
                }
            }
            Stage::Timed(ticket, start) => {
                let arrived = ticket.poll()?;
                let gpu_ms = now_ms() - *start;
                if let Err(error) = arrived {
                    return Some(Err(error));
                }
                self.stage = Stage::Cpu {
                    gpu_ms,
                    done: 0,
                    cpu_ms: 0.0,
                };
            }
            Stage::Cpu {
                gpu_ms,
                done,
                cpu_ms,
            } => {
                let start = now_ms();
                std::hint::black_box(philox_words_cpu(&params(SLICE)));
                *cpu_ms += now_ms() - start;
                *done += SLICE;
                if *done >= BLOCKS / 2 {
                    let speed = |blocks: u32, ms: f64| 4.0 * f64::from(blocks) / ms.max(1e-3) / 1e3;
                    return Some(Ok(Speeds {
                        gpu: speed(BLOCKS, *gpu_ms),
                        cpu: speed(*done, *cpu_ms),
                    }));
                }
            }
        }
        None
    }

    /// Measures to the end. Never in the page.
    ///
    /// # Errors
    /// When the device fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(mut self, gpu: &Gpu) -> Result<Speeds> {
        loop {
            if let Some(speeds) = self.poll(gpu) {
                return speeds;
            }
            gpu.wait()?;
        }
    }
}

fn params(blocks: u32) -> StreamParams {
    StreamParams::new(1, 10, 0, 0, blocks)
}

fn submit(
    gpu: &Gpu,
    dispatch: &Dispatch<PhiloxWords>,
    draws: &wgpu::Buffer,
) -> Result<Readback<u32>> {
    let mut batch = gpu.batch("probe");
    batch.add(dispatch);
    let ticket = batch.read(draws, 0..4 * BLOCKS as usize)?;
    batch.submit_numbered()?;
    Ok(ticket)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Speeds = Speeds {
        gpu: 100.0,
        cpu: 20.0,
    };
    const SLOW: Speeds = Speeds {
        gpu: 5.0,
        cpu: 20.0,
    };

    #[test]
    fn software_is_measured_and_hardware_is_trusted() {
        let path = |software, wish, speeds| decide("X", software, wish, speeds).path;
        assert_eq!(path(false, Wish::Auto, None), Path::Gpu);
        assert_eq!(path(true, Wish::Auto, None), Path::Cpu);
        assert_eq!(path(true, Wish::Auto, Some(SLOW)), Path::Cpu);
        assert_eq!(path(true, Wish::Auto, Some(FAST)), Path::Gpu);
    }

    #[test]
    fn the_user_wins_and_no_device_means_the_cpu() {
        assert_eq!(decide("X", true, Wish::Gpu, Some(SLOW)).path, Path::Gpu);
        assert_eq!(decide("X", false, Wish::Cpu, None).path, Path::Cpu);
        let none = choose(None, Wish::Gpu, None);
        assert_eq!(none.path, Path::Cpu);
        assert_eq!(none.reason, "no graphics device");
    }
}
