//! The schedule as a big curve with points that can be dragged.

use super::super::report::rate_points;
use super::super::schedule::{Schedule, Shape};
use super::super::{Config, Run};
use super::frame::{Frame, stroke_line};
use crate::ui::Stage;
use crate::ui::theme::fade;
use egui::{Key, Painter, Pos2, Rect, Sense, Stroke, TextStyle, Ui, Vec2, pos2};

/// Side of the area that catches a point, in points.
const GRIP: f32 = 28.0;
/// Movement of one arrow key, as a share of the axis.
const NUDGE: f32 = 0.02;

/// A point of the curve that edits the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Handle {
    /// End of the warmup and height of the peak.
    Peak,
    /// Start of the cooldown.
    Cooldown,
    /// Height of the end.
    Floor,
}

impl Handle {
    fn words(self, config: &Config) -> String {
        match self {
            Self::Peak => format!(
                "warmup end and peak: {:.0} % of the run, rate {:.2e}",
                100.0 * config.warmup,
                config.peak
            ),
            Self::Cooldown => format!(
                "cooldown start: last {:.0} % of the run",
                100.0 * config.cooldown
            ),
            Self::Floor => format!("final rate: {:.0} % of the peak", 100.0 * config.floor),
        }
    }

    /// Where it stands, as (update, rate).
    fn place(self, s: &Schedule) -> [f64; 2] {
        match self {
            Self::Peak => [s.warmup as f64, s.peak],
            Self::Cooldown => [s.decay_start() as f64, s.peak],
            Self::Floor => [s.updates as f64, s.peak * s.floor],
        }
    }

    /// Moves it to an update and a rate.
    fn move_to(self, config: &mut Config, update: f64, rate: f64) {
        let share = (update / config.horizon as f64).clamp(0.0, 1.0);
        // Three digits are what the parameter shows.
        let round = |v: f64| (v * 1000.0).round() / 1000.0;
        let cooled = if config.wsd() { config.cooldown } else { 0.0 };
        match self {
            Self::Peak => {
                config.warmup = round(share.min(1.0 - cooled).max(0.0));
                if rate > 0.0 {
                    config.peak = rate.clamp(1e-6, 100.0);
                }
            }
            Self::Cooldown => {
                config.cooldown = round((1.0 - share).clamp(0.0, 1.0 - config.warmup));
            }
            Self::Floor => config.floor = round((rate / config.peak).clamp(0.0, 1.0)),
        }
    }
}

/// Draws the panel. `top` keeps the axis still while a point is dragged.
pub(crate) fn show(
    run: &Run,
    config: &mut Config,
    top: &mut Option<f64>,
    stage: &mut Stage<'_>,
    rect: Rect,
    ui: &mut Ui,
) {
    let highest = run
        .shown()
        .iter()
        .map(|c| c.schedule.peak)
        .fold(config.peak, f64::max);
    let frame = Frame::new(
        rect,
        config.horizon,
        [0.0, top.unwrap_or(1.15 * highest)],
        false,
    );
    let painter = ui.painter().with_clip_rect(rect);
    let font = TextStyle::Small.resolve(ui.style());
    let title = if rect.width() > 430.0 {
        "learning rate of each update; drag the points"
    } else {
        "learning rate; drag the points"
    };
    frame.backdrop(title, &font, stage.palette, &painter);
    curves(run, &frame, stage, &painter);
    chosen(config, &frame, stage, &painter);
    frame.playhead(stage.playhead, stage.palette, &painter);
    handles(config, &frame, top, stage, ui);
    marker(config, &frame, stage, ui, &painter);
}

/// The other peak rates of the sweep as ghosts, the rivals at their best.
fn curves(run: &Run, frame: &Frame, stage: &Stage<'_>, painter: &Painter) {
    let palette = stage.palette;
    for cell in run.of_shape(run.config.shape).filter(|c| c.offset != 0) {
        let strong =
            *stage.hovered == Some(cell.entity()) || *stage.selected == Some(cell.entity());
        let color = fade(palette.muted, if strong { 0.9 } else { 0.25 });
        stroke_line(
            painter,
            frame.line(&rate_points(cell)),
            Stroke::new(1.0, color),
            0,
        );
    }
    for (i, cell) in run.shown().into_iter().enumerate().skip(1) {
        let strong =
            *stage.hovered == Some(cell.entity()) || *stage.selected == Some(cell.entity());
        let color = fade(
            palette.series_at(stage.slot + i),
            if strong { 1.0 } else { 0.45 },
        );
        stroke_line(
            painter,
            frame.line(&rate_points(cell)),
            Stroke::new(1.2, color),
            i,
        );
    }
}

