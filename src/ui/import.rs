//! What a dropped file holds, before anything is replaced.

use super::theme::{self, Palette};
use crate::labs::{Dataset, LabKind};
use egui::{RichText, Ui};

/// What the user decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportAction {
    /// Use the data in this lab.
    Use(LabKind),
    /// Leave everything as it was.
    Cancel,
}

/// Rows of the preview.
const ROWS: usize = 20;

/// A window with the first rows, the remarks of the reader and the labs that can use the data.
/// It blocks nothing.
pub fn preview_ui(ctx: &egui::Context, name: &str, data: &Dataset) -> Option<ImportAction> {
    let mut action = None;
    let mut open = true;
    let escape = ctx.input(|i| i.key_pressed(egui::Key::Escape));
    egui::Window::new(format!("Open {name}"))
        .id(egui::Id::unique("import preview"))
        .collapsible(false)
        .default_width(640.0)
        .default_height(420.0)
        .pivot(egui::Align2::CENTER_CENTER)
        .default_pos(ctx.content_rect().center())
        .open(&mut open)
        .show(ctx, |ui| {
            ui.label(data.words());
            ui.label(
                RichText::new("It stays in this program; nothing is uploaded.")
                    .small()
                    .weak(),
            );
            remarks_ui(ui, &data.remarks());
            ui.separator();
            rows_ui(ui, data);
            ui.separator();
            action = actions_ui(ui, data);
        });
    if !open || escape {
        action = Some(ImportAction::Cancel);
    }
    action
}

/// A small window while a file is read; `true` when the user gives up.
pub fn progress_ui(ctx: &egui::Context, name: &str, progress: f64) -> bool {
    let mut given_up = false;
    egui::Window::new(format!("Opening {name}"))
        .id(egui::Id::unique("import progress"))
        .collapsible(false)
        .resizable(false)
        .pivot(egui::Align2::CENTER_CENTER)
        .default_pos(ctx.content_rect().center())
        .show(ctx, |ui| {
            ui.add(egui::ProgressBar::new(progress as f32).show_percentage());
            given_up = ui.button("Cancel").clicked();
        });
    given_up
}

fn remarks_ui(ui: &mut Ui, remarks: &[String]) {
    let palette = Palette::of(ui.ctx());
    for remark in remarks {
        let text = RichText::new(format!("⚠ {remark}")).color(palette.warning);
        ui.add(egui::Label::new(text).wrap().selectable(true));
    }
}

fn rows_ui(ui: &mut Ui, data: &Dataset) {
    let (head, rows) = data.preview();
    egui::ScrollArea::both().max_height(280.0).show(ui, |ui| {
        egui::Grid::new("preview")
            .striped(true)
            .spacing([16.0, 4.0])
            .show(ui, |ui| {
                for column in &head {
                    ui.label(theme::strong(ui, column));
                }
                ui.end_row();
                for row in rows.iter().take(ROWS) {
                    for cell in row {
                        ui.label(RichText::new(cell).monospace());
                    }
                    ui.end_row();
                }
            });
    });
}

fn actions_ui(ui: &mut Ui, data: &Dataset) -> Option<ImportAction> {
    let palette = Palette::of(ui.ctx());
    let mut action = None;
    ui.horizontal(|ui| {
        for (i, &lab) in data.labs().iter().enumerate() {
            let words = format!("Use in the {} lab", lab.id());
            let button = if i == 0 {
                egui::Button::new(RichText::new(words).color(palette.background))
                    .fill(palette.accent)
            } else {
                egui::Button::new(words)
            };
            if ui.add(button).clicked() {
                action = Some(ImportAction::Use(lab));
            }
        }
        if ui.button("Cancel").clicked() {
            action = Some(ImportAction::Cancel);
        }
    });
    action
}
