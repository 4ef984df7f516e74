//! The tokens on the left: one cell each, or one block per cluster when there are many.

use super::frame::Frame;
use crate::core::EntityId;
use crate::labs::routing::{Entity, Pair};
use crate::ui::theme::{fade, mix};
use egui::{Align2, FontId, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, pos2, vec2};

/// The token under a point.
pub(in crate::labs::routing) fn at(frame: &Frame<'_>, at: Pos2) -> Option<EntityId> {
    if frame.gathered() || !frame.tokens.contains(at) {
        return None;
    }
    let offset = at - frame.tokens.min;
    let (column, row) = (
        (offset.x / frame.cell) as usize,
        (offset.y / frame.cell) as usize,
    );
    let token = row * frame.columns + column;
    (column < frame.columns && token < frame.batch.clusters.len()).then(|| {
        Entity::Token {
            batch: frame.scene.batch,
            token,
        }
        .id()
    })
}

pub(in crate::labs::routing) fn draw(frame: &Frame<'_>, painter: &Painter) {
    if frame.gathered() {
        blocks(frame, painter);
    } else {
        cells(frame, painter);
    }
    if frame.words {
        painter.text(
            frame.tokens.left_top() - vec2(0.0, 2.0),
            Align2::LEFT_BOTTOM,
            format!("{} tokens", frame.batch.clusters.len()),
            FontId::proportional(11.0),
            frame.palette.muted,
        );
        legend(frame, painter);
    }
}

/// What became of a token by now.
#[derive(PartialEq)]
enum State {
    Waiting,
    Routed,
    Lost,
}

fn state(frame: &Frame<'_>, pairs: &[Pair]) -> State {
    let mut waiting = false;
    for p in pairs {
        if frame.gone(p) {
            continue;
        }
        if !frame.waiting(p) {
            return State::Routed;
        }
        waiting = true;
    }
    // Nothing asked for it: that is known once the experts have chosen.
    if waiting || (pairs.is_empty() && frame.scene.turns < frame.batch.turns) {
        State::Waiting
    } else {
        State::Lost
    }
}

fn cells(frame: &Frame<'_>, painter: &Painter) {
    let mut shapes = Vec::with_capacity(frame.batch.clusters.len());
    for (t, &cluster) in frame.batch.clusters.iter().enumerate() {
        let rect = frame.token(t);
        let pairs = frame.batch.of_token(t);
        let color = frame.cluster(cluster);
        let dim = pairs
            .iter()
            .map(|p| frame.in_focus(p))
            .fold(None, |seen, f| match (seen, f) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (None, other) => other,
                (seen, _) => seen,
            });
        let strength = if dim == Some(false) { 0.35 } else { 1.0 };
        match state(frame, pairs) {
            State::Waiting => {
                shapes.push(Shape::rect_filled(
                    rect,
                    1.0,
                    mix(frame.palette.background, color, 0.28 * strength),
                ));
            }
            State::Routed => {
                shapes.push(Shape::rect_filled(
                    rect,
                    1.0,
                    mix(frame.palette.background, color, strength),
                ));
            }
            State::Lost => {
                let stroke = Stroke::new(1.0, frame.palette.bad);
                let inner = rect.shrink(1.0);
                shapes.push(Shape::rect_filled(
                    rect,
                    1.0,
                    mix(frame.palette.background, color, 0.28 * strength),
                ));
                shapes.push(Shape::line_segment(
                    [inner.left_top(), inner.right_bottom()],
                    stroke,
                ));
                shapes.push(Shape::line_segment(
                    [inner.right_top(), inner.left_bottom()],
                    stroke,
                ));
            }
        }
    }
    painter.extend(shapes);
    if let Some(Entity::Token { batch, token }) = frame.focus
        && batch == frame.scene.batch
        && token < frame.batch.clusters.len()
    {
        let rect = frame.token(token).expand(1.0);
        painter.rect_stroke(
            rect,
            1.0,
            Stroke::new(2.0, frame.palette.accent),
            StrokeKind::Outside,
        );
    }
}

/// One block per cluster, filled from the top as its pairs find places.
fn blocks(frame: &Frame<'_>, painter: &Painter) {
    let experts = frame.experts();
    let mut wanted = vec![0_u32; frame.blocks.len()];
    for p in frame.batch.pairs.iter() {
        wanted[usize::from(frame.batch.clusters[p.token as usize])] += 1;
    }
    for (c, &[top, bottom]) in frame.blocks.iter().enumerate() {
        let color = frame.cluster(c as u8);
        let right = frame.tokens.right().min(frame.tokens.left() + 60.0);
        let rect = Rect::from_min_max(pos2(frame.tokens.left(), top), pos2(right, bottom));
        painter.rect_filled(rect, 2.0, fade(color, 0.25));
        let inside: u32 = frame.scene.flows[c * experts..(c + 1) * experts]
            .iter()
            .sum();
        let share = inside as f32 / wanted[c].max(1) as f32;
        let filled = Rect::from_min_max(rect.min, pos2(right, top + share * (bottom - top)));
        painter.rect_filled(filled, 2.0, color);
        if frame.words && bottom - top > 12.0 {
            painter.text(
                pos2(right + 4.0, f32::midpoint(top, bottom)),
                Align2::LEFT_CENTER,
                format!("{} {c}", frame.group),
                FontId::proportional(10.0),
                frame.palette.muted,
            );
        }
    }
}

/// Cluster colours with their numbers, under the tokens.
fn legend(frame: &Frame<'_>, painter: &Painter) {
    let clusters = frame.scene.flows.len() / frame.experts();
    let mut left = frame.tokens.left();
    let top = frame.tokens.bottom() + 4.0;
    let end = frame.bins.left() - 30.0;
    for c in 0..clusters {
        let width = if c == 0 { 60.0 } else { 22.0 };
        if left + width > end || frame.gathered() {
            break;
        }
        let name = if c == 0 {
            format!("{} 0", frame.group)
        } else {
            c.to_string()
        };
        let swatch = Rect::from_min_size(pos2(left, top + 2.0), vec2(8.0, 8.0));
        painter.rect_filled(swatch, 1.0, frame.cluster(c as u8));
        painter.text(
            swatch.right_center() + vec2(3.0, 0.0),
            Align2::LEFT_CENTER,
            name,
            FontId::proportional(10.0),
            frame.palette.muted,
        );
        left += width;
    }
}
