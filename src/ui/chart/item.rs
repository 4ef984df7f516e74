//! One series as an item of the plot, drawn with our own dashes and markers.

use super::Dash;
use crate::core::{Chart, Scale, Series, SeriesKind};
use crate::ui::chart::data;
use crate::ui::{corners, kept};
use bytemuck::cast_slice;
use egui::{Color32, Mesh, Pos2, Rect, Shape, Stroke, Ui, pos2};
use egui_plot::{PlotBounds, PlotGeometry, PlotItem, PlotItemBase, PlotPoint, PlotTransform};
use std::hash::Hash;
use std::ops::RangeInclusive;

/// Looks of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub color: Color32,
    pub dash: Dash,
    pub width: f32,
    /// Position among the layers, to set bars side by side.
    pub layer: usize,
    pub layers: usize,
}

/// A series, thinned and on the axes' own scales.
pub(super) struct SeriesItem {
    base: PlotItemBase,
    kind: SeriesKind,
    look: Look,
    points: Vec<[f64; 2]>,
    upper: Vec<[f64; 2]>,
    /// Where values that a logarithmic axis cannot show were left out.
    refused: Vec<f64>,
    log_y: bool,
}

impl SeriesItem {
    pub(super) fn new(
        chart: &Chart,
        series: &Series,
        look: Look,
        range: [f64; 2],
        columns: usize,
    ) -> Self {
        let map = |points: &[[f64; 2]]| -> Vec<[f64; 2]> {
            points
                .iter()
                .map(|p| [data::to_axis(&chart.x, p[0]), data::to_axis(&chart.y, p[1])])
                .collect()
        };
        let log_y = chart.y.scale == Scale::Log;
        // Thinning is done in the values' own order of x, which a logarithm keeps.
        let raw = [
            data::from_axis(&chart.x, range[0]),
            data::from_axis(&chart.x, range[1]),
        ];
        let refused = if log_y {
            series
                .points
                .iter()
                .filter(|p| p[1] <= 0.0)
                .map(|p| data::to_axis(&chart.x, p[0]))
                .take(columns)
                .collect()
        } else {
            Vec::new()
        };
        let upper: Vec<[f64; 2]> = series
            .points
            .iter()
            .zip(series.upper.iter())
            .map(|(p, &y)| [p[0], y])
            .collect();
        let (points, upper) = if chart.x.scale == Scale::Log {
            (
                data::thin(&map(&series.points), range, columns),
                data::thin(&map(&upper), range, columns),
            )
        } else {
            (
                map(&data::thin(&series.points, raw, columns)),
                map(&data::thin(&upper, raw, columns)),
            )
        };
        Self {
            base: PlotItemBase::new(series.name.clone()),
            kind: series.kind,
            look,
            points,
            upper,
            refused,
            log_y,
        }
    }

    /// Runs of finite points on screen.
    fn runs(&self, transform: &PlotTransform) -> Vec<Vec<Pos2>> {
        let mut runs = vec![Vec::new()];
        for p in &self.points {
            if p[0].is_finite() && p[1].is_finite() {
                if let Some(run) = runs.last_mut() {
                    run.push(screen(transform, *p));
                }
            } else if runs.last().is_some_and(|r| !r.is_empty()) {
                runs.push(Vec::new());
            }
        }
        runs
    }

