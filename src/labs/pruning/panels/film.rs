//! Below the weights of a network in training: how large kept and pruned weights are now, and the
//! strip of sparsity and accuracy over the optimizer steps, with a playhead that can be dragged.

use super::super::results::Run;
use super::super::tally::Histogram;
use super::histogram::{TICKS, bin, place, visible};
use crate::core::Chart;
use crate::core::select::magnitude_key;
use crate::labs::LabRun as _;
use crate::labs::pruning::config::Regime;
use crate::labs::pruning::network;
use crate::labs::pruning::training::Frame;
use crate::ui::format::number;
use crate::ui::theme::{self, fade};
use crate::ui::{Stage, corners};
use egui::{Align2, FontId, Pos2, Rect, Sense, Shape, Stroke, Ui, pos2, vec2};

/// The image that chose the units, and how many it took.
fn image(run: &Run, frame: &Frame, stage: &Stage<'_>, rect: Rect, ui: &Ui) -> bool {
    let r = run.results();
    let trained = r.config.train_steps;
    let test = &network::data().1;
    let index = match frame.step.checked_sub(trained + 1) {
        Some(i) if r.config.regime == Regime::Dynamic => i as usize,
        _ => return false,
    };
    let Some(&label) = test.labels.get(index) else {
        return false;
    };
    let palette = stage.palette;
    let title = format!("Test image {}: a {label}", index + 1);
    theme::caption(ui, rect, &title);
    let room = rect.with_min_y(rect.top() + 18.0);
    let cell = (room.height() / 8.0).min(room.width() * 0.5 / 8.0);
    for (i, &x) in test.image(index).iter().enumerate() {
        let at = room.min + vec2((i % 8) as f32 * cell, (i / 8) as f32 * cell);
        let colour = theme::mix(palette.background, palette.ink, x);
        ui.painter()
            .rect_filled(Rect::from_min_size(at, vec2(cell, cell)), 0.0, colour);
    }
    let square = Rect::from_min_size(room.min, vec2(8.0 * cell, 8.0 * cell));
    ui.painter().rect_stroke(
        square,
        0.0,
        Stroke::new(1.0, palette.grid),
        egui::StrokeKind::Outside,
    );
    let hidden = r.layers.len().saturating_sub(1);
    for (l, (layer, mask)) in r.layers.iter().zip(&frame.masks).take(hidden).enumerate() {
        let on = (0..layer.rows)
            .filter(|u| mask.kept(u * layer.cols))
            .count();
        let at = pos2(square.right() + 12.0, square.top() + 18.0 * l as f32);
        ui.painter().text(
            at,
            Align2::LEFT_TOP,
            if rect.width() < 240.0 {
                format!("{on} of {}", layer.rows)
            } else {
                format!("{}: {on} of {} units", layer.name, layer.rows)
            },
            FontId::proportional(12.0),
            palette.ink,
        );
    }
    true
}

