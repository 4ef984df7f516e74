//! Drawing of the routing lab: tokens on the left, expert bins on the right, links between.

use super::panels::frame::Frame;
use super::panels::{bins, links, tokens};
use super::{Config, Entity, Routing, Run};
use crate::core::EntityId;
use crate::ui::theme::Palette;
use crate::ui::{LabView, Stage, format, picture};
use egui::{Align2, FontId, Rect, Sense, pos2, vec2};

/// How the run is looked at: nothing to remember.
#[derive(Debug, Clone, Default)]
pub struct View;

/// Height of the line of words above the picture.
const HEADER: f32 = 20.0;

impl LabView for Routing {
    type View = View;

    fn picture_ui(
        run: &Run,
        config: &mut Config,
        _view: &mut View,
        stage: &mut Stage<'_>,
        ui: &mut egui::Ui,
    ) {
        let rect = ui.available_rect_before_wrap();
        if rect.width() < 60.0 || rect.height() < 60.0 {
            return;
        }
        let response = ui.allocate_rect(rect, Sense::click());
        picture(
            &response,
            "Tokens and experts",
            &run_words(run, stage.playhead),
        );
        let focus = stage.hovered.or(*stage.selected).map(Entity::of);
        let body = Rect::from_min_max(pos2(rect.left(), rect.top() + HEADER), rect.max);
        let Some(frame) = Frame::new(run, stage.playhead, body, stage.palette, focus) else {
            return;
        };
        let painter = ui.painter_at(rect);
        header(&frame, run, rect, &painter);
        bins::draw(&frame, &painter);
        links::draw(&frame, stage.reduce_motion, &painter);
        tokens::draw(&frame, &painter);
        links::highlights(&frame, &painter);
        bins::drag_capacity(&frame, config, stage.slot, ui);
        point(&frame, &response, stage, ui);
    }

    fn miniature_ui(run: &Run, phase: f64, palette: &Palette, ui: &mut egui::Ui) {
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

/// The moment in words, for the line above the picture and for screen readers.
fn run_words(run: &Run, at: f64) -> String {
    let scene = run.scene(at);
    let inside: u32 = scene.inside.iter().sum();
    let dropped: u32 = scene.dropped.iter().sum();
    format!(
        "Batch {} of {}: {inside} pairs placed, {dropped} dropped",
        scene.batch + 1,
        run.batches().len()
    )
}

fn header(frame: &Frame<'_>, run: &Run, rect: Rect, painter: &egui::Painter) {
    let font = FontId::proportional(12.0);
    let inside: u32 = frame.scene.inside.iter().sum();
    let dropped: u32 = frame.scene.dropped.iter().sum();
    let mut words = format!(
        "Batch {} of {}: {inside} placed",
        frame.scene.batch + 1,
        run.batches().len()
    );
    if rect.width() > 420.0 {
        words = format!(
            "{words} of {} (token, expert) pairs",
            frame.batch.pairs.len()
        );
    }
    let end = painter.text(
        rect.left_top() + vec2(2.0, 2.0),
        Align2::LEFT_TOP,
        words,
        font.clone(),
        frame.palette.ink,
    );
    if dropped > 0 {
        let sent = f64::from(inside + dropped);
        let share = format::quantity(100.0 * f64::from(dropped) / sent, "%");
        painter.text(
            end.right_top() + vec2(8.0, 0.0),
            Align2::LEFT_TOP,
            format!("× {dropped} dropped ({share})"),
            font,
            frame.palette.bad,
        );
    }
}

/// Sets what is hovered and selected, and shows a few words beside the pointer.
fn point(frame: &Frame<'_>, response: &egui::Response, stage: &mut Stage<'_>, ui: &mut egui::Ui) {
    experts_as_buttons(frame, stage, ui);
    let Some(at) = response.hover_pos() else {
        return;
    };
    let hit: Option<EntityId> = tokens::at(frame, at).or_else(|| bins::at(frame, at));
    if let Some(id) = hit {
        *stage.hovered = Some(id);
        response.clone().on_hover_text_at_pointer(tip(frame, id));
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
    let room = if frame.limited {
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

fn tip(frame: &Frame<'_>, id: EntityId) -> String {
    match Entity::of(id) {
        Entity::Expert(e) => expert_words(frame, e),
        Entity::Token { token, .. } => {
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
            let mut lines = vec![format!("Token {token}, {} {cluster}", frame.group)];
            lines.extend(pairs);
            if lines.len() == 1 {
                lines.push("no expert takes it".to_owned());
            }
            lines.join("\n")
        }
    }
}
