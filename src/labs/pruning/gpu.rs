//! Masks by kernels: every cut of the sweep is an exact radix select on the device, and the masks
//! come back as bits. Integers only, so they are those of the CPU. Training and judging stay on the
//! CPU; scores of LAMP and densities of ERK too, which say how many weights of each layer go.

#[cfg(feature = "app")]
mod many;
#[cfg(feature = "app")]
mod spectra;
#[cfg(feature = "app")]
mod stats;
#[cfg(feature = "app")]
mod timing;

use super::config::{Method, Regime};
use super::model::Work;
use super::plan::{MOST_STEPS, Planner};
use super::ranks::NEVER;
use super::results::Run;
use super::{Config, Pruning};
use crate::core::select::Cut;
use crate::core::{Job as _, Result, Step};
use crate::gpu::kernels::SelectState;
use crate::gpu::{Gpu, GpuJob, GpuLab, Selected, Selector};
use crate::labs::{Lab as _, Library};
#[cfg(feature = "app")]
pub(super) use many::ManyOnDevice;
#[cfg(feature = "app")]
pub(super) use spectra::GramOnDevice;
#[cfg(feature = "app")]
pub(super) use stats::StatsOnDevice;
#[cfg(feature = "app")]
pub(super) use timing::DeviceTiming;
#[cfg(not(target_arch = "wasm32"))]
use {
    crate::core::Error,
    crate::core::golden::{Case, Check, Tolerance, field, flat_floats, flat_integers, str_field},
    crate::core::select::{MAGNITUDE_BITS, count_rule},
    serde_json::Value,
};

impl GpuLab for Pruning {
    fn start_gpu(
        gpu: &Gpu,
        config: &Config,
        data: &Library,
    ) -> Result<Option<Box<dyn GpuJob<Out = Run>>>> {
        Self::check(config)?;
        if config.method == Method::NOfM || config.regime != Regime::Cut {
            return Ok(None);
        }
        let work = Work::new(config, data)?;
        // All keys of a ranking lie in one buffer.
        let limits = &gpu.caps().limits;
        let most = limits
            .max_storage_buffer_binding_size
            .min(limits.max_buffer_size);
        if 4 * work.weights() > most {
            return Ok(None);
        }
        let room = Room {
            weights: work.weights() as usize,
            selector: None,
        };
        Ok(Some(Box::new(OnDevice {
            work,
            sweep: None,
            room,
        })))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn verify_gpu(gpu: &Gpu, kind: &str, file: &Value) -> Result<Option<Vec<Case>>> {
        if kind != "torch_prune_masks" {
            return Ok(None);
        }
        let cases = field(file, "cases")?.as_array();
        let cases = cases.ok_or_else(|| Error::malformed("cases", "is not a list"))?;
        let mut out = Vec::new();
        for (i, case) in cases.iter().enumerate() {
            out.extend(magnitude_case(gpu, file, i, case)?);
        }
        Ok(Some(out))
    }
}

/// One ranking on the device, cut at every step of the sweep.
struct Sweep {
    keys: Vec<u32>,
    is_loaded: bool,
    ks: Vec<u64>,
    cuts: Vec<Cut>,
    /// The mask of the step before.
    kept: Vec<u32>,
    pruned_at: Vec<u8>,
}

impl Sweep {
    fn new(planner: &Planner, ks: &[u64]) -> Self {
        let n = planner.group_len();
        Self {
            keys: Vec::with_capacity(n),
            is_loaded: false,
            ks: ks.to_vec(),
            cuts: Vec::with_capacity(ks.len()),
            kept: vec![u32::MAX; n.div_ceil(32)],
            pruned_at: vec![NEVER; n],
        }
    }

    fn is_done(&self) -> bool {
        self.cuts.len() == self.ks.len()
    }

    /// Prepares keys, hands selections over, and takes what came back.
    fn advance(&mut self, planner: &mut Planner, gpu: &Gpu, device: &mut Room) -> Result<()> {
        if !self.is_loaded {
            if !planner.next_keys(&mut self.keys) {
                return Ok(());
            }
            device.selector(gpu)?.load(gpu, &self.keys, &self.ks)?;
            self.keys = Vec::new();
            self.is_loaded = true;
        }
        for selected in device.selector(gpu)?.poll(gpu)? {
            self.take(&selected);
        }
        Ok(())
    }

