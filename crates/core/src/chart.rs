//! A chart as data: computed by the labs, drawn, exported and read aloud by one helper each.

use super::EntityId;
use std::sync::Arc;

/// How an axis maps values to the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Proportional.
    #[default]
    Linear,
    /// Powers of ten; values that are not positive are marked at the edge.
    Log,
}

/// One axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// Title without the unit.
    pub name: &'static str,
    /// Unit, empty for a pure number.
    pub unit: &'static str,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Whether zero is always shown (linear axes).
    pub from_zero: bool,
}

impl Axis {
    /// A linear axis.
    pub const fn linear(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            scale: Scale::Linear,
            from_zero: false,
        }
    }

    /// A linear axis that always shows zero.
    pub const fn zero_based(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            scale: Scale::Linear,
            from_zero: true,
        }
    }

    /// A logarithmic axis.
    pub const fn log(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            scale: Scale::Log,
            from_zero: false,
        }
    }
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum SeriesKind {
    /// Straight lines between points.
    #[default]
    Line,
    /// Constant until the next point.
    Stairs,
    /// Dots.
    Points,
    /// Bars at integer positions.
    Bars,
    /// A band: `points` is the lower and `upper` the upper edge. One that stands before a line is
    /// that line's spread and has its colour.
    Band,
}

/// One named series of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// How it is drawn.
    pub kind: SeriesKind,
    /// Points in order of x; NaN breaks the line.
    pub points: Arc<[[f64; 2]]>,
    /// Upper edge of a band, as long as `points`; empty otherwise.
    pub upper: Arc<[f64]>,
    /// A reference (theory, bound, target) is drawn in ink, not in a series colour.
    pub reference: bool,
    /// What the whole series belongs to, for linked highlighting.
    pub entity: Option<EntityId>,
}

impl Series {
    /// A line.
    pub fn line(name: impl Into<String>, points: impl Into<Arc<[[f64; 2]]>>) -> Self {
        Self::new(name, SeriesKind::Line, points)
    }

    /// A series of the given kind.
    pub fn new(
        name: impl Into<String>,
        kind: SeriesKind,
        points: impl Into<Arc<[[f64; 2]]>>,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            points: points.into(),
            upper: Arc::from([]),
            reference: false,
            entity: None,
        }
    }

    /// A band from `lower` points to `upper` values.
    pub fn band(
        name: impl Into<String>,
        lower: impl Into<Arc<[[f64; 2]]>>,
        upper: impl Into<Arc<[f64]>>,
    ) -> Self {
        Self {
            upper: upper.into(),
            ..Self::new(name, SeriesKind::Band, lower)
        }
    }

    /// Marks the series as a reference.
    pub fn as_reference(mut self) -> Self {
        self.reference = true;
        self
    }

    /// Ties the series to an entity.
    pub fn of(mut self, entity: EntityId) -> Self {
        self.entity = Some(entity);
        self
    }
}

/// A vertical mark with a word.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Position on x.
    pub x: f64,
    /// Word beside it.
    pub label: String,
}

/// A whole chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Stable key within the lab, `"loss"`.
    pub id: &'static str,
    /// Title on screen.
    pub title: &'static str,
    /// One sentence: what it shows and what to look for.
    pub doc: &'static str,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The series.
    pub series: Vec<Series>,
    /// Vertical marks.
    pub marks: Vec<Mark>,
    /// Whether x is the run's timeline: then the playhead is drawn and the chart is linked.
    pub on_timeline: bool,
}

impl Chart {
    /// The series with their places in the order of colours and dashes. References have an order of
    /// their own, from 1 to 5 and again, because none of them is a solid line; a band before a line
    /// shares the line's.
    pub fn ranked(&self) -> impl Iterator<Item = (&Series, usize)> {
        let (mut next, mut references) = (0, 0);
        self.series.iter().enumerate().map(move |(i, series)| {
            let band = series.kind == SeriesKind::Band;
            if series.reference {
                let rank = 1 + references % 5;
                references += usize::from(!band);
                return (series, rank);
            }
            let rank = next;
            let spread = band
                && self
                    .series
                    .get(i + 1)
                    .is_some_and(|line| line.kind != SeriesKind::Band && !line.reference);
            next += usize::from(!spread);
            (series, rank)
        })
    }

    /// How many colours it takes to tell its series apart.
    pub fn colours(&self) -> usize {
        let own = self.ranked().filter(|(series, _)| !series.reference);
        own.map(|(_, rank)| rank + 1).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_before_a_line_shares_its_place() {
        let point = || vec![[0.0, 1.0]];
        let chart = Chart {
            id: "loss",
            title: "Loss",
            doc: "",
            x: Axis::default(),
            y: Axis::default(),
            series: vec![
                Series::line("bound", point()).as_reference(),
                Series::band("spread of a", point(), vec![2.0]),
                Series::line("a", point()),
                Series::line("b", point()),
                Series::band("alone", point(), vec![2.0]),
                Series::line("target", point()).as_reference(),
            ],
            marks: Vec::new(),
            on_timeline: false,
        };
        let ranks: Vec<usize> = chart.ranked().map(|(_, rank)| rank).collect();
        assert_eq!(ranks, [1, 0, 0, 1, 2, 2]);
        assert_eq!(chart.colours(), 3);
    }
}
