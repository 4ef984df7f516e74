//! What a sweep found: a curve per setup, a trade-off of two results, or a map. The same for every
//! lab, so it is compiled once.

use super::sweep::Plan;
use crate::app::sweep::{Grid, frontier};
use crate::core::{self, Arrange as _, Better, Chart, Mark, Metric, Scale, Series, SeriesKind};
use crate::ui::chart::{self, Layer, Link};
use crate::ui::heatmap::{HeatMap, heatmap_ui};
use crate::ui::theme::Palette;
use crate::ui::{format, value_entry_ui};
use egui::{RichText, Ui, vec2};

/// A swept parameter.
pub(super) struct Swept {
    pub(super) label: &'static str,
    pub(super) unit: &'static str,
    /// Whether its axis is logarithmic.
    pub(super) log: bool,
    /// Its value in the setup in front.
    pub(super) now: f64,
}

impl Swept {
    fn title(&self) -> String {
        if self.unit.is_empty() {
            self.label.to_owned()
        } else {
            format!("{} ({})", self.label, self.unit)
        }
    }

    fn axis(&self) -> core::Axis {
        core::Axis {
            name: self.label,
            unit: self.unit,
            scale: if self.log { Scale::Log } else { Scale::Linear },
            from_zero: false,
        }
    }
}

/// The results and what they are shown with.
pub(super) struct Found<'a> {
    pub(super) grid: &'a Grid,
    /// One for each axis of the grid.
    pub(super) swept: Vec<Swept>,
    /// Names of the setups.
    pub(super) labels: Vec<String>,
    /// The setup in front.
    pub(super) focus: usize,
    pub(super) playhead: f64,
}

impl Found<'_> {
    /// Shows them as planned; the point of the grid that was clicked.
    pub(super) fn ui(&self, ui: &mut Ui, plan: &mut Plan) -> Option<usize> {
        let refused = self.grid.refused();
        if refused > 0 {
            ui.label(
                RichText::new(format!(
                    "{refused} runs left out: these values do not go with the rest of the setup"
                ))
                .small()
                .color(Palette::of(ui.ctx()).muted),
            );
        }
        let metrics = self.grid.metrics();
        let metric = metric_of(metrics, plan.metric).or(metrics.first())?;
        let is_map = self.grid.axes.len() == 2;
        ui.separator();
        plan.metric = Some(metric_ui(ui, "Result", metrics, Some(metric.id)).unwrap_or(metric.id));
        if !is_map {
            plan.against = metric_ui(ui, "Against", metrics, plan.against);
        }
        let against = plan
            .against
            .filter(|id| !is_map && *id != metric.id)
            .and_then(|id| metric_of(metrics, Some(id)));
        match (is_map, against) {
            (true, _) => self.map_ui(ui, metric),
            (false, Some(against)) => self.trade_off_ui(ui, against, metric),
            (false, None) => self.curve_ui(ui, metric),
        }
    }

    fn curve_ui(&self, ui: &mut Ui, metric: &Metric) -> Option<usize> {
        let grid = self.grid;
        let (axis, swept) = (grid.axes.first()?, self.swept.first()?);
        let charts: Vec<Chart> = (0..grid.setups)
            .map(|setup| {
                let found: Vec<(f64, _)> = axis
                    .values
                    .iter()
                    .enumerate()
                    .filter_map(|(i, x)| Some((*x, grid.spread(setup, i, metric.id)?)))
                    .collect();
                let mut series = Vec::new();
                if grid.seeds > 1 {
                    let low: Vec<[f64; 2]> = found.iter().map(|(x, s)| [*x, s.low]).collect();
                    let high: Vec<f64> = found.iter().map(|(_, s)| s.high).collect();
                    series.push(Series::band("range of the seeds", low, high));
                }
                let mean: Vec<[f64; 2]> = found.iter().map(|(x, s)| [*x, s.mean]).collect();
                series.push(Series::line("mean", mean));
                Chart {
                    x: swept.axis(),
                    series,
                    marks: vec![Mark {
                        x: swept.now,
                        label: "now".to_owned(),
                    }],
                    ..chart_of(metric)
                }
            })
            .collect();
        let x = self.charts_ui(ui, &charts)?;
        nearest(&axis.values, x, swept.log)
    }

    fn trade_off_ui(&self, ui: &mut Ui, against: &Metric, metric: &Metric) -> Option<usize> {
        let grid = self.grid;
        let axis = grid.axes.first()?;
        let point = |setup: usize, i: usize| {
            let x = grid.spread(setup, i, against.id)?.mean;
            let y = grid.spread(setup, i, metric.id)?.mean;
            Some([x, y])
        };
        let all: Vec<[f64; 2]> = (0..grid.setups)
            .flat_map(|setup| (0..axis.values.len()).filter_map(move |i| point(setup, i)))
            .collect();
        let good = |m: &Metric| match m.better {
            Better::Lower => Some(-1.0),
            Better::Higher => Some(1.0),
            Better::Neither => None,
        };
        let mut charts: Vec<Chart> = (0..grid.setups)
            .map(|setup| {
                let points: Vec<[f64; 2]> = (0..axis.values.len())
                    .filter_map(|i| point(setup, i))
                    .collect();
                Chart {
                    x: core::Axis::linear(against.name, against.unit),
                    series: vec![Series::new("points", SeriesKind::Points, points)],
                    ..chart_of(metric)
                }
            })
            .collect();
        if let (Some(gx), Some(gy), Some(chart)) = (good(against), good(metric), charts.first_mut())
        {
            let goals: Vec<[f64; 2]> = all.iter().map(|p| [gx * p[0], gy * p[1]]).collect();
            let mut edge: Vec<[f64; 2]> = frontier(&goals).into_iter().map(|i| all[i]).collect();
            edge.arrange_by(|a, b| a[0].total_cmp(&b[0]));
            chart
                .series
                .push(Series::line("not beaten in both", edge).as_reference());
        }
        let focus = self.focus.min(grid.setups.saturating_sub(1));
        let own: Vec<(usize, f64)> = (0..axis.values.len())
            .filter_map(|i| Some((i, point(focus, i)?[0])))
            .collect();
        let x = self.charts_ui(ui, &charts)?;
        own.into_iter()
            .min_by(|a, b| (a.1 - x).abs().total_cmp(&(b.1 - x).abs()))
            .map(|(i, _)| i)
    }

    fn charts_ui(&self, ui: &mut Ui, charts: &[Chart]) -> Option<f64> {
        let layers: Vec<Layer<'_>> = charts
            .iter()
            .enumerate()
            .map(|(slot, chart)| Layer {
                chart,
                slot,
                label: self.labels.get(slot).map_or("", String::as_str),
            })
            .collect();
        let mut link = Link {
            playhead: self.playhead,
            cursor: None,
            seek: None,
            picked: None,
            hovered: None,
            selected: None,
        };
        let size = vec2(ui.available_width().max(240.0), 260.0);
        chart::chart_ui(ui, &layers, &mut link, size);
        link.picked
    }

    fn map_ui(&self, ui: &mut Ui, metric: &Metric) -> Option<usize> {
        let ([x, y], [across, up]) = (&self.grid.axes[..], &self.swept[..]) else {
            return None;
        };
        let cells: Vec<f64> = (0..self.grid.points())
            .map(|i| {
                self.grid
                    .spread(0, i, metric.id)
                    .map_or(f64::NAN, |s| s.mean)
            })
            .collect();
        let largest = cells
            .iter()
            .filter(|v| v.is_finite())
            .fold(0.0_f64, |a, v| a.max(v.abs()));
        let (factor, unit) = format::scaled_unit(largest, metric.unit);
        let cells: Vec<f64> = cells.iter().map(|v| v / factor).collect();
        let at = |values: &[f64], now: f64| values.iter().position(|v| *v == now);
        ui.label(RichText::new(format!("{} ({unit})", metric.name)).strong())
            .on_hover_text(metric.doc);
        let map = HeatMap {
            name: metric.name,
            titles: [across.title(), up.title()],
            axes: [&x.values, &y.values],
            cells: &cells,
            unit: &unit,
            current: at(&x.values, across.now)
                .zip(at(&y.values, up.now))
                .map(|(x, y)| [x, y]),
            owners: None,
            click: "A click opens it.",
        };
        let width = ui.available_width().clamp(240.0, 520.0);
        let [px, py] = heatmap_ui(ui, &map, vec2(width, width * 0.9))?;
        Some(py * x.values.len() + px)
    }
}

