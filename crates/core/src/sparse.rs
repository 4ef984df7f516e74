//! Matrix times vector on pruned weights in the storage formats, and how they are timed against the
//! dense form. All of them run on one thread, in single precision.

use crate::mask::Mask;
use crate::num;
use crate::rng::{Stream, StreamId};

/// Sums kept apart, so that a processor can add several at once.
const LANES: usize = 8;

/// Every weight, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Columns.
    pub cols: usize,
    /// Weights.
    pub values: Vec<f32>,
}

impl Dense {
    /// y = W x.
    pub fn times(&self, x: &[f32], y: &mut [f32]) {
        for (y, row) in y.iter_mut().zip(self.values.chunks_exact(self.cols.max(1))) {
            let mut sums = [0.0; LANES];
            let (row, x) = (row.chunks_exact(LANES), x.chunks_exact(LANES));
            let rest = row.remainder().iter().zip(x.remainder());
            let rest: f32 = rest.map(|(w, x)| w * x).sum();
            for (w, x) in row.zip(x) {
                for lane in 0..LANES {
                    sums[lane] += w[lane] * x[lane];
                }
            }
            *y = sums.iter().sum::<f32>() + rest;
        }
    }
}

/// Compressed sparse rows: where each row starts, and column and value of every kept weight.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Csr {
    starts: Vec<u32>,
    columns: Vec<u16>,
    values: Vec<f32>,
}

impl Csr {
    /// y = W x.
    pub fn times(&self, x: &[f32], y: &mut [f32]) {
        for (y, ends) in y.iter_mut().zip(self.starts.windows(2)) {
            let range = ends[0] as usize..ends[1] as usize;
            let (columns, values) = (&self.columns[range.clone()], &self.values[range]);
            let mut sums = [0.0; 4];
            let (c, v) = (columns.chunks_exact(4), values.chunks_exact(4));
            let rest = c.remainder().iter().zip(v.remainder());
            let rest: f32 = rest.map(|(c, v)| v * x[usize::from(*c)]).sum();
            for (c, v) in c.zip(v) {
                for lane in 0..4 {
                    sums[lane] += v[lane] * x[usize::from(c[lane])];
                }
            }
            *y = sums.iter().sum::<f32>() + rest;
        }
    }

    /// Row starts, columns and values.
    pub fn parts(&self) -> (&[u32], &[u16], &[f32]) {
        (&self.starts, &self.columns, &self.values)
    }
}

/// A bit for every weight, then the kept values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bitmap {
    words: usize,
    bits: Vec<u32>,
    values: Vec<f32>,
}

impl Bitmap {
    /// y = W x.
    pub fn times(&self, x: &[f32], y: &mut [f32]) {
        let mut next = 0;
        for (y, row) in y.iter_mut().zip(self.bits.chunks_exact(self.words.max(1))) {
            let mut sum = 0.0;
            for (word, x) in row.iter().zip(x.chunks(32)) {
                let mut left = *word;
                while left != 0 {
                    sum += self.values[next] * x[left.trailing_zeros() as usize];
                    next += 1;
                    left &= left - 1;
                }
            }
            *y = sum;
        }
    }
}

/// Two of every four neighbours: their values, and two bits for the place of each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TwoFour {
    groups: usize,
    places: Vec<u8>,
    values: Vec<[f32; 2]>,
}

impl TwoFour {
    /// y = W x.
    pub fn times(&self, x: &[f32], y: &mut [f32]) {
        let rows = self.places.chunks_exact(self.groups.max(1));
        let rows = rows.zip(self.values.chunks_exact(self.groups.max(1)));
        for (y, (places, values)) in y.iter_mut().zip(rows) {
            let mut sums = [0.0; 2];
            for ((place, value), x) in places.iter().zip(values).zip(x.chunks_exact(4)) {
                sums[0] += value[0] * x[usize::from(place & 3)];
                sums[1] += value[1] * x[usize::from(place >> 2 & 3)];
            }
            *y = sums[0] + sums[1];
        }
    }
}

/// A pruned matrix in every format, built some rows at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Formats {
    /// Rows and columns.
    pub dims: [usize; 2],
    /// Pruned weights are stored as 0.
    pub dense: Dense,
    /// Compressed sparse rows.
    pub csr: Csr,
    /// Bitmap and values.
    pub bitmap: Bitmap,
    /// 2:4, where every group keeps at most two.
    pub two_four: Option<TwoFour>,
}

