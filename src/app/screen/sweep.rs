//! The sweep panel: how a result depends on a parameter, on two of them, or on another result.

use super::LabScreen;
use crate::app::sweep::{Axis, Sweep, first_range, frontier};
use crate::core::Arrange as _;
use crate::core::{self, Better, Chart, Mark, Metric, Param, Scale, Series, SeriesKind};
use crate::gpu::GpuLab;
use crate::ui::chart::{self, Layer, Link};
use crate::ui::heatmap::{HeatMap, heatmap_ui};
use crate::ui::theme::Palette;
use crate::ui::{LabView, format, value_entry_ui};
use egui::{RichText, Ui, vec2};

/// What the user chose to sweep and to see.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// Places of the swept parameters in `Lab::params`.
    params: [Option<usize>; 2],
    ranges: [[f64; 2]; 2],
    points: usize,
    seeds: usize,
    /// Ids of the metrics shown: the first, and the one it is set against in a trade-off.
    metric: Option<&'static str>,
    against: Option<&'static str>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            params: [None; 2],
            ranges: [[0.0; 2]; 2],
            points: 7,
            seeds: 3,
            metric: None,
            against: None,
        }
    }
}

impl<L: LabView + GpuLab> LabScreen<L> {
    /// Choice of parameters, progress, and the curve, map or trade-off found.
    pub(super) fn sweep_ui(&mut self, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        ui.label(
            RichText::new(
                "Runs every setup over a range of one or two parameters. A click in the result \
                 opens that point.",
            )
            .small()
            .color(palette.muted),
        );
        ui.add_space(4.0);
        self.plan_ui(ui);
        let Some(sweep) = &self.sweep else {
            return;
        };
        let (done, wanted) = sweep.progress();
        if !sweep.is_done() {
            ui.add(
                egui::ProgressBar::new(done as f32 / wanted.max(1) as f32)
                    .text(format!("{done} of {wanted} runs")),
            );
            if ui.button("Cancel sweep").clicked() {
                self.sweep = None;
                return;
            }
        }
        if self.sweep_is_stale() {
            ui.label(
                RichText::new("The setups have changed since this sweep")
                    .small()
                    .color(palette.warning),
            );
        }
        self.found_ui(ui);
    }

    fn plan_ui(&mut self, ui: &mut Ui) {
        let config = &self.slots[self.focus].config;
        let numbers: Vec<usize> = L::params()
            .iter()
            .enumerate()
            .filter(|(_, p)| p.range().is_some() && p.is_active(config))
            .map(|(i, _)| i)
            .collect();
        let plan = &mut self.plan;
        // A parameter that no longer has an effect is not swept.
        for param in &mut plan.params {
            *param = param.filter(|i| numbers.contains(i));
        }
        if plan.params[0].is_none() {
            plan.params[0] = numbers.first().copied();
            if let Some(i) = plan.params[0] {
                plan.ranges[0] = first_range(&L::params()[i], config);
            }
        }
        for axis in 0..2 {
            let name = ["Parameter", "And"][axis];
            let before = plan.params[axis];
            ui.horizontal_wrapped(|ui| {
                let label = ui.label(name);
                let shown = plan.params[axis].map_or("nothing else", |i| L::params()[i].label);
                egui::ComboBox::from_id_salt(("sweep", axis))
                    .selected_text(shown)
                    .width(170.0)
                    .show_ui(ui, |ui| {
                        if axis == 1 {
                            value_entry_ui(ui, &mut plan.params[1], None, "nothing else");
                        }
                        for &i in &numbers {
                            let param = &L::params()[i];
                            value_entry_ui(ui, &mut plan.params[axis], Some(i), param.label)
                                .on_hover_text(param.doc);
                        }
                    })
                    .response
                    .labelled_by(label.id);
            });
            if axis == 1 && plan.params[1] == plan.params[0] {
                plan.params[1] = None;
            }
            let Some(i) = plan.params[axis] else {
                continue;
            };
            let param = &L::params()[i];
            if plan.params[axis] != before {
                plan.ranges[axis] = first_range(param, config);
            }
            range_ui(ui, param, &mut plan.ranges[axis]);
        }
        ui.horizontal_wrapped(|ui| {
            for (name, value, range) in [
                ("Points", &mut plan.points, 2..=25),
                ("Seeds", &mut plan.seeds, 1..=20),
            ] {
                let label = ui.label(name);
                ui.add(egui::DragValue::new(value).range(range).speed(0.1))
                    .labelled_by(label.id);
            }
        });
        let axes: Vec<Axis> = plan
            .params
            .iter()
            .zip(&plan.ranges)
            .filter_map(|(param, range)| {
                let param = (*param)?;
                let values = L::params()[param].grid(*range, plan.points);
                Some(Axis { param, values })
            })
            .collect();
        let map = axes.len() == 2;
        let configs = if map {
            vec![config.clone()]
        } else {
            self.configs()
        };
        let seeds = self.plan.seeds;
        let sweep = Sweep::<L>::new(configs, axes, seeds);
        let runs = sweep.progress().1;
        if ui
            .add_enabled(runs > 0, egui::Button::new(format!("Sweep, {runs} runs")))
            .on_hover_text(if map {
                "A map of the focused setup over both parameters"
            } else {
                "The same seeds for every setup and point"
            })
            .clicked()
        {
            self.sweep = Some(sweep);
        }
    }

