//! The sweep panel: how a result depends on a parameter, on two of them, or on another result.

use super::LabScreen;
use super::found::{Found, Swept};
use crate::app::sweep::{Axis, Sweep, first_range};
use crate::core::{self, Param};
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
        let (done, wanted) = sweep.grid.progress();
        if !sweep.grid.is_done() {
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
        let runs = sweep.grid.progress().1;
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
