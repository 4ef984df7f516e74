//! Samples on their way through the blocks of a network: one column a sample, one row a block.

use crate::core::EntityId;
use crate::labs::routing::LayerRun;
use crate::ui::theme::{Palette, fade};
use crate::ui::{Stage, icon::text_at, picture};
use egui::{
    Align2, Color32, FontId, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2,
};

/// Room for the words above and for the names of the rows.
const HEADER: f32 = 40.0;
const LEFT: f32 = 60.0;
/// Room below for what is prompt and what is decoded.
const FOOT: f32 = 22.0;
/// Samples drawn at most; the rest is in the tables.
const DRAWN: usize = 96;
/// Narrowest column.
const NARROW: f32 = 5.0;

/// Where things are.
struct Map {
    body: Rect,
    columns: usize,
    rows: usize,
    /// Samples drawn, by digit.
    order: Vec<usize>,
}

impl Map {
    fn new(run: &LayerRun, body: Rect) -> Self {
        let fit = (body.width() / NARROW) as usize;
        let count = run.labels().len().min(DRAWN).min(fit.max(1));
        let mut order = run.order();
        match run.sequence() {
            // Whole sequences where they fit.
            Some([length, _]) if count >= length => order.truncate(count / length * length),
            Some(_) => order.truncate(count),
            None => order.retain(|&i| i < count),
        }
        Self {
            body,
            columns: order.len(),
            rows: run.config().blocks as usize + 1,
            order,
        }
    }

    /// Whether the sample in a column skips a block that a later one of its sequence runs.
    fn is_hole(&self, run: &LayerRun, column: usize, row: usize) -> bool {
        let Some([length, _]) = run.sequence() else {
            return false;
        };
        let blocks = self.rows - 1;
        let action = |c: usize| run.shown().actions[self.order[c] * blocks + row];
        let end = (column / length * length + length).min(self.columns);
        action(column) == 0 && (column + 1..end).any(|c| action(c) > 0)
    }

    fn cell(&self, column: usize, row: usize) -> Rect {
        let size = vec2(
            self.body.width() / self.columns as f32,
            self.body.height() / self.rows as f32,
        );
        let min = self.body.min + vec2(column as f32 * size.x, row as f32 * size.y);
        let inset = (0.08 * size.x).min(1.5);
        Rect::from_min_size(min, size).shrink(inset)
    }

    fn at(&self, at: Pos2) -> Option<usize> {
        let share = (at.x - self.body.left()) / self.body.width();
        let inside = self.body.contains(at);
        let column = (share * self.columns as f32) as usize;
        self.order.get(column).copied().filter(|_| inside)
    }
}

fn words(run: &LayerRun, done: usize) -> String {
    let p = run.shown();
    format!(
        "{}: {:.1} % right, {:.2} block runs per sample; block {done} of {}",
        p.name,
        100.0 * p.accuracy,
        p.cost,
        run.config().blocks
    )
}

/// Draws the samples at the playhead.
pub(in crate::labs::routing) fn show(run: &LayerRun, stage: &mut Stage<'_>, ui: &mut Ui) {
    let rect = ui.available_rect_before_wrap();
    let response = ui.allocate_rect(rect, Sense::click());
    let done = stage.playhead as usize;
    let text = words(run, done);
    picture(&response, "Samples and blocks", &text);
    if rect.width() < 120.0 || rect.height() < 120.0 {
        return;
    }
    let painter = ui.painter_at(rect);
    let font = FontId::proportional(12.0);
    let (ink, muted) = (stage.palette.ink, stage.palette.muted);
    let corner = rect.left_top() + vec2(2.0, 2.0);
    let room = rect.right() - corner.x;
    text_at(ui, corner, Align2::LEFT_TOP, &text, font.clone(), ink, room);
    let end = legend(
        run,
        corner + vec2(0.0, 18.0),
        rect.right(),
        stage.palette,
        &painter,
    );
    let foot = if run.sequence().is_some() { FOOT } else { 4.0 };
    let body = Rect::from_min_max(
        pos2(rect.left() + LEFT, end.max(rect.top() + HEADER)),
        pos2(rect.right() - 4.0, rect.bottom() - foot),
    );
    let map = Map::new(run, body);
    if let Some(i) = response.hover_pos().and_then(|at| map.at(at)) {
        let id = EntityId(i as u64);
        *stage.hovered = Some(id);
        let (label, class) = (run.labels()[i], run.shown().classes[i]);
        response
            .clone()
            .on_hover_text_at_pointer(format!("Sample {i}: a {label}, taken for a {class}"));
        if response.clicked() {
            *stage.selected = Some(id);
        }
    } else if response.clicked() {
        *stage.selected = None;
    }
    draw(run, &map, done, stage.palette, &painter);
    sequences(run, &map, stage.palette, &painter);
    for row in 0..map.rows {
        let cell = map.cell(0, row);
        let at = pos2(rect.left() + LEFT - 4.0, cell.center().y);
        let name = if row + 1 == map.rows {
            "answer".to_owned()
        } else {
            format!("block {row}")
        };
        painter.text(at, Align2::RIGHT_CENTER, name, font.clone(), muted);
    }
    let focus = stage.hovered.or(*stage.selected);
    let column = focus.and_then(|f| map.order.iter().position(|&i| i as u64 == f.0));
    if let Some(c) = column {
        let all = map.cell(c, 0).union(map.cell(c, map.rows - 1)).expand(1.0);
        let stroke = Stroke::new(2.0, stage.palette.accent);
        painter.rect_stroke(all, 0.0, stroke, StrokeKind::Outside);
    }
}

