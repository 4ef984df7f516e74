//! The arithmetic behind charts: thinning, reading values, differences. No screen here.

use crate::core::num::{log10, pow};
use crate::core::{Axis, Chart, Mark, Scale, Series, SeriesKind};
use std::sync::Arc;

/// A value on the axis' own scale; NaN where a logarithm does not exist.
pub fn to_axis(axis: &Axis, v: f64) -> f64 {
    match axis.scale {
        Scale::Linear => v,
        Scale::Log if v > 0.0 => log10(v),
        Scale::Log => f64::NAN,
    }
}

/// The value behind a position on the axis' own scale.
pub fn from_axis(axis: &Axis, v: f64) -> f64 {
    match axis.scale {
        Scale::Linear => v,
        Scale::Log => pow(10.0, v),
    }
}

/// At most two points per column: the smallest and the largest of each, in order, so that no peak
/// is lost. Points outside `range` go, but for the neighbour on either side. NaN stays a gap.
pub fn thin(points: &[[f64; 2]], range: [f64; 2], columns: usize) -> Vec<[f64; 2]> {
    let points = visible(points, range);
    let columns = columns.max(1);
    if points.len() <= 2 * columns {
        return points.to_vec();
    }
    let width = (range[1] - range[0]) / columns as f64;
    let column_of = |x: f64| ((x - range[0]) / width).floor();
    let mut out = Vec::with_capacity(2 * columns + 8);
    let mut start = 0;
    while start < points.len() {
        if !is_point(points[start]) {
            let gap = out.last().is_none_or(|p: &[f64; 2]| is_point(*p));
            if gap {
                out.push([points[start][0], f64::NAN]);
            }
            start += 1;
            continue;
        }
        let column = column_of(points[start][0]);
        let len = points[start..]
            .iter()
            .take_while(|p| is_point(**p) && column_of(p[0]) == column)
            .count()
            .max(1);
        push_extremes(&points[start..start + len], &mut out);
        start += len;
    }
    out
}

fn is_point(p: [f64; 2]) -> bool {
    p[0].is_finite() && p[1].is_finite()
}

fn push_extremes(points: &[[f64; 2]], out: &mut Vec<[f64; 2]>) {
    let by = |a: &(usize, &[f64; 2]), b: &(usize, &[f64; 2])| a.1[1].total_cmp(&b.1[1]);
    let low = points.iter().enumerate().min_by(by);
    let high = points.iter().enumerate().max_by(by);
    if let (Some((i, low)), Some((j, high))) = (low, high) {
        match i.cmp(&j) {
            std::cmp::Ordering::Less => out.extend([*low, *high]),
            std::cmp::Ordering::Equal => out.push(*low),
            std::cmp::Ordering::Greater => out.extend([*high, *low]),
        }
    }
}

/// The part of `points` (in order of x) inside the range, with one neighbour on either side.
fn visible(points: &[[f64; 2]], [low, high]: [f64; 2]) -> &[[f64; 2]] {
    let start = points.partition_point(|p| p[0] < low).saturating_sub(1);
    let end = (points.partition_point(|p| p[0] <= high) + 1).min(points.len());
    points.get(start..end).unwrap_or(&[])
}

/// Value of a series at `x`: between points of a line, before them of stairs, at the nearest
/// point otherwise. `None` outside the series and in its gaps.
pub fn value_at(series: &Series, x: f64) -> Option<f64> {
    let points = &series.points;
    let after = points.partition_point(|p| p[0] <= x);
    let before = after.checked_sub(1).and_then(|i| points.get(i));
    let next = points.get(after);
    let value = match (series.kind, before, next) {
        (SeriesKind::Points | SeriesKind::Bars, ..) => nearest(points, x)?[1],
        (SeriesKind::Stairs, Some(a), _) => a[1],
        (_, Some(a), _) if a[0] == x => a[1],
        (_, Some(a), Some(b)) => a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]),
        _ => return None,
    };
    value.is_finite().then_some(value)
}

/// The point of a series nearest in x.
pub fn nearest(points: &[[f64; 2]], x: f64) -> Option<[f64; 2]> {
    let after = points.partition_point(|p| p[0] <= x);
    let candidates = [after.checked_sub(1), Some(after)];
    candidates
        .into_iter()
        .flatten()
        .filter_map(|i| points.get(i))
        .min_by(|a, b| (a[0] - x).abs().total_cmp(&(b[0] - x).abs()))
        .copied()
}

