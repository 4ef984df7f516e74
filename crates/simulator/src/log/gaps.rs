//! Gaps between tokens, pooled over requests, as runs of equal gaps: whoever decodes in two
//! iterations in a row has the same gap. Kept in full up to a million runs, about; beyond,
//! quantiles come from a sketch with a stated error, and the course over time keeps the usual and the
//! longest gap of several iterations together.

use super::sketch::Sketch;
use crate::core::{Job, Result, Sorter, Step};
use std::cmp::Ordering;
use std::ops::Range;

/// Runs from which on neighbours are merged; a list of a power of two has room for those that come
/// meanwhile.
const EXACT: usize = 7 << 17;

/// Marks merged at each new mark while that goes on: it is over long before there are as many again.
const MERGED: usize = 64;

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
    merging: Option<Box<Merging>>,
}

/// Runs and marks of half the number on their way; what they are made of stays in use until all are
/// merged.
#[derive(Debug, Clone, Default)]
struct Merging {
    runs: Vec<Gap>,
    marks: Vec<Mark>,
    /// Marks merged so far, and the runs up to them.
    done: usize,
    upto: usize,
    /// Counts of the runs so far, and of all pushed since, where there is no sketch yet.
    sketch: Option<Box<Sketch>>,
    /// Runs that were there at the start.
    before: usize,
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
            merging: None,
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
        let fresh = self.merging.as_mut().and_then(|m| m.sketch.as_mut());
        if let Some(sketch) = self.sketch.as_mut().or(fresh) {
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
            self.coarsen();
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

    /// Median and longest gap of some of `bins` equal stretches of the time up to `end`, each with the
    /// middle of the stretch; NaN where there is none.
    pub fn over_time(&self, some: Range<usize>, bins: usize, end: f64) -> Vec<[f64; 3]> {
        self.bins(some, bins, end)
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
        self.bins(0..bins, bins, end)
            .map(|([left, right], [from, to])| {
                let tokens = out(to) - out(from);
                [left, tokens as f64 / (right - left).max(f64::MIN_POSITIVE)]
            })
            .collect()
    }

    /// Edges of some of `bins` equal stretches and the marks in each.
    fn bins(
        &self,
        some: Range<usize>,
        bins: usize,
        end: f64,
    ) -> impl Iterator<Item = ([f64; 2], [usize; 2])> + '_ {
        let edge = move |b: usize| end * b as f64 / bins as f64;
        let place = move |b: usize| match b {
            0 => 0,
            b if b >= bins => self.marks.len(),
            b => self.marks.partition_point(|m| m.at < edge(b)),
        };
        some.map(move |b| ([edge(b), edge(b + 1)], [place(b), place(b + 1)]))
    }

    /// For quantiles: exact, or within [`Sketch::ERROR`] of the value where there are too many.
    pub fn sort(&self) -> Sorting {
        let values = match &self.sketch {
            Some(sketch) => sketch.counts(),
            None => counted(&self.runs).collect(),
        };
        Sorting(Sorter::by(values, SHORTER_FIRST))
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

    /// Where there is too much, merges some marks in pairs; once all are, each stands for twice as
    /// many iterations. The last mark is a whole one.
    fn coarsen(&mut self) {
        let full = self.runs.len().max(self.marks.len()) >= self.exact;
        let mut merging = match self.merging.take() {
            Some(merging) => merging,
            None if full => Box::new(Merging {
                sketch: self.sketch.is_none().then(Box::default),
                before: self.runs.len(),
                ..Merging::default()
            }),
            None => return,
        };
        merging.advance(&self.runs, &self.marks);
        if merging.done < self.marks.len() {
            self.merging = Some(merging);
            return;
        }
        self.stride *= 2;
        self.open = merging.runs.len();
        // Gaps after the last mark belong to the next one.
        let upto = merging.upto;
        merging.count(&self.runs[upto..]);
        merging.runs.extend(&self.runs[upto..]);
        self.runs = merging.runs;
        self.marks = merging.marks;
        self.sketch = self.sketch.take().or(merging.sketch);
    }
}

impl Merging {
    /// Merges the next marks.
    fn advance(&mut self, runs: &[Gap], marks: &[Mark]) {
        let upto = (self.done + MERGED).min(marks.len());
        for pair in marks[self.done..upto].chunks(2) {
            let last = pair[pair.len() - 1];
            let merged = &runs[self.upto..last.runs];
            self.count(merged);
            self.runs.extend(summary(merged).into_iter().flatten());
            self.upto = last.runs;
            self.marks.push(Mark {
                runs: self.runs.len(),
                ..last
            });
        }
        self.done = upto;
    }

