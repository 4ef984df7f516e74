//! Exact selection of the k smallest keys and the mask that follows, for many k: four histogram
//! passes of eight bits, the first of which is the same for all k, then a prefix sum over ties.
//! Nothing is read back between passes. The same bits as the CPU's radix select.

use super::device::Gpu;
use super::dispatch::{Batch, Dispatch};
use super::kernels::{
    ChooseParams, RadixChoose, RadixHistogram, RadixParams, ScanParams, SelectMask, SelectScan,
    SelectState, SelectTies, TileParams,
};
use super::readback::Readback;
use super::slicer::Slicer;
use crate::core::{Error, Result};
use std::collections::VecDeque;
use wgpu::Buffer;

/// Keys looked at for all cuts of the first batch; later ones follow what it took.
const FIRST_KEYS: u32 = 1 << 22;
/// Cuts of a batch: as many as bring back so many bytes of masks, within bounds.
const BATCH_BYTES: u32 = 1 << 20;
const BATCH_CUTS: [u32; 2] = [8, 128];
/// Batches under way at once: while one comes back, the next one runs.
const IN_FLIGHT: usize = 2;

/// Where the digits of the four passes lie.
const SHIFTS: [u32; 4] = [24, 16, 8, 0];

/// Keys on the device that are cut at some ranks, many in one submission. Its buffers serve one set
/// of keys after the other.
pub struct Selector {
    bits: u32,
    n: u32,
    cuts: u32,
    submitted: u32,
    slicer: Slicer,
    keys: Buffer,
    /// Where the select of every rank begins.
    starts: Buffer,
    state: Buffer,
    top: Buffer,
    histogram: Buffer,
    mask: Buffer,
    /// Histogram and choice of every digit. The first histogram is of all keys, whatever the rank.
    passes: [(Dispatch<RadixHistogram>, Dispatch<RadixChoose>); 4],
    is_counted: bool,
    ties: Dispatch<SelectTies>,
    scan: Dispatch<SelectScan>,
    write: Dispatch<SelectMask>,
    flights: VecDeque<Flight>,
    arrived: f64,
}

/// A cut and its mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Where the k smallest keys end; `prefix` is the k-th smallest key.
    pub state: SelectState,
    /// One bit a key, low bit first: 1 for keys that are not among the k smallest.
    pub mask: Vec<u32>,
}

/// A batch of cuts under way.
struct Flight {
    cuts: u32,
    since: f64,
    tickets: VecDeque<(Readback<SelectState>, Readback<u32>)>,
}

fn radix(n: u32, bits: u32, shift: u32) -> RadixParams {
    RadixParams {
        n,
        bits,
        shift,
        pad0: 0,
    }
}

fn scan(tiles: u32) -> ScanParams {
    ScanParams {
        n: tiles,
        ..ScanParams::default()
    }
}

fn number(words: usize) -> Result<u32> {
    u32::try_from(words).map_err(|e| Error::Gpu(format!("{words} keys: {e}")))
}

impl Selector {
    /// Uploads words; a key is a word without the bits outside `bits`. For every k of `ks`, the `k`
    /// smallest keys (all of them at most) will be selected.
    ///
    /// # Errors
    /// When there are more words than a buffer of this device holds.
    pub fn new(gpu: &Gpu, words: &[u32], bits: u32, ks: &[u64]) -> Result<Self> {
        let mut selector = Self::with_room(gpu, [words.len(), ks.len()], bits)?;
        selector.load(gpu, words, ks)?;
        Ok(selector)
    }

    /// With room for so many words and ranks.
    ///
    /// # Errors
    /// When that is more than the device allows.
    pub fn with_room(gpu: &Gpu, [words, ranks]: [usize; 2], bits: u32) -> Result<Self> {
        let n = number(words)?;
        let tiles = TileParams::new(n, bits);
        let keys = gpu.empty::<u32>("keys", words)?;
        let starts = gpu.empty::<SelectState>("select starts", ranks)?;
        let state = gpu.empty::<SelectState>("select state", 1)?;
        let top = gpu.empty::<u32>("histogram of the top", 256)?;
        let histogram = gpu.empty::<u32>("histogram", 256)?;
        let counts = gpu.empty::<u32>("ties", tiles.tiles as usize)?;
        let mask = gpu.empty::<u32>("mask", n.div_ceil(32) as usize)?;
        let pass = |shift| {
            // Nothing is fixed where a select begins.
            let (from, into) = if shift == SHIFTS[0] {
                (&starts, &top)
            } else {
                (&state, &histogram)
            };
            let choose = ChooseParams {
                shift,
                ..ChooseParams::default()
            };
            let invocations = n.div_ceil(RadixHistogram::KEYS);
            let bound = [&keys, from, into];
            Ok((
                Dispatch::new(gpu, &radix(n, bits, shift), invocations, &bound)?,
                Dispatch::new(gpu, &choose, 1, &[into, &state])?,
            ))
        };
        let [a, b, c, d] = SHIFTS.map(pass);
        let each_32 = n.div_ceil(32);
        Ok(Self {
            passes: [a?, b?, c?, d?],
            ties: Dispatch::new(gpu, &tiles, each_32, &[&keys, &state, &counts])?,
            scan: Dispatch::new(gpu, &scan(tiles.tiles), 1, &[&counts])?,
            write: Dispatch::new(gpu, &tiles, each_32, &[&keys, &state, &counts, &mask])?,
            bits,
            n: 0,
            cuts: 0,
            submitted: 0,
            slicer: Slicer::new(Slicer::BATCH_MS, 1, 1),
            keys,
            starts,
            state,
            top,
            histogram,
            mask,
            is_counted: false,
            flights: VecDeque::new(),
            arrived: 0.0,
        })
    }

