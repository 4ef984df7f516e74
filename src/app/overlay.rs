//! Windows above the labs: the command palette, the list of keys, the performance overlay.

use super::command::{Command, shortcut_text};
use super::kernels::Kernels;
use super::prefs::KernelChoice;
use crate::ui::theme::Palette;
use egui::{Align2, Key, RichText, ScrollArea, Window, vec2};
use std::collections::VecDeque;

/// Which windows are open.
#[derive(Debug, Default)]
pub(crate) struct Overlays {
    palette: Option<String>,
    pub(crate) help: bool,
    pub(crate) performance: bool,
    frames: VecDeque<f32>,
}

/// Frames kept for the statistics.
const FRAMES: usize = 120;

impl Overlays {
    /// Opens or closes the command palette.
    pub(crate) fn toggle_palette(&mut self) {
        self.palette = match self.palette {
            Some(_) => None,
            None => Some(String::new()),
        };
    }

    /// Closes the topmost window; `false` when none was open.
    pub(crate) fn close_one(&mut self) -> bool {
        if self.palette.take().is_some() {
            return true;
        }
        let open = self.help || self.performance;
        self.help = false;
        self.performance = false;
        open
    }

    /// Notes the time the last frame took, in milliseconds of CPU.
    pub(crate) fn note_frame(&mut self, millis: f32) {
        if self.frames.len() == FRAMES {
            self.frames.pop_front();
        }
        self.frames.push_back(millis);
    }

    /// CPU time per frame in milliseconds: median, 95th percentile, largest.
    pub(crate) fn frame_millis(&self) -> [f64; 3] {
        let values: Vec<f64> = self.frames.iter().map(|f| f64::from(*f)).collect();
        [50.0, 95.0, 100.0].map(|p| crate::core::stats::percentile(&values, p))
    }

    /// Draws the open windows; returns the commands chosen.
    pub(crate) fn ui(&mut self, ctx: &egui::Context, kernels: &mut Kernels) -> Vec<Command> {
        let mut asked = Vec::new();
        self.palette_ui(ctx, &mut asked);
        let mut help = self.help;
        Window::new("Keyboard")
            .open(&mut help)
            .collapsible(false)
            .resizable(false)
            .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
            .show(ctx, |ui| {
                ScrollArea::vertical().max_height(480.0).show(ui, |ui| {
                    egui::Grid::new("keys").striped(true).show(ui, |ui| {
                        for command in Command::ALL {
                            let keys: Vec<String> = command
                                .keys()
                                .iter()
                                .map(|&k| shortcut_text(ctx, k))
                                .collect();
                            if !keys.is_empty() {
                                ui.label(command.text());
                                ui.label(RichText::new(keys.join("  or  ")).monospace());
                                ui.end_row();
                            }
                        }
                        ui.label("Presets 1 to 9");
                        ui.label(RichText::new("1 … 9").monospace());
                        ui.end_row();
                        if cfg!(target_arch = "wasm32") {
                            ui.label("Leave the picture for the page around it");
                            ui.label(RichText::new("Escape, then Tab").monospace());
                            ui.end_row();
                        }
                    });
                });
            });
        self.help = help;
        self.performance_ui(ctx, kernels);
        asked
    }

    fn palette_ui(&mut self, ctx: &egui::Context, asked: &mut Vec<Command>) {
        let Some(search) = &mut self.palette else {
            return;
        };
        let mut close = false;
        Window::new("Commands")
            .title_bar(false)
            .resizable(false)
            .anchor(Align2::CENTER_TOP, vec2(0.0, 80.0))
            .fixed_size(vec2(420.0, 360.0))
            .show(ctx, |ui| {
                let edit = ui.add(
                    egui::TextEdit::singleline(search)
                        .hint_text("Type a command")
                        .desired_width(f32::INFINITY),
                );
                edit.request_focus();
                let needle = search.to_lowercase();
                let found: Vec<Command> = Command::ALL
                    .into_iter()
                    .filter(|c| c.text().to_lowercase().contains(&needle))
                    .collect();
                if ui.input(|i| i.key_pressed(Key::Enter))
                    && let Some(first) = found.first()
                {
                    asked.push(*first);
                    close = true;
                }
                ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                    for (i, command) in found.into_iter().enumerate() {
                        let button = egui::Button::selectable(i == 0, command.text())
                            .shortcut_text(command.key_text(ctx))
                            .min_size(vec2(ui.available_width(), 26.0));
                        if ui.add(button).clicked() {
                            asked.push(command);
                            close = true;
                        }
                    }
                });
            });
        if close {
            self.palette = None;
        }
    }

    fn performance_ui(&mut self, ctx: &egui::Context, kernels: &mut Kernels) {
        let [p50, p95, max] = self.frame_millis();
        let palette = Palette::of(ctx);
        let frames: Vec<f32> = self.frames.iter().copied().collect();
        Window::new("Performance")
            .open(&mut self.performance)
            .resizable(false)
            .anchor(Align2::RIGHT_TOP, vec2(-12.0, 56.0))
            .show(ctx, |ui| {
                ui.label(format!(
                    "CPU per frame: p50 {p50:.1} ms, p95 {p95:.1} ms, max {max:.1} ms ({} frames)",
                    frames.len()
                ));
                let (rect, _) = ui.allocate_exact_size(vec2(360.0, 48.0), egui::Sense::hover());
                let step = rect.width() / FRAMES as f32;
                for (i, millis) in frames.iter().enumerate() {
                    let height = (millis / 16.7).min(1.0) * rect.height();
                    let x = rect.left() + i as f32 * step;
                    ui.painter().rect_filled(
                        egui::Rect::from_min_max(
                            egui::pos2(x, rect.bottom() - height),
                            egui::pos2(x + step - 1.0, rect.bottom()),
                        ),
                        0.0,
                        if *millis > 8.0 {
                            palette.warning
                        } else {
                            palette.accent
                        },
                    );
                }
                ui.label(RichText::new("full height: 16.7 ms").small());
                ui.label(kernels.words());
                let mut wish = kernels.wish();
                ui.horizontal(|ui| {
                    ui.label("Run kernels on");
                    for (choice, words) in [
                        (KernelChoice::Auto, "the faster one"),
                        (KernelChoice::Gpu, "GPU"),
                        (KernelChoice::Cpu, "CPU"),
                    ] {
                        ui.selectable_value(&mut wish, choice, words);
                    }
                });
                kernels.set_wish(wish);
            });
    }
}
