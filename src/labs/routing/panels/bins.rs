//! The experts on the right: bins that fill from the left up to the capacity line, what is dropped
//! beyond it, and the band of random routing.

use super::frame::Frame;
use crate::core::EntityId;
use crate::labs::routing::{Config, Entity, Pair};
use crate::ui::theme::{fade, mix};
use egui::{Align2, CursorIcon, FontId, Painter, Pos2, Rect, Sense, Shape, Stroke, pos2, vec2};

/// The expert under a point.
pub(in crate::labs::routing) fn at(frame: &Frame<'_>, at: Pos2) -> Option<EntityId> {
    (0..frame.experts())
        .find(|&e| frame.row(e).contains(at))
        .map(|e| Entity::Expert(e).id())
}

pub(in crate::labs::routing) fn draw(frame: &Frame<'_>, painter: &Painter) {
    floor_band(frame, painter);
    let kept = by_expert(frame);
    for e in 0..frame.experts() {
        bin(frame, e, &kept[e], painter);
    }
    if !frame.sharing.is_empty() {
        devices(frame, painter);
    } else if frame.limited {
        capacity_line(frame, painter);
    }
    if frame.words {
        axis(frame, painter);
    }
}

/// Pairs inside each bin now, in order of their place.
fn by_expert<'a>(frame: &Frame<'a>) -> Vec<Vec<&'a Pair>> {
    let mut out: Vec<Vec<&Pair>> = vec![Vec::new(); frame.experts()];
    for p in frame.batch.pairs.iter() {
        if !frame.waiting(p) && !frame.gone(p) {
            out[usize::from(p.expert)].push(p);
        }
    }
    for pairs in &mut out {
        pairs.sort_unstable_by_key(|p| p.arrives);
    }
    out
}

fn floor_band(frame: &Frame<'_>, painter: &Painter) {
    let Some([low, high]) = frame.floor else {
        return;
    };
    let rect = Rect::from_min_max(
        pos2(frame.x(low), frame.bins.top()),
        pos2(frame.x(high).max(frame.x(low) + 1.0), frame.bins.bottom()),
    );
    painter.rect_filled(
        rect,
        0.0,
        mix(frame.palette.background, frame.palette.muted, 0.28),
    );
    if frame.words && frame.bins.width() > 150.0 {
        painter.text(
            pos2(rect.center().x, frame.bins.top() - 2.0),
            Align2::CENTER_BOTTOM,
            "pure chance",
            FontId::proportional(10.0),
            frame.palette.muted,
        );
    }
}

fn bin(frame: &Frame<'_>, e: usize, pairs: &[&Pair], painter: &Painter) {
    let rect = frame.bin(e);
    let palette = frame.palette;
    let focused = match frame.focus {
        Some(Entity::Expert(focus)) => focus == e,
        _ => false,
    };
    let mut shapes = Vec::new();
    let track = Stroke::new(
        1.0,
        if focused {
            palette.accent
        } else {
            palette.grid
        },
    );
    let end = if frame.limited {
        frame.x(frame.lid(e))
    } else {
        frame.bins.right()
    };
    let outline = Rect::from_min_max(rect.min, pos2(end, rect.bottom()));
    if rect.height() > 3.0 {
        shapes.push(Shape::rect_stroke(
            outline,
            1.0,
            track,
            egui::StrokeKind::Inside,
        ));
    }
    fill(frame, rect, pairs, &mut shapes);
    dropped(frame, e, rect, &mut shapes);
    painter.extend(shapes);
    if frame.words {
        labels(frame, e, rect, focused, painter);
    }
}

