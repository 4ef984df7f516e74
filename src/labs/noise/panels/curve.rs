//! The schedule as a curve: noise level over the steps, with points that can be dragged.

use super::super::schedule::ScheduleKind;
use super::super::{Config, PlaneRun};
use super::cloud::Moment;
use crate::core::num;
use crate::ui::Stage;
use crate::ui::theme::fade;
use egui::{Align2, Key, Painter, Pos2, Rect, Sense, Shape, Stroke, TextStyle, Ui, Vec2, vec2};

/// Range of ln s that is always shown, so that the axis keeps still during a drag.
const RANGE: [f64; 2] = [-7.2, 5.2];
/// Side of the area that catches a point, in points.
const GRIP: f32 = 26.0;
/// Smallest distance between neighbouring points, ln s.
const GAP: f64 = 1e-3;
/// Movement of one arrow key, ln s.
const NUDGE: f64 = 0.05;

/// Height the strip takes of a picture.
pub(crate) fn height(of: f32) -> f32 {
    (0.27 * of).clamp(92.0, 190.0)
}

struct Axes {
    plot: Rect,
    low: f64,
    high: f64,
    steps: f32,
}

impl Axes {
    fn x(&self, level: f32) -> f32 {
        self.plot.left() + self.plot.width() * level / self.steps.max(1.0)
    }

    fn y(&self, ln: f64) -> f32 {
        let share = (ln - self.low) / (self.high - self.low);
        self.plot.bottom() - self.plot.height() * share as f32
    }

    fn ln_at(&self, y: f32) -> f64 {
        let share = f64::from((self.plot.bottom() - y) / self.plot.height());
        self.low + share * (self.high - self.low)
    }

    fn level_at(&self, x: f32) -> f32 {
        ((x - self.plot.left()) / self.plot.width() * self.steps).clamp(0.0, self.steps)
    }
}

/// Draws the strip; dragging a point edits the config, dragging elsewhere moves the playhead.
pub(crate) fn show(
    run: &PlaneRun,
    config: &mut Config,
    stage: &mut Stage<'_>,
    rect: Rect,
    ui: &mut Ui,
) {
    if rect.height() < 40.0 || rect.width() < 120.0 {
        return;
    }
    let shift = num::ln(config.shift);
    let drawn = config.schedule == ScheduleKind::Custom;
    let points: Vec<f64> = if drawn {
        config.custom.iter().map(|v| v + shift).collect()
    } else {
        run.controls.to_vec()
    };
    let axes = axes(run, &points, rect);
    let painter = ui.painter().with_clip_rect(rect);
    backdrop(run, &axes, rect, stage, ui, &painter);
    seek(run, &axes, stage, rect, ui);
    levels(run, &axes, stage, &painter);
    playhead(run, &axes, stage, &painter);
    let first_level = run.problem.steps().saturating_sub(1) as f32;
    let share = |i: usize| first_level * i as f32 / (points.len() - 1).max(1) as f32;
    for i in 0..points.len() {
        let at = Pos2::new(axes.x(share(i)), axes.y(points[i]));
        if let Some(value) = handle(i, at, points[i], &axes, stage, ui) {
            move_point(config, &points, i, value, shift, drawn);
        }
    }
}

/// Writes a moved point: the schedule becomes the drawn one, falling in any case.
fn move_point(config: &mut Config, points: &[f64], i: usize, value: f64, shift: f64, drawn: bool) {
    let above = if i == 0 { 10.0 } else { points[i - 1] - GAP };
    let below = points.get(i + 1).map_or(-10.0, |v| v + GAP);
    if below > above {
        return;
    }
    if !drawn {
        config.schedule = ScheduleKind::Custom;
        config.custom = points.to_vec();
        config.shift = 1.0;
    }
    let offset = if drawn { shift } else { 0.0 };
    if let Some(point) = config.custom.get_mut(i) {
        *point = (value.clamp(below, above) - offset).clamp(-10.0, 10.0);
    }
}

fn axes(run: &PlaneRun, points: &[f64], rect: Rect) -> Axes {
    let steps = run.problem.steps();
    let ends = [
        run.problem.levels[0],
        run.problem.levels[steps.saturating_sub(1)],
    ];
    let [mut low, mut high] = RANGE;
    for ln in ends
        .iter()
        .map(|s| num::ln(*s))
        .chain(points.iter().copied())
    {
        if ln.is_finite() {
            low = low.min(ln - 0.4);
            high = high.max(ln + 0.4);
        }
    }
    let plot = Rect::from_min_max(rect.min + vec2(48.0, 20.0), rect.max - vec2(20.0, 20.0));
    Axes {
        plot,
        low,
        high,
        steps: steps as f32,
    }
}

