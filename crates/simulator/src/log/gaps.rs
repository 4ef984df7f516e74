//! Gaps between tokens, pooled over requests, as runs of equal gaps: whoever decodes in two
//! iterations in a row has the same gap. Kept in full up to a million runs; beyond, quantiles
//! come from a sketch with a stated error, and the course over time keeps the usual and the longest
//! gap of several iterations together.

use super::sketch::Sketch;

/// Most runs that are kept.
const EXACT: usize = 1 << 20;

/// Equal gaps next to each other.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Gap {
    secs: f64,
    count: u64,
}

/// End of one or several iterations.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    at: f64,
    /// Runs up to it.
    runs: usize,
    /// Tokens out up to it, first tokens included.
    tokens: u64,
}

/// All gaps of a run, in order of the later token.
#[derive(Debug, Clone)]
pub struct Gaps {
    runs: Vec<Gap>,
    /// Runs up to the end of the last iteration.
    open: usize,
    marks: Vec<Mark>,
    /// Iterations per mark.
    stride: u32,
    /// Iterations in the last mark.
    filled: u32,
    total: u64,
    sketch: Option<Box<Sketch>>,
    exact: usize,
}

impl Default for Gaps {
    fn default() -> Self {
        Self::keeping(EXACT)
    }
}

impl Gaps {
    fn keeping(exact: usize) -> Self {
        Self {
            runs: Vec::new(),
            open: 0,
            marks: Vec::new(),
            stride: 1,
            filled: 1,
            total: 0,
            sketch: None,
            exact,
        }
    }

    /// Number of gaps.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Whether quantiles come from the sketch.
    pub fn sketched(&self) -> bool {
        self.sketch.is_some()
    }

    /// Tokens out in all, first tokens included.
    pub fn tokens_out(&self) -> u64 {
        self.marks.last().map_or(0, |m| m.tokens)
    }

    /// Adds `count` gaps that end with the iteration that ends now.
    pub(super) fn push(&mut self, secs: f64, count: u32) {
        let count = u64::from(count);
        self.total += count;
        if let Some(sketch) = &mut self.sketch {
            sketch.add(secs, count);
        }
        match self.runs[self.open..].last_mut() {
            Some(last) if last.secs == secs => last.count += count,
            _ => self.runs.push(Gap { secs, count }),
        }
    }

    /// The iteration ends; `tokens` are out in all.
    pub(super) fn mark(&mut self, at: f64, tokens: u64) {
        if self.filled == self.stride || self.marks.is_empty() {
            self.thin();
            if self.runs.len().max(self.marks.len()) >= self.exact {
                self.coarsen();
            }
            self.filled = 0;
            self.marks.push(Mark {
                at,
                runs: 0,
                tokens,
            });
        }
        self.filled += 1;
        self.open = self.runs.len();
        if let Some(last) = self.marks.last_mut() {
            *last = Mark {
                at,
                runs: self.open,
                tokens,
            };
        }
    }

    /// Gaps of a stretch of marks, sorted.
    fn between(&self, from: usize, to: usize) -> Sorted {
        let end = |i: usize| if i == 0 { 0 } else { self.marks[i - 1].runs };
        Sorted::new(&self.runs[end(from)..end(to)])
    }

    /// Median and longest gap of each of `bins` equal stretches of the time up to `end`, with the
    /// middle of the stretch; NaN where there is none.
    pub fn over_time(&self, bins: usize, end: f64) -> Vec<[f64; 3]> {
        self.bins(bins, end)
            .map(|([left, right], [from, to])| {
                let gaps = self.between(from, to);
                let middle = f64::midpoint(left, right);
                [middle, gaps.percentile(50.0), gaps.longest()]
            })
            .collect()
    }

