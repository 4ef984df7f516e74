//! A Gaussian field at three sides, with the levels of the setup and with levels moved by the side,
//! and below them its spectrum with the noise that each picture sees.

use super::super::gaussian::{FieldRun, Panel};
use super::pixels;
use crate::core::{EntityId, num};
use crate::ui::Stage;
use crate::ui::theme::{Palette, fade};
use egui::{
    Align2, FontId, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, TextStyle, Ui, vec2,
};

/// Space between pictures and height of a line of words, in points.
const GAP: f32 = 8.0;
const LINE: f32 = 16.0;
/// Room for the two lines at the top.
const TOP: f32 = 44.0;
const COLUMNS: usize = 3;

/// Where everything lies.
struct Map {
    side: f32,
    origin: Pos2,
    /// The spectra, where there is room for them.
    spectra: Option<[Rect; 2]>,
}

impl Map {
    fn new(area: Rect) -> Self {
        let inner = Rect::from_min_max(area.min + vec2(12.0, TOP), area.max - vec2(12.0, 8.0));
        let row = |side: f32| side + 2.0 * LINE + GAP;
        let high = (0.5 * inner.height() - 2.0 * LINE - GAP).max(4.0);
        let columns = COLUMNS as f32;
        let wide = (inner.width() - GAP * (columns - 1.0)) / columns;
        // Wide pictures leave room at the right, tall ones below.
        let beside = wide > 1.25 * high;
        let side = if beside {
            high.min(wide / 1.25)
        } else {
            wide.min(high)
        };
        let width = columns * (side + GAP) - GAP;
        let left = Rect::from_min_size(inner.min, vec2(width, 2.0 * row(side)));
        let mut map = Self {
            side,
            origin: inner.min,
            spectra: None,
        };
        if beside {
            let room = inner.right() - left.right() - 4.0 * GAP;
            if room > 120.0 {
                map.spectra = Some([0, 1].map(|r| {
                    let y = inner.top() + r as f32 * row(side) + LINE;
                    let corner = Pos2::new(left.right() + 4.0 * GAP, y);
                    Rect::from_min_size(corner, vec2(room, side))
                }));
            }
        } else {
            let room = inner.bottom() - left.bottom();
            if room > 70.0 && inner.width() > 200.0 {
                let half = 0.5 * (inner.width() - 2.0 * GAP);
                map.spectra = Some([0, 1].map(|c| {
                    let x = inner.left() + c as f32 * (half + 2.0 * GAP);
                    let corner = Pos2::new(x, left.bottom() + LINE);
                    Rect::from_min_size(corner, vec2(half, (room - 2.0 * LINE).min(half)))
                }));
            }
            map.origin.x += 0.5 * (inner.width() - width);
        }
        map
    }

    fn row(&self, row: usize) -> f32 {
        self.origin.y + row as f32 * (self.side + 2.0 * LINE + GAP)
    }

    fn picture(&self, panel: usize) -> Rect {
        let x = self.origin.x + (panel % COLUMNS) as f32 * (self.side + GAP);
        let y = self.row(panel / COLUMNS) + LINE;
        Rect::from_min_size(Pos2::new(x, y), vec2(self.side, self.side))
    }
}

