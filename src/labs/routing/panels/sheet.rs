//! Rows of weights over experts, with a bar beside each row.

use crate::core::EntityId;
use crate::labs::LabRun as _;
use crate::labs::routing::StudyRun;
use crate::labs::routing::studies::{Row, Scene, Sheet};
use crate::ui::theme::{Palette, mix};
use crate::ui::{Stage, picture};
use egui::{Align2, FontId, Painter, Rect, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2};

/// Room for rows' names, bars, and columns' names.
const LEFT: f32 = 108.0;
const RIGHT: f32 = 120.0;
const FOOT: f32 = 20.0;
/// Smallest heights and widths that hold a word.
const LINE: f32 = 11.0;
const COLUMN: f32 = 58.0;

struct Map {
    body: Rect,
    rows: usize,
    columns: usize,
    group: usize,
}

impl Map {
    fn row(&self, row: usize) -> Rect {
        let height = self.body.height() / self.rows.max(1) as f32;
        let top = self.body.top() + row as f32 * height;
        Rect::from_min_max(
            pos2(self.body.left(), top),
            pos2(self.body.right(), top + height),
        )
    }

    fn cell(&self, row: usize, column: usize) -> Rect {
        // A third of a column between groups.
        let gaps = |columns: usize| columns.checked_div(self.group).unwrap_or(0) as f32 / 3.0;
        let all = self.columns as f32 + gaps(self.columns.saturating_sub(1));
        let width = self.body.width() / all.max(1.0);
        let left = self.body.left() + (column as f32 + gaps(column)) * width;
        let row = self.row(row);
        Rect::from_min_max(pos2(left, row.top()), pos2(left + width, row.bottom())).shrink2(vec2(
            (0.04 * width).min(1.0),
            (0.08 * row.height()).min(1.5),
        ))
    }
}

fn words(run: &StudyRun, at: f64) -> String {
    format!("{} · {}", run.words(at), run.summary())
}

/// Draws the rows at the playhead.
pub(in crate::labs::routing) fn show(run: &StudyRun, stage: &mut Stage<'_>, ui: &mut Ui) {
    let rect = ui.available_rect_before_wrap();
    let response = ui.allocate_rect(rect, Sense::click());
    let sheet = run.sheet();
    let text = words(run, stage.playhead);
    picture(&response, sheet.name, &text);
    let Some(scene) = run.at(stage.playhead) else {
        return;
    };
    if rect.width() < 160.0 || rect.height() < 100.0 {
        return;
    }
    let painter = ui.painter_at(rect);
    let palette = stage.palette;
    let font = FontId::proportional(12.0);
    let small = FontId::proportional(11.0);
    let wide = rect.width() - 4.0;
    let title = painter.layout(text, font, palette.ink, wide);
    let legend = painter.layout(sheet.caption.to_owned(), small, palette.muted, wide);
    let corner = rect.left_top() + vec2(2.0, 2.0);
    let below = corner + vec2(0.0, title.size().y + 2.0);
    let top = below.y + legend.size().y + 6.0;
    painter.galley(corner, title, palette.ink);
    painter.galley(below, legend, palette.muted);
    let narrow = rect.width() < 420.0;
    let right = if narrow { 0.55 * RIGHT } else { RIGHT };
    let map = Map {
        body: Rect::from_min_max(
            pos2(rect.left() + LEFT, top),
            pos2(rect.right() - right, rect.bottom() - FOOT),
        ),
        rows: scene.rows.len(),
        columns: sheet.columns.len(),
        group: sheet.group,
    };
    cells(scene, &map, palette, &painter);
    names(sheet, scene, &map, palette, &painter);
    bars(sheet, scene, &map, rect, palette, &painter);
    point(run, scene, &map, rect, &response, stage);
    let focus = stage.hovered.or(*stage.selected);
    if let Some(EntityId(row)) = focus.filter(|e| e.0 < map.rows as u64) {
        let row = map
            .row(row as usize)
            .with_min_x(rect.left())
            .with_max_x(rect.right());
        let stroke = Stroke::new(1.5, palette.accent);
        painter.rect_stroke(row, 0.0, stroke, StrokeKind::Inside);
    }
}

/// The same without words, for the home page.
pub(in crate::labs::routing) fn miniature(
    run: &StudyRun,
    phase: f64,
    palette: &Palette,
    ui: &mut Ui,
) {
    let rect = ui.available_rect_before_wrap();
    ui.allocate_rect(rect, Sense::hover());
    let scenes = &run.sheet().scenes;
    let index = (phase.clamp(0.0, 1.0) * scenes.len().saturating_sub(1) as f64) as usize;
    if let Some(scene) = scenes.get(index) {
        let map = Map {
            body: rect.shrink(6.0),
            rows: scene.rows.len(),
            columns: run.sheet().columns.len(),
            group: run.sheet().group,
        };
        cells(scene, &map, palette, &ui.painter_at(rect));
    }
}