    /// Tokens out per second in each of `bins` equal stretches of the time up to `end`, with the
    /// start of the stretch.
    pub fn rate_over_time(&self, bins: usize, end: f64) -> Vec<[f64; 2]> {
        let out = |i: usize| if i == 0 { 0 } else { self.marks[i - 1].tokens };
        self.bins(bins, end)
            .map(|([left, right], [from, to])| {
                let tokens = out(to) - out(from);
                [left, tokens as f64 / (right - left).max(f64::MIN_POSITIVE)]
            })
            .collect()
    }

    /// Edges of equal stretches and the marks in each.
    fn bins(&self, bins: usize, end: f64) -> impl Iterator<Item = ([f64; 2], [usize; 2])> + '_ {
        let mut from = 0;
        (0..bins).map(move |b| {
            let edge = |b: usize| end * b as f64 / bins as f64;
            let to = if b + 1 == bins {
                self.marks.len()
            } else {
                self.marks.partition_point(|m| m.at < edge(b + 1))
            };
            let marks = [from, to];
            from = to;
            ([edge(b), edge(b + 1)], marks)
        })
    }

    /// For quantiles: exact, or within [`Sketch::ERROR`] of the value where there are too many.
    pub fn sorted(&self) -> Sorted {
        match &self.sketch {
            Some(sketch) => sketch.sorted(),
            None => Sorted::new(&self.runs),
        }
    }

    /// Leaves the usual and the longest gap in the last mark, where it stands for several
    /// iterations.
    fn thin(&mut self) {
        if self.stride == 1 {
            return;
        }
        let n = self.marks.len();
        let start = if n > 1 { self.marks[n - 2].runs } else { 0 };
        if let Some(last) = self.marks.last() {
            // Gaps after the mark belong to the next one.
            let later = self.runs.split_off(last.runs);
            let [usual, longest] = summary(&self.runs[start..]);
            self.runs.truncate(start);
            self.runs.extend([usual, longest].into_iter().flatten());
            let end = self.runs.len();
            self.runs.extend(later);
            self.open = end;
            self.marks[n - 1].runs = end;
        }
    }

    /// Twice as many iterations per mark from now on; those before are merged in pairs.
    fn coarsen(&mut self) {
        if self.sketch.is_none() {
            let mut sketch = Sketch::default();
            for run in &self.runs {
                sketch.add(run.secs, run.count);
            }
            self.sketch = Some(Box::new(sketch));
        }
        self.stride *= 2;
        let later = self.runs.split_off(self.marks.last().map_or(0, |m| m.runs));
        let mut runs = Vec::with_capacity(self.exact);
        let mut marks = Vec::with_capacity(self.marks.len());
        let mut start = 0;
        for pair in self.marks.chunks(2) {
            let last = pair[pair.len() - 1];
            runs.extend(summary(&self.runs[start..last.runs]).into_iter().flatten());
            start = last.runs;
            marks.push(Mark {
                runs: runs.len(),
                ..last
            });
        }
        self.open = runs.len();
        runs.extend(later);
        self.runs = runs;
        self.marks = marks;
    }
}

/// The most frequent gap, standing for all but one, and the longest one.
fn summary(runs: &[Gap]) -> [Option<Gap>; 2] {
    let usual = runs.iter().max_by_key(|g| g.count);
    let longest = runs.iter().max_by(|a, b| a.secs.total_cmp(&b.secs));
    let (Some(usual), Some(longest)) = (usual, longest) else {
        return [None, None];
    };
    let total: u64 = runs.iter().map(|g| g.count).sum();
    let rest = (total > 1).then_some(Gap {
        secs: usual.secs,
        count: total - 1,
    });
    [
        rest,
        Some(Gap {
            secs: longest.secs,
            count: 1,
        }),
    ]
}

/// Gaps in ascending order, counted.
#[derive(Debug, Clone, Default)]
pub struct Sorted {
    secs: Vec<f64>,
    /// Gaps up to and with each.
    upto: Vec<u64>,
}

impl Sorted {
    fn new(runs: &[Gap]) -> Self {
        let mut sorted: Vec<(f64, u64)> = runs.iter().map(|g| (g.secs, g.count)).collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        Self::of(sorted)
    }

