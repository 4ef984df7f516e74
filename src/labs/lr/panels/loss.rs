//! The loss on the same horizontal axis as the schedule.

use super::super::model::last_before;
use super::super::words::words;
use super::super::{Cell, Run};
use super::frame::{Frame, NARROW, stroke_line};
use crate::core::Arrange as _;
use crate::ui::Stage;
use crate::ui::theme::{Palette, fade};
use egui::{Align2, Painter, Pos2, Rect, Sense, Stroke, TextStyle, Ui, Vec2, pos2, vec2};

/// Room for a swatch before its name, in points.
const SWATCH: f32 = 26.0;
/// Distance at which the pointer finds a curve, in points.
const REACH: f32 = 14.0;
/// The first share of a run, whose losses would squeeze the rest of the axis.
const START: f64 = 0.04;

/// Smallest and largest loss drawn, start left out.
pub(crate) fn range(run: &Run) -> [f64; 2] {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for cell in run.shown() {
        for p in cell.curves.iter().flat_map(|c| &c.loss) {
            if p[0] >= START * run.config.horizon as f64 && p[1].is_finite() {
                low = low.min(p[1]);
                // A diverging curve leaves the axis; its mark stays at the top.
                if cell.diverged() == 0 {
                    high = high.max(p[1]);
                }
            }
        }
    }
    if !low.is_finite() {
        return [0.0, 1.0];
    }
    if high <= low {
        high = 10.0 * low.abs() + 1e-9;
    }
    if run.log_loss() {
        [low / 1.3, high * 1.3]
    } else {
        let room = 0.06 * (high - low);
        [low - room, high + room]
    }
}

/// Draws the panel; a press or drag moves the playhead, a click pins the nearest curve.
pub(crate) fn show(run: &Run, stage: &mut Stage<'_>, rect: Rect, ui: &mut Ui) {
    let log = run.log_loss();
    let frame = Frame::new(rect, run.config.horizon, range(run), log);
    let painter = ui.painter().with_clip_rect(rect);
    let font = TextStyle::Small.resolve(ui.style());
    let title = title(run, rect);
    frame.backdrop(title, &font, stage.palette, &painter);
    frame.foot(&font, stage.palette, &painter);
    let id = ui.scope_id().with(("loss", stage.slot));
    let response = ui.interact(frame.plot, id, Sense::click_and_drag());
    let shown = run.shown();
    if let Some(pointer) = response.hover_pos() {
        let found = nearest(&shown, &frame, pointer);
        *stage.hovered = found.map(Cell::entity);
        if response.clicked() {
            *stage.selected = *stage.hovered;
        }
    }
    if let Some(pointer) = response
        .interact_pointer_pos()
        .filter(|_| response.dragged() || response.clicked())
    {
        *stage.seek = Some(frame.update_at(pointer.x).round());
    }
    hatched(run, &frame, stage.palette, &painter);
    logged(run, &frame, stage.palette, &painter);
    for (i, cell) in shown.iter().enumerate().rev() {
        curve(cell, i, &frame, stage, ui, &painter);
    }
    frame.playhead(stage.playhead, stage.palette, &painter);
    let read = shown
        .first()
        .and_then(|cell| marker(cell, title, &frame, stage, ui, &painter));
    let top = read.unwrap_or(frame.plot.top() + 6.0);
    legend(&shown, top, &frame, stage, ui, &painter);
    let words = crate::labs::LabRun::summary(run);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &words));
}

/// What the panel shows; in a narrow one without the remark after the semicolon.
fn title(run: &Run, rect: Rect) -> &'static str {
    let whole = words(run.config.problem).picture;
    if rect.width() > NARROW {
        return whole;
    }
    whole.split_once(';').map_or(whole, |(name, _)| name)
}

/// Hatching where the chosen schedule leaves the rates that the law was fitted on.
fn hatched(run: &Run, frame: &Frame, palette: &Palette, painter: &Painter) {
    for range in run.extrapolated.iter() {
        let [left, right] = range.map(|i| frame.x(i as f64));
        let area = Rect::from_x_y_ranges(left..=right, frame.plot.y_range());
        let within = painter.with_clip_rect(area);
        // On one grid over the whole plot, so that ranges side by side look like one.
        let mut x = frame.plot.left() - area.height();
        while x < area.right() {
            let line = [pos2(x, area.bottom()), pos2(x + area.height(), area.top())];
            if line[1].x > area.left() {
                within.line_segment(line, Stroke::new(1.0, fade(palette.muted, 0.3)));
            }
            x += 9.0;
        }
    }
}

/// The logged losses.
fn logged(run: &Run, frame: &Frame, palette: &Palette, painter: &Painter) {
    let Some(log) = &run.log else {
        return;
    };
    for p in log
        .measured
        .iter()
        .filter(|p| p[0] >= START * frame.updates)
    {
        let at = pos2(frame.x(p[0]), frame.y(p[1]));
        painter.circle_filled(at, 1.6, fade(palette.ink, 0.55));
    }
    let x = frame.x(log.now as f64);
    painter.line_segment(
        [pos2(x, frame.plot.top()), pos2(x, frame.plot.bottom())],
        Stroke::new(1.0, palette.muted),
    );
}