/// The same without words, for the home page.
pub(in crate::labs::routing) fn miniature(
    run: &LayerRun,
    phase: f64,
    palette: &Palette,
    ui: &mut Ui,
) {
    let rect = ui.available_rect_before_wrap();
    ui.allocate_rect(rect, Sense::hover());
    let map = Map::new(run, rect.shrink(4.0));
    let done = (phase * (map.rows as f64)) as usize;
    draw(run, &map, done, palette, &ui.painter_at(rect));
}

/// Colour of what is done with a block.
fn color(action: u8, palette: &Palette) -> Color32 {
    match action {
        0 => fade(palette.grid, 0.45),
        1 => palette.series_at(0),
        2 => palette.series_at(4),
        _ => palette.background,
    }
}

/// What the colours mean, in as many lines as it takes; the height at which it ends.
fn legend(run: &LayerRun, at: Pos2, right: f32, palette: &Palette, painter: &Painter) -> f32 {
    const LINE: f32 = 16.0;
    let mut place = at;
    let font = FontId::proportional(11.0);
    for (action, name) in [
        (1, "run"),
        (2, "run twice"),
        (0, "skipped"),
        (3, "left before"),
        (HOLE, "hole: a later token misses it"),
    ] {
        let shown = match action {
            HOLE => run.sequence().is_some(),
            2 | 3 => run.shown().actions.contains(&action),
            _ => true,
        };
        if !shown {
            continue;
        }
        let words = painter.layout_no_wrap(name.to_owned(), font.clone(), palette.muted);
        if place.x > at.x && place.x + 14.0 + words.size().x > right {
            place = pos2(at.x, place.y + LINE);
        }
        let swatch = Rect::from_min_size(place + vec2(0.0, 2.0), vec2(10.0, 10.0));
        if action == HOLE {
            painter.rect_filled(swatch, 0.0, color(0, palette));
            painter.add(hole(swatch, palette));
        } else {
            painter.rect_filled(swatch, 0.0, color(action, palette));
        }
        let stroke = Stroke::new(1.0, palette.grid);
        painter.rect_stroke(swatch, 0.0, stroke, StrokeKind::Inside);
        let end = place.x + 14.0 + words.size().x;
        painter.galley(place + vec2(14.0, 0.0), words, palette.muted);
        place.x = end + 12.0;
    }
    place.y + LINE + 6.0
}

/// Number of a hole in the legend, after the actions.
const HOLE: u8 = 4;

fn hole(cell: Rect, palette: &Palette) -> Shape {
    let radius = (0.3 * cell.width().min(cell.height())).max(1.5);
    Shape::circle_stroke(cell.center(), radius, Stroke::new(1.2, palette.bad))
}

/// Where sequences and their prompts end.
fn sequences(run: &LayerRun, map: &Map, palette: &Palette, painter: &Painter) {
    let Some([length, prompt]) = run.sequence() else {
        return;
    };
    for start in (0..map.columns).step_by(length) {
        let end = (start + length).min(map.columns);
        let of = |from: usize, to: usize| {
            map.cell(from, 0)
                .union(map.cell(to.max(from + 1) - 1, map.rows - 1))
        };
        let parts = [
            (
                of(start, (start + prompt).min(end)),
                "prompt",
                palette.accent,
            ),
            (
                of((start + prompt).min(end - 1), end),
                "decoded",
                palette.muted,
            ),
        ];
        for (part, name, color) in parts {
            let y = map.body.bottom() + 3.0;
            let line = [pos2(part.left(), y), pos2(part.right(), y)];
            painter.line_segment(line, Stroke::new(2.0, color));
            let font = FontId::proportional(11.0);
            let words = painter.layout_no_wrap(name.to_owned(), font, palette.muted);
            if words.size().x <= part.width() {
                let at = pos2(part.center().x - words.size().x / 2.0, y + 3.0);
                painter.galley(at, words, palette.muted);
            }
        }
    }
}

fn draw(run: &LayerRun, map: &Map, done: usize, palette: &Palette, painter: &Painter) {
    let shown = run.shown();
    let blocks = map.rows - 1;
    let mut shapes = Vec::new();
    for (column, &i) in map.order.iter().enumerate() {
        for row in 0..blocks.min(done) {
            let action = shown.actions[i * blocks + row];
            let cell = map.cell(column, row);
            shapes.push(Shape::rect_filled(cell, 0.0, color(action, palette)));
            if map.is_hole(run, column, row) {
                shapes.push(hole(cell, palette));
            }
            if action == 2 {
                // Not by colour alone: a line across.
                let line = [cell.left_center(), cell.right_center()];
                shapes.push(Shape::line_segment(
                    line,
                    Stroke::new(1.5, palette.background),
                ));
            }
        }
        if done >= blocks {
            let cell = map.cell(column, blocks);
            let right = shown.classes[i] == run.labels()[i];
            let fill = if right { palette.good } else { palette.bad };
            shapes.push(Shape::rect_filled(cell, 0.0, fade(fill, 0.85)));
            if !right {
                let stroke = Stroke::new(1.5, palette.background);
                shapes.push(Shape::line_segment(
                    [cell.left_top(), cell.right_bottom()],
                    stroke,
                ));
                shapes.push(Shape::line_segment(
                    [cell.right_top(), cell.left_bottom()],
                    stroke,
                ));
            }
        }
    }
    painter.extend(shapes);
}
