//! The menu of a chart: exports and copies.

use super::{Layer, words};
use crate::{export, platform};
use egui::{Popup, Rect, Response, Ui};

/// Opens on a secondary click of the plot and on the button.
pub(super) fn attach(response: &Response, button: &Response, layers: &[Layer<'_>], rect: Rect) {
    Popup::context_menu(response).show(|ui| menu_ui(ui, layers, rect));
    Popup::menu(button).show(|ui| menu_ui(ui, layers, rect));
}

fn menu_ui(ui: &mut Ui, layers: &[Layer<'_>], rect: Rect) {
    ui.set_min_width(180.0);
    let chart = layers[0].chart;
    let name = |end: &str| format!("{}.{end}", chart.id);
    if ui.button("Save as SVG").clicked() {
        let size = (
            rect.width().max(320.0) as u32,
            rect.height().max(200.0) as u32,
        );
        let bytes = export::svg::chart_svg(layers, size, "").into_bytes();
        platform::save_file(&name("svg"), &bytes);
        ui.close();
    }
    if ui.button("Save data as CSV").clicked() {
        let bytes = export::csv::chart_csv(layers).into_bytes();
        platform::save_file(&name("csv"), &bytes);
        ui.close();
    }
    ui.separator();
    if ui.button("Copy data as CSV").clicked() {
        ui.ctx().copy_text(export::csv::chart_csv(layers));
        ui.close();
    }
    if ui.button("Copy description").clicked() {
        ui.ctx().copy_text(words::summary(layers));
        ui.close();
    }
}
