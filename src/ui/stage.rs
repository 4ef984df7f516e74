//! The contract between a lab's picture and the screen around it.

use super::theme::Palette;
use crate::core::{EntityId, Result};
use crate::gpu::Gpu;
use crate::labs::{Lab, Library};

/// What a picture is told about the moment it draws, and what it may change.
#[derive(Debug)]
pub struct Stage<'a> {
    /// Moment on the run's timeline, shared by all setups.
    pub playhead: f64,
    /// Which setup: 0 is A, 1 is B, …
    pub slot: usize,
    /// How many setups are on screen (the picture gets a share of the room).
    pub slots: usize,
    /// The entity under the pointer, in any view. A picture sets it.
    pub hovered: &'a mut Option<EntityId>,
    /// The pinned entity. A picture sets it on a click.
    pub selected: &'a mut Option<EntityId>,
    /// A new playhead asked for by the picture (a drag along its time axis).
    pub seek: &'a mut Option<f64>,
    /// The colours.
    pub palette: &'a Palette,
    /// Whether motion other than the data's own is off.
    pub reduce_motion: bool,
}

/// The drawing side of a lab. Views hold no mathematics: they map a run's numbers to shapes.
pub trait LabView: Lab {
    /// How the run is looked at (zoom, scroll, tabs): never undone, never shared between labs.
    type View: Default + Clone;

    /// Draws the main picture into all of `ui`'s space. It may edit the config by direct
    /// manipulation (dragging a schedule); the screen notices and runs again.
    fn picture_ui(
        run: &Self::Run,
        config: &mut Self::Config,
        view: &mut Self::View,
        stage: &mut Stage<'_>,
        ui: &mut egui::Ui,
    );

    /// What this lab shows of a finished run below its headline numbers; `slot` is the setup's place.
    fn results_ui(_run: &Self::Run, _slot: usize, _ui: &mut egui::Ui) {}

    /// A tab of this lab's own beside its results: its name and what it shows.
    fn extra() -> Option<ExtraTab<Self::Config>> {
        None
    }

    /// A small looping picture for the home page, at `phase` (0 to 1) of the run.
    fn miniature_ui(run: &Self::Run, phase: f64, palette: &Palette, ui: &mut egui::Ui);
}

/// A lab's own tab with its name.
pub type ExtraTab<C> = (&'static str, Box<dyn Extra<C>>);

/// A tab of a lab's own: it works on the setups on screen and shows what it found.
pub trait Extra<C> {
    /// Draws it.
    fn ui(&mut self, setups: &[C], data: &Library, ui: &mut egui::Ui);

    /// A setup the tab wants in place of the one in front, once.
    fn chosen(&mut self, _front: &C) -> Option<C> {
        None
    }

    /// Does a short step of its work; `true` while there is more.
    ///
    /// # Errors
    /// Why the work cannot go on; it is given up.
    fn step(&mut self) -> Result<bool>;

    /// Looks at its work on the device, once a frame; `true` while something is on its way there.
    ///
    /// # Errors
    /// Why the work cannot go on; it is given up.
    fn poll_device(&mut self, _device: &Gpu) -> Result<bool> {
        Ok(false)
    }
}
