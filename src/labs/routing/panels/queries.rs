//! Queries on the lanes of the models that answer them.

use crate::core::EntityId;
use crate::labs::routing::QueryRun;
use crate::ui::theme::{Palette, mix};
use crate::ui::{Stage, picture};
use egui::{Align2, FontId, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui, pos2, vec2};

/// Room for the words above, the models' names, and the axis below.
const HEADER: f32 = 40.0;
const LEFT: f32 = 96.0;
const FOOT: f32 = 20.0;
/// Queries drawn at most; the rest is in the tables.
const DRAWN: usize = 600;
/// Distance from a query at which the pointer finds it.
const REACH: f32 = 8.0;

struct Map {
    body: Rect,
    lanes: usize,
}

impl Map {
    /// Place of a query on a model's lane; spread within the lane by its number.
    fn place(&self, run: &QueryRun, query: usize, model: usize) -> Pos2 {
        let height = self.body.height() / self.lanes as f32;
        // A fixed scatter: the golden ratio's multiples spread evenly.
        let scatter = (query as f32 * 0.618_034).fract() - 0.5;
        // The dearest model on top.
        let lane = (self.lanes - 1 - model) as f32 + 0.5;
        pos2(
            self.body.left() + run.positions()[query] * self.body.width(),
            self.body.top() + (lane + 0.6 * scatter) * height,
        )
    }
}

fn words(run: &QueryRun, at: f64) -> String {
    let Some(scene) = run.at(at) else {
        return String::new();
    };
    let [cost, quality] = run.outcome(scene);
    let rule = run.config().query_rule;
    let axis = if rule.escalates() {
        format!("{:.0} % escalated", 100.0 * scene.at)
    } else {
        format!("{} {:.2}", rule.axis(), scene.at)
    };
    format!(
        "{axis}: quality {:.1} % at a mean cost of {cost:.2}, {:.2} points lost against hindsight",
        100.0 * quality,
        100.0 * scene.regret
    )
}

/// Draws the queries at the playhead.
pub(in crate::labs::routing) fn show(run: &QueryRun, stage: &mut Stage<'_>, ui: &mut Ui) {
    let rect = ui.available_rect_before_wrap();
    let response = ui.allocate_rect(rect, Sense::click());
    let text = words(run, stage.playhead);
    picture(&response, "Queries and models", &text);
    if rect.width() < 160.0 || rect.height() < 120.0 {
        return;
    }
    let painter = ui.painter_at(rect);
    let font = FontId::proportional(12.0);
    let small = FontId::proportional(11.0);
    let palette = stage.palette;
    let corner = rect.left_top() + vec2(2.0, 2.0);
    let legend =
        "dark: likely right here; pale: likely wrong; red ring: hindsight would ask another model";
    let wide = rect.width() - 4.0;
    let title = painter.layout(text, font.clone(), palette.ink, wide);
    let legend = painter.layout(legend.to_owned(), small.clone(), palette.muted, wide);
    let below = corner + vec2(0.0, title.size().y + 2.0);
    let header = HEADER.max(below.y + legend.size().y + 6.0 - rect.top());
    painter.galley(corner, title, palette.ink);
    painter.galley(below, legend, palette.muted);
    let map = Map {
        body: Rect::from_min_max(
            pos2(rect.left() + LEFT, rect.top() + header),
            pos2(rect.right() - 8.0, rect.bottom() - FOOT),
        ),
        lanes: run.models().len(),
    };
    let axis = run.place();
    let at = map.body.center_bottom() + vec2(0.0, 3.0);
    painter.text(at, Align2::CENTER_TOP, axis, small.clone(), palette.muted);
    for (m, (name, cost)) in run.models().iter().enumerate() {
        let height = map.body.height() / map.lanes as f32;
        let y = map.body.top() + (map.lanes - 1 - m) as f32 * height;
        if m > 0 {
            let line = [
                pos2(map.body.left(), y + height),
                pos2(map.body.right(), y + height),
            ];
            painter.line_segment(line, Stroke::new(1.0, palette.grid));
        }
        let at = pos2(map.body.left() - 6.0, y + height / 2.0);
        let words = format!("{name}\ncost {cost}");
        painter.text(
            at,
            Align2::RIGHT_CENTER,
            words,
            small.clone(),
            palette.muted,
        );
    }
    point(run, &map, &response, stage);
    draw(run, &map, stage.playhead, palette, &painter);
    let focus = stage.hovered.or(*stage.selected);
    if let (Some(EntityId(i)), Some(scene)) = (focus, run.at(stage.playhead)) {
        let i = i as usize;
        if let Some(&choice) = scene.choices.get(i) {
            for m in run.asked(choice) {
                let at = map.place(run, i, m);
                painter.circle_stroke(at, 7.0, Stroke::new(2.0, palette.accent));
            }
        }
    }
}

/// The same without words, for the home page.
pub(in crate::labs::routing) fn miniature(
    run: &QueryRun,
    phase: f64,
    palette: &Palette,
    ui: &mut Ui,
) {
    let rect = ui.available_rect_before_wrap();
    ui.allocate_rect(rect, Sense::hover());
    let map = Map {
        body: rect.shrink(6.0),
        lanes: run.models().len(),
    };
    draw(run, &map, phase, palette, &ui.painter_at(rect));
}

fn point(run: &QueryRun, map: &Map, response: &egui::Response, stage: &mut Stage<'_>) {
    let Some(scene) = run.at(stage.playhead) else {
        return;
    };
    if let Some(pointer) = response.hover_pos() {
        let drawn = 0..scene.choices.len().min(DRAWN);
        let distance = |i: &usize| {
            let asked = run.asked(scene.choices[*i]).into_iter();
            asked
                .map(|m| map.place(run, *i, m).distance(pointer))
                .fold(f32::INFINITY, f32::min)
        };
        let nearest = drawn.min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let found = nearest.filter(|i| distance(i) < REACH);
        if let Some(i) = found {
            *stage.hovered = Some(EntityId(i as u64));
            let choice = scene.choices[i];
            let quality = 100.0 * run.quality(i, usize::from(choice));
            let name = run.names(choice);
            response
                .clone()
                .on_hover_text_at_pointer(format!("Query {i}: {name}, quality {quality:.0} %"));
        }
        if response.clicked() {
            *stage.selected = found.map(|i| EntityId(i as u64));
        }
    }
}

fn draw(run: &QueryRun, map: &Map, at: f64, palette: &Palette, painter: &Painter) {
    let Some(scene) = run.at(at) else {
        return;
    };
    let mut shapes = Vec::new();
    for (i, (&m, &best)) in scene.choices.iter().zip(scene.best.iter()).enumerate() {
        if i >= DRAWN {
            break;
        }
        let places: Vec<Pos2> = run
            .asked(m)
            .into_iter()
            .map(|m| map.place(run, i, m))
            .collect();
        let quality = run.quality(i, usize::from(m)) as f32;
        let fill = mix(
            palette.background,
            palette.series_at(0),
            0.2 + 0.8 * quality,
        );
        // One query that several answer: joined by a line.
        if let [first, .., last] = places[..] {
            let line = [first, last];
            shapes.push(Shape::line_segment(line, Stroke::new(1.0, palette.grid)));
        }
        for place in places {
            shapes.push(Shape::circle_filled(place, 3.2, fill));
            if m != best {
                let stroke = Stroke::new(1.0, palette.bad);
                shapes.push(Shape::circle_stroke(place, 4.6, stroke));
            }
        }
    }
    painter.extend(shapes);
}
