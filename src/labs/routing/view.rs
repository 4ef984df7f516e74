//! Drawing of the routing lab: tokens on the left, expert bins on the right, links between.

use super::panels::cap::Cap;
use super::panels::frame::Frame;
use super::panels::heat::Heat;
use super::panels::multiples::{self, Order};
use super::panels::{bins, held, layers, links, queries, rules, sheet, tokens, training};
use super::{Along, BatchRun, Config, Entity, Routing, Run, TrainRun};
use crate::core::EntityId;
use crate::ui::theme::Palette;
use crate::ui::{ExtraTab, LabView, Stage, format, icon::text_at, picture};
use egui::{Align2, FontId, Rect, Sense, pos2, vec2};

/// How the run is looked at.
#[derive(Debug, Clone, Default)]
pub struct View {
    shown: Shown,
    heat: Heat,
    /// In which order the experts of small multiples stand, where that was chosen.
    order: Option<Order>,
}

/// The pictures of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Shown {
    /// Tokens streaming to experts.
    #[default]
    Flow,
    /// Tokens × experts.
    HeatMap,
    /// What every switch changes.
    Rules,
    /// Load of every expert by layer, batch or measurement.
    Multiples,
}

/// Room of a button that chooses the picture.
const BUTTON: f32 = 68.0;

/// Narrower pictures have no room for the buttons, or for the buttons and the words in one line.
const WIDE_ENOUGH: f32 = 280.0;
const ONE_LINE: f32 = 520.0;

/// Height of the line of words above the picture.
const HEADER: f32 = 20.0;

impl LabView for Routing {
    type View = View;

    fn picture_ui(
        run: &Run,
        config: &mut Config,
        view: &mut View,
        stage: &mut Stage<'_>,
        ui: &mut egui::Ui,
    ) {
        let run = match run {
            Run::Batches(run) => run,
            Run::Training(run) => return train(run, view, stage, ui),
            Run::Layers(run) => return layers::show(run, stage, ui),
            Run::Queries(run) => return queries::show(run, stage, ui),
            Run::Studies(run) => return sheet::show(run, stage, ui),
        };
        let rect = ui.available_rect_before_wrap();
        if rect.width() < 60.0 || rect.height() < 60.0 {
            return;
        }
        let sense = if view.shown == Shown::HeatMap {
            Sense::click_and_drag()
        } else {
            Sense::click()
        };
        let response = ui.allocate_rect(rect, sense);
        picture(
            &response,
            "Tokens and experts",
            &run_words(run, stage.playhead),
        );
        let focus = stage.hovered.or(*stage.selected).map(Entity::of);
        let choices = choices(run);
        let (words, body) = layout(rect, choices.len());
        let Some(frame) = Frame::new(run, stage.playhead, body, stage.palette, focus) else {
            return;
        };
        let painter = ui.painter_at(rect);
        header(&frame, run, words, ui);
        if rect.width() > WIDE_ENOUGH {
            choose_picture(view, rect, &choices, ui);
        }
        match view.shown {
            Shown::Flow => {}
            Shown::Multiples => {
                if let Some(panels) = run.multiples() {
                    let layers = panels.along == Along::Layers;
                    let marked = if layers {
                        run.config().layer as usize
                    } else {
                        frame.scene.batch + 1
                    };
                    let chosen = multiples::show(panels, marked, &mut view.order, body, stage, ui);
                    match chosen.and_then(|i| panels.panels.get(i)) {
                        Some(panel) if layers => panel.select(config),
                        Some(panel) => *stage.seek = Some(panel.number() as f64),
                        None => {}
                    }
                    return;
                }
            }
            Shown::HeatMap => return heat_map(run, view, body, &response, stage, ui),
            Shown::Rules => return rules::draw(run, body, stage.palette, ui),
        }
        bins::draw(&frame, &painter);
        links::draw(&frame, stage.reduce_motion, &painter);
        tokens::draw(&frame, &painter);
        links::highlights(&frame, &painter);
        bins::drag_capacity(&frame, config, stage.slot, ui);
        point(run, &frame, &response, stage, ui);
    }

    fn results_ui(run: &Run, slot: usize, ui: &mut egui::Ui) {
        if let Run::Batches(run) = run {
            held::show(run, slot, ui);
        }
    }

    fn extra() -> Option<ExtraTab<Config>> {
        Some(("CAP", Box::<Cap>::default()))
    }

