//! The panels around the picture: starting points, parameters, headline, charts, results,
//! inspector, paper card. The same in every lab.

use super::layout::LETTERS;
use super::{Env, LabScreen};
use crate::core::{Chart, Metric, Param};
use crate::gpu::GpuLab;
use crate::labs::{CompareMode, LabRun};
use crate::ui::chart::{self, Layer, Link};
use crate::ui::theme::Palette;
use crate::ui::{LabView, card, entry_ui, format, inspector, params, table, value_entry_ui};
use egui::{RichText, ScrollArea, Ui, vec2};

/// Numbers shown large above the picture.
const HEADLINES: usize = 4;

impl<L: LabView + GpuLab> LabScreen<L> {
    /// Presets and systems: where to start from.
    pub(super) fn start_menus_ui(&mut self, ui: &mut Ui) {
        let mut chosen = None;
        egui::ComboBox::from_id_salt("preset")
            .selected_text("Presets")
            .width(90.0)
            .show_ui(ui, |ui| {
                for (i, preset) in L::presets().iter().enumerate() {
                    let active = self.slots[self.focus].config == (preset.config)();
                    if entry_ui(ui, active, &format!("{}  {}", i + 1, preset.name))
                        .on_hover_text(preset.doc)
                        .clicked()
                    {
                        chosen = Some((preset.config)());
                    }
                }
            })
            .response
            .on_hover_text("Setups in which something can be seen");
        let current = L::exhibit(&self.slots[self.focus].config);
        egui::ComboBox::from_id_salt("system")
            .selected_text(current.map_or("Systems", |e| e.title))
            .width(150.0)
            .show_ui(ui, |ui| {
                for exhibit in L::exhibits() {
                    if entry_ui(
                        ui,
                        current.is_some_and(|c| c.id == exhibit.id),
                        exhibit.title,
                    )
                    .on_hover_text(exhibit.idea)
                    .clicked()
                        && let Ok(config) = L::Config::try_from((exhibit.setup)())
                    {
                        chosen = Some(config);
                    }
                }
            })
            .response
            .on_hover_text("Published systems in this lab");
        if let Some(config) = chosen {
            self.start_from(&config);
        }
    }

    pub(super) fn mode_ui(&mut self, ui: &mut Ui) {
        egui::ComboBox::from_id_salt("mode")
            .selected_text(self.mode.label())
            .width(110.0)
            .show_ui(ui, |ui| {
                for mode in CompareMode::ALL {
                    value_entry_ui(ui, &mut self.mode, mode, mode.label());
                }
            })
            .response
            .on_hover_text("How the setups are compared (V)");
    }

