//! Throughput of every kernel next to the device's own copies, measured in the same run: median wall
//! time of twice the dispatches minus that of the dispatches, so that what handing over and reading
//! back cost drops out. Where a busy machine hides the difference, the longer time counts whole: the
//! throughput is then at least what is said.

mod loads;

use super::clock::now_ms;
use super::device::Gpu;
use super::dispatch::{Batch, RawDispatch};
use super::readback::Readback;
use crate::core::{Error, Result, stats};
use loads::{Fill, LOADS, Load};
use wgpu::Buffer;

/// A measurement lasts at least this long.
const WANTED_MS: f64 = 30.0;
/// Most dispatches in a batch.
const MOST: u32 = 512;
/// Pairs of a shorter and a longer batch.
const PAIRS: usize = 3;
/// A difference below this share of the longer time is not believed.
const BELIEVED: f64 = 0.2;

/// What was measured of one kernel, or of copying.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelTiming {
    /// Name of the kernel; `copy` for copies of a buffer on the device.
    pub kernel: &'static str,
    /// What it was given.
    pub size: String,
    /// Bytes a second that it must have read and written at least.
    pub bytes_per_second: f64,
    /// The same as a share of what copying reads and writes.
    pub of_copy: f64,
    /// Operations on floats a second; 0 for kernels of integers.
    pub flops: f64,
}

impl KernelTiming {
    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "kernel": self.kernel,
            "size": self.size,
            "bytes_per_second": self.bytes_per_second,
            "share_of_copy": self.of_copy,
            "flops": self.flops,
        })
    }
}

/// What is dispatched again and again.
enum Work {
    Copy { from: Buffer, to: Buffer },
    Kernel { dispatch: RawDispatch, seen: Buffer },
}

struct Prepared {
    work: Work,
    kernel: &'static str,
    size: String,
    bytes: f64,
    flops: f64,
}

impl Prepared {
    fn copy(gpu: &Gpu, n: u32) -> Result<Self> {
        let words = vec![0x5EED_u32; n as usize];
        Ok(Self {
            work: Work::Copy {
                from: gpu.storage("from", &words)?,
                to: gpu.empty::<u32>("to", n as usize)?,
            },
            kernel: "copy",
            size: format!("{n} words"),
            bytes: 8.0 * f64::from(n),
            flops: 0.0,
        })
    }

    fn kernel(gpu: &Gpu, load: Load) -> Result<Self> {
        let buffers = load
            .buffers
            .iter()
            .zip(load.spec.bindings)
            .map(|(fill, binding)| match fill {
                Fill::Words(words) => gpu.storage(binding.name, words),
                Fill::Zeros(len) => gpu.empty::<u32>(binding.name, *len),
            })
            .collect::<Result<Vec<_>>>()?;
        let bound: Vec<_> = buffers.iter().collect();
        let (spec, shape) = (&load.spec, gpu.shape());
        let dispatch = RawDispatch::new(gpu, spec, shape, &load.params, load.invocations, &bound)?;
        let seen = buffers
            .last()
            .ok_or_else(|| Error::Gpu(format!("kernel {} writes nothing", load.spec.name)))?;
        Ok(Self {
            work: Work::Kernel {
                dispatch,
                seen: seen.clone(),
            },
            kernel: load.spec.name,
            size: load.size,
            bytes: load.bytes,
            flops: load.flops,
        })
    }

    /// Submits the work so many times; the ticket comes when all are done.
    fn submit(&self, gpu: &Gpu, times: u32) -> Result<Readback<u32>> {
        let mut batch: Batch = gpu.batch("bench");
        let seen = match &self.work {
            Work::Copy { from, to } => {
                for _ in 0..times {
                    batch.copy::<u8>((from, 0), to, from.size() as usize);
                }
                to
            }
            Work::Kernel { dispatch, seen } => {
                for _ in 0..times {
                    batch.add_raw(dispatch);
                }
                seen
            }
        };
        let ticket = batch.read(seen, 0..1)?;
        gpu.watch(vec![batch.submit_numbered()?]);
        Ok(ticket)
    }
}

/// A batch under way.
struct Flight {
    ticket: Readback<u32>,
    since: f64,
    times: u32,
}

/// A measurement in steps: poll it once a frame, or wait for it on the command line.
pub struct KernelBench {
    n: u32,
    /// 0 is copying.
    next: usize,
    prepared: Option<Prepared>,
    flight: Option<Flight>,
    /// Dispatches of the shorter batch; 0 before it is known.
    times: u32,
    /// The shorter batch's milliseconds, when the longer one is under way.
    short: Option<f64>,
    /// Milliseconds of the shorter and the longer batches so far.
    pairs: Vec<[f64; 2]>,
    copied: f64,
    done: Vec<KernelTiming>,
}