/// Draws the panels at the playhead.
pub(crate) fn show(
    run: &FieldRun,
    estimates: bool,
    stage: &mut Stage<'_>,
    ui: &mut Ui,
    area: Rect,
) {
    let response = ui.interact(
        area,
        ui.scope_id().with(("fields", stage.slot)),
        Sense::click(),
    );
    let painter = ui.painter().with_clip_rect(area);
    let palette = stage.palette;
    painter.rect_filled(area, 0.0, palette.background);
    let step = run.timeline.index_at(stage.playhead);
    let map = Map::new(area);
    let count = run.panels().len();
    if let Some(pointer) = response.hover_pos() {
        let found = (0..count).find(|i| map.picture(*i).contains(pointer));
        *stage.hovered = found.map(|i| EntityId(i as u64));
        if response.clicked() {
            *stage.selected = *stage.hovered;
        }
    }
    let small = TextStyle::Small.resolve(ui.style());
    let body = TextStyle::Body.resolve(ui.style());
    if map.side > 12.0 {
        let rows = ["Levels as they are", "Levels times side over smallest side"];
        for (r, words) in rows.into_iter().enumerate() {
            let at = Pos2::new(map.origin.x, map.row(r));
            painter.text(at, Align2::LEFT_TOP, words, small.clone(), palette.ink);
        }
        for (i, panel) in run.panels().iter().enumerate() {
            let at = map.picture(i);
            picture(panel, step, estimates, at, palette, &painter);
            let words = caption(panel, step, map.side);
            let under = at.left_bottom() + vec2(0.0, 1.0);
            painter.text(under, Align2::LEFT_TOP, words, small.clone(), palette.muted);
        }
        for (entity, width) in [(*stage.hovered, 1.5), (*stage.selected, 2.5)] {
            if let Some(EntityId(i)) = entity.filter(|e| e.0 < count as u64) {
                let stroke = Stroke::new(width, palette.accent);
                let at = map.picture(i as usize);
                painter.rect_stroke(at, 0.0, stroke, StrokeKind::Outside);
            }
        }
        if let Some(rects) = map.spectra {
            for (row, rect) in rects.into_iter().enumerate() {
                let panels = &run.panels()[row * COLUMNS..(row + 1) * COLUMNS];
                spectrum(panels, step, row, rect, &small, palette, &painter);
            }
        }
    }
    let words = words(run, step, estimates);
    let at = area.left_top() + vec2(12.0, 5.0);
    let used = painter.text(at, Align2::LEFT_TOP, &words[0], body, palette.ink);
    let at = Pos2::new(at.x, used.bottom() + 1.0);
    painter.text(at, Align2::LEFT_TOP, &words[1], small, palette.muted);
    response.widget_info(|| {
        let text = format!("Gaussian fields. {}", words.join(" "));
        egui::WidgetInfo::labeled(egui::Role::Image, true, text)
    });
}

fn picture(
    panel: &Panel,
    step: usize,
    estimates: bool,
    at: Rect,
    palette: &Palette,
    painter: &Painter,
) {
    let source = if estimates {
        panel.estimates.get(step).or(panel.estimates.last())
    } else {
        panel.frames.get(step)
    };
    if let Some(values) = source {
        let color = |v: f32| palette.sequential_at((0.5 + 0.22 * v).clamp(0.0, 1.0));
        pixels::paint(values, at, painter, color);
    }
}

/// Side, level and log-SNR, as far as there is room.
fn caption(panel: &Panel, step: usize, room: f32) -> String {
    let side = panel.side;
    let s = panel.levels.get(step).copied().unwrap_or(0.0);
    match (room, s > 0.0) {
        (_, false) => format!("{side} px, clean"),
        (r, _) if r > 168.0 => {
            format!("{side} px, s {s:.3}, log-SNR {:.2}", panel.log_snr(step))
        }
        (r, _) if r > 96.0 => format!("{side} px, s {s:.3}"),
        _ => format!("{side} px"),
    }
}

fn words(run: &FieldRun, step: usize, estimates: bool) -> [String; 2] {
    let what = if estimates {
        "denoised estimates"
    } else {
        "the same field at three sides"
    };
    let level = run.levels().get(step).copied().unwrap_or(0.0);
    let [_, large, moved] = run.ends();
    [
        format!(
            "Step {step} of {}: s = {level:.3}, {what}",
            run.levels().len() - 1
        ),
        format!(
            "exact W2 at the end, side {}: {:.3}, moved {:.3}",
            4 * run.field.base(),
            large.w2,
            moved.w2
        ),
    ]
}

