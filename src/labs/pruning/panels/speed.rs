//! The tab *Timing*: products with pruned matrices in the storage formats, timed on this machine.

use super::super::Config;
use super::super::sparse::{Timed, Timing, pays_below};
use crate::core::{Axis, Chart, Mark, Result, Series, SeriesKind};
use crate::labs::Library;
use crate::ui::chart::{Layer, Link, chart_ui};
use crate::ui::theme::Palette;
use crate::ui::{Extra, ExtraTab, seconds};
use egui::{Grid, ProgressBar, RichText, Ui, vec2};

/// Sides of the square matrices offered.
const SIDES: [usize; 4] = [256, 512, 1024, 2048];

/// The tab.
pub(crate) fn tab() -> ExtraTab<Config> {
    ("Timing", Box::new(Speed::default()))
}

struct Speed {
    side: usize,
    timing: Option<Timing>,
    /// Side and figures of the last measurement that ended.
    found: Option<(usize, Vec<Timed>)>,
}

impl Default for Speed {
    fn default() -> Self {
        Self {
            side: 1024,
            timing: None,
            found: None,
        }
    }
}

impl Extra<Config> for Speed {
    fn ui(&mut self, _setups: &[Config], _data: &Library, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        let note = |text: &str| RichText::new(text).small().color(palette.muted);
        ui.label(note("Fewer weights are not yet fewer milliseconds. Here a random matrix times a vector is timed at twelve densities, in this app's own code on one thread of this machine: with all its weights, as compressed sparse rows, as a bitmap with values, and as 2:4."));
        ui.add_space(4.0);
        ui.horizontal_wrapped(|ui| {
            ui.label("Matrix");
            for side in SIDES {
                ui.selectable_value(&mut self.side, side, format!("{side} × {side}"));
            }
        });
        let mut cancelled = false;
        match &self.timing {
            Some(timing) => {
                ui.horizontal(|ui| {
                    let width = (ui.available_width() - 80.0).max(60.0);
                    ui.add(
                        ProgressBar::new(timing.progress() as f32)
                            .desired_width(width)
                            .show_percentage(),
                    );
                    cancelled = ui.button("Cancel").clicked();
                });
            }
            None => {
                if ui.button("Measure on this machine").clicked() {
                    self.timing = Some(Timing::new([self.side; 2], seconds));
                }
            }
        }
        if cancelled {
            self.timing = None;
        }
        if let Some((side, timed)) = &self.found {
            findings_ui(*side, timed, palette, ui);
        }
    }

    fn step(&mut self) -> Result<bool> {
        let Some(timing) = &mut self.timing else {
            return Ok(false);
        };
        if timing.step() {
            self.found = Some((timing.side(), std::mem::take(&mut timing.timed)));
            self.timing = None;
            return Ok(false);
        }
        Ok(true)
    }
}

fn findings_ui(side: usize, timed: &[Timed], palette: &Palette, ui: &mut Ui) {
    let csr = pays_below(timed, |t| t.csr);
    let bitmap = pays_below(timed, |t| t.bitmap);
    let words = |name: &str, at: Option<f64>| match at {
        Some(density) => format!("{name} is faster than dense below {density:.0} % density"),
        None => format!("{name} is never faster than dense"),
    };
    ui.add_space(6.0);
    ui.label(RichText::new(format!("Measured with {side} × {side} weights")).strong());
    ui.label(words("CSR", csr));
    ui.label(words("The bitmap", bitmap));
    let half = timed.iter().find_map(|t| Some((t.dense, t.two_four?)));
    if let Some((dense, two_four)) = half {
        ui.label(format!(
            "2:4 takes {:.2} × the time of dense; hardware with 2:4 units would do better than this code",
            two_four / dense
        ));
    }
    let chart = chart(timed, csr);
    let layer = Layer {
        chart: &chart,
        slot: 0,
        label: "",
    };
    let mut link = Link::default();
    let size = vec2(ui.available_width().max(240.0), 220.0);
    chart_ui(ui, &[layer], &mut link, size);
    Grid::new("products timed")
        .striped(true)
        .spacing([12.0, 3.0])
        .show(ui, |ui| {
            for head in ["Density", "Dense", "CSR", "Bitmap", "2:4"] {
                ui.label(RichText::new(head).strong());
            }
            ui.end_row();
            for t in timed {
                let micros = |s: f64| format!("{:.1} µs", 1e6 * s);
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
                for (text, faster) in cells {
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

fn chart(timed: &[Timed], csr: Option<f64>) -> Chart {
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
        id: "products",
        title: "Time of one product",
        doc: "Measured on this machine: a matrix of random weights times a vector, mean of many. The format with the lowest line is the fastest at that density.",
        x: Axis::log("density", "%"),
        y: Axis::log("time", "µs"),
        series: vec![
            line("CSR", |t| Some(t.csr)),
            line("bitmap + values", |t| Some(t.bitmap)),
            line("2:4", |t| t.two_four),
            line("dense", |t| Some(t.dense)).as_reference(),
        ],
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