fn metric_of<'a>(metrics: &'a [Metric], id: Option<&str>) -> Option<&'a Metric> {
    metrics.iter().find(|m| Some(m.id) == id)
}

/// Choice of a metric; "the parameter" where none is chosen.
fn metric_ui(
    ui: &mut Ui,
    name: &str,
    metrics: &[Metric],
    mut chosen: Option<&'static str>,
) -> Option<&'static str> {
    let free = name == "Against";
    ui.horizontal_wrapped(|ui| {
        let label = ui.label(name);
        egui::ComboBox::from_id_salt(("sweep metric", name))
            .selected_text(metric_of(metrics, chosen).map_or("the parameter", |m| m.name))
            .width(170.0)
            .show_ui(ui, |ui| {
                if free {
                    value_entry_ui(ui, &mut chosen, None, "the parameter");
                }
                for metric in metrics {
                    value_entry_ui(ui, &mut chosen, Some(metric.id), metric.name)
                        .on_hover_text(metric.doc);
                }
            })
            .response
            .labelled_by(label.id);
    });
    chosen
}

fn chart_of(metric: &Metric) -> Chart {
    Chart {
        id: "sweep",
        title: metric.name,
        doc: metric.doc,
        x: core::Axis::default(),
        y: core::Axis::linear(metric.name, metric.unit),
        series: Vec::new(),
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// Index of the value nearest to `x`, in the logarithm where the axis is one.
fn nearest(values: &[f64], x: f64, log: bool) -> Option<usize> {
    let at = |v: f64| if log && v > 0.0 { core::num::ln(v) } else { v };
    (0..values.len()).min_by(|&a, &b| {
        let far = |i: usize| (at(values[i]) - at(x)).abs();
        far(a).total_cmp(&far(b))
    })
}