/// The fill: neighbouring pairs of one cluster are one piece.
fn fill(frame: &Frame<'_>, rect: Rect, pairs: &[&Pair], shapes: &mut Vec<Shape>) {
    let mut start = 0;
    while start < pairs.len() {
        let look = |p: &Pair| {
            let cluster = frame.batch.clusters[p.token as usize];
            (
                cluster,
                matches!(frame.focus, Some(Entity::Token { .. }))
                    && frame.in_focus(p) == Some(true),
            )
        };
        let (cluster, marked) = look(pairs[start]);
        let mut next = start + 1;
        while next < pairs.len() && look(pairs[next]) == (cluster, marked) {
            next += 1;
        }
        let piece = Rect::from_min_max(
            pos2(frame.x(start as f32), rect.top()),
            pos2(frame.x(next as f32), rect.bottom()),
        );
        shapes.push(Shape::rect_filled(piece, 0.0, frame.cluster(cluster)));
        if marked {
            let piece = piece.expand2(vec2(1.0, 2.0));
            let stroke = Stroke::new(2.0, frame.palette.accent);
            shapes.push(Shape::rect_stroke(
                piece,
                0.0,
                stroke,
                egui::StrokeKind::Outside,
            ));
        }
        start = next;
    }
}

/// What was turned away, hatched, beyond the capacity line.
fn dropped(frame: &Frame<'_>, e: usize, rect: Rect, shapes: &mut Vec<Shape>) {
    let count = frame.scene.dropped[e];
    if count == 0 {
        return;
    }
    let from = frame.x(frame.edge(e));
    let to = frame.x(frame.edge(e) + count as f32).max(from + 2.0);
    let piece = Rect::from_min_max(pos2(from, rect.top()), pos2(to, rect.bottom()));
    shapes.push(Shape::rect_filled(
        piece,
        0.0,
        fade(frame.palette.bad, 0.16),
    ));
    let stroke = Stroke::new(1.0, frame.palette.bad);
    // Lines at 45 degrees, cut at both ends of the piece.
    let (step, height) = (5.0, piece.height());
    let mut x = piece.left() - height;
    while x < piece.right() && height > 2.0 {
        let (from, to) = (x.max(piece.left()), (x + height).min(piece.right()));
        if to > from {
            shapes.push(Shape::line_segment(
                [
                    pos2(from, piece.bottom() - (from - x)),
                    pos2(to, piece.bottom() - (to - x)),
                ],
                stroke,
            ));
        }
        x += step;
    }
}

fn labels(frame: &Frame<'_>, e: usize, rect: Rect, focused: bool, painter: &Painter) {
    let height = frame.row(e).height();
    // Too dense for every name: the first of every eight rows, or only the focused one.
    let every = if height >= 9.0 {
        1
    } else {
        (9.0 / height).ceil() as usize
    };
    if !e.is_multiple_of(every) && !focused {
        return;
    }
    let palette = frame.palette;
    painter.text(
        pos2(rect.left() - 4.0, rect.center().y),
        Align2::RIGHT_CENTER,
        format!("E{e}"),
        FontId::proportional(10.0),
        if focused { palette.accent } else { palette.ink },
    );
    if height < 9.0 {
        return;
    }
    let (inside, lost) = (frame.scene.inside[e], frame.scene.dropped[e]);
    let words = match lost {
        0 => inside.to_string(),
        _ if frame.bins.width() > 220.0 => format!("{inside}, {lost} dropped"),
        _ => format!("{inside}, −{lost}"),
    };
    let reach = frame.x((inside + lost) as f32).max(frame.x(inside as f32));
    let line = if lost > 0 {
        reach.max(frame.x(frame.edge(e)))
    } else {
        reach
    };
    let color = if lost > 0 { palette.bad } else { palette.ink };
    let galley = painter.layout_no_wrap(words, FontId::proportional(10.0), color);
    let left = (line + 4.0).min(frame.bins.right() - galley.size().x - 1.0);
    let at = pos2(left, rect.center().y - galley.size().y / 2.0);
    let back = Rect::from_min_size(at, galley.size()).expand2(vec2(1.5, -1.0));
    painter.rect_filled(back, 2.0, fade(palette.background, 0.82));
    painter.galley(at, galley, color);
}

fn capacity_line(frame: &Frame<'_>, painter: &Painter) {
    let x = frame.x(frame.batch.capacity as f32);
    let ends = [
        pos2(x, frame.bins.top()),
        pos2(x, frame.bins.bottom() + 3.0),
    ];
    painter.line_segment(ends, Stroke::new(2.0, frame.palette.ink));
}

