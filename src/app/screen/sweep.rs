//! The sweep panel: how a result depends on a parameter, on two of them, or on another result.

use super::LabScreen;
use super::found::{Found, Swept};
use crate::app::sweep::{Axis, Grid, Sweep, first_range};
use crate::core::{self, Field};
use crate::gpu::GpuLab;
use crate::ui::theme::Palette;
use crate::ui::{LabView, format, value_entry_ui};
use egui::{RichText, Ui};

/// What the user chose to sweep and to see.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// Places of the swept parameters in `Lab::params`.
    params: [Option<usize>; 2],
    ranges: [[f64; 2]; 2],
    points: usize,
    seeds: usize,
    /// Ids of the metrics shown: the first, and the one it is set against in a trade-off.
    pub(super) metric: Option<&'static str>,
    pub(super) against: Option<&'static str>,
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

/// A number that can be swept.
struct Number {
    /// Its place in `Lab::params`.
    place: usize,
    field: Field,
    value: f64,
}

impl<L: LabView + GpuLab> LabScreen<L> {
    /// Choice of parameters, progress, and the curve, map or trade-off found.
    pub(super) fn sweep_ui(&mut self, ui: &mut Ui) {
        let config = &self.slots[self.focus].config;
        let numbers: Vec<Number> = L::params()
            .iter()
            .enumerate()
            .filter(|(_, p)| p.range().is_some() && p.is_active(config))
            .map(|(place, p)| Number {
                place,
                field: p.field(),
                value: p.value(config),
            })
            .collect();
        if let Some(grid) = plan_ui(ui, &mut self.plan, &numbers, self.slots.len()) {
            let configs = if grid.axes.len() == 2 {
                vec![config.clone()]
            } else {
                self.configs()
            };
            self.sweep = Some(Sweep::new(configs, grid));
        }
        let stale = self.sweep_is_stale();
        let Some(sweep) = &self.sweep else {
            return;
        };
        if progress_ui(ui, &sweep.grid, stale) {
            self.sweep = None;
        } else {
            self.found_ui(ui);
        }
    }

    /// Whether the setups differ from those swept in more than the swept parameters.
    fn sweep_is_stale(&self) -> bool {
        let Some(sweep) = &self.sweep else {
            return false;
        };
        let now: Vec<L::Config> = if sweep.grid.axes.len() == 2 {
            vec![self.slots[self.focus].config.clone()]
        } else {
            self.configs()
        };
        now.len() != sweep.grid.setups
            || now.into_iter().enumerate().any(|(setup, mut config)| {
                let swept = sweep.config(setup, 0);
                for axis in &sweep.grid.axes {
                    L::params()[axis.param].copy(&mut config, &swept);
                }
                config != swept
            })
    }

    fn found_ui(&mut self, ui: &mut Ui) {
        let Some(sweep) = &self.sweep else {
            return;
        };
        let config = &self.slots[self.focus].config;
        let swept = |axis: &Axis| {
            let param = &L::params()[axis.param];
            Swept {
                label: param.label,
                unit: param.unit,
                log: param.range().is_some_and(|(_, log)| log),
                now: param.value(config),
            }
        };
        let found = Found {
            grid: &sweep.grid,
            swept: sweep.grid.axes.iter().map(swept).collect(),
            labels: self.slots.iter().map(|s| L::label(&s.config)).collect(),
            focus: self.focus,
            playhead: self.transport.playhead,
        };
        if let Some(point) = found.ui(ui, &mut self.plan) {
            self.open_point(point);
        }
    }

    /// Puts a point of the sweep into the focused setup.
    fn open_point(&mut self, point: usize) {
        let Some(sweep) = &self.sweep else {
            return;
        };
        let config = &mut self.slots[self.focus].config;
        for (axis, value) in sweep.grid.axes.iter().zip(sweep.grid.values(point)) {
            L::params()[axis.param].set_value(config, value);
        }
        self.seeds = None;
    }
}

/// Choice of what to sweep; the grid when it is to be run.
fn plan_ui(ui: &mut Ui, plan: &mut Plan, numbers: &[Number], setups: usize) -> Option<Grid> {
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
    let number = |place: Option<usize>| numbers.iter().find(|n| Some(n.place) == place);
    // A parameter that no longer has an effect is not swept.
    for param in &mut plan.params {
        *param = param.filter(|place| number(Some(*place)).is_some());
    }
    if plan.params[0].is_none()
        && let Some(first) = numbers.first()
    {
        plan.params[0] = Some(first.place);
        plan.ranges[0] = first_range(&first.field, first.value);
    }
    for axis in 0..2 {
        let name = ["Parameter", "And"][axis];
        let before = plan.params[axis];
        ui.horizontal_wrapped(|ui| {
            let label = ui.label(name);
            let shown = number(plan.params[axis]).map_or("nothing else", |n| n.field.label);
            egui::ComboBox::from_id_salt(("sweep", axis))
                .selected_text(shown)
                .width(170.0)
                .show_ui(ui, |ui| {
                    if axis == 1 {
                        value_entry_ui(ui, &mut plan.params[1], None, "nothing else");
                    }
                    for Number { place, field, .. } in numbers {
                        value_entry_ui(ui, &mut plan.params[axis], Some(*place), field.label)
                            .on_hover_text(field.doc);
                    }
                })
                .response
                .labelled_by(label.id);
        });
        if axis == 1 && plan.params[1] == plan.params[0] {
            plan.params[1] = None;
        }
        let Some(Number { field, value, .. }) = number(plan.params[axis]) else {
            continue;
        };
        if plan.params[axis] != before {
            plan.ranges[axis] = first_range(field, *value);
        }
        range_ui(ui, field, &mut plan.ranges[axis]);
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
        .filter_map(|(place, range)| {
            let Number { place, field, .. } = number(*place)?;
            Some(Axis {
                param: *place,
                values: field.grid(*range, plan.points),
            })
        })
        .collect();
    let map = axes.len() == 2;
    let grid = Grid::new(axes, if map { 1 } else { setups }, plan.seeds);
    let (_, runs) = grid.progress();
    let ready = !grid.axes.is_empty();
    ui.add_enabled(ready, egui::Button::new(format!("Sweep, {runs} runs")))
        .on_hover_text(if map {
            "A map of the focused setup over both parameters"
        } else {
            "The same seeds for every setup and point"
        })
        .clicked()
        .then_some(grid)
}

/// How far a sweep is and whether it still fits the setups; `true` when it is to be given up.
fn progress_ui(ui: &mut Ui, grid: &Grid, stale: bool) -> bool {
    let palette = Palette::of(ui.ctx());
    let (done, wanted) = grid.progress();
    if !grid.is_done() {
        ui.add(
            egui::ProgressBar::new(done as f32 / wanted.max(1) as f32)
                .text(format!("{done} of {wanted} runs")),
        );
        if ui.button("Cancel sweep").clicked() {
            return true;
        }
    }
    if stale {
        ui.label(
            RichText::new("The setups have changed since this sweep")
                .small()
                .color(palette.warning),
        );
    }
    false
}

/// The two ends of a range, kept in order and within what the parameter allows.
fn range_ui(ui: &mut Ui, field: &Field, range: &mut [f64; 2]) {
    let Some(([min, max], log)) = field.range() else {
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
        ui.label(RichText::new(field.unit).small());
    });
}
