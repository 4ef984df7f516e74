//! Runs a kernel and its twin on the same random case and compares: the self-test.

use super::device::Gpu;
use super::dispatch::RawDispatch;
use super::readback::Readback;
use super::twin::{CANARY, Case, Deviation, Listed, Want};
use crate::core::{Error, Result};

/// Canaries after the end of each buffer that is written.
const TAIL: usize = 64;

/// Outcome of a self-test.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialReport {
    /// The kernel.
    pub kernel: &'static str,
    /// Size of the case.
    pub n: u32,
    /// How far the kernel was from its twin.
    pub deviation: Deviation,
    /// Whether a second dispatch gave the same bits.
    pub repeats: bool,
    /// "equal" or "within its bound".
    pub rule: &'static str,
    /// Of all bits that came back: equal outputs have equal ones.
    pub fingerprint: u64,
}

impl TrialReport {
    /// Whether the kernel can be trusted here.
    pub fn pass(&self) -> bool {
        self.repeats && self.deviation.pass()
    }

    /// First disagreement in words; empty when there is none.
    pub fn problem(&self) -> String {
        if self.repeats {
            self.deviation.first.clone()
        } else {
            "two dispatches gave different bits".to_owned()
        }
    }
}

struct Output {
    name: &'static str,
    want: Want,
    first: Readback<u32>,
    second: Readback<u32>,
    got: [Option<Vec<u32>>; 2],
}

/// A self-test on its way: submitted, polled until the values are back.
pub struct Trial {
    kernel: &'static str,
    n: u32,
    outputs: Vec<Output>,
}

impl Trial {
    /// Submits one case of size `n` twice. A kernel whose cases are costly (it does not fold) gets
    /// at most the largest of the sizes it names.
    ///
    /// # Errors
    /// When the device refuses it.
    pub fn start(gpu: &Gpu, listed: &Listed, n: u32, seed: u64) -> Result<Self> {
        let n = if listed.folds {
            n
        } else {
            let largest = (listed.sizes)().into_iter().max();
            n.min(largest.unwrap_or(n))
        };
        let case = (listed.case)(n, seed);
        if case.slots.len() != listed.spec.bindings.len() {
            return Err(Error::Gpu(format!(
                "kernel {}: the case has {} buffers, the kernel {}",
                listed.spec.name,
                case.slots.len(),
                listed.spec.bindings.len()
            )));
        }
        let first = Self::dispatch(gpu, listed, &case)?;
        let second = Self::dispatch(gpu, listed, &case)?;
        let names = listed.spec.bindings.iter().map(|b| b.name);
        let wants = case.slots.into_iter().zip(names);
        let outputs = wants
            .filter_map(|(slot, name)| Some((slot.after?, name)))
            .zip(first.into_iter().zip(second))
            .map(|((want, name), (first, second))| Output {
                name,
                want,
                first,
                second,
                got: [None, None],
            })
            .collect();
        Ok(Self {
            kernel: listed.spec.name,
            n,
            outputs,
        })
    }

    fn dispatch(gpu: &Gpu, listed: &Listed, case: &Case) -> Result<Vec<Readback<u32>>> {
        let mut buffers = Vec::with_capacity(case.slots.len());
        let mut lengths = Vec::with_capacity(case.slots.len());
        for (slot, binding) in case.slots.iter().zip(listed.spec.bindings) {
            let mut content = slot.before.clone();
            if slot.after.is_some() {
                content.extend([CANARY; TAIL]);
            }
            buffers.push(gpu.storage(binding.name, &content)?);
            lengths.push(content.len());
        }
        let bound: Vec<_> = buffers.iter().collect();
        let (spec, shape) = (&listed.spec, gpu.shape());
        let dispatch = RawDispatch::new(gpu, spec, shape, &case.params, case.invocations, &bound)?;
        let mut batch = gpu.batch(listed.spec.name);
        batch.add_raw(&dispatch);
        let written = case.slots.iter().zip(buffers.iter().zip(&lengths));
        let tickets = written
            .filter(|(slot, _)| slot.after.is_some())
            .map(|(_, (buffer, len))| batch.read(buffer, 0..*len))
            .collect::<Result<Vec<_>>>()?;
        batch.submit()?;
        Ok(tickets)
    }

    /// The report when everything has come back.
    pub fn poll(&mut self) -> Option<Result<TrialReport>> {
        for output in &mut self.outputs {
            let [first, second] = &mut output.got;
            for (ticket, got) in [(&mut output.first, first), (&mut output.second, second)] {
                if got.is_none() {
                    match ticket.poll()? {
                        Ok(values) => *got = Some(values),
                        Err(error) => return Some(Err(error)),
                    }
                }
            }
        }
        Some(Ok(self.report()))
    }

    /// Waits for the report. Never in the page.
    ///
    /// # Errors
    /// When the device fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(mut self, gpu: &Gpu) -> Result<TrialReport> {
        gpu.wait()?;
        self.poll()
            .unwrap_or_else(|| Err(Error::Gpu("the self-test did not end".to_owned())))
    }

    fn report(&self) -> TrialReport {
        let mut deviation = Deviation::default();
        let mut repeats = true;
        let mut rule = "equal";
        // FNV-1a, a word at a time.
        let mut fingerprint = 0xcbf2_9ce4_8422_2325_u64;
        for output in &self.outputs {
            let [Some(first), Some(second)] = &output.got else {
                continue;
            };
            repeats &= first == second;
            for &word in first {
                fingerprint = (fingerprint ^ u64::from(word)).wrapping_mul(0x0100_0000_01b3);
            }
            deviation.add(output.name, &output.want, first);
            if matches!(output.want, Want::Floats { .. }) {
                rule = "within its bound";
            }
        }
        TrialReport {
            kernel: self.kernel,
            n: self.n,
            deviation,
            repeats,
            rule,
            fingerprint,
        }
    }
}
