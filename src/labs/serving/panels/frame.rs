//! The common time axis of the picture: mapping, ticks, the line of the present.

use crate::ui::theme::{Palette, fade, mix};
use egui::{Align2, FontId, Painter, Pos2, Rect, Stroke, pos2, vec2};

/// Size of small text.
pub(in super::super) const SMALL: f32 = 11.0;

/// A stretch of time on a stretch of screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Frame {
    /// Left and right edge in pixels.
    pub(in super::super) left: f32,
    /// Right edge in pixels.
    pub(in super::super) right: f32,
    /// First and last second shown.
    pub(in super::super) window: [f64; 2],
}

impl Frame {
    /// Pixel of a time.
    pub(in super::super) fn x(&self, t: f64) -> f32 {
        let [from, to] = self.window;
        self.left + (self.right - self.left) * ((t - from) / (to - from)) as f32
    }

    /// Time at a pixel.
    pub(in super::super) fn time(&self, x: f32) -> f64 {
        let [from, to] = self.window;
        from + (to - from) * f64::from((x - self.left) / (self.right - self.left))
    }
}

/// A step of 1, 2 or 5 times a power of ten that gives at most `most` ticks.
fn tick_step(span: f64, most: f64) -> f64 {
    let rough = span / most.max(1.0);
    let mut step = 1e-6;
    while step < rough {
        let digits = [2.0, 2.5, 2.0];
        for factor in digits {
            if step < rough {
                step *= factor;
            }
        }
    }
    step
}

/// Ticks with numbers along the bottom and faint lines through `body`.
pub(in super::super) fn ruler(
    frame: &Frame,
    strip: Rect,
    body: Rect,
    unit: &str,
    palette: &Palette,
    painter: &Painter,
) {
    let [from, to] = frame.window;
    let most = f64::from((frame.right - frame.left) / 64.0);
    let step = tick_step(to - from, most);
    let digits = if step >= 1.0 {
        0
    } else if step >= 0.1 {
        1
    } else if step >= 0.01 {
        2
    } else {
        3
    };
    let font = FontId::proportional(SMALL);
    painter.line_segment(
        [strip.left_top(), strip.right_top()],
        Stroke::new(1.0, palette.grid),
    );
    let first = (from / step).ceil() as i64;
    let last = (to / step).floor() as i64;
    for i in first..=last.min(first + 200) {
        let t = i as f64 * step;
        let x = frame.x(t);
        painter.line_segment(
            [pos2(x, body.top()), pos2(x, strip.top() + 4.0)],
            Stroke::new(1.0, fade(palette.grid, 0.5)),
        );
        let words = if i == last {
            format!("{t:.digits$} {unit}")
        } else {
            format!("{t:.digits$}")
        };
        // The last label stays inside the picture.
        let align = if x > strip.right() - 14.0 {
            Align2::RIGHT_TOP
        } else {
            Align2::CENTER_TOP
        };
        painter.text(
            pos2(x, strip.top() + 5.0),
            align,
            words,
            font.clone(),
            palette.muted,
        );
    }
}

/// The line of the present with its handle; what comes after it is dimmed.
pub(in super::super) fn present(
    frame: &Frame,
    playhead: f64,
    body: Rect,
    palette: &Palette,
    painter: &Painter,
) {
    let x = frame.x(playhead);
    if x < body.right() {
        let future = Rect::from_min_max(pos2(x.max(body.left()), body.top()), body.right_bottom());
        let veil = mix(palette.background, palette.panel, 0.5);
        painter.rect_filled(future, 0.0, fade(veil, 0.62));
    }
    if x < body.left() - 1.0 || x > body.right() + 1.0 {
        return;
    }
    painter.line_segment(
        [pos2(x, body.top()), pos2(x, body.bottom())],
        Stroke::new(1.5, palette.accent),
    );
    let tip: Vec<Pos2> = vec![
        pos2(x - 5.0, body.bottom() + 7.0),
        pos2(x + 5.0, body.bottom() + 7.0),
        pos2(x, body.bottom()),
    ];
    painter.add(egui::Shape::convex_polygon(
        tip,
        palette.accent,
        Stroke::NONE,
    ));
}

/// A title in the corner of a part.
pub(in super::super) fn caption(rect: Rect, words: &str, palette: &Palette, painter: &Painter) {
    let font = FontId::proportional(SMALL);
    let galley = painter.layout_no_wrap(words.to_owned(), font, palette.muted);
    let place = rect.left_top() + vec2(4.0, 1.0);
    let plate = Rect::from_min_size(place, galley.size()).expand2(vec2(3.0, 0.0));
    painter.rect_filled(plate, 3.0, fade(palette.background, 0.8));
    painter.galley(place, galley, palette.muted);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_one_two_or_five() {
        assert!(
            (tick_step(10.0, 10.0) - 1.0).abs() < 1e-9,
            "{}",
            tick_step(10.0, 10.0)
        );
        assert!(
            (tick_step(30.0, 8.0) - 5.0).abs() < 1e-9,
            "{}",
            tick_step(30.0, 8.0)
        );
        assert!(
            (tick_step(0.14, 8.0) - 0.02).abs() < 1e-9,
            "{}",
            tick_step(0.14, 8.0)
        );
    }

    #[test]
    fn times_and_pixels_are_inverse() {
        let frame = Frame {
            left: 40.0,
            right: 640.0,
            window: [2.0, 14.0],
        };
        assert!((frame.time(frame.x(7.25)) - 7.25).abs() < 1e-4, "{frame:?}");
    }
}