    /// The letter, colour and name of a setup, above its picture.
    pub(super) fn slot_caption_ui(&mut self, ui: &mut Ui, index: usize, palette: &Palette) {
        let mut remove = false;
        ui.horizontal(|ui| {
            let label = format!(
                "{}  {}",
                LETTERS[index],
                L::label(&self.slots[index].config)
            );
            let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), egui::Sense::hover());
            ui.painter()
                .rect_filled(rect, 2.0, palette.series_at(index));
            if ui
                .selectable_label(self.focus == index, RichText::new(label).strong())
                .on_hover_text("Show this setup's parameters")
                .clicked()
            {
                self.focus = index;
            }
            remove = ui
                .small_button("×")
                .on_hover_text(format!("Remove setup {}", LETTERS[index]))
                .clicked();
        });
        if remove {
            self.remove_setup(index);
        }
    }

    /// The parameters of the focused setup.
    pub(super) fn parameters_ui(&mut self, ui: &mut Ui, _env: &mut Env<'_>) {
        if self.slots.len() > 1 {
            ui.horizontal_wrapped(|ui| {
                for index in 0..self.slots.len() {
                    ui.selectable_value(
                        &mut self.focus,
                        index,
                        format!("Setup {}", LETTERS[index]),
                    );
                }
            });
            ui.separator();
        }
        let slot = &mut self.slots[self.focus];
        params::params_ui(
            ui,
            L::params(),
            &mut slot.config,
            &slot.base,
            slot.error.as_ref(),
        );
        let loose = slot.error.as_ref().filter(|e| {
            e.field()
                .is_none_or(|f| L::params().iter().all(|p| p.id != f))
        });
        if let Some(error) = loose {
            let palette = Palette::of(ui.ctx());
            ui.label(RichText::new(error.to_string()).color(palette.bad));
        }
        ui.add_space(8.0);
        self.seed_ui(ui);
        let slot = &mut self.slots[self.focus];
        if let Some(progress) = slot.progress() {
            ui.add_space(8.0);
            ui.add(
                egui::ProgressBar::new(progress as f32)
                    .text(format!("Computing {:.0} %", progress * 100.0)),
            );
            if ui
                .button("Cancel")
                .on_hover_text("Stop computing; the last finished run stays")
                .clicked()
            {
                slot.cancel();
            }
        }
    }

    fn seed_ui(&mut self, ui: &mut Ui) {
        ui.horizontal_wrapped(|ui| {
            let mut seed = L::seed(&self.slots[self.focus].config);
            let label = ui.label("Seed").on_hover_text(
                "Every random draw comes from this number: the same seed gives the same result",
            );
            if ui
                .add(egui::DragValue::new(&mut seed).speed(1.0))
                .labelled_by(label.id)
                .changed()
            {
                for slot in &mut self.slots {
                    L::set_seed(&mut slot.config, seed);
                }
                self.seeds = None;
            }
            if ui
                .button("New")
                .on_hover_text("Next seed, for every setup (S)")
                .clicked()
            {
                for slot in &mut self.slots {
                    L::set_seed(&mut slot.config, seed.wrapping_add(1));
                }
                self.seeds = None;
            }
        });
    }

    /// The most important numbers, large.
    pub(super) fn headline_ui(&mut self, ui: &mut Ui, palette: &Palette) {
        let slots: Vec<&[Metric]> = self.slots.iter().map(|s| &s.metrics[..]).collect();
        let Some(first) = slots.iter().find(|m| !m.is_empty()) else {
            return;
        };
        // A tile that does not fit would push the pictures under the side panel.
        let tile = 100.0 + 85.0 * slots.len() as f32;
        let shown = ((ui.available_width() / tile) as usize).clamp(1, HEADLINES);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 24.0;
            for (i, metric) in first.iter().take(shown).enumerate() {
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    ui.label(RichText::new(metric.name).small().color(palette.muted))
                        .on_hover_text(metric.doc);
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = 8.0;
                        for (index, metrics) in slots.iter().enumerate() {
                            let Some(m) = metrics.get(i) else { continue };
                            let color = if slots.len() > 1 {
                                palette.series_at(index)
                            } else {
                                palette.ink
                            };
                            if slots.len() > 1 {
                                ui.label(RichText::new(LETTERS[index]).small().color(color));
                            }
                            ui.label(
                                RichText::new(format::quantity(m.value, m.unit))
                                    .size(18.0)
                                    .color(palette.ink),
                            );
                        }
                    });
                });
            }
        });
        ui.add_space(4.0);
    }

    fn all_charts(&self) -> &[Chart] {
        self.slots
            .iter()
            .find_map(|s| s.run.as_ref())
            .map_or(&[], |run| run.charts())
    }

    pub(super) fn chart_count(&self) -> usize {
        self.all_charts().len()
    }

    /// The linked charts: as many side by side as fit, the others a click away.
    pub(super) fn charts_ui(&mut self, ui: &mut Ui) {
        let runs: Vec<(usize, String, L::Run)> = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(i, s)| s.run.clone().map(|run| (i, L::label(&s.config), run)))
            .collect();
        let ids: Vec<(&'static str, &'static str, &'static str)> = self
            .all_charts()
            .iter()
            .map(|c| (c.id, c.title, c.doc))
            .collect();
        let stacked = ui.available_width() < 480.0;
        let fit = if stacked {
            ids.len()
        } else {
            ((ui.available_width() / 300.0) as usize).clamp(1, 4)
        };
        if !stacked && ids.len() > fit {
            self.chart_chips_ui(ui, &ids, fit);
        }
        let shown: Vec<&'static str> = ids
            .iter()
            .map(|c| c.0)
            .filter(|id| stacked || !self.hidden_charts.contains(id))
            .take(fit)
            .collect();
        let gap = 12.0;
        let size = if stacked {
            vec2(ui.available_width(), 220.0)
        } else {
            let n = shown.len().max(1) as f32;
            vec2(
                (ui.available_width() - gap * (n - 1.0)) / n,
                ui.available_height().max(120.0),
            )
        };
        let mut link = Link {
            playhead: self.transport.playhead,
            cursor: self.cursor,
            seek: None,
            picked: None,
            hovered: self.hovered,
            selected: self.selected,
        };
        let difference = self.mode == CompareMode::Difference && runs.len() > 1;
        let draw = |ui: &mut Ui, id: &str, link: &mut Link| {
            let layers: Vec<Layer<'_>> = runs
                .iter()
                .filter_map(|(slot, label, run)| {
                    let chart = run.charts().iter().find(|c| c.id == id)?;
                    Some(Layer {
                        chart,
                        slot: *slot,
                        label,
                    })
                })
                .collect();
            match (&layers[..], difference) {
                ([a, b, ..], true) => {
                    chart::difference_ui(ui, a.chart, b.chart, link, size);
                }
                _ => {
                    chart::chart_ui(ui, &layers, link, size);
                }
            }
        };
        if stacked {
            for id in shown {
                draw(ui, id, &mut link);
                ui.add_space(8.0);
            }
        } else {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = gap;
                for id in shown {
                    ui.allocate_ui(size, |ui| draw(ui, id, &mut link));
                }
            });
        }
        if (link.cursor, link.hovered) != (self.cursor, self.hovered) {
            // The views drawn before this one show it in the next frame.
            ui.ctx().request_repaint();
        }
        self.cursor = link.cursor;
        self.hovered = link.hovered;
        if link.selected != self.selected {
            self.selected = link.selected;
        }
        if let Some(at) = link.seek {
            self.transport.playing = false;
            self.transport.playhead = at.clamp(self.timeline.start(), self.timeline.end());
        }
    }

    fn chart_chips_ui(
        &mut self,
        ui: &mut Ui,
        ids: &[(&'static str, &'static str, &'static str)],
        fit: usize,
    ) {
        ScrollArea::horizontal()
            .id_salt("chart chips")
            .show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.label(RichText::new("Charts").small());
                    let visible: Vec<&'static str> = ids
                        .iter()
                        .map(|c| c.0)
                        .filter(|id| !self.hidden_charts.contains(id))
                        .take(fit)
                        .collect();
                    for (id, title, doc) in ids {
                        let on = visible.contains(id);
                        let chip = ui
                            .selectable_label(on, RichText::new(*title).small())
                            .on_hover_text(*doc);
                        if chip.clicked() {
                            if on {
                                self.hidden_charts.push(id);
                            } else {
                                self.hidden_charts.retain(|h| h != id);
                                // The last visible chart makes room.
                                if visible.len() >= fit
                                    && let Some(last) = visible.last()
                                {
                                    self.hidden_charts.push(last);
                                }
                            }
                        }
                    }
                });
            });
    }

    /// The metrics of every setup, what differs, and the many-seeds table.
    pub(super) fn results_ui(&mut self, ui: &mut Ui) {
        let labels: Vec<String> = (0..self.slots.len())
            .map(|i| LETTERS[i].to_owned())
            .collect();
        self.difference_lines_ui(ui);
        let columns: Vec<_> = labels
            .iter()
            .zip(&self.slots)
            .map(|(label, slot)| table::Column {
                label: label.as_str(),
                metrics: &slot.metrics,
            })
            .collect();
        table::metrics_ui(ui, &columns);
        if let Some(run) = &self.slots[self.focus].run {
            L::results_ui(run, self.focus, ui);
        }
        ui.add_space(8.0);
        self.many_seeds_ui(ui);
        self.files_ui(ui);
    }

    /// Files for other programs, of the setup in front.
    fn files_ui(&mut self, ui: &mut Ui) {
        let Some(run) = &self.slots[self.focus].run else {
            return;
        };
        let files = run.files();
        if files.is_empty() {
            return;
        }
        ui.add_space(8.0);
        let letter = LETTERS.get(self.focus).copied().unwrap_or("A");
        ui.label(RichText::new(format!("Save from {letter}")).strong());
        ui.horizontal_wrapped(|ui| {
            for (place, (name, file)) in files.iter().enumerate() {
                if ui.button(*name).clicked() {
                    crate::platform::save_file(file, &run.file(place));
                }
            }
        });
    }

    /// The lab's own tab.
    pub(super) fn extra_ui(&mut self, ui: &mut Ui, env: &Env<'_>) {
        let configs = self.configs();
        if let Some((_, extra)) = &mut self.extra {
            extra.ui(&configs, env.data, ui);
            if let Some(config) = extra.chosen(&self.slots[self.focus].config) {
                self.slots[self.focus].config = config;
            }
        }
    }

    fn difference_lines_ui(&mut self, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        let [a, rest @ ..] = &self.slots[..] else {
            return;
        };
        for (i, slot) in rest.iter().enumerate() {
            let lines: Vec<String> = L::params()
                .iter()
                .filter(|p: &&Param<L::Config>| {
                    (p.is_active(&a.config) || p.is_active(&slot.config))
                        && p.text(&a.config) != p.text(&slot.config)
                })
                .map(|p| {
                    format!(
                        "{}: {} → {}",
                        p.label,
                        p.text(&a.config),
                        p.text(&slot.config)
                    )
                })
                .collect();
            let words = if lines.is_empty() {
                "the same parameters".to_owned()
            } else {
                lines.join(";  ")
            };
            ui.label(format!("A → {}  {words}", LETTERS[i + 1]));
            let same_seed = L::seed(&a.config) == L::seed(&slot.config);
            let (text, color) = if same_seed {
                ("Paired: same seed".to_owned(), palette.good)
            } else {
                ("Not paired: the seeds differ".to_owned(), palette.warning)
            };
            ui.label(RichText::new(text).small().color(color));
        }
    }

    fn many_seeds_ui(&mut self, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        let Some(batch) = &self.seeds else {
            if ui
                .button("Run 20 seeds")
                .on_hover_text(
                    "Mean, 10 to 90 % range and the interval of the difference (Shift+S)",
                )
                .clicked()
            {
                self.seeds = Some(crate::app::seeds::SeedBatch::new(
                    self.slots.iter().map(|s| s.config.clone()).collect(),
                ));
            }
            return;
        };
        let (done, wanted) = batch.progress();
        if !batch.is_done() {
            ui.add(
                egui::ProgressBar::new(done as f32 / wanted.max(1) as f32)
                    .text(format!("{done} of {wanted} runs")),
            );
        }
        let rows = batch.rows();
        let cancel = ui
            .button(if batch.is_done() { "Clear" } else { "Cancel" })
            .clicked();
        ui.label(
            RichText::new("Mean over seeds, 10 to 90 % range")
                .small()
                .color(palette.muted),
        );
        egui::Grid::new("seed rows").striped(true).show(ui, |ui| {
            for row in &rows {
                ui.label(row.metric.name).on_hover_text(row.metric.doc);
                for (mean, [low, high]) in &row.setups {
                    ui.label(format!(
                        "{} ({} to {})",
                        format::quantity(*mean, row.metric.unit),
                        format::number(*low),
                        format::number(*high)
                    ));
                }
                for [low, high] in &row.differences {
                    if *low <= 0.0 && *high >= 0.0 {
                        ui.label(RichText::new("no clear difference").color(palette.muted));
                    } else {
                        ui.label(format!(
                            "{} to {}",
                            format::quantity(*low, row.metric.unit),
                            format::quantity(*high, row.metric.unit)
                        ))
                        .on_hover_text("95 % interval of the paired difference to A");
                    }
                }
                ui.end_row();
            }
        });
        if cancel {
            self.seeds = None;
        }
    }

    /// The pinned entity in every setup, or what could be pinned.
    pub(super) fn inspector_ui(&mut self, ui: &mut Ui) {
        let Some(entity) = self.selected else {
            ui.label(format!(
                "Click a {} in the picture or in a chart to see its story. Esc unpins it.",
                L::INFO.entity
            ));
            let notable = self
                .slots
                .iter()
                .find_map(|s| s.run.as_ref())
                .map(LabRun::notable)
                .unwrap_or_default();
            for (entity, words) in notable {
                if ui.button(words).clicked() {
                    self.selected = Some(entity);
                }
            }
            return;
        };
        let playhead = self.transport.playhead;
        let labels: Vec<String> = self.slots.iter().map(|s| L::label(&s.config)).collect();
        let stories: Vec<_> = self
            .slots
            .iter()
            .enumerate()
            .map(|(i, slot)| {
                let story = slot.run.as_ref().and_then(|r| r.story(entity, playhead));
                (i, labels[i].as_str(), story)
            })
            .collect();
        inspector::story_ui(ui, &stories);
        if ui.button("Unpin").on_hover_text("Esc").clicked() {
            self.selected = None;
        }
    }

    /// The card of the focused setup's system.
    pub(super) fn paper_ui(&mut self, ui: &mut Ui, env: &mut Env<'_>) {
        let Some(exhibit) = L::exhibit(&self.slots[self.focus].config) else {
            ui.label("This setup is not a published system. Choose one under Systems.");
            return;
        };
        let action = card::card_ui(ui, exhibit, env.claims.state(exhibit));
        match action {
            Some(card::CardAction::Open) => {
                if let Ok(config) = L::Config::try_from((exhibit.setup)()) {
                    self.start_from(&config);
                }
            }
            Some(card::CardAction::CheckClaim) => env.claims.start(exhibit),
            Some(card::CardAction::CancelClaim) => env.claims.cancel(),
            None => {}
        }
    }
}
