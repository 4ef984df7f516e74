//! Drawing of the pruning lab.

use super::{Config, Pruning, Run};
use crate::ui::theme::Palette;
use crate::ui::{LabView, Stage};

/// How the run is looked at.
#[derive(Debug, Clone, Default)]
pub struct View;

impl LabView for Pruning {
    type View = View;

    fn picture_ui(
        _run: &Run,
        _config: &mut Config,
        _view: &mut View,
        _stage: &mut Stage<'_>,
        _ui: &mut egui::Ui,
    ) {
    }

    fn miniature_ui(_run: &Run, _phase: f64, _palette: &Palette, _ui: &mut egui::Ui) {}
}