    /// Marks the weights that this cut prunes and the one before did not.
    fn take(&mut self, selected: &Selected) {
        let step = self.cuts.len() as u8;
        for (word, (before, now)) in self.kept.iter_mut().zip(&selected.mask).enumerate() {
            let mut gone = *before & !now;
            while gone != 0 {
                let i = 32 * word + gone.trailing_zeros() as usize;
                if let Some(at) = self.pruned_at.get_mut(i) {
                    *at = step;
                }
                gone &= gone - 1;
            }
            *before &= now;
        }
        self.cuts.push(cut_of(&selected.state));
    }
}

fn cut_of(state: &SelectState) -> Cut {
    if state.k == 0 {
        return Cut::default();
    }
    Cut {
        k: state.k.into(),
        key: state.prefix,
        below: state.below.into(),
        equal: state.equal.into(),
        ties: state.ties.into(),
    }
}

/// The buffers of all rankings of a run: any of them ranks all weights at most.
struct Room {
    weights: usize,
    selector: Option<Selector>,
}

impl Room {
    fn selector(&mut self, gpu: &Gpu) -> Result<&mut Selector> {
        let made = match self.selector.take() {
            Some(made) => made,
            // The keys are complete: no bit of them is left out.
            None => Selector::with_room(gpu, [self.weights, MOST_STEPS], u32::MAX)?,
        };
        Ok(self.selector.insert(made))
    }
}

/// A run whose rankings are cut on the device.
struct OnDevice {
    work: Work,
    sweep: Option<Sweep>,
    room: Room,
}

impl GpuJob for OnDevice {
    type Out = Run;

    fn poll(&mut self, gpu: &Gpu) -> Result<Step<Run>> {
        let Some(planner) = self.work.planner() else {
            return self.work.step();
        };
        if let Some(sweep) = &mut self.sweep {
            sweep.advance(planner, gpu, &mut self.room)?;
            if sweep.is_done() {
                planner.ranked(&sweep.cuts, &sweep.pruned_at);
                self.sweep = None;
            }
            return Ok(Step::Working);
        }
        let sweep = planner.ranking().map(|ks| Sweep::new(planner, ks));
        match sweep {
            Some(sweep) => self.sweep = Some(sweep),
            None => return self.work.step(),
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        self.work.progress()
    }

    fn preview(&mut self) -> Option<Run> {
        self.work.preview()
    }

    fn is_waiting(&self) -> bool {
        self.sweep.as_ref().is_some_and(|s| s.is_loaded)
    }
}

/// A case of magnitude pruning by the radix select kernels; `None` for other functions, and for
/// weights that are not exact in single precision.
#[cfg(not(target_arch = "wasm32"))]
fn magnitude_case(gpu: &Gpu, file: &Value, i: usize, case: &Value) -> Result<Option<Case>> {
    let function = str_field(case, "fn")?;
    if !matches!(function, "l1_unstructured" | "global_unstructured") {
        return Ok(None);
    }
    let name = str_field(case, "tensor")?;
    let mut weights = Vec::new();
    for tensor in name.split('+') {
        weights.extend(flat_floats(field(field(file, "tensors")?, tensor)?)?);
    }
    if weights.iter().any(|&w| f64::from(w as f32) != w) {
        return Ok(None);
    }
    let amount = field(case, "amount")?;
    let k = match (amount.as_u64(), amount.as_f64()) {
        (Some(count), _) => count,
        (None, Some(share)) => count_rule(share, weights.len()) as u64,
        (None, None) => return Err(Error::malformed("amount", format!("found {amount}"))),
    };
    let words: Vec<u32> = weights.iter().map(|&w| (w as f32).to_bits()).collect();
    let found = Selector::new(gpu, &words, MAGNITUDE_BITS, &[k])?.wait(gpu)?;
    let bit = |i: usize| found[0].mask[i / 32] >> (i % 32) & 1;
    let kept: Vec<i64> = (0..words.len()).map(|i| i64::from(bit(i))).collect();
    let mut check = Check::new(format!("{i}: {function} of {name}"), Tolerance::exact());
    let want = flat_integers(field(case, "mask")?)?;
    check.equal("mask", &kept, &want);
    Ok(Some(check.done()))
}