/// Magnitudes of kept weights, and of pruned ones as they last were.
pub(crate) fn histogram(run: &Run, step: usize, stage: &Stage<'_>, rect: Rect, ui: &Ui) {
    let palette = stage.palette;
    let film = run.results().film.as_ref();
    let Some(frame) = film.and_then(|f| f.frames.get(step)) else {
        return;
    };
    if image(run, frame, stage, rect, ui) {
        return;
    }
    let small = FontId::proportional(11.0);
    let title = if frame.gone.counts.is_empty() || frame.gone.counts == [0] {
        "How large the weights are"
    } else {
        "How large the weights are; grey: pruned, last values"
    };
    theme::caption(ui, rect, title);
    let plot = Rect::from_min_max(rect.min + vec2(0.0, 16.0), rect.max - vec2(0.0, 15.0));
    let all = frame.kept.join(&frame.gone);
    let (low, high) = visible(&all);
    let x_of = |bin: f32| plot.left() + plot.width() * (bin - low) / (high - low).max(1.0);
    let bins = |h: &Histogram| {
        (0..h.counts.len())
            .map(|i| h.density(i))
            .fold(0.0, f64::max)
    };
    let most = bins(&frame.kept).max(bins(&frame.gone)).max(1e-9);
    for (h, colour) in [
        (&frame.gone, fade(palette.muted, 0.45)),
        (&frame.kept, fade(palette.ink, 0.85)),
    ] {
        for i in (0..h.counts.len()).filter(|&i| bin(h, i) >= low) {
            let height = plot.height() * (h.density(i) / most) as f32;
            let bar = Rect::from_min_max(
                pos2(x_of(bin(h, i)), plot.bottom() - height),
                pos2(x_of(bin(h, i + 1)) - 0.5, plot.bottom()),
            );
            ui.painter().rect_filled(bar, 0.0, colour);
        }
    }
    ui.painter().hline(
        plot.x_range(),
        plot.bottom(),
        Stroke::new(1.0, palette.grid),
    );
    for (value, label) in TICKS {
        let x = x_of(place(magnitude_key(value)));
        if x > plot.left() + 8.0 && x < plot.right() - 24.0 {
            let at = pos2(x, plot.bottom() + 2.0);
            ui.painter()
                .text(at, Align2::CENTER_TOP, label, small.clone(), palette.muted);
        }
    }
    ui.painter().text(
        rect.right_bottom(),
        Align2::RIGHT_BOTTOM,
        "|w|",
        small,
        palette.muted,
    );
}

/// Sparsity and accuracy over the steps; dragging seeks.
pub(crate) fn strip(run: &Run, step: usize, stage: &mut Stage<'_>, rect: Rect, ui: &mut Ui) {
    let palette = stage.palette;
    let find = |id: &str| run.charts().iter().find(|c| c.id == id);
    let share = find("sparsity").or_else(|| find("images"));
    let (Some(sparsity), Some(accuracy)) = (share, find("accuracy")) else {
        return;
    };
    let small = FontId::proportional(11.0);
    let plot = Rect::from_min_max(rect.min + vec2(30.0, 16.0), rect.max - vec2(6.0, 15.0));
    let timeline = run.timeline();
    let end = timeline.end().max(1.0);
    let to = |[x, y]: [f64; 2]| -> Pos2 {
        pos2(
            plot.left() + plot.width() * (x / end) as f32,
            plot.bottom() - plot.height() * (y / 100.0) as f32,
        )
    };
    let title = if run.results().config.regime == Regime::Data {
        "Accuracy (bold), images in use (steps), %"
    } else if rect.width() < 300.0 {
        "accuracy and sparsity, %"
    } else {
        match run.results().config.regime {
            Regime::Gradual => {
                "Accuracy (bold) and sparsity (steps) while it trains, %; grey: other schedules"
            }
            Regime::Transfer => {
                "Second task (bold), first task (dashed) and left out or frozen (steps), %"
            }
            Regime::Bits => "Accuracy (bold) and weights stored as 0 (steps), %",
            Regime::Tune => "Accuracy (bold), under noise (dashed) and sparsity (steps), %",
            _ => "Accuracy (bold) and sparsity (steps) while it trains, %",
        }
    };
    theme::caption(ui, rect, title);
    for share in [0.0, 50.0, 100.0] {
        let y = to([0.0, share]).y;
        ui.painter()
            .hline(plot.x_range(), y, Stroke::new(1.0, palette.grid));
        ui.painter().text(
            pos2(plot.left() - 4.0, y),
            Align2::RIGHT_CENTER,
            number(share),
            small.clone(),
            palette.muted,
        );
    }
    for mark in &accuracy.marks {
        ui.painter().vline(
            to([mark.x, 0.0]).x,
            plot.y_range(),
            Stroke::new(1.0, palette.grid),
        );
    }
    lines(sparsity, accuracy, stage, &to, ui);
    let ends = [
        (plot.left_bottom(), Align2::LEFT_TOP, "0".to_owned()),
        (
            plot.right_bottom(),
            Align2::RIGHT_TOP,
            format!("step {}", number(end)),
        ),
    ];
    for (at, anchor, text) in ends {
        ui.painter().text(
            at + vec2(0.0, 2.0),
            anchor,
            text,
            small.clone(),
            palette.muted,
        );
    }
    let x = to([stage.playhead, 0.0]).x;
    ui.painter()
        .vline(x, plot.y_range(), Stroke::new(1.5, palette.accent));
    let now = |chart: &Chart| {
        chart
            .series
            .first()
            .and_then(|s| s.points.get(step))
            .copied()
    };
    if let (Some([step, right]), Some([_, pruned])) = (now(accuracy), now(sparsity)) {
        ui.painter()
            .circle_filled(to([step, right]), 4.5, palette.accent);
        let [gone, _] = run.results().words();
        let text = if plot.width() < 260.0 {
            format!("{right:.0} %, {pruned:.0} % {gone}")
        } else {
            format!("step {step}: {right:.1} % right, {pruned:.1} % {gone}")
        };
        let font = FontId::proportional(12.0);
        let galley = ui.painter().layout_no_wrap(text, font, palette.ink);
        let size = galley.size();
        let x = (x - size.x / 2.0)
            .min(plot.right() - size.x - 2.0)
            .max(plot.left() + 2.0);
        let y = plot.center().y - size.y / 2.0;
        let back = Rect::from_min_size(pos2(x, y), size).expand(2.0);
        ui.painter()
            .rect_filled(back, 2.0, fade(palette.background, 0.85));
        ui.painter().galley(pos2(x, y), galley, palette.ink);
    }
    let response = ui
        .interact(
            plot,
            ui.scope_id().with(("training", stage.slot)),
            Sense::click_and_drag(),
        )
        .on_hover_cursor(egui::CursorIcon::ResizeHorizontal);
    if let Some(at) = response.interact_pointer_pos()
        && (response.dragged() || response.clicked())
    {
        let share = f64::from((at.x - plot.left()) / plot.width().max(1.0));
        *stage.seek = Some((share * end).clamp(0.0, end));
    }
}