/// The schedule that is being edited, filled below: the area is the sum of the rates.
fn chosen(config: &Config, frame: &Frame, stage: &Stage<'_>, painter: &Painter) {
    let s = config.chosen();
    let color = stage.palette.series_at(stage.slot);
    let columns = frame.plot.width().max(1.0) as usize;
    let every = s.updates.div_ceil(columns.max(2)).max(1);
    let mut at: Vec<usize> = (0..s.updates).step_by(every).collect();
    at.extend([s.warmup.saturating_sub(1), s.decay_start(), s.updates - 1]);
    at.retain(|i| *i < s.updates);
    at.sort_unstable();
    at.dedup();
    let points: Vec<Pos2> = at
        .iter()
        .map(|i| pos2(frame.x(*i as f64), frame.y(s.rate(*i))))
        .collect();
    for p in points.iter().filter(|p| p.x <= frame.x(stage.playhead)) {
        painter.line_segment(
            [*p, pos2(p.x, frame.plot.bottom())],
            Stroke::new(1.5, fade(color, 0.12)),
        );
    }
    stroke_line(painter, points, Stroke::new(2.5, color), 0);
}

fn handles(
    config: &mut Config,
    frame: &Frame,
    top: &mut Option<f64>,
    stage: &Stage<'_>,
    ui: &mut Ui,
) {
    let mut list = vec![Handle::Peak];
    if config.shape == Shape::Wsd {
        list.push(Handle::Cooldown);
    }
    if config.shape != Shape::Constant {
        list.push(Handle::Floor);
    }
    let mut dragged = false;
    for handle in list {
        let [update, rate] = handle.place(&config.chosen());
        let at = pos2(frame.x(update), frame.y(rate));
        let id = ui.scope_id().with(("handle", handle, stage.slot));
        let area = Rect::from_center_size(at, Vec2::splat(GRIP));
        let response = ui.interact(area, id, Sense::click_and_drag());
        if response.dragged() {
            dragged = true;
            let to = at + response.drag_delta();
            // The pointer's own place, so that a rounded value does not lag behind.
            let to = response.interact_pointer_pos().unwrap_or(to);
            handle.move_to(
                config,
                frame.update_at(to.x),
                frame.value_at(to.y).min(frame.range[1]),
            );
        } else if response.has_focus() {
            let step = nudge(ui);
            if step != Vec2::ZERO {
                let x = at.x + step.x * frame.plot.width();
                let y = at.y + step.y * frame.plot.height();
                handle.move_to(config, frame.update_at(x), frame.value_at(y));
            }
        }
        let strong = response.hovered() || response.has_focus() || response.dragged();
        let radius = if strong { 8.0 } else { 6.0 };
        let painter = ui.painter();
        painter.circle_filled(at, radius, stage.palette.background);
        painter.circle_stroke(
            at,
            radius,
            Stroke::new(2.5, stage.palette.series_at(stage.slot)),
        );
        if response.has_focus() {
            painter.circle_stroke(at, radius + 4.0, Stroke::new(2.0, stage.palette.accent));
        }
        let words = handle.words(config);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Slider, true, &words));
        response.on_hover_text(words);
    }
    *top = if dragged { Some(frame.range[1]) } else { None };
}

/// Movement asked for by the arrow keys, as shares of the axes (down is positive).
fn nudge(ui: &Ui) -> Vec2 {
    ui.input(|i| {
        let mut step = Vec2::ZERO;
        for (key, by) in [
            (Key::ArrowLeft, Vec2::new(-NUDGE, 0.0)),
            (Key::ArrowRight, Vec2::new(NUDGE, 0.0)),
            (Key::ArrowUp, Vec2::new(0.0, -NUDGE)),
            (Key::ArrowDown, Vec2::new(0.0, NUDGE)),
        ] {
            step += by * i.num_presses(key) as f32;
        }
        step
    })
}

/// The dot at the playhead with its rate.
fn marker(config: &Config, frame: &Frame, stage: &Stage<'_>, ui: &Ui, painter: &Painter) {
    let s = config.chosen();
    let update = (stage.playhead.max(0.0) as usize).min(s.updates - 1);
    let at = pos2(frame.x(update as f64), frame.y(s.rate(update)));
    painter.circle_filled(at, 4.0, stage.palette.accent);
    let font = TextStyle::Body.resolve(ui.style());
    let text = format!("update {update}: rate {:.2e}", s.rate(update));
    painter.text(
        pos2(frame.plot.right(), frame.plot.top() + 2.0),
        egui::Align2::RIGHT_TOP,
        text,
        font,
        stage.palette.ink,
    );
}