impl Formats {
    /// No rows yet; `grouped` when at most two of every four will be kept. Columns: at most 65,536,
    /// a multiple of four where grouped.
    pub fn new(dims: [usize; 2], grouped: bool) -> Self {
        Self {
            dense: Dense {
                cols: dims[1],
                values: Vec::with_capacity(dims[0] * dims[1]),
            },
            csr: Csr {
                starts: vec![0],
                ..Csr::default()
            },
            bitmap: Bitmap {
                words: dims[1].div_ceil(32),
                ..Bitmap::default()
            },
            two_four: grouped.then(|| TwoFour {
                groups: dims[1] / 4,
                ..TwoFour::default()
            }),
            dims,
        }
    }

    /// All rows at once.
    pub fn of(values: &[f32], mask: &Mask, dims: [usize; 2], grouped: bool) -> Self {
        let mut formats = Self::new(dims, grouped);
        for (r, row) in values.chunks(dims[1].max(1)).enumerate() {
            formats.push(row, |c| mask.kept(r * dims[1] + c));
        }
        formats
    }

    /// One more row.
    pub fn push(&mut self, row: &[f32], kept: impl Fn(usize) -> bool) {
        let mut bits = vec![0_u32; self.bitmap.words];
        for (c, w) in row.iter().enumerate() {
            if kept(c) {
                self.dense.values.push(*w);
                self.csr.columns.push(c as u16);
                self.csr.values.push(*w);
                bits[c / 32] |= 1 << (c % 32);
            } else {
                self.dense.values.push(0.0);
            }
        }
        self.csr.starts.push(self.csr.values.len() as u32);
        self.bitmap.bits.extend(bits);
        if let Some(two_four) = &mut self.two_four {
            for (g, group) in row.chunks_exact(4).enumerate() {
                let mut stays = (0..4_u8).filter(|&i| kept(4 * g + usize::from(i)));
                let places = [stays.next(), stays.next()];
                let value = |p: Option<u8>| p.map_or(0.0, |p| group[usize::from(p)]);
                two_four.values.push(places.map(value));
                let [a, b] = places.map(|p| p.unwrap_or(0));
                two_four.places.push(a | b << 2);
            }
        }
    }

    /// Ends the building: the bitmap holds the same values in the same order as the rows.
    pub fn finish(&mut self) {
        self.bitmap.values.clone_from(&self.csr.values);
    }
}

/// Densities timed, in per cent.
pub const DENSITIES: [f64; 12] = [
    100.0, 80.0, 65.0, 50.0, 40.0, 30.0, 20.0, 15.0, 10.0, 5.0, 2.0, 1.0,
];

/// Seconds that one product takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timed {
    /// Share of the weights that are kept, in per cent.
    pub density: f64,
    /// Every weight.
    pub dense: f64,
    /// Compressed sparse rows.
    pub csr: f64,
    /// Bitmap and values.
    pub bitmap: f64,
    /// 2:4; at a density of one half alone.
    pub two_four: Option<f64>,
}

/// Seconds a format is timed for at every density, in all, and in one short step.
const SPAN: f64 = 0.03;
const SLICE: f64 = 0.0015;
/// Rows built in one short step.
const ROWS: usize = 16;

/// A random matrix of a density in every format, made some rows at a time.
pub struct Build {
    luck: Stream,
    density: f64,
    row: usize,
    formats: Formats,
}

impl Build {
    /// No rows yet; the density in per cent. At 50 % every group of four keeps two.
    pub fn new(dims: [usize; 2], density: f64, luck: Stream) -> Self {
        Self {
            formats: Formats::new(dims, density == 50.0),
            row: 0,
            density,
            luck,
        }
    }

    /// Share done, 0 to 1.
    pub fn progress(&self) -> f64 {
        self.row as f64 / self.formats.dims[0].max(1) as f64
    }

    /// Some more rows; whether all are made.
    pub fn step(&mut self) -> bool {
        let [rows, cols] = self.formats.dims;
        let to = (self.row + ROWS).min(rows);
        let grouped = self.formats.two_four.is_some();
        for _ in self.row..to {
            let row: Vec<f32> = (0..cols).map(|_| self.luck.normal_f32()).collect();
            let share = self.density / 100.0;
            let luck: Vec<bool> = (0..cols).map(|_| self.luck.uniform() < share).collect();
            let first: Vec<u32> = (0..cols.div_ceil(4)).map(|_| self.luck.below(4)).collect();
            self.formats.push(&row, |c| {
                if grouped {
                    // Two neighbours of the four, anywhere.
                    let at = (c % 4 + 4 - first[c / 4] as usize) % 4;
                    at < 2
                } else {
                    luck[c]
                }
            });
        }
        self.row = to;
        if to == rows {
            self.formats.finish();
        }
        to == rows
    }

