//! What every switch changes, as a table.

use crate::labs::routing::{BatchRun, Variant};
use crate::ui::format;
use crate::ui::theme::Palette;
use egui::{Align, Layout, Rect, RichText, ScrollArea, Ui, UiBuilder};

/// Heads of the columns, on wide and narrow pictures.
const HEADS: [[&str; 2]; 6] = [
    ["Rule", "Rule"],
    ["put to", "put to"],
    ["pairs changed", "pairs"],
    ["weights changed", "weights"],
    ["dropped", "dropped"],
    ["load CV", "CV"],
];
/// Width below which words are shortened.
const NARROW: f32 = 560.0;

/// Draws the table; `body` is what the picture leaves free.
pub(in crate::labs::routing) fn draw(run: &BatchRun, body: Rect, palette: &Palette, ui: &mut Ui) {
    let mut inner = ui.new_child(
        UiBuilder::new()
            .max_rect(body.shrink2(egui::vec2(4.0, 2.0)))
            .layout(Layout::top_down(Align::Min)),
    );
    let narrow = usize::from(body.width() < NARROW);
    let words = format!(
        "The first {} tokens of the setup, routed again with one rule put differently. Pairs and weights against the setup as it is (marked).",
        run.compared_tokens()
    );
    inner.add(egui::Label::new(RichText::new(words).small().color(palette.muted)).wrap());
    ScrollArea::both().show(&mut inner, |ui| {
        egui::Grid::new("rules")
            .num_columns(HEADS.len())
            .striped(true)
            .spacing([14.0, 3.0])
            .show(ui, |ui| {
                for head in HEADS {
                    ui.label(RichText::new(head[narrow]).strong().small());
                }
                ui.end_row();
                let mut rule = "";
                for variant in run.variants() {
                    row(variant, rule, palette, ui);
                    rule = variant.rule;
                }
            });
    });
}

fn row(variant: &Variant, before: &str, palette: &Palette, ui: &mut Ui) {
    let first = if variant.rule == before {
        ""
    } else {
        variant.rule
    };
    ui.label(RichText::new(first).small());
    let (name, color) = if variant.current {
        (format!("• {}", variant.name), palette.accent)
    } else {
        (variant.name.to_owned(), palette.ink)
    };
    ui.label(RichText::new(name).small().color(color));
    for (value, unit) in [
        (variant.changed, "%"),
        (variant.moved, "%"),
        (variant.dropped, "%"),
        (variant.load_cv, ""),
    ] {
        let text = if unit.is_empty() {
            format::number(value)
        } else {
            format::quantity(value, unit)
        };
        ui.label(RichText::new(text).small());
    }
    ui.end_row();
}
