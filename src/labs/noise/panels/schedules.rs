//! Two schedules side by side: pasted lists, library configs or the setup on screen, with the first
//! place at which they part, as the library makes them or as the papers define them.

use super::super::Config;
use super::super::exchange::{self, Levels, Reading};
use super::super::{lint, schedule};
use crate::core::{Axis, Chart, Error, Result, Series, SeriesKind};
use crate::labs::Library;
use crate::ui::Extra;
use crate::ui::chart::{Layer, Link, chart_ui};
use crate::ui::theme::Palette;
use egui::{DragValue, Grid, RichText, TextEdit, Ui, vec2};

/// Relative difference at which two levels count as different.
const TOLERANCE: f64 = 1e-3;
/// Longest list that is shown as a table.
const ROWS: usize = 200;

/// One of the two schedules.
#[derive(Debug, Default)]
struct Side {
    text: String,
    paper: bool,
}

impl Side {
    /// Its levels; what is on screen where nothing is pasted.
    fn levels(&self, front: Option<&Config>, steps: usize) -> Result<Levels> {
        let reading = if self.paper {
            Reading::Paper
        } else {
            Reading::Library
        };
        match front {
            Some(config) if self.text.trim().is_empty() && config.is_searched() => {
                Err(Error::Stuck(
                    "the levels of setup A are searched: save them under Results, Python list, and paste them here"
                        .to_owned(),
                ))
            }
            Some(config) if self.text.trim().is_empty() => Ok(Levels {
                sigmas: schedule::levels(config)?,
                times: Vec::new(),
                remarks: Vec::new(),
            }),
            _ => exchange::read_as(&self.text, steps, None, reading),
        }
    }
}

/// The tab.
#[derive(Debug)]
pub(crate) struct Schedules {
    sides: [Side; 2],
    steps: usize,
    chosen: Option<Levels>,
}

impl Default for Schedules {
    fn default() -> Self {
        Self {
            sides: [Side::default(), Side::default()],
            steps: 10,
            chosen: None,
        }
    }
}

const NAMES: [&str; 2] = ["First schedule", "Second schedule"];

impl Schedules {
    fn side_ui(&mut self, i: usize, empty: &str, ui: &mut Ui) {
        let side = &mut self.sides[i];
        let label = ui.label(RichText::new(NAMES[i]).strong());
        ui.add(
            TextEdit::multiline(&mut side.text)
                .hint_text(format!(
                    "Sigmas, timesteps or a scheduler_config.json; empty: {empty}"
                ))
                .desired_rows(3)
                .desired_width(f32::INFINITY)
                .code_editor(),
        )
        .labelled_by(label.id);
        ui.checkbox(&mut side.paper, format!("{} as the papers define it", NAMES[i]))
            .on_hover_text("Otherwise a scheduler_config.json is read as the library makes its grid, oddities included");
    }
}

impl Extra<Config> for Schedules {
    fn ui(&mut self, setups: &[Config], _data: &Library, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        ui.label(
            RichText::new("Where do two schedules part? The same name can mean different numbers in a paper and in a library.")
                .small()
                .color(palette.muted),
        );
        ui.add_space(4.0);
        self.side_ui(0, "setup A", ui);
        let second = if setups.len() > 1 {
            "setup B"
        } else {
            "setup A"
        };
        self.side_ui(1, second, ui);
        ui.horizontal(|ui| {
            let label = ui.label("Steps of a config");
            ui.add(DragValue::new(&mut self.steps).range(1..=200).speed(0.1))
                .labelled_by(label.id);
        });
        let fronts = [setups.first(), setups.get(1).or(setups.first())];
        let both = [0, 1].map(|i| self.sides[i].levels(fronts[i], self.steps));
        for (i, side) in both.iter().enumerate() {
            match side {
                Ok(levels) => remarks_ui(i, levels, palette, ui),
                Err(error) => {
                    ui.label(RichText::new(format!("{}: {error}", NAMES[i])).color(palette.bad));
                }
            }
        }
        ui.horizontal_wrapped(|ui| {
            for (i, side) in both.iter().enumerate() {
                let button = egui::Button::new(format!("Use the {}", NAMES[i].to_lowercase()));
                if ui.add_enabled(side.is_ok(), button).clicked() {
                    self.chosen = side.as_ref().ok().cloned();
                }
            }
        });
        if let [Ok(a), Ok(b)] = &both {
            difference_ui(&a.sigmas, &b.sigmas, palette, ui);
        }
    }

    fn step(&mut self) -> Result<bool> {
        Ok(false)
    }

    fn chosen(&mut self, front: &Config) -> Option<Config> {
        self.chosen.take().map(|levels| levels.config(front))
    }
}

fn remarks_ui(i: usize, levels: &Levels, palette: &Palette, ui: &mut Ui) {
    let notes = lint::levels(&levels.sigmas);
    let found = notes
        .iter()
        .map(|n| format!("step {}: {}", n.index, n.text));
    for words in levels.remarks.iter().cloned().chain(found) {
        let text = RichText::new(format!("{}: {words}", NAMES[i])).small();
        ui.add(egui::Label::new(text.color(palette.warning)).wrap());
    }
}

fn difference_ui(a: &[f64], b: &[f64], palette: &Palette, ui: &mut Ui) {
    let part = exchange::first_difference(a, b, TOLERANCE);
    ui.add_space(4.0);
    ui.label(match part {
        None => RichText::new("The two agree").strong().color(palette.good),
        Some(k) => RichText::new(format!("They part at step {k}")).strong(),
    });
    let chart = chart(a, b);
    let layer = Layer {
        chart: &chart,
        slot: 0,
        label: "",
    };
    let mut link = Link::default();
    let size = vec2(ui.available_width().max(240.0), 200.0);
    chart_ui(ui, &[layer], &mut link, size);
    let cell = |list: &[f64], k: usize| {
        list.get(k)
            .map_or_else(|| "–".to_owned(), |v| format!("{v:.5}"))
    };
    Grid::new("two schedules")
        .striped(true)
        .spacing([14.0, 3.0])
        .show(ui, |ui| {
            for head in ["Step", "First", "Second", "Ratio"] {
                ui.label(RichText::new(head).strong());
            }
            ui.end_row();
            for k in 0..a.len().max(b.len()).min(ROWS) {
                let from_here = part.is_some_and(|p| k >= p);
                let color = if from_here {
                    palette.accent
                } else {
                    palette.ink
                };
                let ratio = match (a.get(k), b.get(k)) {
                    (Some(x), Some(y)) if *x > 0.0 => format!("{:.4}", y / x),
                    _ => String::new(),
                };
                for words in [k.to_string(), cell(a, k), cell(b, k), ratio] {
                    ui.label(RichText::new(words).monospace().color(color));
                }
                ui.end_row();
            }
        });
}

fn chart(a: &[f64], b: &[f64]) -> Chart {
    let line = |list: &[f64]| -> Vec<[f64; 2]> {
        list.iter()
            .enumerate()
            .filter(|(_, s)| **s > 0.0)
            .map(|(k, s)| [k as f64, *s])
            .collect()
    };
    Chart {
        id: "two_schedules",
        title: "Two schedules",
        doc: "Noise level at every step of both.",
        x: Axis::linear("step", ""),
        y: Axis::log("noise level s", ""),
        series: vec![
            Series::new("first", SeriesKind::Line, line(a)),
            Series::new("second", SeriesKind::Line, line(b)),
        ],
        marks: Vec::new(),
        on_timeline: false,
    }
}
