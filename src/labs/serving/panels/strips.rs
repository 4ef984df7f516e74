//! Two strips under the lanes: tokens of every iteration against the budget, and KV memory in use.

use super::super::config::Config;
use super::super::lanes::Column;
use super::super::policies::Feature;
use super::frame::{Frame, SMALL, caption};
use crate::ui::mesh_of_rects;
use crate::ui::theme::{Palette, fade, mix};
use egui::{Align2, FontId, Painter, Rect, Stroke, pos2};

/// A round number not below `value`, for the top of an axis.
fn round_up(value: f32) -> f32 {
    let mut top = 16.0;
    while top < value {
        top *= 2.0;
    }
    top
}

fn bounds(frame: &Frame, i: usize, n: usize) -> (f32, f32) {
    let width = (frame.right - frame.left) / n as f32;
    (
        frame.left + width * i as f32,
        frame.left + width * (i + 1) as f32,
    )
}

/// Stacked bars: prefill on top of decodes, with the budget as a dashed line.
pub(in super::super) fn tokens(
    columns: &[Option<Column>],
    config: &Config,
    frame: &Frame,
    rect: Rect,
    palette: &Palette,
    painter: &Painter,
) {
    let budget = config
        .scheduler
        .has(Feature::Budget)
        .then_some(config.chunk_size as f32);
    let largest = columns
        .iter()
        .flatten()
        .map(|c| (c.prefill + c.decodes) as f32)
        .fold(budget.unwrap_or(0.0) * 1.1, f32::max);
    let top = round_up(largest);
    let y = |tokens: f32| rect.bottom() - (rect.height() - 2.0) * tokens / top;
    let mut mesh = mesh_of_rects(2 * columns.len());
    for (i, column) in columns.iter().enumerate() {
        let Some(c) = column else {
            continue;
        };
        let (left, right) = bounds(frame, i, columns.len());
        let decodes = if c.decodes > 0 {
            y(c.decodes as f32).min(rect.bottom() - 1.5)
        } else {
            rect.bottom()
        };
        let bar = |t: f32, b: f32| Rect::from_min_max(pos2(left, t), pos2(right, b));
        mesh.add_colored_rect(bar(decodes, rect.bottom()), palette.states[2]);
        if c.prefill > 0 {
            let height = decodes - y(c.prefill as f32 + c.decodes as f32);
            mesh.add_colored_rect(bar(decodes - height.max(1.5), decodes), palette.states[1]);
        }
    }
    painter.add(mesh);
    if let Some(budget) = budget {
        let line = [pos2(rect.left(), y(budget)), pos2(rect.right(), y(budget))];
        painter.extend(egui::Shape::dashed_line(
            &line,
            Stroke::new(1.0, palette.ink),
            5.0,
            3.0,
        ));
    }
    base(rect, palette, painter);
    scale(rect, &format!("{top:.0}"), palette, painter);
    let words = if budget.is_some() {
        "tokens per iteration, budget dashed"
    } else {
        "tokens per iteration"
    };
    caption(rect, words, palette, painter);
}

/// Share of the pool in use, the part that holds tokens darker; dashed, what the scheduler sees
/// coming.
pub(in super::super) fn memory(
    (columns, forecast): (&[Option<Column>], &[[f64; 2]]),
    frame: &Frame,
    rect: Rect,
    palette: &Palette,
    painter: &Painter,
) {
    let y = |share: f32| rect.bottom() - (rect.height() - 2.0) * share.clamp(0.0, 1.0);
    let reserved = mix(palette.background, palette.series[2], 0.35);
    let mut mesh = mesh_of_rects(2 * columns.len());
    let mut last = Column::default();
    for (i, column) in columns.iter().enumerate() {
        // Between iterations the memory stays as it is, unless all is done.
        last = column.unwrap_or(Column {
            prefill: 0,
            decodes: 0,
            ..last
        });
        let (left, right) = bounds(frame, i, columns.len());
        let bar = |share: f32| Rect::from_min_max(pos2(left, y(share)), pos2(right, rect.bottom()));
        if column.is_some() {
            mesh.add_colored_rect(bar(last.kv), reserved);
            mesh.add_colored_rect(bar(last.filled.min(last.kv)), palette.series[2]);
        }
    }
    painter.add(mesh);
    painter.line_segment(
        [rect.left_top(), rect.right_top()],
        Stroke::new(1.0, fade(palette.ink, 0.5)),
    );
    let inside = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    let line: Vec<egui::Pos2> = (forecast.iter())
        .map(|&[at, share]| {
            // What is more than the pool leaves the strip.
            let height = (rect.height() - 2.0) * share as f32;
            pos2(frame.x(at), rect.bottom() - height)
        })
        .collect();
    inside.extend(egui::Shape::dashed_line(
        &line,
        Stroke::new(1.5, palette.ink),
        4.0,
        2.5,
    ));
    base(rect, palette, painter);
    scale(rect, "100 %", palette, painter);
    let words = if forecast.is_empty() {
        "KV memory: filled, reserved paler"
    } else {
        "KV memory: filled, reserved paler, foretold dashed"
    };
    caption(rect, words, palette, painter);
}

fn base(rect: Rect, palette: &Palette, painter: &Painter) {
    painter.line_segment(
        [rect.left_bottom(), rect.right_bottom()],
        Stroke::new(1.0, palette.grid),
    );
}

fn scale(rect: Rect, words: &str, palette: &Palette, painter: &Painter) {
    let font = FontId::proportional(SMALL - 1.0);
    let left = rect.left() - 5.0;
    painter.text(
        pos2(left, rect.top()),
        Align2::RIGHT_TOP,
        words,
        font.clone(),
        palette.muted,
    );
    painter.text(
        pos2(left, rect.bottom()),
        Align2::RIGHT_BOTTOM,
        "0",
        font,
        palette.muted,
    );
}