/// The next point of any series after `x` (or before it), for the keyboard cursor.
pub fn neighbour<'a>(
    series: impl Iterator<Item = &'a Series>,
    x: Option<f64>,
    forward: bool,
) -> Option<f64> {
    let candidates = series.filter_map(|s| {
        let points = &s.points;
        let found = match (x, forward) {
            (None, true) => points.first(),
            (None, false) => points.last(),
            (Some(x), true) => points.get(points.partition_point(|p| p[0] <= x)),
            (Some(x), false) => points
                .partition_point(|p| p[0] < x)
                .checked_sub(1)
                .and_then(|i| points.get(i)),
        };
        found.map(|p| p[0])
    });
    if forward {
        candidates.min_by(f64::total_cmp)
    } else {
        candidates.max_by(f64::total_cmp)
    }
}

/// The chart of `b - a`, series by series where the names are the same (else by position), at the
/// points of either inside the range common to both. Bands are left out.
pub fn difference(a: &Chart, b: &Chart) -> Chart {
    let series = a
        .series
        .iter()
        .enumerate()
        .filter(|(_, s)| s.kind != SeriesKind::Band && !s.reference)
        .filter_map(|(i, s)| {
            let other = b
                .series
                .iter()
                .find(|o| o.name == s.name && o.kind == s.kind)
                .or_else(|| b.series.get(i).filter(|o| o.kind == s.kind))?;
            Some(Series {
                points: subtract(s, other),
                ..s.clone()
            })
        })
        .collect();
    Chart {
        y: Axis {
            scale: Scale::Linear,
            from_zero: true,
            ..a.y
        },
        series,
        marks: common_marks(a, b),
        ..a.clone()
    }
}

fn common_marks(a: &Chart, b: &Chart) -> Vec<Mark> {
    a.marks
        .iter()
        .filter(|m| b.marks.contains(m))
        .cloned()
        .collect()
}

fn subtract(a: &Series, b: &Series) -> Arc<[[f64; 2]]> {
    let discrete = matches!(a.kind, SeriesKind::Points | SeriesKind::Bars);
    let mut xs: Vec<f64> = a
        .points
        .iter()
        .chain(b.points.iter())
        .map(|p| p[0])
        .filter(|x| x.is_finite())
        .collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let exact = |s: &Series, x: f64| s.points.iter().any(|p| p[0] == x);
    xs.into_iter()
        .filter(|&x| covers(a, x) && covers(b, x))
        .filter(|&x| !discrete || (exact(a, x) && exact(b, x)))
        .map(|x| match (value_at(a, x), value_at(b, x)) {
            (Some(a), Some(b)) => [x, b - a],
            _ => [x, f64::NAN],
        })
        .collect()
}

fn covers(series: &Series, x: f64) -> bool {
    let ends = series.points.first().zip(series.points.last());
    ends.is_some_and(|(first, last)| first[0] <= x && x <= last[0])
}

