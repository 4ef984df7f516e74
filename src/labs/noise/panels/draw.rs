//! Drawing the data: the modes as points that can be dragged, added and removed.

use super::super::config::{MODE_REACH, MOST_MODES};
use super::super::data::DataSet;
use super::super::{Config, PlaneRun};
use super::cloud::{Map, Moment};
use crate::ui::Stage;
use egui::{Key, Pos2, Rect, Sense, Stroke, Ui, Vec2, vec2};

/// Side of the area that catches a mode, in points.
const GRIP: f32 = 24.0;
/// Movement of one arrow key, data units.
const NUDGE: f64 = 0.05;
/// The picture's units are data units times this at the noise level shown; below it, nothing can
/// be placed with care.
const SMALLEST_SCALE: f64 = 0.2;

/// Keeps a place inside the reach and to thousandths, so that links stay short.
fn placed(at: [f64; 2]) -> [f64; 2] {
    at.map(|v| (1000.0 * v.clamp(-MODE_REACH, MODE_REACH)).round() / 1000.0)
}

/// Makes the data on screen the drawn one, to be changed from there.
pub(crate) fn begin(config: &mut Config) {
    config.modes = config.data.centres().into_iter().map(placed).collect();
    config.data = DataSet::Drawn;
}

/// Adds a mode beside the last one, or where nothing is drawn yet in the middle.
pub(crate) fn add(config: &mut Config) {
    if config.modes.len() < MOST_MODES {
        let last = config.modes.last().copied().unwrap_or([0.0; 2]);
        let side = if last[0] > 0.8 { -1.7 } else { 0.4 };
        config.modes.push(placed([last[0] + side, last[1] + 0.3]));
    }
}

/// Handles of the modes over the picture; a double click elsewhere adds one there.
pub(crate) fn show(
    run: &PlaneRun,
    config: &mut Config,
    moment: &Moment,
    map: &Map,
    picture: &egui::Response,
    stage: &Stage<'_>,
    ui: &Ui,
) {
    if config.data != DataSet::Drawn {
        return;
    }
    let scale = moment.scale(run);
    if scale < SMALLEST_SCALE {
        return;
    }
    let mut change = None;
    for (i, mode) in config.modes.iter().enumerate() {
        let at = map.screen(vec2((scale * mode[0]) as f32, (scale * mode[1]) as f32));
        if let Some(to) = handle(i, at, *mode, map, scale, stage, ui) {
            change = Some((i, to));
        }
    }
    match change {
        Some((i, Edit::Move(to))) => config.modes[i] = placed(to),
        Some((i, Edit::Remove)) if config.modes.len() > 1 => {
            config.modes.remove(i);
        }
        Some(_) => {}
        None => {
            let pointer = picture.interact_pointer_pos();
            if picture.double_clicked()
                && config.modes.len() < MOST_MODES
                && let Some(p) = pointer
            {
                config.modes.push(placed(data_at(map, p, scale)));
            }
        }
    }
}

fn data_at(map: &Map, at: Pos2, scale: f64) -> [f64; 2] {
    let v = map.picture(at);
    [f64::from(v.x) / scale, f64::from(v.y) / scale]
}

/// What was done to a mode.
enum Edit {
    Move([f64; 2]),
    Remove,
}

/// One handle; what was done to it.
fn handle(
    i: usize,
    at: Pos2,
    mode: [f64; 2],
    map: &Map,
    scale: f64,
    stage: &Stage<'_>,
    ui: &Ui,
) -> Option<Edit> {
    let response = ui.interact(
        Rect::from_center_size(at, Vec2::splat(GRIP)),
        ui.scope_id().with(("mode", stage.slot, i)),
        Sense::click_and_drag(),
    );
    let lively = response.hovered() || response.dragged() || response.has_focus();
    let palette = stage.palette;
    ui.painter().circle(
        at,
        if lively { 7.0 } else { 5.0 },
        palette.background,
        Stroke::new(2.0, palette.accent),
    );
    response.widget_info(|| {
        egui::WidgetInfo::labeled(
            egui::Role::Button,
            true,
            format!("Mode {} at {:.2}, {:.2}", i + 1, mode[0], mode[1]),
        )
    });
    if lively {
        ui.ctx().set_cursor_icon(egui::CursorIcon::Move);
    }
    if response.dragged() {
        let to = response
            .interact_pointer_pos()
            .map(|p| data_at(map, p, scale));
        return to
            .filter(|to| to.iter().all(|v| v.is_finite()))
            .map(Edit::Move);
    }
    if response.secondary_clicked() {
        return Some(Edit::Remove);
    }
    if response.has_focus() {
        let pressed = |key| ui.input(|input| input.key_pressed(key));
        if pressed(Key::Delete) || pressed(Key::Backspace) {
            return Some(Edit::Remove);
        }
        let axis = |up, down| f64::from(i8::from(pressed(up)) - i8::from(pressed(down)));
        let by = [
            NUDGE * axis(Key::ArrowRight, Key::ArrowLeft),
            NUDGE * axis(Key::ArrowUp, Key::ArrowDown),
        ];
        if by != [0.0; 2] {
            return Some(Edit::Move([mode[0] + by[0], mode[1] + by[1]]));
        }
    }
    None
}
