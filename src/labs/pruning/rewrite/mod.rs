//! Pruning of a whole checkpoint file, chunk by chunk: the file is never in memory at once. Names,
//! order, formats and free texts stay; kept weights keep their bits, pruned ones become 0. When
//! nothing is pruned, the file comes out byte for byte as it went in.
//!
//! The ranking is that of the lab (`select`): integer keys of the magnitudes in single precision,
//! k by the count rule, ties by file order.

mod io;
mod keys;
mod network;
mod npy;
mod report;
mod request;
#[cfg(test)]
mod tests;
mod write;

pub use io::{Sink, Source};
pub use network::network_as_safetensors;
pub use npy::{npy_as_safetensors, npy_of_safetensors};
pub use report::{Recipe, Report, TensorReport};
pub use request::Request;

use super::config::{Granularity, Method, NanPolicy};
use super::header::{self, Entry, Header, Strictness, bits_of};
use super::ranks::{Assign, Ranks};
use super::systems::erk::{Kind, densities};
use super::systems::{lamp, random};
use crate::core::select::{Cut, count_rule, magnitude_key};
use crate::core::{Error, Result, Step};
use keys::{Stats, each_value};

/// Weights looked at in one step; few in tests, so that every tensor is cut.
const CHUNK: u64 = if cfg!(test) { 37 } else { 1 << 18 };

enum Phase {
    Scan,
    Score(Vec<u32>),
    Count(Ranks),
    Start,
    Write(Assign),
    Done,
}

/// A tensor that is pruned.
#[derive(Debug, Clone, Default)]
struct Chosen {
    entry: usize,
    /// Prunable weights before it.
    start: u64,
    cut: Cut,
    stats: Stats,
    pruned: u64,
    /// Sum of the squares that went.
    lost: f64,
}

/// The pruning of a file in steps.
pub struct Rewrite<S, W> {
    file: String,
    source: S,
    out: W,
    masks: Option<W>,
    request: Request,
    header: Header,
    chosen: Vec<Chosen>,
    remarks: Vec<String>,
    phase: Phase,
    /// Tensor under way (of the chosen ones; of all entries while writing) and its next element.
    tensor: usize,
    at: u64,
    /// First chosen tensor of the ranking under way, and its weights to go.
    group: usize,
    scores: Vec<Vec<f64>>,
    removals: Vec<u64>,
    work: [u64; 2],
    buffer: Vec<u8>,
}

impl<S: Source, W: Sink> Rewrite<S, W> {
    /// Reads the header and prepares the passes. `masks` takes a `.safetensors` file of 0 and 1.
    ///
    /// # Errors
    /// A file that is not sound, a request out of range, or nothing to prune.
    pub fn new(
        file: &str,
        mut source: S,
        out: W,
        masks: Option<W>,
        request: Request,
    ) -> Result<Self> {
        request.check()?;
        let header = read_header(file, &mut source)?;
        let mut start = 0;
        let mut chosen = Vec::new();
        for (entry, e) in header.entries.iter().enumerate() {
            if request.chooses(e) {
                chosen.push(Chosen {
                    entry,
                    start,
                    ..Chosen::default()
                });
                start += e.elements();
            }
        }
        if chosen.is_empty() {
            return Err(Error::import(
                file,
                "all tensors",
                "none can be pruned; that needs floating point, two dimensions, and a name without embed, norm or bias (and within --only and --exclude)",
            ));
        }
        let passes = match request.method {
            Method::NOfM => 2,
            Method::Lamp => 6,
            _ => 5,
        };
        if request.method == Method::Lamp && 8 * start > request.memory {
            return Err(Error::out_of_range(
                "memory",
                request.memory,
                format!(
                    "LAMP keeps one score of 8 bytes a weight: at least {} bytes",
                    8 * start
                ),
            ));
        }
        Ok(Self {
            file: file.to_owned(),
            remarks: header.remarks.clone(),
            source,
            out,
            masks,
            request,
            header,
            chosen,
            phase: Phase::Scan,
            tensor: 0,
            at: 0,
            group: 0,
            scores: Vec::new(),
            removals: Vec::new(),
            work: [0, passes * start],
            buffer: Vec::new(),
        })
    }

    /// Share of the work done, 0 to 1.
    pub fn progress(&self) -> f64 {
        (self.work[0] as f64 / self.work[1].max(1) as f64).min(1.0)
    }

