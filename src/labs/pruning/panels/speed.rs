//! The tab *Measure*: products with pruned matrices in the storage formats, timed on this machine, and
//! schedules over many seeds.

use super::super::Config;
use super::super::gpu::DeviceTiming;
use super::seeds::Schedules;
use super::tensors::Tensors;
use super::under_way_ui;
use crate::core::sparse::{Timed, Timing, pays_below};
use crate::core::{Axis, Chart, Mark, Result, Series, SeriesKind};
use crate::gpu::Gpu;
use crate::labs::Library;
use crate::ui::chart::{Layer, Link, chart_ui};
use crate::ui::theme::Palette;
use crate::ui::{Extra, ExtraTab, seconds};
use egui::{Grid, RichText, Ui, vec2};

/// Sides of the square matrices offered.
const SIDES: [usize; 4] = [256, 512, 1024, 2048];

/// The tab.
pub(crate) fn tab() -> ExtraTab<Config> {
    ("Measure", Box::new(Speed::default()))
}

struct Speed {
    side: usize,
    timing: Option<Timing>,
    /// Side and figures of the last measurement that ended.
    found: Option<(usize, Vec<Timed>)>,
    /// Name of the device, where there is one that computes.
    device: Option<String>,
    on_device: Option<DeviceTiming>,
    /// The last measurement there.
    found_there: Option<There>,
    schedules: Schedules,
    tensors: Tensors,
}

/// What was measured on a device.
struct There {
    side: usize,
    timed: Vec<Timed>,
    trip_ms: f64,
}

impl Default for Speed {
    fn default() -> Self {
        Self {
            side: 1024,
            timing: None,
            found: None,
            device: None,
            on_device: None,
            found_there: None,
            schedules: Schedules::default(),
            tensors: Tensors::default(),
        }
    }
}

impl Extra<Config> for Speed {
    fn ui(&mut self, setups: &[Config], data: &Library, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        let note = |text: &str| RichText::new(text).small().color(palette.muted);
        self.tensors
            .ui(setups.first(), data, self.device.as_deref(), ui);
        ui.label(RichText::new("Products with pruned matrices").strong());
        ui.label(note("Fewer weights are not yet fewer milliseconds. Here a random matrix times a vector is timed at twelve densities in this app's own code: on one thread of this machine with all its weights, as compressed sparse rows (CSR), as a bitmap with values and as 2:4; on the graphics device with all its weights and as CSR."));
        ui.add_space(4.0);
        ui.horizontal_wrapped(|ui| {
            ui.label("Matrix");
            for side in SIDES {
                ui.selectable_value(&mut self.side, side, format!("{side} × {side}"));
            }
        });
        let done = match (&self.timing, &self.on_device) {
            (Some(timing), _) => Some(timing.progress()),
            (None, Some(there)) => Some(there.progress()),
            (None, None) => None,
        };
        if let Some(done) = done {
            if under_way_ui(ui, done) {
                (self.timing, self.on_device) = (None, None);
            }
        } else {
            ui.horizontal_wrapped(|ui| {
                if ui.button("Measure one CPU thread").clicked() {
                    self.timing = Some(Timing::new([self.side; 2], seconds));
                }
                if self.device.is_some() && ui.button("Measure the graphics device").clicked() {
                    self.on_device = Some(DeviceTiming::new(self.side));
                }
            });
            match &self.device {
                Some(name) => ui.label(note(&format!("Graphics device: {name}"))),
                None => ui.label(note("No graphics device that computes was found.")),
            };
        }
        if let Some((side, timed)) = &self.found {
            findings_ui(*side, timed, palette, ui);
        }
        if let Some(there) = &self.found_there {
            let name = self.device.as_deref().unwrap_or("the device");
            device_ui(name, there, palette, ui);
        }
        ui.add_space(10.0);
        self.schedules
            .ui(setups.first(), self.device.as_deref(), ui);
    }

    fn step(&mut self) -> Result<bool> {
        if let Some(there) = &mut self.on_device {
            return Ok(there.step());
        }
        let Some(timing) = &mut self.timing else {
            return Ok(self.tensors.step()? || self.schedules.step()?);
        };
        if timing.step() {
            self.found = Some((timing.side(), std::mem::take(&mut timing.timed)));
            self.timing = None;
            return Ok(false);
        }
        Ok(true)
    }

    fn poll_device(&mut self, device: &Gpu) -> Result<bool> {
        if self.device.as_deref() != Some(device.name()) {
            self.device = Some(device.name().to_owned());
        }
        let Some(there) = &mut self.on_device else {
            return Ok(self.tensors.poll(device)? || self.schedules.poll(device)?);
        };
        match there.poll(device) {
            Ok(false) => Ok(true),
            Ok(true) => {
                self.found_there = Some(There {
                    side: there.side(),
                    trip_ms: there.trip_ms(),
                    timed: std::mem::take(&mut there.timed),
                });
                self.on_device = None;
                Ok(false)
            }
            Err(error) => {
                self.on_device = None;
                Err(error)
            }
        }
    }
}

