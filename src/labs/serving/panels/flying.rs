//! Requests on their way between instances, drawn over the grids of their pools.

use super::super::lanes::Flying;
use super::color_of;
use super::frame::SMALL;
use crate::core::num;
use crate::ui::theme::{Palette, fade};
use egui::{Align2, FontId, Painter, Rect, Shape, Stroke, pos2};

/// Most flights that are drawn.
const MOST: usize = 12;

/// An arc from pool to pool for every request on its way, its dot as far along as its copy.
pub(super) fn draw(
    flying: &[Flying],
    pools: &[Rect],
    marked: Option<u32>,
    palette: &Palette,
    painter: &Painter,
) {
    for (i, flight) in flying.iter().take(MOST).enumerate() {
        let ends = (
            pools.get(flight.from as usize),
            pools.get(flight.to as usize),
        );
        let (Some(from), Some(to)) = ends else {
            continue;
        };
        let color = if marked == Some(flight.request) {
            palette.accent
        } else {
            color_of(super::Stretch::Transfer, palette)
        };
        let x = from.left() + from.width() * (0.3 + 0.4 * (i as f32 + 0.5) / MOST as f32);
        let (a, b) = (from.center().y, to.center().y);
        let bulge = from.width() * 0.28;
        let at = |t: f32| {
            let sine = num::sin(std::f64::consts::PI * f64::from(t)) as f32;
            pos2(x + bulge * sine, a + (b - a) * t)
        };
        let path: Vec<_> = (0..=16).map(|k| at(k as f32 / 16.0)).collect();
        painter.add(Shape::line(path, Stroke::new(1.2, fade(color, 0.7))));
        let dot = at((flight.share as f32).clamp(0.0, 1.0));
        painter.circle_filled(dot, 8.0, palette.background);
        painter.circle(dot, 8.0, fade(color, 0.25), Stroke::new(1.5, color));
        painter.text(
            dot,
            Align2::CENTER_CENTER,
            flight.request.to_string(),
            FontId::proportional(SMALL - 2.0),
            palette.ink,
        );
    }
}