    /// Of ascending values with counts.
    pub(super) fn of(ascending: impl IntoIterator<Item = (f64, u64)>) -> Self {
        let mut out = Self::default();
        let mut upto = 0;
        for (secs, count) in ascending {
            upto += count;
            out.secs.push(secs);
            out.upto.push(upto);
        }
        out
    }

    /// Number of gaps.
    pub fn len(&self) -> u64 {
        self.upto.last().copied().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The gap of rank `k`, from 0; NaN past the end.
    pub fn at(&self, k: u64) -> f64 {
        let place = self.upto.partition_point(|&upto| upto <= k);
        self.secs.get(place).copied().unwrap_or(f64::NAN)
    }

    /// The longest; NaN without any.
    pub fn longest(&self) -> f64 {
        self.secs.last().copied().unwrap_or(f64::NAN)
    }

    /// A percentile from 0 to 100, interpolated between order statistics as
    /// [`percentile_sorted`](crate::core::stats::percentile_sorted) does; NaN without gaps.
    pub fn percentile(&self, p: f64) -> f64 {
        let n = self.len();
        if n == 0 {
            return f64::NAN;
        }
        let rank = (p / 100.0).clamp(0.0, 1.0) * (n - 1) as f64;
        let low = rank.floor() as u64;
        let (a, b) = (self.at(low), self.at((low + 1).min(n - 1)));
        a + (b - a) * (rank - low as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};
    use crate::core::stats::percentile;

    /// Gaps of iterations, each a few runs.
    fn filled(mut gaps: Gaps, iterations: u32) -> (Gaps, Vec<f64>) {
        let mut stream = Stream::new(3, StreamId::Test);
        let mut all = Vec::new();
        let mut at = 0.0;
        for _ in 0..iterations {
            let usual = 0.01 + 0.02 * stream.uniform();
            for (secs, count) in [(usual, 5), (usual, 2), (usual + 0.3 * stream.uniform(), 1)] {
                gaps.push(secs, count);
                all.extend(std::iter::repeat_n(secs, count as usize));
            }
            at += usual;
            gaps.mark(at, all.len() as u64);
        }
        (gaps, all)
    }

    #[test]
    fn quantiles_of_runs_are_those_of_the_single_gaps() {
        let (gaps, all) = filled(Gaps::default(), 500);
        let sorted = gaps.sorted();
        assert_eq!((gaps.len(), sorted.len()), (4000, 4000));
        for p in [0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
            assert_eq!(sorted.percentile(p), percentile(&all, p), "p{p}");
        }
        assert!(Gaps::default().sorted().percentile(50.0).is_nan(), "none");
    }

    #[test]
    fn beyond_the_bound_memory_stops_growing_and_quantiles_keep_their_error() {
        let (gaps, all) = filled(Gaps::keeping(64), 5000);
        assert!(gaps.sketched(), "more than fits");
        let most = 64 + 3 * gaps.stride as usize;
        assert!(
            gaps.runs.len() <= most && most < 2000,
            "{} runs",
            gaps.runs.len()
        );
        assert_eq!(gaps.tokens_out(), all.len() as u64);
        assert_eq!(gaps.len(), all.len() as u64);
        let sorted = gaps.sorted();
        for p in [1.0, 50.0, 90.0, 99.0] {
            let (got, want) = (sorted.percentile(p), percentile(&all, p));
            assert!(
                (got / want - 1.0).abs() <= 1.01 * Sketch::ERROR,
                "p{p}: {got} {want}"
            );
        }
        let longest = all.iter().copied().fold(0.0, f64::max);
        assert_eq!(sorted.longest(), longest, "the longest is exact");
        let course = gaps.over_time(10, 5000.0 * 0.03);
        let of_course = course.iter().map(|c| c[2]).fold(0.0, f64::max);
        assert_eq!(of_course, longest, "over time as well");
    }
}
