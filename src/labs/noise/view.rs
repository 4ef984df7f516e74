//! Drawing of the noise lab: the cloud over its density, the schedule below it.

use super::data::DataSet;
use super::gaussian::FieldRun;
use super::images::ImageRun;
use super::panels::schedules::Schedules;
use super::panels::{cloud, curve, draw, fields, grid, images, tokens};
use super::{Config, Noise, PlaneRun, Run};
use crate::core::EntityId;
use crate::ui::theme::Palette;
use crate::ui::{ExtraTab, LabView, Stage};
use egui::{Align2, Pos2, Rect, Sense, TextStyle, Ui, vec2};

/// How the run is looked at.
#[derive(Debug, Clone)]
pub struct View {
    /// Whether the denoised estimates are drawn as a second cloud.
    estimates: bool,
    /// Whether the density is shaded.
    density: bool,
    /// Whether one image is shown under several schedules.
    schedules: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            estimates: false,
            density: true,
            schedules: false,
        }
    }
}

/// Height of the row of switches.
const SWITCHES: f32 = 26.0;
/// Distance from a particle at which the pointer finds it, in points.
const REACH: f32 = 12.0;

impl LabView for Noise {
    type View = View;

    fn picture_ui(
        run: &Run,
        config: &mut Config,
        view: &mut View,
        stage: &mut Stage<'_>,
        ui: &mut Ui,
    ) {
        let run = match run {
            Run::Plane(run) => run,
            Run::Tokens(run) => return tokens::show(run, stage, ui),
            Run::Images(run) => return images_part(run, view, stage, ui),
            Run::Fields(run) => return fields_part(run, view, stage, ui),
        };
        let area = ui.available_rect_before_wrap();
        let strip = curve::height(area.height());
        let bottom = area.bottom() - strip;
        let picture = Rect::from_min_max(area.min, Pos2::new(area.right(), bottom - SWITCHES));
        let switches = Rect::from_min_max(
            Pos2::new(area.left(), bottom - SWITCHES),
            Pos2::new(area.right(), bottom),
        );
        picture_part(run, config, view, stage, picture, ui);
        switches_part(run, config, view, switches, ui);
        let curve = Rect::from_min_max(Pos2::new(area.left(), bottom), area.max);
        curve::show(run, config, stage, curve, ui);
        ui.advance_cursor_after_rect(area);
    }

    fn extra() -> Option<ExtraTab<Config>> {
        Some(("Schedules", Box::<Schedules>::default()))
    }

    fn miniature_ui(run: &Run, phase: f64, palette: &Palette, ui: &mut Ui) {
        let run = match run {
            Run::Plane(run) => run,
            Run::Tokens(run) => return tokens::miniature(run, phase, palette, ui),
            Run::Images(run) => return images::miniature(run, phase, palette, ui),
            Run::Fields(run) => return fields::miniature(run, phase, palette, ui),
        };
        let (response, painter) = ui.allocate_painter(ui.available_size(), Sense::hover());
        let moment = cloud::Moment::at(run, phase * run.timeline.end());
        let map = cloud::Map::new(run, response.rect);
        let painter = painter.with_clip_rect(response.rect);
        cloud::density(run, &moment, &map, palette, &painter);
        cloud::particles(run, &moment, &map, palette, true, &painter);
    }
}

fn images_part(run: &ImageRun, view: &mut View, stage: &mut Stage<'_>, ui: &mut Ui) {
    let (picture, mut row) = over_switches(ui);
    if view.schedules {
        grid::show(run, stage, ui, picture);
    } else {
        images::show(run, view.estimates, stage, ui, picture);
        estimates_switch(view, &mut row);
    }
    row.checkbox(&mut view.schedules, "same image, other schedules")
        .on_hover_text("Show one training image at the same times of several schedules");
}

fn fields_part(run: &FieldRun, view: &mut View, stage: &mut Stage<'_>, ui: &mut Ui) {
    let (picture, mut row) = over_switches(ui);
    fields::show(run, view.estimates, stage, ui, picture);
    estimates_switch(view, &mut row);
}

/// The room for a picture, and the row of switches below it.
fn over_switches(ui: &mut Ui) -> (Rect, Ui) {
    let area = ui.available_rect_before_wrap();
    let bottom = area.bottom() - SWITCHES;
    let picture = Rect::from_min_max(area.min, Pos2::new(area.right(), bottom));
    let switches = Rect::from_min_max(Pos2::new(area.left(), bottom), area.max);
    let builder = egui::UiBuilder::new()
        .max_rect(switches.shrink2(vec2(8.0, 2.0)))
        .layout(egui::Layout::left_to_right(egui::Align::Center));
    let row = ui.new_child(builder);
    ui.advance_cursor_after_rect(area);
    (picture, row)
}

fn estimates_switch(view: &mut View, row: &mut Ui) {
    row.checkbox(&mut view.estimates, "denoised estimates")
        .on_hover_text("Show what the denoiser makes of each sample");
}

