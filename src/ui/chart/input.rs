//! Pointer and keys of a chart.

use super::{Drawn, Layer, Link, data};
use crate::core::{Chart, EntityId};
use egui::{EventFilter, Key, Modifiers, Pos2, Response, Ui, vec2};
use egui_plot::{PlotTransform, PlotUi};

/// Where the cursor of a chart that is not on the timeline stands.
fn own_cursor(response: &Response) -> egui::Id {
    response.id.with("cursor")
}

/// Hovering moves the shared cursor, a click or drag on the timeline seeks, a click on a series
/// of an entity pins it.
pub(super) fn pointer(
    ui: &Ui,
    response: &Response,
    transform: &PlotTransform,
    chart: &Chart,
    drawn: &[Drawn<'_>],
    link: &mut Link,
) {
    if response.clicked() {
        response.request_focus();
    }
    let Some(pointer) = response.hover_pos().or(response.interact_pointer_pos()) else {
        return;
    };
    let x = data::from_axis(&chart.x, transform.value_from_position(pointer).x);
    if chart.on_timeline {
        link.cursor = Some(x);
    } else {
        ui.data_mut(|d| d.insert_temp(own_cursor(response), x));
    }
    let near = entity_at(transform, drawn, pointer, x);
    if near.is_some() {
        link.hovered = near;
    }
    let primary = egui::PointerButton::Primary;
    if response.clicked() && near.is_some() {
        link.selected = near;
    } else if chart.on_timeline && (response.clicked() || response.dragged_by(primary)) {
        link.seek = Some(x);
    } else if response.clicked() {
        link.picked = Some(x);
    }
}

/// The entity whose series passes within 6 points of the pointer.
fn entity_at(
    transform: &PlotTransform,
    drawn: &[Drawn<'_>],
    pointer: Pos2,
    x: f64,
) -> Option<EntityId> {
    drawn
        .iter()
        .filter_map(|d| {
            let entity = d.series.entity?;
            let y = data::value_at(d.series, x)?;
            let y = transform.position_from_point_y(data::to_axis(&d.layer.chart.y, y));
            let distance = (y - pointer.y).abs();
            (distance < 6.0).then_some((distance, entity))
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, entity)| entity)
}

/// The cursor to show: the shared one on the timeline, an own one elsewhere. With the focus,
/// arrows move it from point to point and Enter goes there.
pub(super) fn cursor(
    ui: &Ui,
    response: &Response,
    layers: &[Layer<'_>],
    link: &mut Link,
) -> Option<f64> {
    let chart = layers[0].chart;
    let own = own_cursor(response);
    let mut at = if chart.on_timeline {
        link.cursor
    } else {
        ui.data(|d| d.get_temp(own))
    };
    if response.has_focus() {
        ui.memory_mut(|m| {
            m.set_focus_lock_filter(
                response.id,
                EventFilter {
                    horizontal_arrows: true,
                    vertical_arrows: true,
                    ..EventFilter::default()
                },
            );
        });
        let (left, right, enter) = ui.input_mut(|i| {
            (
                i.consume_key(Modifiers::NONE, Key::ArrowLeft),
                i.consume_key(Modifiers::NONE, Key::ArrowRight),
                i.consume_key(Modifiers::NONE, Key::Enter),
            )
        });
        if left || right {
            let series = || layers.iter().flat_map(|l| &l.chart.series);
            let start = at.or(chart.on_timeline.then_some(link.playhead));
            at = data::neighbour(series(), start, right).or(at);
            if chart.on_timeline {
                link.cursor = at;
            } else if let Some(x) = at {
                ui.data_mut(|d| d.insert_temp(own, x));
            }
        }
        if enter {
            let target = if chart.on_timeline {
                &mut link.seek
            } else {
                &mut link.picked
            };
            *target = at;
        }
    } else if !chart.on_timeline && !response.hovered() {
        ui.data_mut(|d| d.remove::<f64>(own));
        return None;
    }
    at
}

/// Shift and arrows pan, plus and minus zoom, 0 fits.
pub(super) fn view_keys(plot: &mut PlotUi<'_>) {
    let pressed = |key: Key, shift: bool| {
        plot.ctx().input_mut(|i| {
            let modifiers = if shift {
                Modifiers::SHIFT
            } else {
                Modifiers::NONE
            };
            i.consume_key(modifiers, key)
        })
    };
    let span = {
        let b = plot.plot_bounds();
        vec2(b.width() as f32, b.height() as f32) * 0.1
    };
    let moves = [
        (Key::ArrowLeft, vec2(-span.x, 0.0)),
        (Key::ArrowRight, vec2(span.x, 0.0)),
        (Key::ArrowUp, vec2(0.0, span.y)),
        (Key::ArrowDown, vec2(0.0, -span.y)),
    ];
    let pan = moves.into_iter().find(|(key, _)| pressed(*key, true));
    let zoom_in =
        pressed(Key::Plus, false) || pressed(Key::Plus, true) || pressed(Key::Equals, false);
    let zoom_out = pressed(Key::Minus, false);
    let fit = pressed(Key::Num0, false);
    if let Some((_, delta)) = pan {
        plot.translate_bounds(delta);
    }
    let center = plot.plot_bounds().center();
    if zoom_in {
        plot.zoom_bounds(vec2(1.25, 1.0), center);
    }
    if zoom_out {
        plot.zoom_bounds(vec2(0.8, 1.0), center);
    }
    if fit {
        plot.set_auto_bounds([true, true]);
    }
}
