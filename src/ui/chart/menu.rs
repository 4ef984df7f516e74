//! The menu of a chart: exports and copies.

use super::{Layer, words};
use crate::export::picture::Picture;
use crate::export::{csv, png, svg};
use crate::platform;
use crate::ui::table::letter;
use egui::{Context, Id, Popup, PopupCloseBehavior, Rect, Response, Ui};

/// Seconds until the menu and the reading have left the window.
const SETTLE: f64 = 0.5;

fn caption_id() -> Id {
    Id::unique("caption of exported charts")
}

/// Sets the small line under exported pictures: system, key parameters, seed, link. Empty for
/// none; until it is set, the names of the setups stand there.
pub fn set_caption(ctx: &Context, caption: String) {
    ctx.data_mut(|d| d.insert_temp(caption_id(), caption));
}

fn caption(ctx: &Context, layers: &[Layer<'_>]) -> String {
    ctx.data(|d| d.get_temp(caption_id())).unwrap_or_else(|| {
        let names: Vec<String> = layers
            .iter()
            .map(|l| format!("{} {}", letter(l.slot), l.label))
            .collect();
        format!("schedlab: {}", names.join(", "))
    })
}

/// Size of a saved figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum FigureSize {
    #[default]
    Screen,
    Column,
    Page,
    Slide,
}

impl FigureSize {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Screen, "screen", "As large as the chart is here"),
        (Self::Column, "column", "One column of a paper: 90 × 68 mm"),
        (Self::Page, "page", "The width of a page: 180 × 90 mm"),
        (Self::Slide, "slide", "A slide, 16 : 9: 960 × 540 px"),
    ];

    /// Width and height in CSS pixels, 96 to the inch.
    fn pixels(self, screen: Rect) -> (u32, u32) {
        match self {
            Self::Screen => (
                screen.width().max(320.0) as u32,
                screen.height().max(200.0) as u32,
            ),
            Self::Column => (340, 257),
            Self::Page => (680, 340),
            Self::Slide => (960, 540),
        }
    }
}

/// The size chosen for figures, the same for all charts.
fn size_ui(ui: &mut Ui) -> FigureSize {
    let id = Id::unique("size of saved figures");
    let mut size: FigureSize = ui.data(|d| d.get_temp(id)).unwrap_or_default();
    ui.horizontal(|ui| {
        ui.label("Size");
        for (choice, name, doc) in FigureSize::ALL {
            ui.selectable_value(&mut size, choice, name)
                .on_hover_text(doc);
        }
    });
    ui.data_mut(|d| d.insert_temp(id, size));
    size
}

/// A picture of the window that waits until nothing covers the chart.
#[derive(Debug, Clone)]
struct Pending {
    name: String,
    part: Rect,
    at: f64,
}

fn pending_id(response: &Response) -> Id {
    response.id.with("pending picture")
}

/// Whether a picture of this chart is about to be taken, so that the reading stays away.
pub(super) fn is_pending(response: &Response) -> bool {
    let id = pending_id(response);
    response.ctx.data(|d| d.get_temp::<Pending>(id)).is_some()
}

/// Opens on a secondary click of the plot and on the button.
pub(super) fn attach(response: &Response, button: &Response, layers: &[Layer<'_>], rect: Rect) {
    take_pending(response);
    let pending = pending_id(response);
    // A choice of size leaves the menu open; what saves or copies closes it.
    Popup::context_menu(response)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| menu_ui(ui, layers, rect, pending));
    Popup::menu(button)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| menu_ui(ui, layers, rect, pending));
}

fn take_pending(response: &Response) {
    let ctx = &response.ctx;
    let id = pending_id(response);
    let Some(pending) = ctx.data(|d| d.get_temp::<Pending>(id)) else {
        return;
    };
    let wait = pending.at - ctx.input(|i| i.time);
    if wait > 0.0 {
        ctx.request_repaint_after_secs(wait as f32);
        return;
    }
    ctx.data_mut(|d| d.remove::<Pending>(id));
    let scale = ctx.pixels_per_point();
    ctx.request_screenshot(move |image| {
        let bytes = png::part_png(&image, pending.part, scale);
        platform::save_file(&pending.name, &bytes);
    });
}

fn menu_ui(ui: &mut Ui, layers: &[Layer<'_>], rect: Rect, pending: Id) {
    ui.set_min_width(180.0);
    let chart = layers[0].chart;
    let name = |end: &str| format!("{}.{end}", chart.id);
    let size = size_ui(ui).pixels(rect);
    png_ui(ui, layers, size, rect, pending);
    if ui.button("Save as SVG").clicked() {
        let text = svg::chart_svg(layers, size, &caption(ui.ctx(), layers));
        platform::save_file(&name("svg"), text.as_bytes());
        ui.close();
    }
    if ui.button("Save data as CSV").clicked() {
        platform::save_file(&name("csv"), csv::chart_csv(layers).as_bytes());
        ui.close();
    }
    ui.separator();
    if ui.button("Copy data as CSV").clicked() {
        ui.ctx().copy_text(csv::chart_csv(layers));
        ui.close();
    }
    if ui.button("Copy description").clicked() {
        ui.ctx().copy_text(words::summary(layers));
        ui.close();
    }
}

/// In the page every size can be drawn; natively the window is the picture.
fn png_ui(ui: &mut Ui, layers: &[Layer<'_>], size: (u32, u32), rect: Rect, pending: Id) {
    let name = format!("{}.png", layers[0].chart.id);
    if !png::HAS_CANVAS {
        let button = ui
            .button("Save as PNG")
            .on_hover_text("The chart as it is on screen");
        if button.clicked() {
            let at = ui.input(|i| i.time) + SETTLE;
            let part = rect;
            ui.data_mut(|d| d.insert_temp(pending, Pending { name, part, at }));
            ui.close();
        }
        return;
    }
    crate::ui::menu_ui(ui, "Save as PNG", &mut |ui| {
        for scale in [1, 2, 4] {
            for transparent in [false, true] {
                let ground = if transparent { ", transparent" } else { "" };
                if ui.button(format!("{scale} ×{ground}")).clicked() {
                    let picture = Picture {
                        size,
                        scale,
                        caption: &caption(ui.ctx(), layers),
                        transparent,
                    };
                    match png::chart_png(layers, &picture) {
                        Some(Ok(bytes)) => platform::save_file(&name, &bytes),
                        Some(Err(error)) => log::error!("{error}"),
                        None => {}
                    }
                    ui.close();
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Pos2, vec2};

    #[test]
    fn figures_have_the_size_they_say() {
        let screen = Rect::from_min_size(Pos2::ZERO, vec2(100.0, 900.0));
        let millimetres = |size: FigureSize| {
            let (width, height) = size.pixels(screen);
            [width, height].map(|px| (f64::from(px) * 25.4 / 96.0).round())
        };
        assert_eq!(millimetres(FigureSize::Column), [90.0, 68.0]);
        assert_eq!(millimetres(FigureSize::Page), [180.0, 90.0]);
        assert_eq!(FigureSize::Screen.pixels(screen), (320, 900));
    }
}