/// Each device as a box as large as its places: bars may reach out of it while there is room
/// elsewhere in it.
fn devices(frame: &Frame<'_>, painter: &Painter) {
    for &(d, group) in &frame.sharing {
        let [first, last] = group.map(|e| frame.row(e));
        let gap = (0.1 * first.height()).min(2.0);
        let rect = Rect::from_min_max(
            pos2(frame.bins.left(), first.top() + gap),
            pos2(frame.x(frame.lid(group[0])), last.bottom() - gap),
        );
        let stroke = Stroke::new(2.0, frame.palette.ink);
        painter.rect_stroke(rect, 2.0, stroke, egui::StrokeKind::Middle);
        if !frame.words || rect.height() < 26.0 {
            continue;
        }
        let words = format!(
            "device {d}: {} of {}",
            frame.on_device(group),
            frame.batch.capacity
        );
        let galley = painter.layout_no_wrap(words, FontId::proportional(10.0), frame.palette.ink);
        let at = pos2(frame.bins.right() - galley.size().x - 2.0, rect.top() - 1.0);
        let back = Rect::from_min_size(at, galley.size()).expand2(vec2(2.0, 0.0));
        painter.rect_filled(back, 2.0, fade(frame.palette.background, 0.82));
        painter.galley(at, galley, frame.palette.ink);
    }
}

fn axis(frame: &Frame<'_>, painter: &Painter) {
    let y = frame.bins.bottom() + 4.0;
    let font = FontId::proportional(10.0);
    let text = |x: f32, align: Align2, words: String, color| {
        painter.text(pos2(x, y), align, words, font.clone(), color)
    };
    text(
        frame.x(0.0),
        Align2::CENTER_TOP,
        "0".to_owned(),
        frame.palette.muted,
    );
    let mut used = Rect::NOTHING;
    if frame.limited {
        let each = if frame.sharing.is_empty() {
            ""
        } else {
            " a device"
        };
        let words = format!("capacity {} pairs{each}", frame.batch.capacity);
        let galley = painter.layout_no_wrap(words, font.clone(), frame.palette.ink);
        let half = galley.size().x / 2.0;
        let x = frame
            .x(frame.lid(0))
            .clamp(frame.bins.left() + half + 8.0, frame.bins.right() - half);
        used = Rect::from_min_size(pos2(x - half, y), galley.size());
        painter.galley(used.min, galley, frame.palette.ink);
    }
    let balanced = format!(
        "balanced {}",
        crate::ui::format::number(f64::from(frame.balanced))
    );
    let galley = painter.layout_no_wrap(balanced, font, frame.palette.muted);
    let x = frame.x(frame.balanced) - galley.size().x / 2.0;
    let rect = Rect::from_min_size(pos2(x.max(frame.bins.left() + 8.0), y), galley.size());
    if !rect.expand(4.0).intersects(used) && rect.right() < frame.bins.right() {
        painter.galley(rect.min, galley, frame.palette.muted);
    }
}

/// The capacity line can be dragged: it sets the capacity factor.
pub(in crate::labs::routing) fn drag_capacity(
    frame: &Frame<'_>,
    config: &mut Config,
    slot: usize,
    ui: &mut egui::Ui,
) {
    if !frame.limited {
        return;
    }
    let x = frame.x(frame.lid(0));
    let grip = Rect::from_min_max(
        pos2(x - 6.0, frame.bins.bottom() - 4.0),
        pos2(x + 6.0, frame.bins.bottom() + 18.0),
    );
    let response = ui
        .interact(grip, ui.scope_id().with(("capacity", slot)), Sense::drag())
        .on_hover_cursor(CursorIcon::ResizeHorizontal)
        .on_hover_text("Drag to change the capacity factor");
    let dragged = response
        .dragged()
        .then(|| response.interact_pointer_pos())
        .flatten();
    if let Some(at) = dragged {
        let load = (at.x - frame.bins.left()) / frame.bins.width() * frame.full_scale;
        let factor = f64::from((load / frame.unit).clamp(0.1, 8.0));
        config.capacity_factor = (factor * 20.0).round().max(2.0) / 20.0;
    }
    let grip = pos2(x, frame.bins.bottom() + 3.0);
    let color = if response.hovered() || response.dragged() {
        frame.palette.accent
    } else {
        frame.palette.ink
    };
    ui.painter().circle_filled(grip, 4.0, color);
}
