//! Icons drawn with the painter, so that they need no font and follow the text colour.

use egui::{
    Align2, Color32, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2,
};

/// What an icon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    Play,
    Pause,
    StepBack,
    StepForward,
    ToStart,
    ToEnd,
    Loop,
    More,
    Close,
}

/// A square button with an icon. `selected` marks a switch that is on.
pub(crate) fn icon_button(
    ui: &mut Ui,
    icon: Icon,
    name: &str,
    tooltip: &str,
    selected: Option<bool>,
) -> Response {
    let side = ui.spacing().interact_size.y + 4.0;
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| match selected {
        Some(on) => WidgetInfo::selected(Role::Button, enabled, on, name),
        None => WidgetInfo::labeled(Role::Button, enabled, name),
    });
    if ui.is_rect_visible(rect) {
        let visuals = ui
            .style()
            .interact_selectable(&response, selected == Some(true));
        let quiet = selected != Some(true) && !response.hovered() && !response.has_focus();
        if !quiet {
            ui.painter().rect(
                rect.shrink(1.0),
                visuals.corner_radius,
                visuals.weak_bg_fill,
                visuals.bg_stroke,
                egui::StrokeKind::Inside,
            );
        }
        let color = ui.visuals().text_color();
        paint(ui, icon, rect, color);
    }
    response.on_hover_text(tooltip)
}

/// Draws an icon into the middle of `rect`.
pub(crate) fn paint(ui: &Ui, icon: Icon, rect: Rect, color: Color32) {
    let c = rect.center();
    let painter = ui.painter();
    let triangle = |tip: f32, base: f32| {
        Shape::convex_polygon(
            vec![
                pos2(c.x + base, c.y - 5.0),
                pos2(c.x + tip, c.y),
                pos2(c.x + base, c.y + 5.0),
            ],
            color,
            Stroke::NONE,
        )
    };
    let bar = |x: f32, width: f32| {
        Shape::rect_filled(
            Rect::from_center_size(pos2(c.x + x, c.y), Vec2::new(width, 10.0)),
            1.0,
            color,
        )
    };
    match icon {
        Icon::Play => {
            painter.add(Shape::convex_polygon(
                vec![
                    pos2(c.x - 4.5, c.y - 7.0),
                    pos2(c.x + 7.0, c.y),
                    pos2(c.x - 4.5, c.y + 7.0),
                ],
                color,
                Stroke::NONE,
            ));
        }
        Icon::Pause => {
            painter.extend([-3.5_f32, 3.5].map(|x| {
                Shape::rect_filled(
                    Rect::from_center_size(pos2(c.x + x, c.y), Vec2::new(4.0, 13.0)),
                    1.0,
                    color,
                )
            }));
        }
        Icon::StepBack => {
            painter.extend([bar(4.5, 2.5), triangle(-6.0, 2.0)]);
        }
        Icon::StepForward => {
            painter.extend([bar(-4.5, 2.5), triangle(6.0, -2.0)]);
        }
        Icon::ToStart => {
            painter.extend([bar(-6.5, 2.0), triangle(-5.0, 1.0), triangle(1.0, 7.0)]);
        }
        Icon::ToEnd => {
            painter.extend([bar(6.5, 2.0), triangle(5.0, -1.0), triangle(-1.0, -7.0)]);
        }
        Icon::Loop => paint_loop(ui, c, color),
        Icon::More => {
            painter.extend(
                [-5.0_f32, 0.0, 5.0].map(|x| Shape::circle_filled(pos2(c.x + x, c.y), 1.6, color)),
            );
        }
        Icon::Close => {
            let stroke = Stroke::new(1.5, color);
            painter.line_segment([c + Vec2::new(-4.0, -4.0), c + Vec2::new(4.0, 4.0)], stroke);
            painter.line_segment([c + Vec2::new(-4.0, 4.0), c + Vec2::new(4.0, -4.0)], stroke);
        }
    }
}

/// Two arrows that chase each other around a track.
fn paint_loop(ui: &Ui, c: Pos2, color: Color32) {
    let stroke = Stroke::new(1.6, color);
    let painter = ui.painter();
    for side in [1.0_f32, -1.0] {
        let at = |x: f32, y: f32| c + side * Vec2::new(x, y);
        let mut path = vec![at(-6.5, 0.5), at(-6.5, -1.0)];
        path.extend((1..=6).map(|i| {
            let turn = std::f32::consts::PI + i as f32 * std::f32::consts::FRAC_PI_2 / 6.0;
            at(-3.5, -1.5) + side * 3.0 * Vec2::angled(turn)
        }));
        path.push(at(3.0, -4.5));
        painter.add(Shape::line(path, stroke));
        painter.add(Shape::convex_polygon(
            vec![at(2.5, -8.0), at(6.5, -4.5), at(2.5, -1.0)],
            color,
            Stroke::NONE,
        ));
    }
}

/// A line of text on a painter, cut off with an ellipsis at `width`.
pub(crate) fn text_at(
    ui: &Ui,
    pos: Pos2,
    anchor: Align2,
    text: &str,
    font: egui::FontId,
    color: Color32,
    width: f32,
) -> Rect {
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width);
    let galley = ui.painter().layout_job(job);
    let rect = anchor.anchor_size(pos, galley.size());
    ui.painter().galley(rect.min, galley, color);
    rect
}
