//! Drawing of the lab: the schedule as a curve to drag, the loss below it on the same axis.

use super::panels::frame::{Frame, stroke_line};
use super::panels::{loss, rate, standings};
use super::report::rate_points;
use super::{Config, Lr, Run};
use crate::ui::theme::{Palette, fade};
use crate::ui::{LabView, Stage};
use egui::{Rect, Sense, Stroke, pos2};

/// How the run is looked at.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Top of the rate axis while a point is dragged.
    top: Option<f64>,
}

/// Share of the height that the schedule takes.
const SPLIT: f32 = 0.48;

impl LabView for Lr {
    type View = View;

    fn picture_ui(
        run: &Run,
        config: &mut Config,
        view: &mut View,
        stage: &mut Stage<'_>,
        ui: &mut egui::Ui,
    ) {
        let area = ui.available_rect_before_wrap();
        ui.painter()
            .rect_filled(area, 0.0, stage.palette.background);
        if area.width() < 140.0 || area.height() < 120.0 {
            return;
        }
        let middle = area.top() + SPLIT * area.height();
        let upper = Rect::from_min_max(area.min, pos2(area.right(), middle));
        let lower = Rect::from_min_max(pos2(area.left(), middle), area.max);
        loss::show(run, stage, lower, ui);
        rate::show(run, config, &mut view.top, stage, upper, ui);
        ui.advance_cursor_after_rect(area);
    }

    fn results_ui(run: &Run, slot: usize, ui: &mut egui::Ui) {
        standings::show(run, slot, ui);
    }

    fn miniature_ui(run: &Run, phase: f64, palette: &Palette, ui: &mut egui::Ui) {
        let (response, painter) = ui.allocate_painter(ui.available_size(), Sense::hover());
        let rect = response.rect.shrink(4.0);
        let painter = painter.with_clip_rect(response.rect);
        let updates = run.config.horizon;
        let now = phase * updates as f64;
        let halves = [
            Rect::from_min_max(rect.min, pos2(rect.right(), rect.center().y - 3.0)),
            Rect::from_min_max(pos2(rect.left(), rect.center().y + 3.0), rect.max),
        ];
        let highest = run
            .shown()
            .iter()
            .map(|c| c.schedule.peak)
            .fold(0.0, f64::max);
        let log = run.log_loss();
        let frames = [
            Frame {
                plot: halves[0],
                ..Frame::new(rect, updates, [0.0, 1.1 * highest], false)
            },
            Frame {
                plot: halves[1],
                ..Frame::new(rect, updates, loss::range(run), log)
            },
        ];
        for (i, cell) in run.shown().into_iter().enumerate() {
            let color = palette.series_at(i);
            let whole = frames[0].line(&rate_points(cell));
            stroke_line(&painter, &whole, Stroke::new(1.0, fade(color, 0.35)), i);
            for (frame, points) in [
                (&frames[0], rate_points(cell)),
                (&frames[1], cell.mean_curve()),
            ] {
                let past: Vec<[f64; 2]> = points.into_iter().filter(|p| p[0] <= now).collect();
                let line = frame.line(&past);
                if let Some(end) = line.last() {
                    painter.circle_filled(*end, 2.5, color);
                }
                stroke_line(&painter, &line, Stroke::new(1.6, color), i);
            }
        }
    }
}