    fn miniature_ui(run: &Run, phase: f64, palette: &Palette, ui: &mut egui::Ui) {
        let run = match run {
            Run::Batches(run) => run,
            Run::Training(run) => return training::miniature(run, phase, palette, ui),
            Run::Layers(run) => return layers::miniature(run, phase, palette, ui),
            Run::Queries(run) => return queries::miniature(run, phase, palette, ui),
            Run::Studies(run) => return sheet::miniature(run, phase, palette, ui),
        };
        let rect = ui.available_rect_before_wrap();
        ui.allocate_rect(rect, Sense::hover());
        let batches = run.batches().len().min(3) as f64;
        let at = phase.clamp(0.0, 1.0) * batches;
        if let Some(frame) = Frame::miniature(run, at, rect, palette) {
            let painter = ui.painter_at(rect);
            bins::draw(&frame, &painter);
            links::draw(&frame, false, &painter);
            tokens::draw(&frame, &painter);
        }
    }
}

/// What the fate of pairs over the capacity is called.
fn turned_away(run: &BatchRun) -> &'static str {
    let config = run.config();
    if config.has_second_chance() && config.overflow == super::Overflow::Reroute {
        "turned away, re-routed if there is room"
    } else {
        "dropped"
    }
}

/// The moment in words, for the line above the picture and for screen readers.
fn run_words(run: &BatchRun, at: f64) -> String {
    let scene = run.scene(at);
    let inside: u32 = scene.inside.iter().sum();
    let dropped: u32 = scene.dropped.iter().sum();
    format!(
        "Batch {} of {}: {inside} pairs placed, {dropped} {}",
        scene.batch + 1,
        run.batches().len(),
        turned_away(run)
    )
}

/// The pictures that a run has, with their names.
fn choices(run: &BatchRun) -> Vec<(Shown, &'static str)> {
    let mut out = vec![
        (Shown::Flow, "Flow"),
        (Shown::HeatMap, "Heat map"),
        (Shown::Rules, "Rules"),
    ];
    out.extend(run.multiples().map(|m| match m.along {
        Along::Layers => (Shown::Multiples, "Layers"),
        Along::Batches | Along::Updates => (Shown::Multiples, "Batches"),
    }));
    out
}

/// Where the words above the picture stand, and what is left for the picture.
fn layout(rect: Rect, buttons: usize) -> (Rect, Rect) {
    let mut words = rect.with_max_y(rect.top() + HEADER);
    if rect.width() > ONE_LINE {
        // The corner belongs to the buttons.
        words.max.x -= BUTTON * buttons as f32;
    } else if rect.width() > WIDE_ENOUGH {
        words = words.translate(vec2(0.0, HEADER + 4.0));
    }
    (words, rect.with_min_y(words.bottom()))
}

/// Buttons in the corner: the pictures of the run.
fn choose_picture(view: &mut View, rect: Rect, choices: &[(Shown, &str)], ui: &mut egui::Ui) {
    let width = (BUTTON * choices.len() as f32).min(rect.width());
    let size = vec2(width, HEADER);
    let corner = Rect::from_min_size(pos2(rect.right() - width, rect.top()), size);
    let mut row = ui.new_child(
        egui::UiBuilder::new()
            .max_rect(corner)
            .layout(egui::Layout::right_to_left(egui::Align::Center)),
    );
    for (shown, name) in choices.iter().rev() {
        if row.selectable_label(view.shown == *shown, *name).clicked() {
            view.shown = *shown;
        }
    }
}

/// A mixture of experts in training, at the playhead or with all its measurements side by side.
fn train(run: &TrainRun, view: &mut View, stage: &mut Stage<'_>, ui: &mut egui::Ui) {
    let rect = ui.available_rect_before_wrap();
    let panels = run.multiples().filter(|_| rect.width() > WIDE_ENOUGH);
    let Some(panels) = panels else {
        return training::show(run, stage, ui);
    };
    let choices = [(Shown::Flow, "Now"), (Shown::Multiples, "Updates")];
    let body = rect.with_min_y(rect.top() + HEADER);
    choose_picture(view, rect, &choices, ui);
    if view.shown != Shown::Multiples {
        let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(body));
        ui.allocate_rect(rect, Sense::hover());
        return training::show(run, stage, &mut inner);
    }
    ui.allocate_rect(rect, Sense::hover());
    let marked = run.at(stage.playhead).map_or(0, |s| s.step as usize);
    let chosen = multiples::show(panels, marked, &mut view.order, body, stage, ui);
    if let Some(panel) = chosen.and_then(|i| panels.panels.get(i)) {
        *stage.seek = Some(panel.number() as f64);
    }
}

fn heat_map(
    run: &BatchRun,
    view: &mut View,
    body: Rect,
    response: &egui::Response,
    stage: &mut Stage<'_>,
    ui: &egui::Ui,
) {
    let body = body.with_min_y(body.top() + 4.0);
    let drawn = view.heat.draw(run, body, stage, response, ui);
    let Some(place) = drawn else {
        return;
    };
    let hit = response.hover_pos().and_then(|at| place.at(at));
    if let Some((token, expert)) = hit {
        *stage.hovered = Some(place.token(token));
        response
            .clone()
            .on_hover_text_at_pointer(place.words(token, expert));
    }
    if response.clicked() {
        *stage.selected = hit.map(|(token, _)| place.token(token));
    }
}