/// Power of the modes and, at this step, of the noise among the pixels of each side.
fn spectrum(
    panels: &[Panel],
    step: usize,
    row: usize,
    rect: Rect,
    font: &FontId,
    palette: &Palette,
    painter: &Painter,
) {
    let Some(largest) = panels.last() else { return };
    let far = largest.side as f64;
    let shown = |r: &&[f64; 3]| r[1] > 0.0 && (1.0..=far).contains(&r[0]);
    let truth = || largest.arrived.iter().filter(shown);
    let high = truth().map(|r| r[1]).fold(0.0, f64::max) * 4.0;
    let low = truth().map(|r| r[1]).fold(high, f64::min) / 100.0;
    let x = |f: f64| {
        let share = num::ln(f.max(1.0)) / num::ln(far);
        rect.left() + share as f32 * rect.width()
    };
    let y = |p: f64| {
        let share = num::ln(p.clamp(low, high) / low) / num::ln(high / low);
        rect.bottom() - share as f32 * rect.height()
    };
    painter.rect_stroke(
        rect,
        0.0,
        Stroke::new(1.0, palette.grid),
        StrokeKind::Inside,
    );
    let line: Vec<Pos2> = truth().map(|r| Pos2::new(x(r[0]), y(r[1]))).collect();
    painter.add(Shape::line(line, Stroke::new(2.0, palette.ink)));
    for (i, panel) in panels.iter().enumerate() {
        let (side, noise) = (panel.side as f64, panel.noise_power(step));
        let color = palette.series_at(i);
        let ends = [Pos2::new(x(1.0), y(noise)), Pos2::new(x(side), y(noise))];
        // The moved ones coincide, so each is drawn thinner than the one below it.
        let width = if row == 1 { 5.0 - 1.7 * i as f32 } else { 2.0 };
        painter.line_segment(ends, Stroke::new(width, color));
    }
    let title = ["Mode power, noise by side", "The noise lines are one"][row];
    let above = rect.left_top() - vec2(0.0, LINE);
    painter.text(above, Align2::LEFT_TOP, title, font.clone(), palette.ink);
    let under = rect.left_bottom() + vec2(0.0, 1.0);
    let axis = format!("half waves across, 1 to {}", largest.side);
    painter.text(under, Align2::LEFT_TOP, axis, font.clone(), palette.muted);
    if row > 0 {
        return;
    }
    let mut at = rect.right_top() + vec2(-6.0, 4.0);
    for (i, panel) in panels.iter().enumerate() {
        let words = format!("side {}", panel.side);
        let galley = painter.layout_no_wrap(words, font.clone(), palette.ink);
        let place = Align2::RIGHT_TOP.anchor_size(at, galley.size());
        let veil = Rect::from_min_max(place.min - vec2(20.0, 0.0), place.max);
        painter.rect_filled(veil, 2.0, fade(palette.background, 0.8));
        let swatch = Rect::from_min_size(place.min + vec2(-16.0, 6.0), vec2(12.0, 3.0));
        painter.rect_filled(swatch, 0.0, palette.series_at(i));
        painter.galley(place.min, galley, palette.ink);
        at.y += LINE;
    }
}

/// A small moving picture.
pub(crate) fn miniature(run: &FieldRun, phase: f64, palette: &Palette, ui: &mut Ui) {
    let (response, painter) = ui.allocate_painter(ui.available_size(), Sense::hover());
    let rect = response.rect.shrink(6.0);
    let side = ((rect.width() - 2.0 * GAP) / 3.0).min(rect.height());
    let step = run.timeline.index_at(phase * run.timeline.end());
    for (i, panel) in run.panels().iter().take(COLUMNS).enumerate() {
        let corner = rect.left_top() + vec2(i as f32 * (side + GAP), 0.5 * (rect.height() - side));
        let at = Rect::from_min_size(corner, vec2(side, side));
        picture(panel, step, false, at, palette, &painter);
    }
}
