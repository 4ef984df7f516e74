//! Lanes: one row per request, coloured by what it does.

use super::super::lanes::Lanes;
use super::super::log::Stretch;
use super::color_of;
use super::frame::{Frame, SMALL};
use crate::ui::mesh_of_rects;
use crate::ui::theme::Palette;
use egui::{Align2, Color32, FontId, Mesh, Painter, Rect, Stroke, StrokeKind, pos2};

/// Largest height of a row.
pub(in super::super) const TALLEST_ROW: f32 = 13.0;
/// Smallest height of a row; with more requests, several share one.
pub(in super::super) const SMALLEST_ROW: f32 = 3.0;

/// Height of one row.
pub(in super::super) fn row_height(lanes: &Lanes, rect: Rect) -> f32 {
    (rect.height() / lanes.rows().max(1) as f32).min(TALLEST_ROW)
}

/// All strips as one mesh.
pub(in super::super) fn mesh(lanes: &Lanes, frame: &Frame, rect: Rect, palette: &Palette) -> Mesh {
    let mut mesh = mesh_of_rects(lanes.strips.len());
    let row = row_height(lanes, rect);
    let gap = if row >= 6.0 {
        1.5
    } else if row >= 4.0 {
        0.75
    } else {
        0.0
    };
    for strip in &lanes.strips {
        let top = rect.top() + row * strip.row as f32;
        let left = frame.x(strip.from);
        let right = frame.x(strip.to).max(left + 0.6);
        // Waiting is a thin thread, so that what runs stands out.
        let inset = match strip.what {
            Stretch::Waiting if row >= 6.0 => row * 0.32,
            _ => gap * 0.5,
        };
        let bar = Rect::from_min_max(pos2(left, top + inset), pos2(right, top + row - inset));
        mesh.add_colored_rect(bar, color_of(strip.what, palette));
        if strip.what == Stretch::Preempted && row >= 5.0 {
            hatch(&mut mesh, bar, palette.background);
        }
    }
    mesh
}

/// Slanted stripes over a bar, cut at its edges.
pub(in super::super) fn hatch(mesh: &mut Mesh, bar: Rect, color: Color32) {
    let height = bar.height();
    let mut x = bar.left();
    while x < bar.right() {
        let clamp = |v: f32| v.min(bar.right());
        let first = mesh.vertices.len() as u32;
        mesh.colored_vertex(pos2(clamp(x + height * 0.6), bar.top()), color);
        mesh.colored_vertex(pos2(clamp(x + height * 0.6 + 1.6), bar.top()), color);
        mesh.colored_vertex(pos2(clamp(x + 1.6), bar.bottom()), color);
        mesh.colored_vertex(pos2(clamp(x), bar.bottom()), color);
        mesh.add_triangle(first, first + 1, first + 2);
        mesh.add_triangle(first, first + 2, first + 3);
        x += 5.0;
    }
}

/// Numbers of the requests at the left edge, thinned so that they do not touch.
pub(in super::super) fn labels(lanes: &Lanes, rect: Rect, palette: &Palette, painter: &Painter) {
    let row = row_height(lanes, rect);
    let every = (12.0 / row).ceil().max(1.0) as usize;
    // Round steps are easier to read than every seventh.
    let every = [1, 2, 5, 10, 20, 50, 100]
        .into_iter()
        .find(|s| *s >= every)
        .unwrap_or(200);
    for i in (0..lanes.rows()).step_by(every) {
        let Some(request) = lanes.request_at(i) else {
            continue;
        };
        painter.text(
            pos2(rect.left() - 5.0, rect.top() + row * (i as f32 + 0.5)),
            Align2::RIGHT_CENTER,
            short(request),
            FontId::proportional(SMALL - 1.0),
            palette.muted,
        );
    }
}

/// A number that fits beside the lanes: thousands from ten thousand on.
fn short(request: u32) -> String {
    match request {
        0..10_000 => request.to_string(),
        _ => format!("{}k", (request + 500) / 1000),
    }
}

/// A frame around the lane of a request, with its number.
pub(in super::super) fn outline(
    lanes: &Lanes,
    request: u32,
    rect: Rect,
    color: Color32,
    palette: &Palette,
    painter: &Painter,
) {
    let Some(i) = lanes.row_of(request) else {
        return;
    };
    let row = row_height(lanes, rect).max(4.0);
    let top = rect.top() + row_height(lanes, rect) * i as f32;
    let lane = Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right(), top + row));
    painter.rect_stroke(
        lane.expand(0.5),
        2.0,
        Stroke::new(1.5, color),
        StrokeKind::Outside,
    );
    let font = FontId::proportional(SMALL);
    let galley = painter.layout_no_wrap(request.to_string(), font, palette.background);
    let size = galley.size();
    let place = pos2(rect.left() - size.x - 5.0, lane.center().y - size.y * 0.5);
    let plate = Rect::from_min_size(place, size).expand2(egui::vec2(3.0, 0.0));
    painter.rect_filled(plate, 3.0, color);
    painter.galley(place, galley, palette.background);
}
