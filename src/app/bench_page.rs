//! The page that measures this machine: the hot paths of the labs and the kernels, in one run.

use super::command::Command;
use crate::gpu::{Gpu, KernelBench, KernelTiming};
use crate::labs::bench::{Benching, PATHS, Timing};
use crate::platform;
use crate::ui::format;
use crate::ui::theme::{self, Palette};
use egui::{Align, Frame, Layout, Margin, RichText, ScrollArea, Ui};
use serde_json::json;

/// What was asked for on the page.
pub(crate) enum BenchAction {
    /// A command.
    Command(Command),
    /// Save this JSON.
    Save(String),
}

/// State of the page; nothing runs before it is asked for.
#[derive(Default)]
pub(crate) struct BenchPage {
    paths: Option<Benching>,
    kernels: Option<KernelBench>,
    /// Adapter of the kernels, or why there are none.
    device: String,
    under_way: bool,
    problems: Vec<String>,
}

impl BenchPage {
    fn start(&mut self, gpu: Option<&Gpu>) {
        *self = Self {
            paths: Some(Benching::default()),
            kernels: gpu.map(|gpu| {
                KernelBench::new(if gpu.caps().software {
                    KernelBench::SMALL
                } else {
                    KernelBench::LARGE >> 2
                })
            }),
            device: gpu.map_or_else(
                || "no device that computes here".to_owned(),
                |gpu| gpu.name().to_owned(),
            ),
            under_way: true,
            problems: Vec::new(),
        };
    }

    /// Whether a measurement is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Goes on until `more` says stop; `true` if it wants another frame. Nothing is drawn while a
    /// kernel is timed: drawing would take its share of the device.
    pub(crate) fn work(&mut self, gpu: Option<&Gpu>, mut more: impl FnMut() -> bool) -> bool {
        if !self.under_way {
            return false;
        }
        if let Some(paths) = &mut self.paths {
            loop {
                match paths.advance(&platform::now_secs) {
                    Ok(false) => break,
                    Ok(true) => {}
                    Err(error) => self.problems.push(error.to_string()),
                }
                if !more() {
                    return true;
                }
            }
        }
        let device = gpu.filter(|gpu| gpu.computes());
        self.under_way = match (&mut self.kernels, device) {
            (Some(kernels), Some(gpu)) => loop {
                let going = kernels.poll(gpu).unwrap_or_else(|error| {
                    self.problems.push(error.to_string());
                    true
                });
                if !going || kernels.waits() || !more() {
                    break going;
                }
            },
            (Some(_), None) => {
                self.problems
                    .push("the device that was measured is gone".to_owned());
                false
            }
            (None, _) => false,
        };
        let waits = self.kernels.as_ref().is_some_and(KernelBench::waits);
        self.under_way && !waits
    }

    /// Gives up what is under way; what was measured stays.
    pub(crate) fn cancel(&mut self) {
        self.under_way = false;
    }

    /// What scripts and tests can read.
    pub(crate) fn snapshot(&self) -> serde_json::Value {
        json!({"running": self.under_way, "report": self.report()})
    }

    fn report(&self) -> serde_json::Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "target": std::env::consts::ARCH,
            "adapter": self.device,
            "hot_paths": self.timings().iter().map(Timing::to_json).collect::<Vec<_>>(),
            "kernels": self.kernel_timings().iter().map(KernelTiming::to_json).collect::<Vec<_>>(),
            "problems": self.problems,
        })
    }

    fn timings(&self) -> &[Timing] {
        self.paths.as_ref().map_or(&[], Benching::timings)
    }

    fn kernel_timings(&self) -> &[KernelTiming] {
        self.kernels.as_ref().map_or(&[], KernelBench::timings)
    }

    fn progress(&self) -> f32 {
        let paths = self.paths.as_ref().map_or(0.0, Benching::progress);
        let share = match &self.kernels {
            Some(kernels) => 0.6 * paths + 0.4 * kernels.progress(),
            None => paths,
        };
        share as f32
    }

    pub(crate) fn ui(&mut self, ui: &mut Ui, gpu: Option<&Gpu>) -> Option<BenchAction> {
        let palette = Palette::of(ui.ctx());
        let mut action = None;
        let frame = Frame::new()
            .fill(palette.background)
            .inner_margin(Margin::symmetric(20, 16));
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            self.head_ui(ui, gpu, palette, &mut action);
            ui.separator();
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                for problem in &self.problems {
                    ui.label(RichText::new(problem).color(palette.bad));
                }
                if self.paths.is_none() {
                    plan_ui(ui, palette);
                }
                if !self.timings().is_empty() {
                    paths_ui(ui, self.timings(), palette);
                }
                if self.paths.is_some() {
                    ui.add_space(16.0);
                    crate::ui::heading(&ui.label(theme::strong(ui, "Kernels")), 2);
                    ui.label(RichText::new(&self.device).small().color(palette.muted));
                }
                if !self.kernel_timings().is_empty() {
                    kernels_ui(ui, self.kernel_timings(), palette);
                }
            });
        });
        action
    }

    fn head_ui(
        &mut self,
        ui: &mut Ui,
        gpu: Option<&Gpu>,
        palette: &Palette,
        action: &mut Option<BenchAction>,
    ) {
        ui.horizontal_wrapped(|ui| {
            if ui
                .button("Home")
                .on_hover_text(Command::Home.tooltip(ui.ctx()))
                .clicked()
            {
                *action = Some(BenchAction::Command(Command::Home));
            }
            crate::ui::heading(
                &ui.label(RichText::new("Measure this machine").heading()),
                1,
            );
        });
        ui.label(
            RichText::new(
                "How fast the labs compute here, all in one run. Compare the costs: seconds say \
                 more about the machine than about the program. Close what else is busy first.",
            )
            .color(palette.muted),
        );
        ui.horizontal_wrapped(|ui| {
            if self.under_way {
                if ui.button("Cancel").clicked() {
                    self.cancel();
                }
                ui.add(
                    egui::ProgressBar::new(self.progress())
                        .desired_width(160.0)
                        .show_percentage(),
                );
                let doing = self.paths.as_ref().and_then(Benching::current);
                ui.label(RichText::new(doing.unwrap_or("Kernels")).color(palette.muted));
                return;
            }
            if ui.button("Measure").clicked() {
                self.start(gpu.filter(|gpu| gpu.computes()));
            }
            if !self.timings().is_empty() && ui.button("Save as JSON").clicked() {
                let text = serde_json::to_string_pretty(&self.report()).unwrap_or_default();
                *action = Some(BenchAction::Save(text));
            }
        });
    }
}