fn backdrop(
    run: &PlaneRun,
    axes: &Axes,
    rect: Rect,
    stage: &Stage<'_>,
    ui: &Ui,
    painter: &Painter,
) {
    let palette = stage.palette;
    let font = TextStyle::Small.resolve(ui.style());
    painter.rect_filled(rect, 0.0, palette.background);
    painter.line_segment(
        [rect.left_top(), rect.right_top()],
        Stroke::new(1.0, palette.grid),
    );
    let decade = num::ln(10.0);
    let (first, last) = (
        (axes.low / decade).ceil() as i32,
        (axes.high / decade).floor() as i32,
    );
    let every = if (last - first) as f32 * 14.0 > axes.plot.height() {
        2
    } else {
        1
    };
    for power in (first..=last).filter(|p| p.rem_euclid(every) == 0) {
        let y = axes.y(f64::from(power) * decade);
        painter.line_segment(
            [
                Pos2::new(axes.plot.left(), y),
                Pos2::new(axes.plot.right(), y),
            ],
            Stroke::new(1.0, fade(palette.grid, 0.6)),
        );
        let text = match power {
            -3 => "0.001".to_owned(),
            -2 => "0.01".to_owned(),
            -1 => "0.1".to_owned(),
            0..=3 => 10_i32.pow(power as u32).to_string(),
            _ => format!("1e{power}"),
        };
        painter.text(
            Pos2::new(axes.plot.left() - 6.0, y),
            Align2::RIGHT_CENTER,
            text,
            font.clone(),
            palette.muted,
        );
    }
    let spread = axes.y(num::ln(run.problem.spread));
    painter.extend(Shape::dashed_line(
        &[
            Pos2::new(axes.plot.left(), spread),
            Pos2::new(axes.plot.right(), spread),
        ],
        Stroke::new(1.0, palette.ink),
        5.0,
        4.0,
    ));
    painter.text(
        Pos2::new(axes.plot.right(), spread - 2.0),
        Align2::RIGHT_BOTTOM,
        "spread of the data",
        font.clone(),
        palette.muted,
    );
    let title = if rect.width() > 420.0 {
        "noise level σ (data units) at each step; drag the points to draw your own"
    } else {
        "noise level σ; drag the points"
    };
    painter.text(
        rect.left_top() + vec2(8.0, 3.0),
        Align2::LEFT_TOP,
        title,
        font.clone(),
        palette.muted,
    );
    let foot = rect.bottom() - 3.0;
    painter.text(
        Pos2::new(axes.plot.left(), foot),
        Align2::LEFT_BOTTOM,
        "step 0, noise",
        font.clone(),
        palette.muted,
    );
    let end = format!("step {}, clean", run.problem.steps());
    painter.text(
        Pos2::new(axes.plot.right(), foot),
        Align2::RIGHT_BOTTOM,
        end,
        font,
        palette.muted,
    );
}

/// A press or drag on the free part of the strip moves the playhead to that level.
fn seek(run: &PlaneRun, axes: &Axes, stage: &mut Stage<'_>, rect: Rect, ui: &Ui) {
    let response = ui.interact(
        rect,
        ui.scope_id().with(("levels", stage.slot)),
        Sense::click_and_drag(),
    );
    if let Some(pointer) = response
        .interact_pointer_pos()
        .filter(|_| response.clicked() || response.dragged())
    {
        let level = f64::from(axes.level_at(pointer.x)).round();
        *stage.seek = Some(run.problem.forward_steps() as f64 + level);
    }
    response.widget_info(|| {
        egui::WidgetInfo::labeled(
            egui::Role::Image,
            true,
            "Schedule: noise level at each step",
        )
    });
}

fn levels(run: &PlaneRun, axes: &Axes, stage: &Stage<'_>, painter: &Painter) {
    let color = stage.palette.series_at(stage.slot);
    let steps = run.problem.steps();
    let places: Vec<Pos2> = run.problem.levels[..steps]
        .iter()
        .enumerate()
        .map(|(i, s)| Pos2::new(axes.x(i as f32), axes.y(num::ln(*s))))
        .collect();
    for p in &places {
        let foot = Pos2::new(p.x, axes.plot.bottom());
        painter.line_segment([*p, foot], Stroke::new(1.0, fade(color, 0.25)));
    }
    // The last step leaves the logarithmic scale: it goes to no noise at all.
    if let Some(last) = places.last() {
        let clean = Pos2::new(axes.x(axes.steps), axes.plot.bottom());
        painter.extend(Shape::dashed_line(
            &[*last, clean],
            Stroke::new(1.5, color),
            3.0,
            3.0,
        ));
        painter.circle_stroke(clean, 3.0, Stroke::new(1.5, color));
    }
    painter.add(Shape::line(places.clone(), Stroke::new(2.0, color)));
    let radius = if steps > 60 { 1.5 } else { 2.5 };
    for p in places {
        painter.circle_filled(p, radius, color);
    }
}

fn playhead(run: &PlaneRun, axes: &Axes, stage: &Stage<'_>, painter: &Painter) {
    let x = axes.x(Moment::at(run, stage.playhead).level(run));
    painter.line_segment(
        [
            Pos2::new(x, axes.plot.top()),
            Pos2::new(x, axes.plot.bottom()),
        ],
        Stroke::new(2.0, stage.palette.accent),
    );
}

/// One draggable point; gives the new value when it is moved by the pointer or the arrow keys.
fn handle(i: usize, at: Pos2, ln: f64, axes: &Axes, stage: &Stage<'_>, ui: &Ui) -> Option<f64> {
    let grip = Rect::from_center_size(at, Vec2::splat(GRIP));
    let response = ui.interact(
        grip,
        ui.scope_id().with(("point", stage.slot, i)),
        Sense::click_and_drag(),
    );
    let lively = response.hovered() || response.dragged() || response.has_focus();
    let palette = stage.palette;
    let radius = if lively { 7.0 } else { 5.0 };
    ui.painter().circle(
        at,
        radius,
        palette.background,
        Stroke::new(2.0, palette.accent),
    );
    let sigma = num::exp(ln);
    response.widget_info(|| {
        egui::WidgetInfo::slider(
            true,
            sigma,
            format!("Noise level of control point {}", i + 1),
        )
    });
    if lively {
        ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeVertical);
    }
    if response.dragged() {
        return response
            .interact_pointer_pos()
            .map(|p| axes.ln_at(p.y))
            .filter(|v| v.is_finite() && *v != ln);
    }
    if response.has_focus() {
        let pressed = |key| ui.input(|input| input.key_pressed(key));
        let step = f64::from(i8::from(pressed(Key::ArrowUp)) - i8::from(pressed(Key::ArrowDown)));
        return (step != 0.0).then_some(ln + NUDGE * step);
    }
    None
}
