//! Several ways of pruning over many seeds: where their mean accuracies lie, and how sure that is.

use super::super::Config;
use super::super::gpu::ManyOnDevice;
use super::super::many::{Comparing, Comparison, Spread};
use super::under_way_ui;
use crate::core::{Job as _, Result, Step};
use crate::gpu::Gpu;
use crate::ui::theme::Palette;
use egui::{Grid, RichText, ScrollArea, Sense, Stroke, Ui, pos2, vec2};

/// What the others are compared with.
const RIVAL: &str = "cubic";

/// The comparison under way, and the last one that ended.
#[derive(Default)]
pub(super) struct Schedules {
    job: Option<Comparing>,
    on_device: Option<ManyOnDevice>,
    /// What the one under way compares.
    asked: String,
    found: Option<(String, Vec<Spread>)>,
}

impl Schedules {
    /// Draws buttons, progress and what was found.
    pub(super) fn ui(&mut self, front: Option<&Config>, device: Option<&str>, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        let note = |text: &str| RichText::new(text).small().color(palette.muted);
        ui.label(RichText::new("Schedules over many seeds").strong());
        ui.label(note("Nine ways to prune while a 64-32-10 network trains, at the sparsity and over the window of the setup, each from 20 first weights and batch orders: mean test accuracy with its 95 % interval. By a schedule the smallest weights go for good; in harmonic annealing they may come back. RigL and SET are sparse from the first step, at random, and then exchange weights of each layer, by gradient or at random: after the update of that step (RigL's paper and exhibit: instead of it), and none that has just gone comes back. On the device all 180 networks train side by side."));
        let done = match (&self.job, &self.on_device) {
            (Some(job), _) => Some(job.progress()),
            (None, Some(there)) => Some(there.progress()),
            (None, None) => None,
        };
        if let Some(done) = done {
            if under_way_ui(ui, done) {
                (self.job, self.on_device) = (None, None);
            }
        } else if let Some(config) = front {
            ui.horizontal_wrapped(|ui| {
                let begin = |asked: &mut String, on: &str| {
                    let comparison = Comparison::of(config);
                    *asked = format!(
                        "{} % pruned, {} steps, seeds {} to {}, on {on}",
                        config.sparsity,
                        comparison.steps,
                        config.seed,
                        config.seed.wrapping_add(comparison.seeds.len() as u64 - 1)
                    );
                    comparison
                };
                if ui.button("Train on one CPU thread").clicked() {
                    let comparison = begin(&mut self.asked, "one CPU thread");
                    self.job = Some(Comparing::new(comparison));
                }
                if let Some(name) = device
                    && ui.button("Train on the graphics device").clicked()
                {
                    let comparison = begin(&mut self.asked, name);
                    self.on_device = Some(ManyOnDevice::new(comparison));
                }
            });
        }
        if let Some((words, spreads)) = &self.found {
            ui.label(RichText::new(words).small());
            ScrollArea::horizontal().show(ui, |ui| table_ui(spreads, palette, ui));
        }
    }

    /// A short step on the CPU; whether there is more.
    pub(super) fn step(&mut self) -> Result<bool> {
        let Some(job) = &mut self.job else {
            return Ok(false);
        };
        match job.step() {
            Ok(Step::Working) => return Ok(true),
            Ok(Step::Done(spreads)) => {
                self.found = Some((std::mem::take(&mut self.asked), spreads));
                self.job = None;
            }
            Err(error) => {
                self.job = None;
                return Err(error);
            }
        }
        Ok(false)
    }

    /// Looks at the device; whether something is on its way there.
    pub(super) fn poll(&mut self, device: &Gpu) -> Result<bool> {
        let Some(there) = &mut self.on_device else {
            return Ok(false);
        };
        match there.poll(device) {
            Ok(None) => return Ok(true),
            Ok(Some(spreads)) => {
                self.found = Some((std::mem::take(&mut self.asked), spreads));
                self.on_device = None;
            }
            Err(error) => {
                self.on_device = None;
                return Err(error);
            }
        }
        Ok(false)
    }
}

fn table_ui(spreads: &[Spread], palette: &Palette, ui: &mut Ui) {
    let means: Vec<(f64, [f64; 2])> = spreads.iter().map(Spread::mean).collect();
    let low = means.iter().map(|m| m.1[0]).fold(100.0, f64::min).max(0.0);
    let high = means.iter().map(|m| m.1[1]).fold(0.0, f64::max).min(100.0);
    let rival = spreads.iter().find(|s| s.name == RIVAL);
    Grid::new("schedules over seeds")
        .striped(true)
        .spacing([10.0, 3.0])
        .show(ui, |ui| {
            for head in ["Pruning", "Accuracy", "", "Against cubic"] {
                ui.label(RichText::new(head).strong());
            }
            ui.end_row();
            for (spread, (mean, [from, to])) in spreads.iter().zip(&means) {
                ui.label(spread.name);
                let text = format!("{mean:.2} ± {:.2} %", (to - from) / 2.0);
                ui.label(RichText::new(text).monospace());
                interval_ui([low, high], [*from, *mean, *to], palette, ui);
                let words = match rival.filter(|r| r.name != spread.name) {
                    Some(rival) => {
                        let (gain, [least, most]) = spread.beyond(rival);
                        format!("{gain:+.2} ({least:+.2} to {most:+.2}) points").replace('-', "−")
                    }
                    None => String::new(),
                };
                ui.label(words);
                ui.end_row();
            }
        });
}

/// A dot at the mean on a line along the interval; the axis is shared by all rows.
fn interval_ui([low, high]: [f64; 2], values: [f64; 3], palette: &Palette, ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(110.0, 14.0), Sense::hover());
    let span = (high - low).max(1e-9);
    let x = |v: f64| rect.left() + 4.0 + (rect.width() - 8.0) * ((v - low) / span) as f32;
    let [from, mean, to] = values.map(x);
    let y = rect.center().y;
    ui.painter()
        .hline(from..=to, y, Stroke::new(2.0, palette.muted));
    ui.painter()
        .circle_filled(pos2(mean, y), 3.5, palette.accent);
}
