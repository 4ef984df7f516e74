//! A picture of square pixels as one mesh.

use egui::{Color32, Painter, Rect, vec2};

/// Draws `values`, row by row of a square, into a square.
pub(super) fn paint(values: &[f32], at: Rect, painter: &Painter, color: impl Fn(f32) -> Color32) {
    let side = values.len().isqrt().max(1);
    let pixel = at.width() / side as f32;
    let mut mesh = crate::ui::mesh_of_rects(values.len());
    for (p, v) in values.iter().enumerate() {
        let corner = at.min + vec2((p % side) as f32, (p / side) as f32) * pixel;
        // A hair larger than the pixel, or the edges between them show.
        let cell = Rect::from_min_size(corner, vec2(pixel + 0.3, pixel + 0.3));
        mesh.add_colored_rect(cell, color(*v));
    }
    painter.add(mesh);
}