    /// Whether the setups differ from those swept in more than the swept parameters.
    fn sweep_is_stale(&self) -> bool {
        let Some(sweep) = &self.sweep else {
            return false;
        };
        let now: Vec<L::Config> = if sweep.axes.len() == 2 {
            vec![self.slots[self.focus].config.clone()]
        } else {
            self.configs()
        };
        now.len() != sweep.setups()
            || now.into_iter().enumerate().any(|(setup, mut config)| {
                let swept = sweep.config(setup, 0);
                for axis in &sweep.axes {
                    L::params()[axis.param].copy(&mut config, &swept);
                }
                config != swept
            })
    }

    fn found_ui(&mut self, ui: &mut Ui) {
        let Some(sweep) = &self.sweep else {
            return;
        };
        let refused = sweep.refused();
        if refused > 0 {
            ui.label(
                RichText::new(format!(
                    "{refused} runs left out: these values do not go with the rest of the setup"
                ))
                .small()
                .color(Palette::of(ui.ctx()).muted),
            );
        }
        let metrics = sweep.metrics().to_vec();
        let Some(first) = metrics.first() else {
            return;
        };
        let plan = &mut self.plan;
        let metric = metric_of(&metrics, plan.metric).unwrap_or(first).clone();
        let is_map = sweep.axes.len() == 2;
        ui.separator();
        plan.metric = Some(metric_ui(ui, "Result", &metrics, Some(metric.id)).unwrap_or(metric.id));
        if !is_map {
            plan.against = metric_ui(ui, "Against", &metrics, plan.against);
        }
        let against = plan
            .against
            .filter(|id| !is_map && *id != metric.id)
            .and_then(|id| metric_of(&metrics, Some(id)))
            .cloned();
        let picked = match (is_map, against) {
            (true, _) => self.map_ui(ui, &metric),
            (false, Some(against)) => self.trade_off_ui(ui, &against, &metric),
            (false, None) => self.curve_ui(ui, &metric),
        };
        if let Some(point) = picked {
            self.open_point(point);
        }
    }

    /// Puts a point of the sweep into the focused setup.
    fn open_point(&mut self, point: usize) {
        let Some(sweep) = &self.sweep else {
            return;
        };
        let config = &mut self.slots[self.focus].config;
        for (axis, value) in sweep.axes.iter().zip(sweep.values(point)) {
            L::params()[axis.param].set_value(config, value);
        }
        self.seeds = None;
    }

    fn curve_ui(&mut self, ui: &mut Ui, metric: &Metric) -> Option<usize> {
        let sweep = self.sweep.as_ref()?;
        let axis = sweep.axes.first()?;
        let param = &L::params()[axis.param];
        let current = param.value(&self.slots[self.focus].config);
        let labels: Vec<String> = self.slots.iter().map(|s| L::label(&s.config)).collect();
        let charts: Vec<Chart> = (0..sweep.setups())
            .map(|setup| {
                let found: Vec<(f64, _)> = axis
                    .values
                    .iter()
                    .enumerate()
                    .filter_map(|(i, x)| Some((*x, sweep.spread(setup, i, metric.id)?)))
                    .collect();
                let mut series = Vec::new();
                if sweep.seeds > 1 {
                    let low: Vec<[f64; 2]> = found.iter().map(|(x, s)| [*x, s.low]).collect();
                    let high: Vec<f64> = found.iter().map(|(_, s)| s.high).collect();
                    series.push(Series::band("range of the seeds", low, high));
                }
                let mean: Vec<[f64; 2]> = found.iter().map(|(x, s)| [*x, s.mean]).collect();
                series.push(Series::line("mean", mean));
                Chart {
                    x: axis_of(param),
                    series,
                    marks: vec![Mark {
                        x: current,
                        label: "now".to_owned(),
                    }],
                    ..chart_of(metric)
                }
            })
            .collect();
        let x = self.charts_of_sweep_ui(ui, &charts, &labels)?;
        let values = &self.sweep.as_ref()?.axes.first()?.values;
        let log = param.range().is_some_and(|(_, log)| log);
        nearest(values, x, log)
    }