impl KernelBench {
    /// Elements for a device with memory of its own.
    pub const LARGE: u32 = 1 << 24;
    /// Elements where a person waits, or where the CPU plays the device.
    pub const SMALL: u32 = 1 << 16;

    /// With `n` elements a kernel, a power of two of at least 16,384.
    pub fn new(n: u32) -> Self {
        Self {
            n: n.max(1 << 14),
            next: 0,
            prepared: None,
            flight: None,
            times: 0,
            short: None,
            pairs: Vec::new(),
            copied: f64::NAN,
            done: Vec::new(),
        }
    }

    /// Kernels measured so far, copying first.
    pub fn timings(&self) -> &[KernelTiming] {
        &self.done
    }

    /// Share of the kernels that are measured.
    pub fn progress(&self) -> f64 {
        self.next as f64 / (LOADS.len() + 1) as f64
    }

    /// Whether there is nothing to do before something comes back, which asks for a frame.
    pub fn waits(&self) -> bool {
        self.flight.is_some()
    }

    /// Goes on; `false` when all is measured.
    ///
    /// # Errors
    /// When the device refuses a kernel or is lost; a further call goes on with the next kernel.
    pub fn poll(&mut self, gpu: &Gpu) -> Result<bool> {
        let outcome = self.go_on(gpu);
        if outcome.is_err() {
            self.leave();
        }
        outcome
    }

    fn leave(&mut self) {
        self.next += 1;
        self.prepared = None;
        self.flight = None;
        self.times = 0;
        self.short = None;
        self.pairs.clear();
    }

    fn go_on(&mut self, gpu: &Gpu) -> Result<bool> {
        let Some(prepared) = &self.prepared else {
            if self.next > LOADS.len() {
                return Ok(false);
            }
            self.prepared = Some(match self.next.checked_sub(1).and_then(|i| LOADS.get(i)) {
                None => Prepared::copy(gpu, self.n)?,
                Some(make) => Prepared::kernel(gpu, make(self.n))?,
            });
            return Ok(true);
        };
        let Some(flight) = &mut self.flight else {
            let times = match (self.times, self.short) {
                (0, _) => 1,
                (times, None) => times,
                (times, Some(_)) => 2 * times,
            };
            let since = now_ms();
            self.flight = Some(Flight {
                ticket: prepared.submit(gpu, times)?,
                since,
                times,
            });
            return Ok(true);
        };
        let Some(arrived) = flight.ticket.poll_stamped() else {
            return Ok(true);
        };
        let (since, times) = (flight.since, flight.times);
        self.flight = None;
        self.learn(arrived?.1 - since, times);
        Ok(true)
    }

    /// What a batch of so many dispatches took.
    fn learn(&mut self, ms: f64, times: u32) {
        match self.short {
            // The first batch of all compiles; the following ones grow until they last.
            None if self.times == 0 => self.times = 1,
            None if self.pairs.is_empty() && ms < WANTED_MS && times < MOST => {
                let factor = (WANTED_MS / ms.max(0.1)).clamp(2.0, 8.0);
                self.times = ((f64::from(times) * factor) as u32).clamp(times + 1, MOST);
            }
            None => self.short = Some(ms),
            Some(short) => {
                self.short = None;
                self.pairs.push([short, ms]);
                if self.pairs.len() >= PAIRS {
                    self.close();
                }
            }
        }
    }

    fn close(&mut self) {
        let [short, long] = [0, 1].map(|i| {
            let times: Vec<f64> = self.pairs.iter().map(|pair| pair[i]).collect();
            stats::percentile(&times, 50.0)
        });
        let millis = if long - short > BELIEVED * long {
            (long - short) / f64::from(self.times)
        } else {
            long / f64::from(2 * self.times)
        };
        if let Some(prepared) = self.prepared.take() {
            let per_second = |amount: f64| amount / millis * 1e3;
            let bytes = per_second(prepared.bytes);
            if self.next == 0 {
                self.copied = bytes;
            }
            self.done.push(KernelTiming {
                kernel: prepared.kernel,
                size: prepared.size,
                bytes_per_second: bytes,
                of_copy: bytes / self.copied,
                flops: per_second(prepared.flops),
            });
        }
        self.leave();
    }

    /// Measures to the end. Never in the page.
    ///
    /// # Errors
    /// When the device fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(mut self, gpu: &Gpu) -> Result<Vec<KernelTiming>> {
        while self.poll(gpu)? {
            gpu.wait()?;
        }
        Ok(self.done)
    }
}