    /// Takes other words and ranks, no more than there is room for; cuts under way are given up.
    ///
    /// # Errors
    /// When there is no room.
    pub fn load(&mut self, gpu: &Gpu, words: &[u32], ks: &[u64]) -> Result<()> {
        let n = number(words.len())?;
        let start = |&k: &u64| SelectState {
            k: k.min(u64::from(n)) as u32,
            ..SelectState::default()
        };
        let starts: Vec<SelectState> = ks.iter().map(start).collect();
        let room = [&self.keys, &self.starts].map(Buffer::size);
        if size_of_val(words) as u64 > room[0] || size_of_val(&starts[..]) as u64 > room[1] {
            return Err(Error::Gpu(format!(
                "{n} keys and {} ranks need more than {room:?} bytes",
                ks.len()
            )));
        }
        gpu.write(&self.keys, words);
        gpu.write(&self.starts, &starts);
        for (shift, (count, _)) in SHIFTS.into_iter().zip(&mut self.passes) {
            count.set_params(gpu, &radix(n, self.bits, shift));
            count.set_invocations(n.div_ceil(RadixHistogram::KEYS));
        }
        let (tiles, each_32) = (TileParams::new(n, self.bits), n.div_ceil(32));
        self.ties.set_params(gpu, &tiles);
        self.ties.set_invocations(each_32);
        self.scan.set_params(gpu, &scan(tiles.tiles));
        self.write.set_params(gpu, &tiles);
        self.write.set_invocations(each_32);
        let [few, many] = BATCH_CUTS;
        let most = (BATCH_BYTES / (4 * each_32.max(1))).clamp(few, many);
        let guess = 16 * (FIRST_KEYS / n.max(1)).clamp(1, many);
        self.slicer = Slicer::new(Slicer::BATCH_MS, guess, most);
        (self.n, self.cuts, self.submitted) = (n, ks.len() as u32, 0);
        self.is_counted = false;
        self.flights.clear();
        Ok(())
    }

    /// Takes the cuts that have come back, in order, and hands the next ones over. Does not wait;
    /// all cuts have come once as many as ranks were asked for.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn poll(&mut self, gpu: &Gpu) -> Result<Vec<Selected>> {
        let mut out = Vec::new();
        while let Some(flight) = self.flights.front_mut() {
            let began = flight.since.max(self.arrived);
            while let Some((state, mask)) = flight.tickets.front_mut() {
                let Some(came) = state.poll_stamped() else {
                    break;
                };
                let (states, at) = came?;
                // They share a staging buffer.
                let mask = mask
                    .poll()
                    .unwrap_or_else(|| Err(Error::Gpu("a mask did not come".to_owned())))?;
                out.extend(states.first().map(|&state| Selected { state, mask }));
                self.arrived = at;
                flight.tickets.pop_front();
            }
            if !flight.tickets.is_empty() {
                break;
            }
            self.slicer.record(flight.cuts, self.arrived - began);
            self.flights.pop_front();
        }
        if self.submitted < self.cuts && self.flights.len() < IN_FLIGHT {
            self.submit(gpu)?;
        }
        Ok(out)
    }

    /// Hands some cuts over.
    fn submit(&mut self, gpu: &Gpu) -> Result<()> {
        let cuts = self.slicer.next(self.cuts - self.submitted);
        let mut batch = gpu.batch("radix select");
        let words = self.n.div_ceil(32) as usize;
        batch.reserve(cuts as usize * (size_of::<SelectState>() + 4 * words));
        if !self.is_counted {
            batch.clear(&self.top).add(&self.passes[0].0);
        }
        let tickets = (self.submitted..self.submitted + cuts)
            .map(|at| self.cut(&mut batch, at as usize))
            .collect::<Result<_>>()?;
        batch.submit()?;
        self.is_counted = true;
        self.submitted += cuts;
        self.flights.push_back(Flight {
            cuts,
            since: gpu.now_ms(),
            tickets,
        });
        Ok(())
    }

    fn cut(&self, batch: &mut Batch, at: usize) -> Result<(Readback<SelectState>, Readback<u32>)> {
        let [(_, choose_top), rest @ ..] = &self.passes;
        batch
            .copy::<SelectState>((&self.starts, at), &self.state, 1)
            .add(choose_top);
        for (count, choose) in rest {
            batch.clear(&self.histogram).add(count).add(choose);
        }
        batch.add(&self.ties).add(&self.scan).add(&self.write);
        Ok((
            batch.read(&self.state, 0..1)?,
            batch.read(&self.mask, 0..self.n.div_ceil(32) as usize)?,
        ))
    }

    /// Waits for all cuts. Never in the page.
    ///
    /// # Errors
    /// A fault of the device.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(mut self, gpu: &Gpu) -> Result<Vec<Selected>> {
        let mut out = Vec::new();
        loop {
            out.extend(self.poll(gpu)?);
            if out.len() == self.cuts as usize {
                return Ok(out);
            }
            gpu.wait()?;
        }
    }
}