    fn trade_off_ui(&mut self, ui: &mut Ui, against: &Metric, metric: &Metric) -> Option<usize> {
        let sweep = self.sweep.as_ref()?;
        let axis = sweep.axes.first()?;
        let labels: Vec<String> = self.slots.iter().map(|s| L::label(&s.config)).collect();
        let point = |setup: usize, i: usize| {
            let x = sweep.spread(setup, i, against.id)?.mean;
            let y = sweep.spread(setup, i, metric.id)?.mean;
            Some([x, y])
        };
        let all: Vec<[f64; 2]> = (0..sweep.setups())
            .flat_map(|setup| (0..axis.values.len()).filter_map(move |i| point(setup, i)))
            .collect();
        let good = |m: &Metric| match m.better {
            Better::Lower => Some(-1.0),
            Better::Higher => Some(1.0),
            Better::Neither => None,
        };
        let mut charts: Vec<Chart> = (0..sweep.setups())
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
        let focus = self.focus.min(sweep.setups() - 1);
        let own: Vec<(usize, f64)> = (0..axis.values.len())
            .filter_map(|i| Some((i, point(focus, i)?[0])))
            .collect();
        let x = self.charts_of_sweep_ui(ui, &charts, &labels)?;
        own.into_iter()
            .min_by(|a, b| (a.1 - x).abs().total_cmp(&(b.1 - x).abs()))
            .map(|(i, _)| i)
    }

    fn charts_of_sweep_ui(&self, ui: &mut Ui, charts: &[Chart], labels: &[String]) -> Option<f64> {
        let layers: Vec<Layer<'_>> = charts
            .iter()
            .enumerate()
            .map(|(slot, chart)| Layer {
                chart,
                slot,
                label: labels.get(slot).map_or("", String::as_str),
            })
            .collect();
        let mut link = Link {
            playhead: self.transport.playhead,
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

    fn map_ui(&mut self, ui: &mut Ui, metric: &Metric) -> Option<usize> {
        let sweep = self.sweep.as_ref()?;
        let [x, y] = &sweep.axes[..] else {
            return None;
        };
        let cells: Vec<f64> = (0..sweep.points())
            .map(|i| sweep.spread(0, i, metric.id).map_or(f64::NAN, |s| s.mean))
            .collect();
        let largest = cells
            .iter()
            .filter(|v| v.is_finite())
            .fold(0.0_f64, |a, v| a.max(v.abs()));
        let (factor, unit) = format::scaled_unit(largest, metric.unit);
        let cells: Vec<f64> = cells.iter().map(|v| v / factor).collect();
        let title = |axis: &Axis| {
            let param = &L::params()[axis.param];
            if param.unit.is_empty() {
                param.label.to_owned()
            } else {
                format!("{} ({})", param.label, param.unit)
            }
        };
        let config = &self.slots[self.focus].config;
        let at = |axis: &Axis| {
            let value = L::params()[axis.param].value(config);
            axis.values.iter().position(|v| *v == value)
        };
        ui.label(RichText::new(format!("{} ({unit})", metric.name)).strong())
            .on_hover_text(metric.doc);
        let map = HeatMap {
            name: metric.name,
            titles: [title(x), title(y)],
            axes: [&x.values, &y.values],
            cells: &cells,
            unit: &unit,
            current: at(x).zip(at(y)).map(|(x, y)| [x, y]),
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

/// The two ends of a range, kept in order and within what the parameter allows.
fn range_ui<C>(ui: &mut Ui, param: &Param<C>, range: &mut [f64; 2]) {
    let Some(([min, max], log)) = param.range() else {
        return;
    };
    ui.horizontal_wrapped(|ui| {
        let [low, high] = range;
        let ends = [*low, *high];
        let speed = |v: f64| {
            if log {
                (v.abs() * 0.01).max(1e-12)
            } else {
                (max - min) / 300.0
            }
        };
        let label = ui.label("from");
        ui.add(
            egui::DragValue::new(low)
                .range(min..=ends[1])
                .speed(speed(ends[0]))
                .custom_formatter(|v, _| format::number(v))
                .custom_parser(core::parse_number),
        )
        .labelled_by(label.id);
        let label = ui.label("to");
        ui.add(
            egui::DragValue::new(high)
                .range(ends[0]..=max)
                .speed(speed(ends[1]))
                .custom_formatter(|v, _| format::number(v))
                .custom_parser(core::parse_number),
        )
        .labelled_by(label.id);
        ui.label(RichText::new(param.unit).small());
    });
}

fn axis_of<C>(param: &Param<C>) -> core::Axis {
    let log = param.range().is_some_and(|(_, log)| log);
    core::Axis {
        name: param.label,
        unit: param.unit,
        scale: if log { Scale::Log } else { Scale::Linear },
        from_zero: false,
    }
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