fn cells(scene: &Scene, map: &Map, palette: &Palette, painter: &Painter) {
    let mut shapes = Vec::new();
    for (i, row) in scene.rows.iter().enumerate() {
        for (c, &share) in row.cells.iter().enumerate() {
            let rect = map.cell(i, c);
            let fill = mix(palette.panel, palette.series_at(0), share.clamp(0.0, 1.0));
            shapes.push(Shape::rect_filled(rect, 0.0, fill));
        }
        for &c in &row.right {
            let stroke = Stroke::new(1.5, palette.good);
            let rect = map.cell(i, usize::from(c));
            shapes.push(Shape::rect_stroke(rect, 0.0, stroke, StrokeKind::Inside));
        }
    }
    painter.extend(shapes);
}

fn names(sheet: &Sheet, scene: &Scene, map: &Map, palette: &Palette, painter: &Painter) {
    let font = FontId::proportional(11.0);
    let height = map.body.height() / map.rows.max(1) as f32;
    // Where rows are lower than a line of words, every n-th has its name.
    let every = (LINE / height.max(0.1)).ceil().max(1.0) as usize;
    for (i, row) in scene.rows.iter().enumerate().step_by(every) {
        let at = pos2(map.body.left() - 6.0, map.row(i).center().y);
        let name = painter.layout_no_wrap(row.name.clone(), font.clone(), palette.muted);
        let at = Align2::RIGHT_CENTER.anchor_size(at, name.size());
        painter.galley(at.min, name, palette.muted);
    }
    let width = map.body.width() / map.columns.max(1) as f32;
    let every = (COLUMN / width.max(0.1)).ceil().max(1.0) as usize;
    let mut taken = f32::NEG_INFINITY;
    for (c, name) in sheet.columns.iter().enumerate().step_by(every) {
        let at = pos2(map.cell(0, c).left(), map.body.bottom() + 3.0);
        let name = painter.layout_no_wrap(name.clone(), font.clone(), palette.muted);
        // What stands beside the columns has a name of its own.
        let right = at.x + name.size().x;
        if at.x >= taken && right <= map.body.right() + 4.0 {
            taken = right + 6.0;
            painter.galley(at, name, palette.muted);
        }
    }
}

fn bars(sheet: &Sheet, scene: &Scene, map: &Map, rect: Rect, palette: &Palette, painter: &Painter) {
    let font = FontId::proportional(11.0);
    let left = map.body.right() + 8.0;
    let room = (rect.right() - left - 44.0).max(4.0);
    let top = sheet.top();
    for (i, row) in scene
        .rows
        .iter()
        .enumerate()
        .filter(|r| r.1.value.is_finite())
    {
        let of = map.row(i);
        let length = room * (row.value / top).clamp(0.0, 1.0) as f32;
        let bar = Rect::from_min_max(
            pos2(left, of.top() + 0.2 * of.height()),
            pos2(left + length, of.bottom() - 0.2 * of.height()),
        );
        painter.rect_filled(bar, 0.0, palette.series_at(1));
        if of.height() >= LINE {
            let at = pos2(bar.right() + 4.0, of.center().y);
            let text = crate::ui::format::number(row.value);
            painter.text(at, Align2::LEFT_CENTER, text, font.clone(), palette.ink);
        }
    }
    let name = if sheet.unit.is_empty() {
        sheet.value.to_owned()
    } else {
        format!("{}, {}", sheet.value, sheet.unit)
    };
    let at = pos2(left, map.body.bottom() + 3.0);
    painter.text(at, Align2::LEFT_TOP, name, font, palette.muted);
}

fn tip(run: &StudyRun, row: &Row) -> String {
    let sheet = run.sheet();
    let value = crate::ui::format::number(row.value);
    format!(
        "{}\n{}\n{} {value} {}",
        row.name,
        run.weights(row),
        sheet.value,
        sheet.unit
    )
}

fn point(
    run: &StudyRun,
    scene: &Scene,
    map: &Map,
    rect: Rect,
    response: &egui::Response,
    stage: &mut Stage<'_>,
) {
    let Some(pointer) = response.hover_pos() else {
        return;
    };
    let reaches = |i: &usize| {
        let row = map.row(*i).with_min_x(rect.left()).with_max_x(rect.right());
        row.contains(pointer)
    };
    let found = (0..scene.rows.len()).find(reaches);
    if let Some(i) = found {
        *stage.hovered = Some(EntityId(i as u64));
        response
            .clone()
            .on_hover_text_at_pointer(tip(run, &scene.rows[i]));
    }
    if response.clicked() {
        *stage.selected = found.map(|i| EntityId(i as u64));
    }
}
