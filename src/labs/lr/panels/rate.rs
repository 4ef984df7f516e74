//! The schedule as a big curve with points that can be dragged.

use super::super::report::rate_points;
use super::super::schedule::{Schedule, Shape};
use super::super::words::rate_words;
use super::super::{Config, Problem, Run};
use super::frame::{Frame, NARROW, stroke_line};
use crate::ui::Stage;
use crate::ui::theme::fade;
use egui::{Color32, Key, Mesh, Painter, Pos2, Rect, Sense, Stroke, TextStyle, Ui, Vec2, pos2};

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
    /// A drawn point, by its place.
    Knot(usize),
}

impl Handle {
    fn words(self, config: &Config) -> String {
        match self {
            Self::Peak => format!(
                "warmup end and peak: {:.0} % of the run, rate {}",
                100.0 * config.warmup,
                rate_words(config.peak, 3)
            ),
            Self::Cooldown => format!(
                "cooldown start: last {:.0} % of the run",
                100.0 * config.cooldown
            ),
            Self::Floor => format!("final rate: {:.0} % of the peak", 100.0 * config.floor),
            Self::Knot(k) => {
                let [x, y] = config.knots.get(k).copied().unwrap_or_default();
                format!(
                    "point {}: {:.0} % of the run, {:.0} % of the peak; Delete removes it",
                    k + 1,
                    100.0 * x,
                    100.0 * y
                )
            }
        }
    }

    /// Where it stands, as (update, rate).
    fn place(self, config: &Config, s: &Schedule) -> [f64; 2] {
        match self {
            Self::Knot(k) => {
                let [x, y] = config.knots.get(k).copied().unwrap_or_default();
                [x * s.updates as f64, y * s.peak]
            }
            Self::Peak if config.shape == Shape::OneCycle => {
                [config.rise * s.updates as f64, s.peak]
            }
            Self::Peak if config.shape.rises_itself() => {
                let top = (0..s.updates).max_by(|a, b| s.factor(*a).total_cmp(&s.factor(*b)));
                [top.unwrap_or(0) as f64, s.peak]
            }
            Self::Peak => [s.warmup as f64, s.peak],
            Self::Cooldown => [
                s.decay_start() as f64,
                s.rate(s.decay_start().min(s.updates - 1)),
            ],
            Self::Floor => [s.updates as f64, s.peak * s.floor],
        }
    }