/// Where a format wins, in words.
fn crossing_words(name: &str, at: Option<f64>) -> String {
    match at {
        Some(density) => format!("{name} is faster than dense below {density:.0} % density"),
        None => format!("{name} is never faster than dense"),
    }
}

fn device_ui(name: &str, there: &There, palette: &Palette, ui: &mut Ui) {
    let csr = pays_below(&there.timed, |t| t.csr);
    ui.add_space(6.0);
    let head = format!("On {name}: {0} × {0} weights", there.side);
    ui.label(RichText::new(head).strong());
    ui.label(crossing_words("CSR", csr));
    ui.label(format!(
        "Handing one product over and reading it back takes {:.2} ms in all, however sparse it is. Every result was compared with the CPU's.",
        there.trip_ms
    ));
    let chart = chart(
        "device-products",
        "Time of one product on the device",
        &there.timed,
        csr,
    );
    chart_of(&chart, ui);
    table_ui("products on the device", &there.timed, false, palette, ui);
}

pub(super) fn chart_of(chart: &Chart, ui: &mut Ui) {
    let layer = Layer {
        chart,
        slot: 0,
        label: "",
    };
    let mut link = Link::default();
    let size = vec2(ui.available_width().max(240.0), 220.0);
    chart_ui(ui, &[layer], &mut link, size);
}

fn findings_ui(side: usize, timed: &[Timed], palette: &Palette, ui: &mut Ui) {
    let csr = pays_below(timed, |t| t.csr);
    let bitmap = pays_below(timed, |t| t.bitmap);
    ui.add_space(6.0);
    ui.label(RichText::new(format!("On one CPU thread: {side} × {side} weights")).strong());
    ui.label(crossing_words("CSR", csr));
    ui.label(crossing_words("The bitmap", bitmap));
    let half = timed.iter().find_map(|t| Some((t.dense, t.two_four?)));
    if let Some((dense, two_four)) = half {
        ui.label(format!(
            "2:4 takes {:.2} × the time of dense; hardware with 2:4 units would do better than this code",
            two_four / dense
        ));
    }
    let chart = chart("products", "Time of one product on one thread", timed, csr);
    chart_of(&chart, ui);
    table_ui("products timed", timed, true, palette, ui);
}

fn table_ui(id: &str, timed: &[Timed], all: bool, palette: &Palette, ui: &mut Ui) {
    let heads: &[&str] = if all {
        &["Kept", "Dense", "CSR", "Bitmap", "2:4"]
    } else {
        &["Kept", "Dense", "CSR"]
    };
    ui.label(RichText::new("Microseconds a product; faster than dense in green").small());
    Grid::new(id)
        .striped(true)
        .spacing([10.0, 3.0])
        .show(ui, |ui| {
            for head in heads {
                ui.label(RichText::new(*head).strong());
            }
            ui.end_row();
            for t in timed {
                let micros = |s: f64| format!("{:.1}", 1e6 * s);
                let cells = [
                    (format!("{} %", t.density), false),
                    (micros(t.dense), false),
                    (micros(t.csr), t.csr < t.dense),
                    (micros(t.bitmap), t.bitmap < t.dense),
                    (
                        t.two_four.map_or_else(|| "–".to_owned(), micros),
                        t.two_four.is_some_and(|s| s < t.dense),
                    ),
                ];
                for (text, faster) in cells.into_iter().take(heads.len()) {
                    let text = RichText::new(text).monospace();
                    ui.label(if faster {
                        text.color(palette.good).strong()
                    } else {
                        text
                    });
                }
                ui.end_row();
            }
        });
}

fn chart(id: &'static str, title: &'static str, timed: &[Timed], csr: Option<f64>) -> Chart {
    let line = |name: &str, of: fn(&Timed) -> Option<f64>| {
        let points: Vec<[f64; 2]> = timed
            .iter()
            .rev()
            .filter_map(|t| Some([t.density, 1e6 * of(t)?]))
            .collect();
        let kind = if points.len() > 1 {
            SeriesKind::Line
        } else {
            SeriesKind::Points
        };
        Series::new(name, kind, points)
    };
    Chart {
        id,
        title,
        doc: "Measured on this machine: a matrix of random weights times a vector, mean of many. The format with the lowest line is the fastest at that density.",
        x: Axis::log("density", "%"),
        y: Axis::log("time", "µs"),
        series: [
            line("CSR", |t| Some(t.csr)),
            line("bitmap + values", |t| {
                Some(t.bitmap).filter(|s| s.is_finite())
            }),
            line("2:4", |t| t.two_four),
            line("dense", |t| Some(t.dense)).as_reference(),
        ]
        .into_iter()
        .filter(|s| !s.points.is_empty())
        .collect(),
        marks: csr
            .map(|x| Mark {
                x,
                label: "CSR pays".to_owned(),
            })
            .into_iter()
            .collect(),
        on_timeline: false,
    }
}
