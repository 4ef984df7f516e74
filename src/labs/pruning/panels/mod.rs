//! Parts of the picture.

pub(super) mod curve;
pub(super) mod film;
pub(super) mod grid;
pub(super) mod histogram;
pub(super) mod images;
mod seeds;
mod spectra;
pub(super) mod speed;
pub(super) mod strips;
mod tensors;

use egui::{ProgressBar, Ui};

/// Progress of work that was asked for by a button, and a way out of it: `true` when it is taken.
fn under_way_ui(ui: &mut Ui, done: f64) -> bool {
    ui.horizontal(|ui| {
        let width = (ui.available_width() - 80.0).max(60.0);
        let bar = ProgressBar::new(done as f32).desired_width(width);
        ui.add(bar.show_percentage());
        ui.button("Cancel").clicked()
    })
    .inner
}