/// What would be measured.
fn plan_ui(ui: &mut Ui, palette: &Palette) {
    ui.label("Measured, half a second each:");
    for path in PATHS {
        ui.label(RichText::new(format!("– {}", path.title)).color(palette.muted));
    }
    ui.label(
        RichText::new("– every kernel beside copies of a buffer, where a device computes")
            .color(palette.muted),
    );
}

/// A table whose first column is words and whose others are right-aligned.
fn table_ui(
    ui: &mut Ui,
    id: &str,
    heads: &[(&str, &str)],
    rows: &[Vec<String>],
    palette: &Palette,
) {
    ScrollArea::horizontal().id_salt(id).show(ui, |ui| {
        egui::Grid::new(id)
            .striped(true)
            .spacing([18.0, 6.0])
            .show(ui, |ui| {
                for (i, (head, why)) in heads.iter().enumerate() {
                    let text = RichText::new(*head).small().color(palette.muted);
                    aligned(ui, i > 0, |ui| ui.label(text).on_hover_text(*why));
                }
                ui.end_row();
                for row in rows {
                    for (i, cell) in row.iter().enumerate() {
                        aligned(ui, i > 0, |ui| ui.label(cell));
                    }
                    ui.end_row();
                }
            });
    });
}

fn aligned<R>(ui: &mut Ui, right: bool, add: impl FnOnce(&mut Ui) -> R) -> R {
    if right {
        ui.with_layout(Layout::right_to_left(Align::Center), add)
            .inner
    } else {
        add(ui)
    }
}

fn paths_ui(ui: &mut Ui, timings: &[Timing], palette: &Palette) {
    crate::ui::heading(&ui.label(theme::strong(ui, "Hot paths on the CPU")), 2);
    let rows: Vec<Vec<String>> = timings
        .iter()
        .map(|t| {
            let spread = 50.0 * (t.quartiles[1] - t.quartiles[0]) / t.per_second;
            vec![
                t.title.to_owned(),
                format!("{}/s", format::quantity(t.per_second, t.unit)),
                format!("±{} %", format::number(spread)),
                format::number(t.cost),
            ]
        })
        .collect();
    let heads = [
        ("What", ""),
        ("Throughput", "Over all slices of the measurement"),
        (
            "Spread",
            "Half the distance between the quartiles of single slices",
        ),
        (
            "Cost, multiply-adds",
            "Multiplications with addition that the yardstick does in the time of one unit",
        ),
    ];
    table_ui(ui, "hot-paths", &heads, &rows, palette);
}

fn kernels_ui(ui: &mut Ui, timings: &[KernelTiming], palette: &Palette) {
    let rows: Vec<Vec<String>> = timings
        .iter()
        .map(|t| {
            vec![
                format!("{}: {}", t.kernel, t.size),
                format::quantity(t.bytes_per_second, "B/s"),
                format!("{} %", format::number(100.0 * t.of_copy)),
                if t.flops > 0.0 {
                    format::quantity(t.flops, "flop/s")
                } else {
                    format::DASH.to_owned()
                },
            ]
        })
        .collect();
    let heads = [
        ("Kernel", ""),
        ("Memory", "Bytes it must read and write at least, a second"),
        (
            "Of copying",
            "The same as a share of what copying a buffer reads and writes",
        ),
        (
            "Arithmetic",
            "Operations on floats a second; an exponential counts as one",
        ),
    ];
    table_ui(ui, "kernel-timings", &heads, &rows, palette);
}