    /// The matrix as far as it is made.
    pub fn formats(&self) -> &Formats {
        &self.formats
    }

    /// The matrix, and the stream after it.
    pub fn done(self) -> (Formats, Stream) {
        (self.formats, self.luck)
    }
}

enum Stage {
    Build(Box<Build>),
    /// Format, seconds so far, products so far, and products in a slice.
    Time(usize, f64, u64, u64),
}

/// Times products with a random matrix at every density, in short steps, by a clock of the caller.
pub struct Timing {
    dims: [usize; 2],
    clock: fn() -> f64,
    /// Where the next matrix is drawn from.
    luck: Stream,
    formats: Formats,
    stage: Stage,
    found: [f64; 4],
    x: Vec<f32>,
    y: Vec<f32>,
    /// What is known.
    pub timed: Vec<Timed>,
}

impl Timing {
    /// Nothing timed yet. `clock` gives seconds.
    pub fn new(dims: [usize; 2], clock: fn() -> f64) -> Self {
        let mut luck = Stream::new(1, StreamId::Weights);
        Self {
            clock,
            x: (0..dims[1]).map(|_| luck.normal_f32()).collect(),
            y: vec![0.0; dims[0]],
            formats: Formats::new(dims, false),
            stage: Stage::Build(Box::new(Build::new(dims, DENSITIES[0], luck.clone()))),
            luck,
            found: [f64::NAN; 4],
            timed: Vec::new(),
            dims,
        }
    }

    /// Rows of the matrix.
    pub fn side(&self) -> usize {
        self.dims[0]
    }

    /// Share done, 0 to 1.
    pub fn progress(&self) -> f64 {
        let inside = match &self.stage {
            Stage::Build(build) => 0.2 * build.progress(),
            Stage::Time(format, ..) => 0.2 + 0.2 * *format as f64,
        };
        (self.timed.len() as f64 + inside) / DENSITIES.len() as f64
    }

    /// One short step; whether all is timed.
    pub fn step(&mut self) -> bool {
        let Some(&density) = DENSITIES.get(self.timed.len()) else {
            return true;
        };
        let grouped = density == 50.0;
        let stage = std::mem::replace(&mut self.stage, Stage::Time(0, 0.0, 0, 1));
        match stage {
            Stage::Build(mut build) => {
                if build.step() {
                    let (formats, luck) = build.done();
                    (self.formats, self.luck) = (formats, luck);
                } else {
                    self.stage = Stage::Build(build);
                }
            }
            Stage::Time(format, seconds, products, slice) => {
                let spent = self.slice(format, slice);
                let (seconds, products) = (seconds + spent, products + slice);
                // As many products as make a slice long enough for any clock.
                let slice = if spent < SLICE / 2.0 {
                    2 * slice
                } else {
                    slice
                };
                if seconds < SPAN {
                    self.stage = Stage::Time(format, seconds, products, slice);
                    return false;
                }
                self.found[format] = seconds / products as f64;
                self.stage = Stage::Time(format + 1, 0.0, 0, 1);
                let last = if grouped { 3 } else { 2 };
                if format == last {
                    let [dense, csr, bitmap, two_four] = self.found;
                    self.timed.push(Timed {
                        density,
                        dense,
                        csr,
                        bitmap,
                        two_four: grouped.then_some(two_four),
                    });
                    if let Some(&next) = DENSITIES.get(self.timed.len()) {
                        let build = Build::new(self.dims, next, self.luck.clone());
                        self.stage = Stage::Build(Box::new(build));
                    }
                }
            }
        }
        self.timed.len() == DENSITIES.len()
    }