/// Smallest and largest finite x and y of some series, on the axes' own scales.
pub fn extent<'a>(
    chart: &Chart,
    series: impl Iterator<Item = &'a Series>,
) -> Option<[[f64; 2]; 2]> {
    let mut out: Option<[[f64; 2]; 2]> = None;
    let mut add = |x: f64, y: f64| {
        let (x, y) = (to_axis(&chart.x, x), to_axis(&chart.y, y));
        if x.is_finite() && y.is_finite() {
            let e = out.get_or_insert([[x, x], [y, y]]);
            e[0] = [e[0][0].min(x), e[0][1].max(x)];
            e[1] = [e[1][0].min(y), e[1][1].max(y)];
        }
    };
    for s in series {
        for p in s.points.iter() {
            add(p[0], p[1]);
        }
        for (p, &y) in s.points.iter().zip(s.upper.iter()) {
            add(p[0], y);
        }
        if s.kind == SeriesKind::Bars {
            for p in s.points.iter() {
                add(p[0] - 0.5, p[1]);
                add(p[0] + 0.5, 0.0);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(series: Vec<Series>) -> Chart {
        Chart {
            id: "c",
            title: "C",
            doc: "",
            x: Axis::linear("x", ""),
            y: Axis::log("y", ""),
            series,
            marks: Vec::new(),
            on_timeline: true,
        }
    }

    #[test]
    fn thinning_keeps_peaks_ends_and_gaps() {
        let mut points: Vec<[f64; 2]> = (0..100_000)
            .map(|i| [f64::from(i), f64::from(i % 7)])
            .collect();
        points[43_210][1] = 1000.0;
        points[77_000][1] = f64::NAN;
        let thinned = thin(&points, [0.0, 99_999.0], 500);
        assert!(thinned.len() <= 1004, "{}", thinned.len());
        assert!(thinned.contains(&[43_210.0, 1000.0]), "the peak");
        assert_eq!(thinned.iter().filter(|p| p[1].is_nan()).count(), 1, "gap");
        assert_eq!(thinned[0][0], 0.0);
        assert!(
            thinned.windows(2).all(|w| w[0][0] <= w[1][0]),
            "in order of x"
        );
    }

    #[test]
    fn thinning_to_a_part_keeps_a_neighbour_on_either_side() {
        let points: Vec<[f64; 2]> = (0..100).map(|i| [f64::from(i), 0.0]).collect();
        let thinned = thin(&points, [9.5, 12.5], 500);
        let xs: Vec<f64> = thinned.iter().map(|p| p[0]).collect();
        assert_eq!(xs, [9.0, 10.0, 11.0, 12.0, 13.0]);
        assert!(thin(&[], [0.0, 1.0], 10).is_empty());
        assert_eq!(thin(&points, [500.0, 600.0], 10).len(), 1);
    }

    #[test]
    fn difference_is_b_minus_a_at_common_points() {
        let a = Series::line("loss", vec![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]);
        let b = Series::line("loss", vec![[1.0, 10.0], [3.0, 20.0]]);
        let d = difference(&chart(vec![a]), &chart(vec![b]));
        assert_eq!(
            d.series[0].points.as_ref(),
            [[1.0, 8.0], [2.0, 12.0], [3.0, 16.0]]
        );
        assert_eq!(d.y.scale, Scale::Linear, "differences may be negative");
    }

    #[test]
    fn discrete_series_are_subtracted_only_where_both_have_a_point() {
        let a = Series::new("n", SeriesKind::Bars, vec![[0.0, 1.0], [1.0, 2.0]]);
        let b = Series::new("n", SeriesKind::Bars, vec![[1.0, 5.0], [2.0, 9.0]]);
        let d = difference(&chart(vec![a]), &chart(vec![b]));
        assert_eq!(d.series[0].points.as_ref(), [[1.0, 3.0]]);
    }

    #[test]
    fn values_are_read_by_the_kind_of_the_series() {
        let points = vec![[0.0, 0.0], [2.0, 4.0]];
        assert_eq!(value_at(&Series::line("", points.clone()), 1.0), Some(2.0));
        assert_eq!(value_at(&Series::line("", points.clone()), 2.0), Some(4.0));
        let stairs = Series::new("", SeriesKind::Stairs, points.clone());
        assert_eq!(value_at(&stairs, 1.9), Some(0.0));
        let bars = Series::new("", SeriesKind::Bars, points);
        assert_eq!(value_at(&bars, 1.9), Some(4.0));
        assert_eq!(value_at(&Series::line("", vec![[1.0, 1.0]]), 0.0), None);
    }

    #[test]
    fn the_keyboard_cursor_visits_the_points_of_all_series() {
        let s = [
            Series::line("a", vec![[0.0, 0.0], [2.0, 0.0]]),
            Series::line("b", vec![[1.0, 0.0]]),
        ];
        assert_eq!(neighbour(s.iter(), Some(0.0), true), Some(1.0));
        assert_eq!(neighbour(s.iter(), Some(2.0), false), Some(1.0));
        assert_eq!(neighbour(s.iter(), None, false), Some(2.0));
        assert_eq!(neighbour(s.iter(), Some(2.0), true), None);
    }

    #[test]
    fn a_log_axis_refuses_what_is_not_positive() {
        let c = chart(vec![Series::line("a", vec![[0.0, 0.0], [1.0, 100.0]])]);
        assert_eq!(extent(&c, c.series.iter()), Some([[1.0, 1.0], [2.0, 2.0]]));
    }
}