    /// Counts those of the next runs that were there at the start.
    fn count(&mut self, next: &[Gap]) {
        if let Some(sketch) = &mut self.sketch {
            let before = self.before.saturating_sub(self.upto).min(next.len());
            for run in &next[..before] {
                sketch.add(run.secs, run.count);
            }
        }
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

/// Gaps on their way into their order, in short steps.
#[derive(Debug, Clone)]
pub struct Sorting(Sorter<(f64, u64)>);

impl Job for Sorting {
    type Out = Sorted;

    fn step(&mut self) -> Result<Step<Sorted>> {
        Ok(match self.0.step()? {
            Step::Working => Step::Working,
            Step::Done(ascending) => Step::Done(Sorted::of(ascending)),
        })
    }

    fn progress(&self) -> f64 {
        self.0.progress()
    }
}

/// By length. A pointer, so that one copy of the sort serves all.
const SHORTER_FIRST: fn(&(f64, u64), &(f64, u64)) -> Ordering = |a, b| a.0.total_cmp(&b.0);

fn counted(runs: &[Gap]) -> impl Iterator<Item = (f64, u64)> {
    runs.iter().map(|g| (g.secs, g.count))
}

impl Sorted {
    fn new(runs: &[Gap]) -> Self {
        let mut sorted: Vec<(f64, u64)> = counted(runs).collect();
        sorted.sort_unstable_by(SHORTER_FIRST);
        Self::of(sorted)
    }

    /// Of ascending values with counts.
    fn of(ascending: impl IntoIterator<Item = (f64, u64)>) -> Self {
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
    use crate::core::finish;
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

    fn sorted(gaps: &Gaps) -> Sorted {
        finish(&mut gaps.sort()).unwrap()
    }

    #[test]
    fn quantiles_of_runs_are_those_of_the_single_gaps() {
        let (gaps, all) = filled(Gaps::default(), 500);
        let sorted = sorted(&gaps);
        assert_eq!((gaps.len(), sorted.len()), (4000, 4000));
        for p in [0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
            assert_eq!(sorted.percentile(p), percentile(&all, p), "p{p}");
        }
        assert!(
            self::sorted(&Gaps::default()).percentile(50.0).is_nan(),
            "none"
        );
    }

    #[test]
    fn beyond_the_bound_memory_stops_growing_and_quantiles_keep_their_error() {
        // Merged at once, and over some iterations.
        for exact in [64, 1500] {
            let (gaps, all) = filled(Gaps::keeping(exact), 5000);
            assert!(gaps.sketched(), "more than fits");
            let most = exact + 3 * gaps.stride as usize + 3 * exact / MERGED;
            assert!(
                gaps.runs.len() <= most && most < 2000,
                "{} runs",
                gaps.runs.len()
            );
            assert_eq!(gaps.tokens_out(), all.len() as u64);
            assert_eq!(gaps.len(), all.len() as u64);
            let sorted = sorted(&gaps);
            assert_eq!(sorted.len(), gaps.len());
            for p in [1.0, 50.0, 90.0, 99.0] {
                let (got, want) = (sorted.percentile(p), percentile(&all, p));
                assert!(
                    (got / want - 1.0).abs() <= 1.01 * Sketch::ERROR,
                    "p{p}: {got} {want}"
                );
            }
            let longest = all.iter().copied().fold(0.0, f64::max);
            assert_eq!(sorted.longest(), longest, "the longest is exact");
            let course = gaps.over_time(0..10, 10, 5000.0 * 0.03);
            let of_course = course.iter().map(|c| c[2]).fold(0.0, f64::max);
            assert_eq!(of_course, longest, "over time as well");
        }
    }

    #[test]
    fn nothing_is_lost_while_marks_are_merged() {
        // Two runs in each: full at the 750th.
        for iterations in 745..770 {
            let (gaps, all) = filled(Gaps::keeping(1500), iterations);
            assert_eq!(gaps.sketched(), iterations > 760, "{iterations}");
            let sorted = sorted(&gaps);
            assert_eq!(sorted.len(), all.len() as u64, "{iterations}");
            let count: u64 = gaps.runs.iter().map(|r| r.count).sum();
            assert_eq!(count, all.len() as u64, "{iterations}");
        }
    }
}
