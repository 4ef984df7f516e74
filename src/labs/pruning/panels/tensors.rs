//! The tensors of an opened file with their statistics, as a table that can be filtered; the one
//! that is chosen there can be taken apart into singular values.

use super::super::Config;
use super::super::checkpoint::{Tensor, count_words};
use super::super::config::Source;
use super::super::gpu::StatsOnDevice;
use super::super::header::shape_words;
use super::super::model::opened;
use super::super::statistics::{Counting, Statistics};
use super::super::tally::Histogram;
use super::spectra::{Spectra, has_spectrum};
use super::under_way_ui;
use crate::core::Result;
use crate::gpu::Gpu;
use crate::labs::{DataKey, Library};
use crate::ui::format::number;
use crate::ui::theme::Palette;
use egui::{Grid, Rect, RichText, ScrollArea, Sense, TextEdit, Ui, pos2, vec2};

/// Rows drawn at most.
const ROWS: usize = 200;

enum Work {
    Cpu(Counting),
    Device(StatsOnDevice),
}

/// The table, and the counting under way.
#[derive(Default)]
pub(super) struct Tensors {
    /// The file whose tensors are shown.
    file: Option<DataKey>,
    listed: Vec<Tensor>,
    found: Vec<Statistics>,
    work: Option<Work>,
    /// Where it was counted.
    on: String,
    filter: String,
    /// The one whose singular values are asked for.
    chosen: Option<usize>,
    spectra: Spectra,
}

impl Tensors {
    /// Draws the table where the setup in front works on a file.
    pub(super) fn ui(
        &mut self,
        front: Option<&Config>,
        data: &Library,
        device: Option<&str>,
        ui: &mut Ui,
    ) {
        let Some(config) = front.filter(|c| c.source == Source::Imported) else {
            self.file = None;
            self.work = None;
            self.spectra = Spectra::default();
            return;
        };
        if self.file != config.file {
            let listed = opened(config, data).map(|c| c.tensors.clone());
            *self = Self {
                file: config.file.clone(),
                listed: listed.unwrap_or_default(),
                filter: std::mem::take(&mut self.filter),
                ..Self::default()
            };
            self.listed.retain(|t| !t.values.is_empty());
            let fits = |i: &usize| self.listed.get(*i).is_some_and(has_spectrum);
            let size = |i: &usize| self.listed.get(*i).map_or(0, |t| t.values.len());
            self.chosen = (0..self.listed.len()).rev().filter(fits).max_by_key(size);
        }
        let palette = Palette::of(ui.ctx());
        ui.label(RichText::new("Tensors of the file").strong());
        match &self.work {
            Some(work) => {
                let done = match work {
                    Work::Cpu(_) => self.found.len() as f64 / self.listed.len().max(1) as f64,
                    Work::Device(job) => job.progress(),
                };
                if under_way_ui(ui, done) {
                    self.work = None;
                }
            }
            None => {
                ui.horizontal_wrapped(|ui| {
                    if ui.button("Count on one CPU thread").clicked() {
                        self.found.clear();
                        "one CPU thread".clone_into(&mut self.on);
                        self.work = Some(Work::Cpu(Counting::default()));
                    }
                    if let Some(name) = device
                        && ui.button("Count on the graphics device").clicked()
                    {
                        self.found.clear();
                        name.clone_into(&mut self.on);
                        let job = StatsOnDevice::new(self.listed.clone());
                        self.work = Some(Work::Device(job));
                    }
                });
            }
        }
        self.table_ui(palette, ui);
        ui.add_space(10.0);
        let chosen = self.chosen.and_then(|i| self.listed.get(i));
        self.spectra.ui(chosen, device, ui);
        ui.add_space(10.0);
    }

    fn table_ui(&mut self, palette: &Palette, ui: &mut Ui) {
        ui.horizontal(|ui| {
            let label = ui.label("Name contains");
            ui.add(TextEdit::singleline(&mut self.filter).desired_width(140.0))
                .labelled_by(label.id);
        });
        let rows: Vec<(usize, &Tensor)> = self
            .listed
            .iter()
            .enumerate()
            .filter(|(_, t)| t.name.contains(&self.filter))
            .collect();
        let counted = if self.found.is_empty() {
            String::new()
        } else {
            let on = &self.on;
            format!(", counted on {on}; bars: how many values have which magnitude")
        };
        let shown = rows.len().min(ROWS);
        let words = format!("{shown} of {} tensors{counted}", self.listed.len());
        ui.label(RichText::new(words).small().color(palette.muted));
        ScrollArea::horizontal().id_salt("tensors").show(ui, |ui| {
            Grid::new("tensors")
                .striped(true)
                .spacing([10.0, 3.0])
                .show(ui, |ui| {
                    for head in [
                        "Tensor", "Shape", "Values", "Zeros", "Min", "Max", "Mean", "SD", "|w|",
                    ] {
                        ui.label(RichText::new(head).strong());
                    }
                    ui.end_row();
                    for (i, t) in rows.into_iter().take(ROWS) {
                        let is_chosen = self.chosen == Some(i);
                        if ui.selectable_label(is_chosen, &t.name).clicked() {
                            self.chosen = Some(i);
                        }
                        ui.label(format!("{} {}", shape_words(&t.shape), t.dtype));
                        ui.label(count_words(t.values.len() as u64));
                        let Some(s) = self.found.get(i) else {
                            ui.end_row();
                            continue;
                        };
                        let share = 100.0 * s.zeros as f64 / s.n.max(1) as f64;
                        ui.label(format!("{share:.1} %"));
                        for value in [s.min, s.max, s.mean, s.deviation] {
                            ui.label(RichText::new(number(value)).monospace());
                        }
                        histogram_ui(&s.histogram, palette, ui);
                        ui.end_row();
                    }
                });
        });
    }

    /// A short step on the CPU; whether there is more.
    pub(super) fn step(&mut self) -> Result<bool> {
        let Some(Work::Cpu(counting)) = &mut self.work else {
            return self.spectra.step();
        };
        let Some(tensor) = self.listed.get(self.found.len()) else {
            self.work = None;
            return Ok(false);
        };
        if let Some(found) = counting.step(&tensor.values) {
            self.found.push(found);
            *counting = Counting::default();
        }
        Ok(true)
    }

    /// Looks at the device; whether something is on its way there.
    pub(super) fn poll(&mut self, device: &Gpu) -> Result<bool> {
        let Some(Work::Device(job)) = &mut self.work else {
            return self.spectra.poll(device);
        };
        match job.poll(device) {
            Ok(false) => Ok(true),
            Ok(true) => {
                self.found = std::mem::take(&mut job.found);
                self.work = None;
                Ok(false)
            }
            Err(error) => {
                self.work = None;
                Err(error)
            }
        }
    }
}

/// Bars of the magnitudes, the largest twelve doublings of them.
fn histogram_ui(h: &Histogram, palette: &Palette, ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(96.0, 16.0), Sense::hover());
    let bins = h.counts.len();
    let from = bins.saturating_sub(96);
    let most = (from..bins).map(|i| h.density(i)).fold(1e-9, f64::max);
    let mut mesh = egui::Mesh::default();
    for i in from..bins {
        let height = rect.height() * (h.density(i) / most) as f32;
        let x = rect.right() - (bins - i) as f32;
        let bar = Rect::from_min_max(
            pos2(x, rect.bottom() - height),
            pos2(x + 1.0, rect.bottom()),
        );
        mesh.add_colored_rect(bar, palette.ink);
    }
    ui.painter().add(mesh);
}