fn lines(
    sparsity: &Chart,
    accuracy: &Chart,
    stage: &Stage<'_>,
    to: &dyn Fn([f64; 2]) -> Pos2,
    ui: &Ui,
) {
    let palette = stage.palette;
    for other in sparsity.series.iter().skip(1) {
        let points = corners(&other.points.iter().map(|&p| to(p)).collect::<Vec<_>>());
        let stroke = Stroke::new(1.0, fade(palette.muted, 0.4));
        ui.painter().add(Shape::line(points, stroke));
    }
    if let Some(own) = sparsity.series.first() {
        let mut points: Vec<Pos2> = Vec::new();
        for &p in own.points.iter() {
            if let Some(before) = points.last() {
                points.push(pos2(to(p).x, before.y));
            }
            points.push(to(p));
        }
        ui.painter()
            .add(Shape::line(corners(&points), Stroke::new(1.5, palette.ink)));
    }
    // What is judged beside the task stands between the accuracy and the reference line.
    for second in accuracy.series.iter().skip(1).filter(|s| !s.reference) {
        let points: Vec<Pos2> = second.points.iter().map(|&p| to(p)).collect();
        let stroke = Stroke::new(1.5, palette.series_at(stage.slot));
        ui.painter()
            .extend(Shape::dashed_line(&corners(&points), stroke, 5.0, 4.0));
    }
    if let Some(own) = accuracy.series.first() {
        let points = corners(&own.points.iter().map(|&p| to(p)).collect::<Vec<_>>());
        let stroke = Stroke::new(2.5, palette.series_at(stage.slot));
        ui.painter().add(Shape::line(points, stroke));
    }
}
