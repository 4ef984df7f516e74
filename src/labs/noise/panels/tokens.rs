//! Samples of masked generation as cells: masked ones empty, revealed ones in the colour of their
//! token or shade of their number, those of the last round outlined; below them the noise indices of
//! a hyperschedule.

use super::super::tokens::{Correction, TokenRun};
use super::heat;
use crate::core::EntityId;
use crate::ui::Stage;
use crate::ui::theme::{Palette, fade};
use egui::{
    Align2, Color32, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, TextStyle, Ui, vec2,
};

/// Where the tiles and their cells lie.
struct Map {
    origin: Pos2,
    cell: f32,
    /// Tiles side by side.
    across: usize,
    /// Space between tiles, in points.
    gap: f32,
    shape: [usize; 2],
    tiles: usize,
}

impl Map {
    fn new(run: &TokenRun, rect: Rect) -> Self {
        let shape = run.shape();
        let tiles = run.tiles().len().max(1);
        let mut best: Option<Self> = None;
        // As many tiles side by side as make the cells largest.
        for across in 1..=tiles {
            let down = tiles.div_ceil(across);
            let gap = if tiles == 1 {
                0.0
            } else if shape[0] == 1 && across == 1 {
                3.0
            } else {
                12.0
            };
            let width = (rect.width() - gap * (across - 1) as f32) / (across * shape[1]) as f32;
            let height = (rect.height() - gap * (down - 1) as f32) / (down * shape[0]) as f32;
            let cell = width.min(height).min(44.0);
            if best.as_ref().is_none_or(|b| cell > b.cell) {
                let full = vec2(
                    cell * (across * shape[1]) as f32 + gap * (across - 1) as f32,
                    cell * (down * shape[0]) as f32 + gap * (down - 1) as f32,
                );
                best = Some(Self {
                    origin: rect.center() - 0.5 * full,
                    cell,
                    across,
                    gap,
                    shape,
                    tiles,
                });
            }
        }
        best.unwrap_or(Self {
            origin: rect.min,
            cell: 1.0,
            across: 1,
            gap: 0.0,
            shape,
            tiles: 0,
        })
    }

    fn tile(&self, tile: usize) -> Pos2 {
        let step = |n: usize| n as f32 * self.cell + self.gap;
        self.origin
            + vec2(
                (tile % self.across) as f32 * step(self.shape[1]),
                (tile / self.across) as f32 * step(self.shape[0]),
            )
    }

    fn rect(&self, tile: usize, position: usize) -> Rect {
        let (row, column) = (position / self.shape[1], position % self.shape[1]);
        let corner = self.tile(tile) + vec2(column as f32, row as f32) * self.cell;
        Rect::from_min_size(corner, vec2(self.cell, self.cell))
    }

    fn find(&self, at: Pos2) -> Option<EntityId> {
        let positions = self.shape[0] * self.shape[1];
        (0..self.tiles)
            .flat_map(|t| (0..positions).map(move |p| (t, p)))
            .find(|(t, p)| self.rect(*t, *p).contains(at))
            .map(|(t, p)| EntityId((t * positions + p) as u64))
    }
}

fn color(run: &TokenRun, value: f32, palette: &Palette) -> Color32 {
    match run.values {
        // Numbers have a spread of about one.
        0 => palette.sequential_at((0.5 + 0.22 * value).clamp(0.0, 1.0)),
        2 => palette.sequential_at(if value > 0.5 { 0.95 } else { 0.2 }),
        _ => palette.series_at(value as usize),
    }
}

/// Draws the samples at the playhead.
pub(crate) fn show(run: &TokenRun, stage: &mut Stage<'_>, ui: &mut Ui) {
    let area = ui.available_rect_before_wrap();
    let response = ui.interact(
        area,
        ui.scope_id().with(("tokens", stage.slot)),
        Sense::click(),
    );
    let painter = ui.painter().with_clip_rect(area);
    painter.rect_filled(area, 0.0, stage.palette.background);
    let mut inner = Rect::from_min_max(area.min + vec2(12.0, 46.0), area.max - vec2(12.0, 12.0));
    if let Some(indices) = run.indices().filter(|_| inner.height() > 140.0) {
        let map = inner.with_min_y(inner.bottom() - (0.4 * inner.height()).min(260.0));
        inner.max.y = map.top() - 14.0;
        heat::show(run, indices, stage, map, ui, &painter);
    }
    if inner.width() > 20.0 && inner.height() > 20.0 {
        let map = Map::new(run, inner);
        if let Some(pointer) = response.hover_pos() {
            let found = map.find(pointer);
            *stage.hovered = found;
            if response.clicked() {
                *stage.selected = found;
            }
        }
        cells(run, &map, stage.playhead, stage.palette, &painter);
        marks(run, &map, stage, &painter);
    }
    let words = words(run, stage);
    caption(&words, stage, area, ui, &painter);
    response.widget_info(|| {
        egui::WidgetInfo::labeled(
            egui::Role::Image,
            true,
            format!("Tokens. {}", words.join(" ")),
        )
    });
    ui.advance_cursor_after_rect(area);
}