    /// One chunk; the report when all is written.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds values that are not numbers.
    pub fn step(&mut self) -> Result<Step<Report>> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Scan => self.scan()?,
            Phase::Score(keys) => self.score(keys)?,
            Phase::Count(ranks) => self.count(ranks)?,
            Phase::Start => self.start()?,
            Phase::Write(assign) => self.write(assign)?,
            Phase::Done => return Ok(Step::Done(self.report())),
        };
        Ok(Step::Working)
    }

    /// The sinks, to be closed.
    pub fn into_sinks(self) -> (W, Option<W>) {
        (self.out, self.masks)
    }

    /// The next chunk of a chosen tensor: its bytes are in `buffer`; returns its elements. A chunk
    /// ends where a group of N:M ends.
    fn next_chunk(&mut self, entry: usize) -> Result<std::ops::Range<u64>> {
        let e = &self.header.entries[entry];
        let (n, width) = (e.elements(), width(e));
        let mut to = (self.at + CHUNK).min(n);
        if to < n && self.request.method == Method::NOfM {
            to -= to % columns(e) % self.request.group_m as u64;
        }
        let range = self.at..to;
        self.buffer.resize(((to - self.at) * width) as usize, 0);
        let place = 8 + self.header.length + e.span[0] + self.at * width;
        self.source.read(place, &mut self.buffer)?;
        self.at = to;
        if to == n {
            self.at = 0;
        }
        self.work[0] += range.end - range.start;
        Ok(range)
    }

    /// Keys of the chunk in `buffer`.
    fn keys(&self, tensor: usize, from: u64) -> Vec<u32> {
        let chosen = &self.chosen[tensor];
        let dtype = &self.header.entries[chosen.entry].dtype;
        let mut keys = Vec::with_capacity(self.buffer.len() / 2);
        if self.request.method == Method::Random {
            let (seed, first) = (random::fold(self.request.seed), chosen.start + from);
            let mut i = 0;
            each_value(dtype, &self.buffer, |_| {
                keys.push(random::key(seed, (first + i) as u32));
                i += 1;
            });
        } else {
            // A value that is not a number counts as 0 where that was asked for.
            each_value(dtype, &self.buffer, |v| {
                keys.push(if v.is_nan() { 0 } else { magnitude_key(v) });
            });
        }
        keys
    }

    fn scan(&mut self) -> Result<Phase> {
        let entry = self.chosen[self.tensor].entry;
        self.next_chunk(entry)?;
        let stats = &mut self.chosen[self.tensor].stats;
        stats.add(&self.header.entries[entry].dtype, &self.buffer);
        if self.at > 0 {
            return Ok(Phase::Scan);
        }
        let nan = self.chosen[self.tensor].stats.nan;
        let name = self.header.entries[entry].name.clone();
        if nan > 0 {
            match self.request.nan_policy {
                NanPolicy::Refuse => {
                    let problem = format!(
                        "{nan} values are not a number; choose to treat them as 0 or to exclude the tensor"
                    );
                    return Err(Error::import(
                        &self.file,
                        format!("tensor {name:?}"),
                        problem,
                    ));
                }
                NanPolicy::Zero => {
                    let words =
                        format!("tensor {name:?}: {nan} values that were not a number are 0 now");
                    self.remarks.push(words);
                    self.tensor += 1;
                }
                NanPolicy::Exclude => {
                    self.remarks.push(format!(
                        "tensor {name:?} stays as it is: {nan} values are not a number"
                    ));
                    self.chosen.remove(self.tensor);
                }
            }
        } else {
            self.tensor += 1;
        }
        if self.tensor < self.chosen.len() {
            return Ok(Phase::Scan);
        }
        self.scanned()
    }

    /// All tensors are known: which weights go, or what must be known for that.
    fn scanned(&mut self) -> Result<Phase> {
        if self.chosen.is_empty() {
            return Err(Error::import(
                &self.file,
                "all tensors",
                "none is left to prune",
            ));
        }
        let mut start = 0;
        for c in &mut self.chosen {
            c.start = start;
            start += self.header.entries[c.entry].elements();
        }
        (self.tensor, self.group) = (0, 0);
        Ok(match self.request.method {
            Method::NOfM => Phase::Start,
            Method::Lamp => Phase::Score(Vec::new()),
            _ => self.ranking(),
        })
    }

    fn score(&mut self, mut keys: Vec<u32>) -> Result<Phase> {
        let range = self.next_chunk(self.chosen[self.tensor].entry)?;
        keys.extend(self.keys(self.tensor, range.start));
        if self.at > 0 {
            return Ok(Phase::Score(keys));
        }
        self.scores.push(lamp::ascending_scores(keys));
        self.tensor += 1;
        if self.tensor < self.chosen.len() {
            return Ok(Phase::Score(Vec::new()));
        }
        let total = self.scores.iter().map(Vec::len).sum();
        let k = count_rule(self.request.sparsity, total) as u64;
        self.removals = lamp::removals(&self.scores, k);
        self.scores.clear();
        self.tensor = 0;
        Ok(self.ranking())
    }

    fn global(&self) -> bool {
        matches!(self.request.method, Method::Magnitude | Method::Random)
            && self.request.granularity == Granularity::Global
    }

    /// Starts the select of the next group of tensors.
    fn ranking(&mut self) -> Phase {
        let sizes: Vec<usize> = self.sizes().map(|n| n as usize).collect();
        if self.removals.is_empty() {
            let s = self.request.sparsity;
            self.removals = match self.request.method {
                Method::Erk => {
                    let shape = |c: &Chosen| self.header.entries[c.entry].shape.clone();
                    let shapes: Vec<Vec<u64>> = self.chosen.iter().map(shape).collect();
                    let density = densities(&shapes, s, Kind::Erk).density;
                    let gone = |(d, &n): (&f64, &usize)| count_rule(1.0 - d, n) as u64;
                    density.iter().zip(&sizes).map(gone).collect()
                }
                Method::Manual => self.by_hand(),
                _ if self.global() => vec![count_rule(s, sizes.iter().sum()) as u64],
                _ => sizes.iter().map(|&n| count_rule(s, n) as u64).collect(),
            };
        }
        match self.removals.get(self.group) {
            Some(&k) => Phase::Count(Ranks::new(&[k])),
            None => Phase::Start,
        }
    }

    /// Weights that go from every tensor where rates are one's own.
    fn by_hand(&self) -> Vec<u64> {
        let of = |c: &Chosen| {
            let e = &self.header.entries[c.entry];
            let known = self.request.counts.iter().find(|(name, _)| *name == e.name);
            if let Some((_, count)) = known {
                return (*count).min(e.elements());
            }
            let mut rates = self.request.rates.iter();
            let own = rates.find(|(part, _)| e.name.contains(part.as_str()));
            let rate = own.map_or(self.request.sparsity, |(_, rate)| *rate);
            count_rule(rate, e.elements() as usize) as u64
        };
        self.chosen.iter().map(of).collect()
    }

    fn sizes(&self) -> impl Iterator<Item = u64> + '_ {
        let size = |c: &Chosen| self.header.entries[c.entry].elements();
        self.chosen.iter().map(size)
    }

    fn count(&mut self, mut ranks: Ranks) -> Result<Phase> {
        let range = self.next_chunk(self.chosen[self.tensor].entry)?;
        ranks.count(self.keys(self.tensor, range.start).into_iter());
        if self.at > 0 {
            return Ok(Phase::Count(ranks));
        }
        let group = if self.global() {
            0..self.chosen.len()
        } else {
            self.group..self.group + 1
        };
        self.tensor += 1;
        if self.tensor < group.end {
            return Ok(Phase::Count(ranks));
        }
        ranks.narrow();
        if !ranks.done() {
            self.tensor = group.start;
            return Ok(Phase::Count(ranks));
        }
        let cut = ranks.cuts().first().copied().unwrap_or_default();
        for c in &mut self.chosen[group] {
            c.cut = cut;
        }
        self.group += 1;
        Ok(self.ranking())
    }

    fn report(&self) -> Report {
        let tensor = |c: &Chosen| {
            let e = &self.header.entries[c.entry];
            let cut = (self.request.method != Method::NOfM && c.cut.k > 0).then_some(c.cut);
            let by_size = self.request.method != Method::Random;
            TensorReport {
                name: e.name.clone(),
                dtype: e.dtype.clone(),
                shape: e.shape.clone(),
                weights: e.elements(),
                pruned: c.pruned,
                threshold: cut.filter(|_| by_size).map(|c| c.magnitude()),
                zeros: c.stats.zeros,
                nan: c.stats.nan,
                infinite: c.stats.infinite,
                mean: c.stats.mean_magnitude(),
                rms: c.stats.rms(),
                largest: c.stats.largest,
                lost: if c.stats.squares > 0.0 {
                    c.lost / c.stats.squares
                } else {
                    0.0
                },
            }
        };
        Report {
            file: self.file.clone(),
            recipe: Recipe::of(&self.request),
            tensors: self.chosen.iter().map(tensor).collect(),
            untouched: self.header.entries.len() - self.chosen.len(),
            remarks: self.remarks.clone(),
        }
    }
}

/// Reads and checks the header without the data.
///
/// # Errors
/// What is wrong, and at which tensor or byte.
pub fn read_header(file: &str, source: &mut impl Source) -> Result<Header> {
    let total = source.len();
    let mut start = vec![0; total.min(8) as usize];
    source.read(0, &mut start)?;
    let length = header::length_of(file, &start, total)?;
    start.resize(8 + length as usize, 0);
    source.read(0, &mut start)?;
    header::parse(file, &start, total, Strictness::Ours)
}

/// Bytes of an element; every chosen format has whole bytes.
fn width(e: &Entry) -> u64 {
    bits_of(&e.dtype).map_or(1, |bits| (bits / 8).max(1))
}

/// Columns of the matrix `[out, in · kh · kw]`.
fn columns(e: &Entry) -> u64 {
    let rows = e.shape.first().copied().unwrap_or(1).max(1);
    (e.elements() / rows).max(1)
}