    /// Seconds of some products in a format.
    fn slice(&mut self, format: usize, products: u64) -> f64 {
        let start = (self.clock)();
        for _ in 0..products {
            let x = std::hint::black_box(&self.x);
            match (format, &self.formats.two_four) {
                (0, _) => self.formats.dense.times(x, &mut self.y),
                (1, _) => self.formats.csr.times(x, &mut self.y),
                (3, Some(two_four)) => two_four.times(x, &mut self.y),
                _ => self.formats.bitmap.times(x, &mut self.y),
            }
            std::hint::black_box(&mut self.y);
        }
        (self.clock)() - start
    }
}

/// The density in per cent below which a format took less time than the dense form at every density
/// timed, between the two densities around it; none where it never did.
pub fn pays_below(timed: &[Timed], seconds: fn(&Timed) -> f64) -> Option<f64> {
    let gain = |t: &Timed| num::log2(t.dense / seconds(t));
    let wins = timed.iter().rev().take_while(|t| gain(t) > 0.0).count();
    let first = timed.len() - wins;
    let inside = timed.get(first)?;
    let Some(outside) = first.checked_sub(1).and_then(|i| timed.get(i)) else {
        return Some(inside.density);
    };
    // Where the gain crosses 0 on a line between the two.
    let (a, b) = (gain(inside), gain(outside));
    Some(inside.density + (outside.density - inside.density) * a / (a - b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_gives_the_dense_product() {
        let mut luck = Stream::new(4, StreamId::Test);
        for (dims, grouped) in [([5, 7], false), ([9, 64], true), ([3, 100], false)] {
            let n = dims[0] * dims[1];
            let values: Vec<f32> = (0..n).map(|_| luck.normal_f32()).collect();
            let mask = Mask::from_fn(n, |i| {
                if grouped {
                    [[true, true, false, false], [false, true, false, true]][i / 4 % 2][i % 4]
                } else {
                    (i * 7) % 5 < 2
                }
            });
            let mut formats = Formats::of(&values, &mask, dims, grouped);
            formats.finish();
            let x: Vec<f32> = (0..dims[1]).map(|_| luck.normal_f32()).collect();
            let want = |r: usize| -> f32 {
                let term = |c: usize| {
                    let i = r * dims[1] + c;
                    if mask.kept(i) { values[i] * x[c] } else { 0.0 }
                };
                (0..dims[1]).map(term).sum()
            };
            let mut y = [(); 4].map(|()| vec![0.0; dims[0]]);
            formats.dense.times(&x, &mut y[0]);
            formats.csr.times(&x, &mut y[1]);
            formats.bitmap.times(&x, &mut y[2]);
            match &formats.two_four {
                Some(two_four) => two_four.times(&x, &mut y[3]),
                None => y[3] = y[0].clone(),
            }
            for (format, y) in y.iter().enumerate() {
                for (r, y) in y.iter().enumerate() {
                    let want = want(r);
                    assert!(
                        (y - want).abs() < 1e-5,
                        "format {format}, row {r}: {y} {want}"
                    );
                }
            }
        }
    }

    #[test]
    fn timing_ends_with_every_density_by_any_clock() {
        use std::cell::Cell;
        thread_local! {
            static NOW: Cell<f64> = const { Cell::new(0.0) };
        }
        fn clock() -> f64 {
            // A millisecond passes between two looks.
            NOW.with(|now| now.replace(now.get() + 1e-3))
        }
        let mut timing = Timing::new([40, 64], clock);
        let mut steps = 0;
        while !timing.step() {
            steps += 1;
            assert!(steps < 5000, "it does not end");
            assert!(timing.progress() < 1.0);
        }
        assert_eq!(timing.timed.len(), DENSITIES.len());
        for t in &timing.timed {
            assert!(t.dense > 0.0 && t.csr > 0.0 && t.bitmap > 0.0, "{t:?}");
            assert_eq!(t.two_four.is_some(), t.density == 50.0);
        }
    }

    #[test]
    fn the_crossover_lies_between_the_densities_around_it() {
        let at = |density: f64, csr: f64| Timed {
            density,
            dense: 1.0,
            csr,
            bitmap: 2.0,
            two_four: None,
        };
        let timed = [at(50.0, 2.0), at(30.0, 0.9), at(20.0, 1.1), at(10.0, 0.5)];
        let found = pays_below(&timed, |t| t.csr).unwrap();
        // A win at 30 % above a loss at 20 % does not count.
        assert!(found > 10.0 && found < 20.0, "{found}");
        assert_eq!(pays_below(&timed, |t| t.bitmap), None);
        assert_eq!(pays_below(&timed[3..], |t| t.csr), Some(10.0));
    }
}
