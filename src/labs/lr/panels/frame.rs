//! A plot area with its axes; both panels share the horizontal one.

use crate::core::{Axis, num};
use crate::ui::chart::axis::Style;
use crate::ui::theme::{Palette, fade};
use crate::ui::{corners, kept};
use egui::{Align2, FontId, Painter, Pos2, Rect, Shape, Stroke, TextStyle, Ui, pos2, vec2};

/// Panels up to this width, in points, have short titles.
pub(crate) const NARROW: f32 = 430.0;
/// Least distance between two ticks, in points.
const TICK_GAP: f32 = 30.0;
/// How far left of the plot a title starts.
const TITLE_OFFSET: f32 = 48.0;

/// Maps updates and values to the screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// Where curves are drawn.
    pub(crate) plot: Rect,
    /// Largest update.
    pub(crate) updates: f64,
    /// Values at the bottom and the top (logarithms on a log axis).
    pub(crate) range: [f64; 2],
    /// Whether the vertical axis is logarithmic.
    pub(crate) log: bool,
}

impl Frame {
    /// A frame in `rect`, leaving room for labels.
    pub(crate) fn new(rect: Rect, updates: u64, range: [f64; 2], log: bool) -> Self {
        let range = if log {
            range.map(|v| num::log10(v.max(1e-12)))
        } else {
            range
        };
        Self {
            plot: Rect::from_min_max(rect.min + vec2(56.0, 24.0), rect.max - vec2(16.0, 20.0)),
            updates: updates.max(1) as f64,
            range,
            log,
        }
    }

    /// Screen x of an update.
    pub(crate) fn x(&self, update: f64) -> f32 {
        self.plot.left() + self.plot.width() * (update / self.updates) as f32
    }

    /// Screen y of a value, kept near the plot.
    pub(crate) fn y(&self, value: f64) -> f32 {
        let v = if self.log {
            num::log10(value.max(1e-12))
        } else {
            value
        };
        let share = ((v - self.range[0]) / (self.range[1] - self.range[0])).clamp(-0.05, 1.05);
        self.plot.bottom() - self.plot.height() * share as f32
    }

    /// Update under a screen x, inside the run.
    pub(crate) fn update_at(&self, x: f32) -> f64 {
        let share = f64::from((x - self.plot.left()) / self.plot.width());
        (share * self.updates).clamp(0.0, self.updates)
    }

    /// Value under a screen y of a linear axis.
    pub(crate) fn value_at(&self, y: f32) -> f64 {
        let share = f64::from((self.plot.bottom() - y) / self.plot.height());
        self.range[0] + share * (self.range[1] - self.range[0])
    }

    /// Screen points of a curve; values that are not finite end it.
    pub(crate) fn line(&self, points: &[[f64; 2]]) -> Vec<Pos2> {
        points
            .iter()
            .take_while(|p| p[1].is_finite())
            .map(|p| pos2(self.x(p[0]), self.y(p[1])))
            .collect()
    }

    /// Background, grid, tick labels and title.
    pub(crate) fn backdrop(&self, title: &str, font: &FontId, palette: &Palette, at: &Painter) {
        let rule = Stroke::new(1.0, fade(palette.grid, 0.7));
        let axis = if self.log {
            Axis::log("", "")
        } else {
            Axis::linear("", "")
        };
        let span = self.range[1] - self.range[0];
        let gap = span * f64::from(TICK_GAP / self.plot.height().max(TICK_GAP));
        for tick in Style::new(&axis, self.range).ticks(self.range, gap) {
            if tick.text.is_empty() {
                continue;
            }
            let share = (tick.at - self.range[0]) / span;
            let y = self.plot.bottom() - self.plot.height() * share as f32;
            at.line_segment(
                [pos2(self.plot.left(), y), pos2(self.plot.right(), y)],
                rule,
            );
            at.text(
                pos2(self.plot.left() - 6.0, y),
                Align2::RIGHT_CENTER,
                tick.text,
                font.clone(),
                palette.muted,
            );
        }
        at.text(
            pos2(self.plot.left() - TITLE_OFFSET, self.plot.top() - 6.0),
            Align2::LEFT_BOTTOM,
            title,
            font.clone(),
            palette.ink,
        );
    }

    /// A painter for curves: those that leave the axis end at its edge.
    pub(crate) fn inside(&self, at: &Painter) -> Painter {
        at.with_clip_rect(self.plot.expand(2.0).intersect(at.clip_rect()))
    }

    /// What stands at the playhead, in words: beside the title where there is room, else inside.
    /// Returns where a legend below it starts.
    pub(crate) fn reading(
        &self,
        title: &str,
        text: String,
        ui: &Ui,
        palette: &Palette,
        at: &Painter,
    ) -> f32 {
        let small = TextStyle::Small.resolve(ui.style());
        let title = at.layout_no_wrap(title.to_owned(), small, palette.ink);
        let font = TextStyle::Body.resolve(ui.style());
        let text = at.layout_no_wrap(text, font, palette.ink);
        let room = self.plot.width() + TITLE_OFFSET - title.size().x - 12.0;
        let left = self.plot.right() - text.size().x;
        if text.size().x <= room {
            at.galley(
                pos2(left, self.plot.top() - 5.0 - text.size().y),
                text,
                palette.ink,
            );
            return self.plot.top() + 6.0;
        }
        let place = pos2(left, self.plot.top() + 2.0);
        let back = Rect::from_min_size(place, text.size());
        at.rect_filled(back.expand(1.0), 2.0, fade(palette.background, 0.75));
        at.galley(place, text, palette.ink);
        back.bottom() + 6.0
    }

    /// Labels of the horizontal axis.
    pub(crate) fn foot(&self, font: &FontId, palette: &Palette, at: &Painter) {
        let y = self.plot.bottom() + 4.0;
        for (share, align) in [
            (0.0, Align2::LEFT_TOP),
            (0.5, Align2::CENTER_TOP),
            (1.0, Align2::RIGHT_TOP),
        ] {
            let update = (share * self.updates).round();
            let text = if share > 0.9 {
                format!("{update} updates")
            } else {
                update.to_string()
            };
            at.text(
                pos2(self.x(update), y),
                align,
                text,
                font.clone(),
                palette.muted,
            );
        }
    }

    /// The playhead.
    pub(crate) fn playhead(&self, update: f64, palette: &Palette, at: &Painter) {
        let x = self.x(update.clamp(0.0, self.updates));
        at.line_segment(
            [pos2(x, self.plot.top()), pos2(x, self.plot.bottom())],
            Stroke::new(1.0, palette.accent),
        );
    }
}

/// Solid, dashed or dotted, so that colour is never alone.
pub(crate) fn stroke_line(at: &Painter, points: &[Pos2], stroke: Stroke, style: usize) {
    let bytes = bytemuck::cast_slice::<_, u8>(points);
    let key = (bytes, stroke.width.to_bits(), stroke.color, style % 3);
    at.add(kept(at.ctx(), key, || {
        let points = corners(points);
        match style % 3 {
            _ if points.len() < 2 => Vec::new(),
            0 => vec![Shape::line(points, stroke)],
            1 => Shape::dashed_line(&points, stroke, 7.0, 4.0),
            _ => Shape::dashed_line(&points, stroke, 2.0, 3.0),
        }
    }));
}