fn header(frame: &Frame<'_>, run: &BatchRun, rect: Rect, ui: &egui::Ui) {
    let font = FontId::proportional(12.0);
    let inside: u32 = frame.scene.inside.iter().sum();
    let dropped: u32 = frame.scene.dropped.iter().sum();
    let mut words = format!(
        "Batch {} of {}: {inside} placed",
        frame.scene.batch + 1,
        run.batches().len()
    );
    if rect.width() > 300.0 {
        words = format!(
            "{words} of {} (token, expert) pairs",
            frame.batch.demand.iter().sum::<u32>()
        );
    }
    let line = |at: egui::Pos2, text: &str, color| {
        let room = (rect.right() - at.x).max(0.0);
        text_at(ui, at, Align2::LEFT_TOP, text, font.clone(), color, room)
    };
    let end = line(rect.left_top() + vec2(2.0, 2.0), &words, frame.palette.ink);
    if dropped > 0 {
        let sent = f64::from(inside + dropped);
        let share = format::quantity(100.0 * f64::from(dropped) / sent, "%");
        let words = format!("× {dropped} ({share}) {}", turned_away(run));
        line(end.right_top() + vec2(8.0, 0.0), &words, frame.palette.bad);
    }
}

/// Sets what is hovered and selected, and shows a few words beside the pointer.
fn point(
    run: &BatchRun,
    frame: &Frame<'_>,
    response: &egui::Response,
    stage: &mut Stage<'_>,
    ui: &mut egui::Ui,
) {
    experts_as_buttons(frame, stage, ui);
    let Some(at) = response.hover_pos() else {
        return;
    };
    let hit: Option<EntityId> = tokens::at(frame, at).or_else(|| bins::at(frame, at));
    if let Some(id) = hit {
        *stage.hovered = Some(id);
        let words = tip(run, frame, id);
        response.clone().on_hover_text_at_pointer(words);
    }
    if response.clicked() {
        *stage.selected = hit;
    }
}

/// Experts can be reached by keyboard and by assistive technology, each with its load in words.
fn experts_as_buttons(frame: &Frame<'_>, stage: &mut Stage<'_>, ui: &mut egui::Ui) {
    if frame.experts() > 64 {
        return;
    }
    for e in 0..frame.experts() {
        let id = ui.scope_id().with(("expert", e));
        let response = ui.interact(frame.row(e), id, Sense::click());
        let name = expert_words(frame, e);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name.clone()));
        let entity = Entity::Expert(e).id();
        if response.hovered() || response.has_focus() {
            *stage.hovered = Some(entity);
        }
        if response.clicked() {
            *stage.selected = Some(entity);
        }
        response.on_hover_text_at_pointer(name);
    }
}

fn expert_words(frame: &Frame<'_>, e: usize) -> String {
    let (inside, dropped) = (frame.scene.inside[e], frame.scene.dropped[e]);
    let room = if let Some((d, experts)) = frame.device(e) {
        let (taken, places) = (frame.on_device(experts), frame.batch.capacity);
        format!(" pairs, {taken} of {places} places of device {d} taken")
    } else if frame.limited {
        format!(" of {} places taken", frame.batch.capacity)
    } else {
        " pairs".to_owned()
    };
    let lost = if dropped > 0 {
        format!(", {dropped} dropped")
    } else {
        String::new()
    };
    format!("Expert {e}: {inside}{room}{lost}")
}

fn tip(run: &BatchRun, frame: &Frame<'_>, id: EntityId) -> String {
    match Entity::of(id) {
        Entity::Expert(e) => expert_words(frame, e),
        Entity::Token { batch, token } => {
            let pairs = frame.batch.of_token(token).iter().map(|p| {
                let fate = if frame.waiting(p) {
                    "not there yet"
                } else if frame.gone(p) {
                    "dropped"
                } else {
                    "placed"
                };
                format!(
                    "expert {}: gate {}, {fate}",
                    p.expert,
                    format::number(p.gate)
                )
            });
            let cluster = frame.batch.clusters[token];
            let name = run.token_name(batch, token);
            let name = name.map_or_else(String::new, |n| format!("{n}, "));
            let mut lines = vec![format!("Token {token}, {name}{} {cluster}", frame.group)];
            lines.extend(pairs);
            if lines.len() == 1 {
                lines.push("no expert takes it".to_owned());
            }
            lines.join("\n")
        }
    }
}
