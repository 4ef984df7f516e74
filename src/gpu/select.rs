//! Exact selection of the k smallest keys and the mask that follows: four histogram passes of
//! eight bits, then a prefix sum over ties. Nothing is read back between passes. The same bits as
//! the CPU's radix select.

use super::device::Gpu;
use super::dispatch::Dispatch;
use super::kernels::{
    ChooseParams, RadixChoose, RadixHistogram, RadixParams, ScanParams, SelectMask, SelectScan,
    SelectState, SelectTies, TileParams,
};
use super::readback::Readback;
use crate::core::{Error, Result};
use wgpu::Buffer;

/// Keys on the device, ready to be cut at any rank.
pub struct Selector {
    n: u32,
    state: Buffer,
    histogram: Buffer,
    mask: Buffer,
    passes: Vec<(Dispatch<RadixHistogram>, Dispatch<RadixChoose>)>,
    ties: Dispatch<SelectTies>,
    scan: Dispatch<SelectScan>,
    write: Dispatch<SelectMask>,
}

/// A cut and its mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Where the k smallest keys end; `prefix` is the k-th smallest key.
    pub state: SelectState,
    /// One bit a key, low bit first: 1 for keys that are not among the k smallest.
    pub mask: Vec<u32>,
}

/// A selection on its way.
pub struct Selecting {
    state: Readback<SelectState>,
    mask: Readback<u32>,
    came: Option<SelectState>,
}

impl Selector {
    /// Uploads words; a key is a word without the bits outside `bits`.
    ///
    /// # Errors
    /// When there are more words than a buffer of this device holds.
    pub fn new(gpu: &Gpu, words: &[u32], bits: u32) -> Result<Self> {
        let n = u32::try_from(words.len())
            .map_err(|e| Error::Gpu(format!("{} keys: {e}", words.len())))?;
        let tiles = TileParams::new(n, bits);
        let keys = gpu.storage("keys", words)?;
        let state = gpu.empty::<SelectState>("select state", 1)?;
        let histogram = gpu.empty::<u32>("histogram", 256)?;
        let counts = gpu.empty::<u32>("ties", tiles.tiles as usize)?;
        let mask = gpu.empty::<u32>("mask", n.div_ceil(32) as usize)?;
        let passes = [24, 16, 8, 0]
            .into_iter()
            .map(|shift| Self::pass(gpu, n, bits, shift, [&keys, &state, &histogram]))
            .collect::<Result<_>>()?;
        let scan = ScanParams {
            n: tiles.tiles,
            ..ScanParams::default()
        };
        let each_32 = n.div_ceil(32);
        Ok(Self {
            n,
            passes,
            ties: Dispatch::new(gpu, &tiles, each_32, &[&keys, &state, &counts])?,
            scan: Dispatch::new(gpu, &scan, 1, &[&counts])?,
            write: Dispatch::new(gpu, &tiles, each_32, &[&keys, &state, &counts, &mask])?,
            state,
            histogram,
            mask,
        })
    }

    fn pass(
        gpu: &Gpu,
        n: u32,
        bits: u32,
        shift: u32,
        [keys, state, histogram]: [&Buffer; 3],
    ) -> Result<(Dispatch<RadixHistogram>, Dispatch<RadixChoose>)> {
        let count = RadixParams {
            n,
            bits,
            shift,
            pad0: 0,
        };
        let choose = ChooseParams {
            shift,
            ..ChooseParams::default()
        };
        let invocations = n.div_ceil(RadixHistogram::KEYS);
        Ok((
            Dispatch::new(gpu, &count, invocations, &[keys, state, histogram])?,
            Dispatch::new(gpu, &choose, 1, &[histogram, state])?,
        ))
    }

    /// The mask of the last selection, for drawing.
    pub fn mask(&self) -> &Buffer {
        &self.mask
    }

    /// Selects the `k` smallest keys (all of them at most). Does not wait.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn submit(&self, gpu: &Gpu, k: u64) -> Result<Selecting> {
        let start = SelectState {
            k: k.min(u64::from(self.n)) as u32,
            ..SelectState::default()
        };
        gpu.write(&self.state, &[start]);
        let mut batch = gpu.batch("radix select");
        for (count, choose) in &self.passes {
            batch.clear(&self.histogram).add(count).add(choose);
        }
        batch.add(&self.ties).add(&self.scan).add(&self.write);
        let selecting = Selecting {
            state: batch.read(&self.state, 0..1)?,
            mask: batch.read(&self.mask, 0..self.n.div_ceil(32) as usize)?,
            came: None,
        };
        batch.submit()?;
        Ok(selecting)
    }
}

impl Selecting {
    /// The selection when it has come back, once.
    pub fn poll(&mut self) -> Option<Result<Selected>> {
        if self.came.is_none() {
            match self.state.poll()? {
                Ok(states) => self.came = states.first().copied(),
                Err(error) => return Some(Err(error)),
            }
        }
        let state = self.came?;
        Some(self.mask.poll()?.map(|mask| Selected { state, mask }))
    }

    /// Waits for the selection. Never in the page.
    ///
    /// # Errors
    /// A fault of the device.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(mut self, gpu: &Gpu) -> Result<Selected> {
        gpu.wait()?;
        self.poll()
            .unwrap_or_else(|| Err(Error::Gpu("the selection did not end".to_owned())))
    }
}
