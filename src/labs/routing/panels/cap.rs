//! The tab CAP: cost, accuracy and performance of the setups on screen in one picture.

use crate::core::{Result, num};
use crate::labs::Library;
use crate::labs::routing::Config;
use crate::labs::routing::cap::{Comparing, SPOKES, Values};
use crate::ui::theme::{Palette, fade};
use crate::ui::{Extra, format, picture};
use egui::{
    Align2, Color32, FontId, Grid, Painter, Pos2, Rect, RichText, Sense, Shape, Stroke, Ui, pos2,
    vec2,
};

/// Letters of the setups.
const LETTERS: [&str; 4] = ["A", "B", "C", "D"];
/// Rings of the picture.
const RINGS: usize = 4;

/// The tab.
#[derive(Default)]
pub(in crate::labs::routing) struct Cap {
    comparing: Comparing,
    data: Library,
    trouble: Option<String>,
}

impl Extra<Config> for Cap {
    fn ui(&mut self, setups: &[Config], data: &Library, ui: &mut Ui) {
        if !self.comparing.is_about(setups) {
            self.comparing = Comparing::new(setups);
            self.data = data.clone();
            self.trouble = None;
            ui.ctx().request_repaint();
        }
        let palette = Palette::of(ui.ctx());
        let words = "Cost, accuracy and performance of the setups on screen; outward is better. Prices, times and sizes are those under System.";
        ui.label(RichText::new(words).small().color(palette.muted));
        if let Some(trouble) = &self.trouble {
            ui.label(RichText::new(trouble).color(palette.bad));
        }
        let all = self.comparing.values();
        let known: Vec<(usize, &Values)> = all
            .iter()
            .enumerate()
            .filter_map(|(slot, v)| Some((slot, v.as_ref()?)))
            .collect();
        if known.is_empty() {
            let words = if self.comparing.is_done() {
                "These setups route no batches of tokens to experts: there is nothing to compare here."
            } else {
                "Routing the batches…"
            };
            ui.label(words);
            return;
        }
        radar(&known, palette, ui);
        table(&known, palette, ui);
    }

    fn step(&mut self) -> Result<bool> {
        let outcome = self.comparing.step(&self.data);
        if let Err(error) = &outcome {
            self.trouble = Some(error.to_string());
        }
        outcome
    }
}

/// Where a spoke points.
fn direction(spoke: usize) -> egui::Vec2 {
    let turn = spoke as f64 / SPOKES.len() as f64 * std::f64::consts::TAU;
    vec2(num::sin(turn) as f32, -num::cos(turn) as f32)
}

fn radar(known: &[(usize, &Values)], palette: &Palette, ui: &mut Ui) {
    let side = ui.available_width().clamp(180.0, 420.0);
    let (rect, response) = ui.allocate_exact_size(vec2(side, 0.86 * side), Sense::hover());
    picture(&response, "Cost, accuracy and performance", &summary(known));
    let painter = ui.painter_at(rect);
    let centre = rect.center() + vec2(0.0, 0.03 * side);
    let radius = 0.3 * side;
    let at = |spoke: usize, share: f64| centre + direction(spoke) * radius * share as f32;
    let ring = |share: f64| -> Vec<Pos2> { (0..SPOKES.len()).map(|i| at(i, share)).collect() };
    for i in 1..=RINGS {
        let points = ring(i as f64 / RINGS as f64);
        painter.add(Shape::closed_line(points, Stroke::new(1.0, palette.grid)));
    }
    for spoke in 0..SPOKES.len() {
        painter.line_segment([centre, at(spoke, 1.0)], Stroke::new(1.0, palette.grid));
        name(spoke, at(spoke, 1.0), rect, palette, &painter);
    }
    for (slot, values) in known {
        let color = palette.series_at(*slot);
        let places = SPOKES.iter().zip(*values).enumerate();
        let points: Vec<Pos2> = places.map(|(i, (s, v))| at(i, s.share(*v))).collect();
        outline(*slot, &points, color, &painter);
    }
}

/// The name of a spoke at its end, with what the rim stands for.
fn name(spoke: usize, end: Pos2, rect: Rect, palette: &Palette, painter: &Painter) {
    let s = &SPOKES[spoke];
    let [low, high] = s.ends.map(format::number);
    let scale = if s.log { ", log" } else { "" };
    let words = format!("{}\n{low} to {high} {}{scale}", s.name, s.unit);
    let galley = painter.layout(words, FontId::proportional(11.0), palette.ink, 130.0);
    let out = direction(spoke);
    let middle = end + out * vec2(0.5 * galley.size().x + 6.0, 0.5 * galley.size().y + 4.0);
    let mut at = Align2::CENTER_CENTER.anchor_size(middle, galley.size());
    let right = (at.right() - rect.right()).max(0.0);
    let left = (rect.left() - at.left()).max(0.0);
    at = at.translate(vec2(left - right, 0.0));
    // Pushed back over its spoke: above it instead.
    if left + right > 0.0 && at.expand(6.0).contains(end) {
        at = at.translate(vec2(0.0, end.y - 8.0 - at.bottom()));
    }
    painter.galley(at.min, galley, palette.ink);
}

/// A setup's outline: its colour, its dash, a dot on every spoke.
fn outline(slot: usize, points: &[Pos2], color: Color32, painter: &Painter) {
    let stroke = Stroke::new(2.0, color);
    let closed: Vec<Pos2> = points.iter().chain(points.first()).copied().collect();
    if slot == 0 {
        painter.add(Shape::closed_line(points.to_vec(), stroke));
    } else {
        let dash = [8.0, 4.0, 2.0][(slot - 1) % 3];
        painter.extend(Shape::dashed_line(&closed, stroke, dash, 4.0));
    }
    for p in points {
        painter.circle(*p, 3.5, fade(color, 0.9), Stroke::NONE);
    }
    if let Some(top) = points.first() {
        let letter = LETTERS.get(slot).copied().unwrap_or_default();
        let at = pos2(top.x + 8.0 + 10.0 * slot as f32, top.y);
        painter.text(
            at,
            Align2::LEFT_CENTER,
            letter,
            FontId::proportional(11.0),
            color,
        );
    }
}

fn summary(known: &[(usize, &Values)]) -> String {
    let of = |(slot, values): &(usize, &Values)| {
        let parts = SPOKES.iter().zip(*values);
        let words: Vec<String> = parts
            .map(|(s, v)| format!("{} {}", s.name, format::quantity(*v, s.unit)))
            .collect();
        let letter = LETTERS.get(*slot).copied().unwrap_or_default();
        format!("{letter}: {}", words.join(", "))
    };
    known.iter().map(of).collect::<Vec<_>>().join("; ")
}

fn table(known: &[(usize, &Values)], palette: &Palette, ui: &mut Ui) {
    Grid::new("cap")
        .striped(true)
        .spacing([14.0, 4.0])
        .show(ui, |ui| {
            ui.label("");
            for (slot, _) in known {
                let letter = LETTERS.get(*slot).copied().unwrap_or_default();
                ui.label(
                    RichText::new(letter)
                        .strong()
                        .color(palette.series_at(*slot)),
                );
            }
            ui.end_row();
            for (i, spoke) in SPOKES.iter().enumerate() {
                ui.label(format!("{}, {}", spoke.name, spoke.unit))
                    .on_hover_text(spoke.doc);
                for (_, values) in known {
                    ui.label(format::table_number(values[i]));
                }
                ui.end_row();
            }
        });
}
