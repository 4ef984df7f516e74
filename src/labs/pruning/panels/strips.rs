//! Every tensor of a file as one strip: the density of 96 sections in flat order.

use super::super::View;
use super::super::config::{Config, Method};
use super::super::results::Run;
use super::super::tally::SECTIONS;
use crate::core::EntityId;
use crate::ui::Stage;
use crate::ui::theme::{fade, mix};
use egui::{Align2, Button, DragValue, FontId, Rect, Sense, Stroke, Ui, pos2, vec2};

const ROW: f32 = 24.0;

/// Draws the list, scrolled by wheel or drag when it does not fit.
pub(crate) fn ui(
    run: &Run,
    step: usize,
    config: &mut Config,
    view: &mut View,
    stage: &mut Stage<'_>,
    rect: Rect,
    ui: &mut Ui,
) {
    let r = run.results();
    let palette = stage.palette;
    let response = ui.interact(
        rect,
        ui.scope_id().with(("strips", stage.slot)),
        Sense::click_and_drag(),
    );
    let longest = (r.layers.len() as f32 * ROW - rect.height()).max(0.0);
    if response.hovered() {
        view.scroll -= ui.input(|i| i.smooth_scroll_delta.y);
    }
    view.scroll = (view.scroll - response.drag_delta().y).clamp(0.0, longest);
    let painter = ui.painter_at(rect);
    let first = (view.scroll / ROW) as usize;
    let shown = (rect.height() / ROW) as usize + 2;
    // Rates of one's own stand beside the strips.
    let own = config.takes_rates();
    let number_width = if own { 120.0 } else { 52.0 };
    let name_width = rect.width() * if own { 0.28 } else { 0.34 };
    let strip_width = (rect.width() - name_width - number_width - 8.0).max(20.0);
    for l in first..(first + shown).min(r.layers.len()) {
        let top = rect.top() + l as f32 * ROW - view.scroll;
        let row = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), ROW - 2.0));
        let entity = EntityId(l as u64);
        let under = response.hover_pos().is_some_and(|p| row.contains(p));
        if under {
            *stage.hovered = Some(entity);
            if response.clicked() {
                *stage.selected = Some(entity);
            }
        }
        if *stage.selected == Some(entity) {
            painter.rect_filled(row, 3.0, fade(palette.accent, 0.18));
        } else if *stage.hovered == Some(entity) {
            painter.rect_filled(row, 3.0, fade(palette.muted, 0.15));
        }
        let small = FontId::proportional(12.0);
        let name = Rect::from_min_size(row.min, vec2(name_width - 6.0, row.height()));
        // The end of a tensor's name tells more than its start.
        let fit = (name_width / 6.6) as usize;
        let text = &r.layers[l].name;
        let skipped = text.chars().count().saturating_sub(fit.max(4));
        let text: String = if skipped > 0 {
            format!("…{}", text.chars().skip(skipped + 1).collect::<String>())
        } else {
            text.clone()
        };
        painter.with_clip_rect(name.intersect(rect)).text(
            name.left_center() + vec2(4.0, 0.0),
            Align2::LEFT_CENTER,
            text,
            small.clone(),
            palette.ink,
        );
        let left = row.left() + name_width;
        let cell = strip_width / SECTIONS as f32;
        for (c, &density) in r.strips[l].at(step).iter().enumerate() {
            let colour = mix(palette.background, palette.ink, f32::from(density) / 255.0);
            let x = left + c as f32 * cell;
            painter.rect_filled(
                Rect::from_min_size(
                    pos2(x, row.top() + 3.0),
                    vec2(cell + 0.5, row.height() - 6.0),
                ),
                0.0,
                colour,
            );
        }
        let frame = Rect::from_min_size(
            pos2(left, row.top() + 3.0),
            vec2(strip_width, row.height() - 6.0),
        );
        painter.rect_stroke(
            frame,
            0.0,
            Stroke::new(1.0, palette.grid),
            egui::StrokeKind::Outside,
        );
        if own && rect.contains_rect(row) {
            let tensor = r.layers[l].name.clone();
            let has = config.own_rates.iter().any(|(name, _)| *name == tensor);
            let mut rate = if has || config.method == Method::Manual {
                config.rate_of(&tensor)
            } else {
                // What the method takes from this tensor at the chosen sparsity.
                (1000.0 * (1.0 - r.density(l, r.chosen))).round() / 10.0
            };
            let place = Rect::from_min_size(
                pos2(frame.right() + 6.0, row.top() + 1.0),
                vec2(if has { 46.0 } else { 58.0 }, row.height() - 2.0),
            );
            if has {
                let beside = Rect::from_min_size(
                    pos2(place.right() + 1.0, place.top()),
                    vec2(14.0, place.height()),
                );
                let clear = ui.put(beside, Button::new("×").frame(false).small());
                let clear = clear.on_hover_text(format!("No rate of its own for {tensor}"));
                if clear.clicked() {
                    config.clear_rate(&tensor);
                }
            }
            let value = DragValue::new(&mut rate)
                .range(0.0..=99.9)
                .speed(0.2)
                .max_decimals(1)
                .suffix(" %");
            let drawn = ui
                .put(place, value)
                .on_hover_text(if has || config.method == Method::Manual {
                    format!("Share of {tensor} that goes")
                } else {
                    format!("Share of {tensor} that the method takes; change it to give the tensor a rate of its own")
                });
            drawn.widget_info(|| {
                egui::WidgetInfo::labeled(
                    egui::Role::SpinButton,
                    true,
                    format!("Sparsity of {tensor}"),
                )
            });
            if drawn.changed() {
                config.set_rate(&tensor, rate);
            }
        }
        let density = format!("{:.1} %", 100.0 * r.density(l, step));
        painter.text(
            row.right_center() - vec2(2.0, 0.0),
            Align2::RIGHT_CENTER,
            density,
            small,
            palette.ink,
        );
    }
}