fn nearest<'a>(shown: &[&'a Cell], frame: &Frame, pointer: Pos2) -> Option<&'a Cell> {
    let at = frame.update_at(pointer.x);
    shown
        .iter()
        .map(|cell| (cell, last_before(&cell.mean_curve(), at)))
        .filter(|(_, loss)| loss.is_finite())
        .map(|(cell, loss)| (*cell, (frame.y(loss) - pointer.y).abs()))
        .filter(|(_, distance)| *distance < REACH)
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(cell, _)| cell)
}

fn curve(cell: &Cell, i: usize, frame: &Frame, stage: &Stage<'_>, ui: &Ui, painter: &Painter) {
    let palette = stage.palette;
    let strong =
        i == 0 || *stage.hovered == Some(cell.entity()) || *stage.selected == Some(cell.entity());
    let color = fade(
        palette.series_at(stage.slot + i),
        if strong { 1.0 } else { 0.55 },
    );
    let inside = frame.inside(painter);
    if i == 0 && cell.curves.len() > 1 {
        for c in &cell.curves {
            stroke_line(
                &inside,
                &frame.line(&c.loss),
                Stroke::new(1.0, fade(color, 0.3)),
                0,
            );
        }
    }
    let line = frame.line(&cell.mean_curve());
    let end = line.last().copied();
    stroke_line(
        &inside,
        &line,
        Stroke::new(if strong { 2.2 } else { 1.3 }, color),
        i,
    );
    if let (Some((step, loss)), Some(end)) = (cell.first_divergence(), end) {
        let at = pos2(
            end.x,
            end.y.clamp(frame.plot.top() + 8.0, frame.plot.bottom()),
        );
        for d in [vec2(5.0, 5.0), vec2(5.0, -5.0)] {
            painter.line_segment([at - d, at + d], Stroke::new(2.0, palette.bad));
        }
        if i == 0 {
            painter.text(
                at + vec2(8.0, 0.0),
                Align2::LEFT_CENTER,
                format!("diverged at step {step} (loss {loss:.1e})"),
                TextStyle::Small.resolve(ui.style()),
                palette.bad,
            );
        }
    }
}

/// Names in the order of the final losses, with a swatch each, in the corner where they hide least.
fn legend(shown: &[&Cell], top: f32, frame: &Frame, stage: &Stage<'_>, ui: &Ui, painter: &Painter) {
    let palette: &Palette = stage.palette;
    let font = TextStyle::Small.resolve(ui.style());
    let mut order: Vec<(usize, &&Cell)> = shown.iter().enumerate().collect();
    order.arrange_by(|a, b| b.1.final_loss().total_cmp(&a.1.final_loss()));
    let line = font.size + 5.0;
    let rows: Vec<_> = order
        .into_iter()
        .map(|(i, cell)| {
            let value = cell.final_loss();
            let text = if value.is_finite() {
                format!("{}: {value:.4}", cell.name())
            } else {
                format!("{}, diverged", cell.name())
            };
            (i, painter.layout_no_wrap(text, font.clone(), palette.ink))
        })
        .collect();
    let width = rows
        .iter()
        .map(|(_, text)| text.size().x)
        .fold(0.0, f32::max);
    let size = vec2(SWATCH + width + 4.0, line * rows.len() as f32 + 2.0);
    let back = emptiest(shown, size, top, frame);
    painter.rect_filled(back, 2.0, fade(palette.background, 0.75));
    let mut y = back.top() + 2.0;
    for (i, text) in rows {
        let middle = y + font.size / 2.0 + 1.0;
        let swatch = [
            pos2(back.left() + 2.0, middle),
            pos2(back.left() + SWATCH - 6.0, middle),
        ];
        let color = palette.series_at(stage.slot + i);
        stroke_line(painter, &swatch, Stroke::new(2.0, color), i);
        painter.galley(pos2(back.left() + SWATCH, y), text, palette.ink);
        y += line;
    }
}

/// The corner of the plot in which a box of this size covers fewest points of the curves; the upper
/// right one, where losses end low, before others that cover as few.
fn emptiest(shown: &[&Cell], size: Vec2, top: f32, frame: &Frame) -> Rect {
    let plot = frame.plot.shrink2(vec2(4.0, 2.0));
    let right = plot.right() - size.x;
    let bottom = plot.bottom() - size.y;
    let corners = [
        pos2(right, top),
        pos2(right, bottom),
        pos2(plot.left(), bottom),
        pos2(plot.left(), top),
    ];
    let points: Vec<Pos2> = shown
        .iter()
        .flat_map(|cell| frame.line(&cell.mean_curve()))
        .collect();
    corners
        .map(|corner| Rect::from_min_size(corner, size))
        .into_iter()
        .min_by_key(|box_| points.iter().filter(|p| box_.contains(**p)).count())
        .unwrap_or(frame.plot)
}

/// The dot at the playhead with its loss; where the legend below its words starts.
fn marker(
    cell: &Cell,
    title: &str,
    frame: &Frame,
    stage: &Stage<'_>,
    ui: &Ui,
    painter: &Painter,
) -> Option<f32> {
    let loss = last_before(&cell.mean_curve(), stage.playhead);
    if !loss.is_finite() {
        return None;
    }
    let at = pos2(
        frame.x(stage.playhead.clamp(0.0, frame.updates)),
        frame.y(loss),
    );
    painter.circle_filled(at, 4.0, stage.palette.accent);
    let text = format!(
        "loss {loss:.4} after {} updates",
        stage.playhead.max(0.0) as u64
    );
    Some(frame.reading(title, text, ui, stage.palette, painter))
}
