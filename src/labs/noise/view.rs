//! Drawing of the noise lab.

use super::{Config, Noise, Run};
use crate::ui::theme::{Palette, fade};
use crate::ui::{LabView, Stage};
use egui::{Pos2, Rect, Sense};

/// How the run is looked at.
#[derive(Debug, Clone, Default)]
pub struct View;

impl LabView for Noise {
    type View = View;

    fn picture_ui(
        run: &Run,
        _config: &mut Config,
        _view: &mut View,
        stage: &mut Stage<'_>,
        ui: &mut egui::Ui,
    ) {
        let (response, painter) = ui.allocate_painter(ui.available_size(), Sense::hover());
        let k = run.timeline.index_at(stage.playhead);
        cloud(run, k, response.rect, stage.palette, &painter);
    }

    fn miniature_ui(run: &Run, phase: f64, palette: &Palette, ui: &mut egui::Ui) {
        let (response, painter) = ui.allocate_painter(ui.available_size(), Sense::hover());
        let k = (phase * run.frames.len() as f64) as usize;
        cloud(run, k, response.rect, palette, &painter);
    }
}

fn cloud(run: &Run, k: usize, rect: Rect, palette: &Palette, painter: &egui::Painter) {
    let Some(frame) = run.frames.get(k.min(run.frames.len().saturating_sub(1))) else {
        return;
    };
    let unit = 0.5 * rect.width().min(rect.height()) / run.half_width as f32;
    for p in frame.points.chunks_exact(2) {
        let at = Pos2::new(rect.center().x + unit * p[0], rect.center().y - unit * p[1]);
        painter.circle_filled(at, 1.5, fade(palette.accent, 0.5));
    }
}
