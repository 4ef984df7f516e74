//! The noise indices of a hyperschedule: positions side by side, calls below each other, darker the
//! more noise is left; the row at the playhead is framed.

use super::super::tokens::{Hyperschedule, TokenRun};
use crate::ui::Stage;
use egui::{Align2, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, TextStyle, Ui, vec2};

/// Room for the words above the map, in points.
const WORDS: f32 = 18.0;

/// Draws the map.
pub(super) fn show(
    run: &TokenRun,
    indices: &Hyperschedule,
    stage: &Stage<'_>,
    rect: Rect,
    ui: &Ui,
    painter: &Painter,
) {
    let small = TextStyle::Small.resolve(ui.style());
    let done = run.timeline.index_at(stage.playhead).min(indices.calls());
    let zero = |v: &u8| usize::from(*v == 0);
    let settled: usize = indices.after(done).iter().map(zero).sum();
    let tau = indices.tau();
    let words = if rect.width() < 520.0 {
        format!("noise index, {tau} masked to 0 settled: {settled} settled")
    } else {
        format!(
            "noise index of every position (across) after every call (down), from {tau} masked to 0 settled: {settled} settled now"
        )
    };
    painter.text(
        rect.left_top(),
        Align2::LEFT_TOP,
        words,
        small,
        stage.palette.muted,
    );
    let map = rect.with_min_y(rect.top() + WORDS);
    let rows = indices.calls() + 1;
    let columns = run.positions();
    let cell = vec2(map.width() / columns as f32, map.height() / rows as f32);
    let corner =
        |row: usize, column: usize| map.min + vec2(column as f32 * cell.x, row as f32 * cell.y);
    let mut shapes = Vec::new();
    for row in 0..rows {
        let values = indices.after(row);
        let mut start = 0;
        // Equal neighbours are one rectangle.
        while start < columns {
            let same = values[start..].iter().take_while(|v| **v == values[start]);
            let end = start + same.count();
            let low = Pos2::new(corner(row, end).x, corner(row + 1, 0).y);
            let share = f32::from(values[start]) / f32::from(tau);
            let color = if values[start] == 0 {
                stage.palette.background
            } else {
                stage.palette.sequential_at(0.15 + 0.8 * share)
            };
            let cell = Rect::from_min_max(corner(row, start), low);
            shapes.push(Shape::rect_filled(cell, 0.0, color));
            start = end;
        }
    }
    let frame = Stroke::new(1.0, stage.palette.grid);
    shapes.push(Shape::rect_stroke(map, 0.0, frame, StrokeKind::Outside));
    let now = Rect::from_min_max(corner(done, 0), corner(done + 1, columns));
    let stroke = Stroke::new(2.0, stage.palette.accent);
    shapes.push(Shape::rect_stroke(now, 0.0, stroke, StrokeKind::Outside));
    painter.extend(shapes);
}