fn cells(run: &TokenRun, map: &Map, playhead: f64, palette: &Palette, painter: &Painter) {
    let done = run.timeline.index_at(playhead);
    let mut shapes = Vec::new();
    let inset = (0.06 * map.cell).min(1.5);
    for (t, tile) in run.tiles().iter().enumerate() {
        for (p, round) in tile.round.iter().enumerate() {
            let rect = map.rect(t, p).shrink(inset);
            let round = usize::from(*round);
            if round >= done {
                shapes.push(Shape::rect_filled(rect, 1.0, fade(palette.grid, 0.8)));
                continue;
            }
            let value = tile.value(p, done).unwrap_or(tile.values[p]);
            shapes.push(Shape::rect_filled(rect, 1.0, color(run, value, palette)));
            let again =
                |c: &Correction| usize::from(c.position) == p && usize::from(c.round) + 1 == done;
            if tile.corrections.iter().any(again) {
                let stroke = Stroke::new((0.12 * map.cell).clamp(1.5, 3.0), palette.warning);
                shapes.push(Shape::rect_stroke(rect, 1.0, stroke, StrokeKind::Inside));
            }
            if round + 1 == done {
                let stroke = Stroke::new((0.09 * map.cell).clamp(1.0, 2.5), palette.accent);
                shapes.push(Shape::rect_stroke(rect, 1.0, stroke, StrokeKind::Inside));
            }
        }
    }
    painter.extend(shapes);
}

/// Frames around the cell under the pointer and the pinned one.
fn marks(run: &TokenRun, map: &Map, stage: &Stage<'_>, painter: &Painter) {
    for (entity, width) in [(*stage.hovered, 1.5), (*stage.selected, 2.5)] {
        let n = run.positions() as u64;
        if let Some(EntityId(e)) = entity.filter(|e| e.0 / n < run.tiles().len() as u64) {
            let rect = map.rect((e / n) as usize, (e % n) as usize);
            let stroke = Stroke::new(width, stage.palette.ink);
            painter.rect_stroke(rect, 2.0, stroke, StrokeKind::Outside);
        }
    }
}

/// What the picture shows now, in two lines.
fn words(run: &TokenRun, stage: &Stage<'_>) -> [String; 2] {
    let done = run.timeline.index_at(stage.playhead);
    let count = |wanted: &dyn Fn(usize) -> bool| {
        run.tiles().first().map_or(0, |t| {
            t.round.iter().filter(|r| wanted(usize::from(**r))).count()
        })
    };
    let known = count(&|r| r < done);
    let first = format!(
        "Round {done} of {}: {known} of {} positions revealed",
        run.costs().len(),
        run.positions()
    );
    let again = |c: &&Correction| usize::from(c.round) + 1 == done;
    let corrected: usize = run
        .tiles()
        .iter()
        .map(|t| t.corrections.iter().filter(again).count())
        .sum();
    let corrected = match corrected {
        0 => String::new(),
        n => format!(", {n} drawn again over all samples"),
    };
    let second = match done.checked_sub(1).and_then(|r| run.costs().get(r)) {
        Some(cost) => format!(
            "this round {} together{corrected}, cost {:.3} nats; whole run {:.3} nats",
            count(&|r| r + 1 == done),
            if cost.abs() < 5e-4 { 0.0 } else { *cost },
            run.divergence()
        ),
        None => format!("all masked; whole run {:.3} nats", run.divergence()),
    };
    [first, second]
}

fn caption(words: &[String; 2], stage: &Stage<'_>, area: Rect, ui: &Ui, painter: &Painter) {
    let body = TextStyle::Body.resolve(ui.style());
    let small = TextStyle::Small.resolve(ui.style());
    let at = area.left_top() + vec2(12.0, 6.0);
    let used = painter.text(at, Align2::LEFT_TOP, &words[0], body, stage.palette.ink);
    let at = Pos2::new(at.x, used.bottom() + 2.0);
    painter.text(at, Align2::LEFT_TOP, &words[1], small, stage.palette.muted);
}

/// A small moving picture.
pub(crate) fn miniature(run: &TokenRun, phase: f64, palette: &Palette, ui: &mut Ui) {
    let (response, painter) = ui.allocate_painter(ui.available_size(), Sense::hover());
    let map = Map::new(run, response.rect.shrink(6.0));
    cells(run, &map, phase * run.timeline.end(), palette, &painter);
}