    /// What its shapes are made of.
    fn key(&self, transform: &PlotTransform) -> impl Hash + '_ {
        let (frame, bounds) = (transform.frame(), transform.bounds());
        (
            cast_slice::<_, u8>(&self.points),
            cast_slice::<_, u8>(&self.upper),
            [frame.min, frame.max].map(|p| [p.x, p.y].map(f32::to_bits)),
            [bounds.min(), bounds.max()].map(|p| p.map(f64::to_bits)),
            (self.look.color, self.look.dash, self.look.width.to_bits()),
            (self.look.layer, self.look.layers, self.kind, self.log_y),
        )
    }

    fn line_shapes(&self, transform: &PlotTransform) -> Vec<Shape> {
        let mut shapes = Vec::new();
        let stroke = Stroke::new(self.look.width, self.look.color);
        for run in self.runs(transform) {
            if run.len() == 1 {
                shapes.push(Shape::circle_filled(run[0], 2.0, self.look.color));
                continue;
            }
            let run = match self.kind {
                SeriesKind::Stairs => corners(&stairs(&run)),
                _ => corners(&run),
            };
            // A noisy line would break into more dashes than anybody can see.
            let length: f32 = run.windows(2).map(|w| w[0].distance(w[1])).sum();
            let noisy = length > 8.0 * transform.frame().width();
            match self.look.dash.pattern().filter(|_| !noisy) {
                None => shapes.push(Shape::line(run, stroke)),
                Some((dashes, gaps)) => shapes.extend(Shape::dashed_line_with_offset(
                    &run, stroke, dashes, gaps, 0.0,
                )),
            }
        }
        shapes
    }

    fn bar_shapes(&self, transform: &PlotTransform) -> Vec<Shape> {
        let mut shapes = Vec::new();
        let width = 0.8 / self.look.layers as f64;
        let bottom = if self.log_y {
            transform.bounds().min()[1]
        } else {
            0.0
        };
        for p in self.points.iter().filter(|p| p[1].is_finite()) {
            let left = p[0] - 0.4 + width * self.look.layer as f64;
            let a = screen(transform, [left, bottom]);
            let b = screen(transform, [left + width, p[1]]);
            let mut rect = Rect::from_two_pos(a, b);
            if rect.width() > 4.0 {
                rect = rect.shrink2(egui::vec2(0.5, 0.0));
            }
            shapes.push(Shape::rect_filled(rect, 1.0, self.look.color));
        }
        shapes
    }

    fn marker_shapes(&self, transform: &PlotTransform) -> Vec<Shape> {
        let points = self.points.iter().filter(|p| p[1].is_finite());
        let at = points.map(|p| screen(transform, *p));
        let (radius, color) = (self.look.width + 1.2, self.look.color);
        at.map(|at| self.look.dash.marker(at, radius, color))
            .collect()
    }

    fn band_shapes(&self, transform: &PlotTransform, shapes: &mut Vec<Shape>) {
        let color = self.look.color.gamma_multiply(0.2);
        let mut mesh = Mesh::default();
        let (mut low, mut high) = (self.points.iter(), self.upper.iter());
        let mut previous = false;
        while let (Some(a), Some(b)) = (low.next(), high.next()) {
            if !(a[1].is_finite() && b[1].is_finite()) {
                previous = false;
                continue;
            }
            let n = mesh.vertices.len() as u32;
            mesh.colored_vertex(screen(transform, *a), color);
            mesh.colored_vertex(screen(transform, *b), color);
            if previous {
                mesh.add_triangle(n - 2, n - 1, n);
                mesh.add_triangle(n - 1, n, n + 1);
            }
            previous = true;
        }
        shapes.push(Shape::mesh(mesh));
    }
}

fn screen(transform: &PlotTransform, p: [f64; 2]) -> Pos2 {
    transform.position_from_point(&PlotPoint::new(p[0], p[1]))
}

fn stairs(run: &[Pos2]) -> Vec<Pos2> {
    let mut out = Vec::with_capacity(2 * run.len());
    for pair in run.windows(2) {
        out.push(pair[0]);
        out.push(pos2(pair[1].x, pair[0].y));
    }
    out.extend(run.last());
    out
}

impl PlotItem for SeriesItem {
    fn shapes(&self, ui: &Ui, transform: &PlotTransform, shapes: &mut Vec<Shape>) {
        match self.kind {
            SeriesKind::Band => self.band_shapes(transform, shapes),
            // The toolkit draws discs fast.
            SeriesKind::Points if self.look.dash == Dash::of(0) => {
                shapes.extend(self.marker_shapes(transform));
            }
            _ => shapes.push(kept(ui.ctx(), self.key(transform), || match self.kind {
                SeriesKind::Bars => self.bar_shapes(transform),
                SeriesKind::Points => self.marker_shapes(transform),
                _ => self.line_shapes(transform),
            })),
        }
        let bottom = transform.frame().bottom();
        for &x in &self.refused {
            let x = transform.position_from_point_x(x);
            shapes.push(Shape::convex_polygon(
                vec![
                    pos2(x - 3.0, bottom - 6.0),
                    pos2(x + 3.0, bottom - 6.0),
                    pos2(x, bottom - 1.0),
                ],
                self.look.color,
                Stroke::NONE,
            ));
        }
    }

    fn initialize(&mut self, _x_range: RangeInclusive<f64>) {}

    fn color(&self) -> Color32 {
        self.look.color
    }

    fn geometry(&self) -> PlotGeometry<'_> {
        PlotGeometry::None
    }

    /// None: the plot is told what all series span, worked out once for all of them.
    fn bounds(&self) -> PlotBounds {
        PlotBounds::NOTHING
    }

    fn base(&self) -> &PlotItemBase {
        &self.base
    }

    fn base_mut(&mut self) -> &mut PlotItemBase {
        &mut self.base
    }
}