fn switches_part(run: &PlaneRun, config: &mut Config, view: &mut View, rect: Rect, ui: &mut Ui) {
    let builder = egui::UiBuilder::new()
        .max_rect(rect.shrink2(vec2(8.0, 2.0)))
        .layout(egui::Layout::left_to_right(egui::Align::Center));
    let mut row = ui.new_child(builder);
    row.checkbox(&mut view.density, "density")
        .on_hover_text("Shade the exact density of the data at the current noise level");
    row.checkbox(&mut view.estimates, "denoised estimates")
        .on_hover_text("Show where the denoiser thinks each particle comes from");
    if config.data != DataSet::Drawn {
        let start = row
            .button("Draw data")
            .on_hover_text("Change the modes by hand, starting from these");
        if start.clicked() {
            draw::begin(config);
        }
    } else if row
        .button("Add a mode")
        .on_hover_text("Or double-click where it should be; drag modes to move them, right-click or Delete to remove one")
        .clicked()
    {
        draw::add(config);
    }
    let notes = run.notes();
    if notes.is_empty() || rect.width() < 520.0 {
        return;
    }
    let words = match notes.len() {
        1 => "1 remark on this schedule".to_owned(),
        n => format!("{n} remarks on this schedule"),
    };
    let all: Vec<String> = notes
        .iter()
        .map(|n| format!("Step {}: {}", n.index, n.text))
        .collect();
    row.add(egui::Label::new(words).sense(Sense::hover()))
        .on_hover_text(all.join("\n"));
}

fn picture_part(
    run: &PlaneRun,
    config: &mut Config,
    view: &View,
    stage: &mut Stage<'_>,
    rect: Rect,
    ui: &mut Ui,
) {
    if rect.width() < 40.0 || rect.height() < 40.0 {
        return;
    }
    let moment = cloud::Moment::at(run, stage.playhead);
    let response = ui.interact(
        rect,
        ui.scope_id().with(("cloud", stage.slot)),
        Sense::click(),
    );
    let painter = ui.painter().with_clip_rect(rect);
    let map = cloud::Map::new(run, rect);
    point_at(run, &moment, &map, &response, stage);
    painter.rect_filled(rect, 0.0, stage.palette.background);
    if view.density {
        cloud::density(run, &moment, &map, stage.palette, &painter);
    }
    cloud::frame(run, &map, rect, stage.palette, ui, &painter);
    cloud::modes(run, &moment, &map, stage.palette, &painter);
    let streaks = !stage.reduce_motion;
    cloud::particles(run, &moment, &map, stage.palette, streaks, &painter);
    if view.estimates {
        cloud::estimates(run, &moment, &map, stage.palette, &painter);
    }
    for (entity, pinned) in [(*stage.hovered, false), (*stage.selected, true)] {
        if let Some(EntityId(particle)) = entity {
            cloud::trail(
                run,
                &moment,
                &map,
                particle as usize,
                pinned,
                stage.palette,
                &painter,
            );
        }
    }
    draw::show(run, config, &moment, &map, &response, stage, ui);
    readout(run, &moment, stage, rect, ui, &painter);
    let text = format!("Particles. {}", moment.words(run));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &text));
}

/// Finds the particle under the pointer and pins it on a click.
fn point_at(
    run: &PlaneRun,
    moment: &cloud::Moment,
    map: &cloud::Map,
    response: &egui::Response,
    stage: &mut Stage<'_>,
) {
    if let Some(pointer) = response.hover_pos() {
        let found = cloud::nearest(run, moment, map, pointer, REACH).map(|i| EntityId(i as u64));
        *stage.hovered = found;
        if response.clicked() {
            *stage.selected = found;
        }
    }
}

/// Noise level, step and distance in the corners, over a veil so that they stay readable.
fn readout(
    run: &PlaneRun,
    moment: &cloud::Moment,
    stage: &Stage<'_>,
    rect: Rect,
    ui: &Ui,
    painter: &egui::Painter,
) {
    let palette = stage.palette;
    let body = TextStyle::Body.resolve(ui.style());
    let small = TextStyle::Small.resolve(ui.style());
    let veil = |at: Rect| {
        painter.rect_filled(
            at.expand(4.0),
            4.0,
            crate::ui::theme::fade(palette.background, 0.75),
        )
    };
    let corner = |at: Pos2, align: Align2, lines: &[(String, bool)]| {
        let mut y = at.y;
        for (text, strong) in lines {
            let (font, color) = if *strong {
                (body.clone(), palette.ink)
            } else {
                (small.clone(), palette.muted)
            };
            let galley = painter.layout_no_wrap(text.clone(), font, color);
            let place = align.anchor_size(Pos2::new(at.x, y), galley.size());
            veil(place);
            y += galley.size().y + 3.0;
            painter.galley(place.min, galley, color);
        }
    };
    let inset = rect.shrink(10.0);
    corner(
        inset.left_top(),
        Align2::LEFT_TOP,
        &[
            (moment.level_words(run), true),
            (moment.step_words(run), false),
        ],
    );
    // On a narrow picture the second corner would cover the first.
    if rect.width() > 430.0 {
        corner(
            inset.right_top(),
            Align2::RIGHT_TOP,
            &[
                (moment.distance_words(run), true),
                (floor_words(run), false),
            ],
        );
    }
}

fn floor_words(run: &PlaneRun) -> String {
    format!("a fresh draw of the truth {:.3}", run.headline.floor)
}