    /// Moves it to an update and a rate.
    fn move_to(self, config: &mut Config, s: &Schedule, update: f64, rate: f64) {
        // A continued run counts its shares from the end of the log.
        let before = if config.problem == Problem::Log {
            s.warmup as f64
        } else {
            0.0
        };
        let share = ((update - before) / (config.horizon as f64 - before)).clamp(0.0, 1.0);
        // Three digits are what the parameter shows.
        let round = |v: f64| (v * 1000.0).round() / 1000.0;
        let cooled = if config.wsd() { config.cooldown } else { 0.0 };
        match self {
            Self::Knot(k) => {
                // A point stays between its neighbours; the first and last keep their ends.
                let low = k.checked_sub(1).map_or(0.0, |i| config.knots[i][0]);
                let high = config.knots.get(k + 1).map_or(1.0, |p| p[0]);
                let last = k + 1 == config.knots.len();
                let height = round((rate / config.peak).clamp(0.0, 1.0));
                if let Some(knot) = config.knots.get_mut(k) {
                    let x = match (k, last) {
                        (0, _) => 0.0,
                        (_, true) => 1.0,
                        _ => round(share).clamp(low, high),
                    };
                    *knot = [x, height];
                }
            }
            Self::Peak if config.shape.rises_itself() => {
                if config.shape == Shape::OneCycle {
                    config.rise = round(share).clamp(0.01, 0.99);
                }
                if rate > 0.0 {
                    config.peak = rate.clamp(1e-6, 100.0);
                }
            }
            Self::Peak if config.problem == Problem::Log => {
                if rate > 0.0 {
                    config.peak = rate.clamp(1e-6, 100.0);
                }
            }
            Self::Peak => {
                config.warmup = round(share.min(1.0 - cooled).max(0.0));
                if rate > 0.0 {
                    config.peak = rate.clamp(1e-6, 100.0);
                }
            }
            Self::Cooldown => {
                let warmup = if config.problem == Problem::Log {
                    0.0
                } else {
                    config.warmup
                };
                config.cooldown = round((1.0 - share).clamp(0.0, 1.0 - warmup));
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
    let title = if rect.width() > NARROW {
        "learning rate of each update; drag the points"
    } else {
        "rate; drag the points"
    };
    frame.backdrop(title, &font, stage.palette, &painter);
    curves(run, &frame, stage, &frame.inside(&painter));
    let schedule = shown_schedule(run, config);
    chosen(&schedule, &frame, stage, &painter);
    frame.playhead(stage.playhead, stage.palette, &painter);
    marker(&schedule, title, &frame, stage, ui, &painter);
    handles(run, config, &frame, top, stage, ui);
}

/// The schedule as it is being edited; the run's own while nothing is.
fn shown_schedule(run: &Run, config: &Config) -> Schedule {
    match run.chosen() {
        // A computed schedule is known only with the run.
        Some(cell)
            if run.config == *config || config.shape.is_computed() || config.shape.is_guided() =>
        {
            cell.schedule.clone()
        }
        _ => config.chosen(),
    }
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
            &frame.line(&rate_points(cell)),
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
            &frame.line(&rate_points(cell)),
            Stroke::new(1.2, color),
            i,
        );
    }
}

/// The schedule that is being edited, filled below: the area is the sum of the rates.
fn chosen(s: &Schedule, frame: &Frame, stage: &Stage<'_>, painter: &Painter) {
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
    painter.add(area(&points, frame, stage.playhead, fade(color, 0.2)));
    stroke_line(painter, &points, Stroke::new(2.5, color), 0);
}

/// The area between a curve and the axis, up to the playhead.
fn area(points: &[Pos2], frame: &Frame, playhead: f64, color: Color32) -> Mesh {
    let (mut mesh, end) = (Mesh::default(), frame.x(playhead));
    let mut column = |p: Pos2| {
        let at = mesh.vertices.len() as u32;
        mesh.colored_vertex(p, color);
        mesh.colored_vertex(pos2(p.x, frame.plot.bottom()), color);
        if at > 0 {
            mesh.add_triangle(at - 2, at - 1, at);
            mesh.add_triangle(at - 1, at, at + 1);
        }
    };
    let mut last: Option<Pos2> = None;
    for p in points {
        if p.x >= end {
            if let Some(q) = last {
                let share = (end - q.x) / (p.x - q.x).max(f32::EPSILON);
                column(q + share.min(1.0) * (*p - q));
            }
            break;
        }
        column(*p);
        last = Some(*p);
    }
    mesh
}

fn handles(
    run: &Run,
    config: &mut Config,
    frame: &Frame,
    top: &mut Option<f64>,
    stage: &Stage<'_>,
    ui: &mut Ui,
) {
    let mut list = if config.shape == Shape::Drawn {
        add_knot(config, frame, stage, ui);
        (0..config.knots.len()).map(Handle::Knot).collect()
    } else {
        vec![Handle::Peak]
    };
    if config.shape.cools() {
        list.push(Handle::Cooldown);
    }
    if config.shape.has_floor() {
        list.push(Handle::Floor);
    }
    let schedule = shown_schedule(run, config);
    let (mut dragged, mut removed) = (false, None);
    for handle in list {
        let [update, rate] = handle.place(config, &schedule);
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
                &schedule,
                frame.update_at(to.x),
                frame.value_at(to.y).min(frame.range[1]),
            );
        } else if response.has_focus() {
            if let Handle::Knot(k) = handle
                && ui.input(|i| i.key_pressed(Key::Delete) || i.key_pressed(Key::Backspace))
            {
                removed = Some(k);
            }
            let step = nudge(ui);
            if step != Vec2::ZERO {
                let x = at.x + step.x * frame.plot.width();
                let y = at.y + step.y * frame.plot.height();
                handle.move_to(config, &schedule, frame.update_at(x), frame.value_at(y));
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
    // The two ends stay.
    if let Some(k) = removed
        && k > 0
        && k + 1 < config.knots.len()
    {
        config.knots.remove(k);
    }
    *top = if dragged { Some(frame.range[1]) } else { None };
}

/// Most points of a drawn schedule.
const MOST_KNOTS: usize = 24;

/// A double click between the points adds one.
fn add_knot(config: &mut Config, frame: &Frame, stage: &Stage<'_>, ui: &Ui) {
    let id = ui.scope_id().with(("draw", stage.slot));
    let response = ui.interact(frame.plot, id, Sense::click());
    if !response.double_clicked() || config.knots.len() >= MOST_KNOTS {
        return;
    }
    let Some(at) = response.interact_pointer_pos() else {
        return;
    };
    let round = |v: f64| (v * 1000.0).round() / 1000.0;
    let x = round(frame.update_at(at.x) / config.horizon as f64);
    let y = round((frame.value_at(at.y) / config.peak).clamp(0.0, 1.0));
    let place = config.knots.partition_point(|p| p[0] <= x);
    config
        .knots
        .insert(place.clamp(1, config.knots.len().max(2) - 1), [x, y]);
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
fn marker(s: &Schedule, title: &str, frame: &Frame, stage: &Stage<'_>, ui: &Ui, painter: &Painter) {
    let update = (stage.playhead.max(0.0) as usize).min(s.updates - 1);
    let at = pos2(frame.x(update as f64), frame.y(s.rate(update)));
    painter.circle_filled(at, 4.0, stage.palette.accent);
    let text = format!("update {update}: rate {}", rate_words(s.rate(update), 3));
    frame.reading(title, text, ui, stage.palette, painter);
}
