//! Drawing of an experiment's board: lanes over time with bars, dots and levels.

use super::super::aside::AsideRun;
use super::super::aside::board::{Board, Tone};
use super::frame::{self, Frame, SMALL};
use crate::core::EntityId;
use crate::labs::LabRun as _;
use crate::ui::Stage;
use crate::ui::theme::{Palette, fade, mix};
use egui::{
    Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Response, Sense, Shape, Stroke, pos2, vec2,
};
use std::sync::Arc;

/// Distance from a dot at which the pointer finds it.
const REACH: f32 = 8.0;
/// Half the diagonal of a dot.
const DOT: f32 = 3.0;
/// Room between lanes.
const GAP: f32 = 5.0;

/// What only changes with the run and the size, kept between frames.
#[derive(Debug, Clone)]
pub(in super::super) struct Drawn {
    run: AsideRun,
    body: Rect,
    dark: bool,
    mesh: Arc<Mesh>,
}

fn color(tone: Tone, palette: &Palette) -> Color32 {
    match tone {
        Tone::Good => palette.good,
        Tone::Bad => palette.bad,
        Tone::Warning => palette.warning,
        Tone::Muted => mix(palette.background, palette.muted, 0.7),
        Tone::Series(i) => palette.series_at(usize::from(i)),
        Tone::Pale(i) => mix(palette.background, palette.series_at(usize::from(i)), 0.3),
    }
}

/// Rectangle of a lane.
fn lane(board: &Board, lane: usize, body: Rect) -> Rect {
    let [top, bottom] = board.lane(lane);
    let y = |share: f32| body.top() + share * body.height();
    let gap = GAP.min(0.2 * (y(bottom) - y(top)));
    Rect::from_min_max(
        pos2(body.left(), y(top)),
        pos2(body.right(), y(bottom) - gap),
    )
}

/// Pixel of a height in a lane; the edges stay free for what is drawn on them.
fn y_of(rect: Rect, height: f32) -> f32 {
    let pad = (0.06 * rect.height()).min(4.0);
    rect.bottom() - pad - height * (rect.height() - 2.0 * pad)
}

fn place_of_bar(board: &Board, i: usize, frame: &Frame, body: Rect) -> Option<Rect> {
    let bar = board.bars.get(i)?;
    let rect = lane(board, usize::from(bar.lane), body);
    let left = frame.x(bar.span[0]);
    Some(Rect::from_min_max(
        pos2(left, y_of(rect, bar.height[1])),
        pos2(
            frame.x(bar.span[1]).max(left + 1.0),
            y_of(rect, bar.height[0]),
        ),
    ))
}

fn place_of_dot(board: &Board, i: usize, frame: &Frame, body: Rect) -> Option<Pos2> {
    let dot = board.dots.get(i)?;
    let rect = lane(board, usize::from(dot.lane), body);
    Some(pos2(frame.x(dot.at), y_of(rect, dot.height)))
}

fn diamond(mesh: &mut Mesh, at: Pos2, size: f32, color: Color32) {
    let first = mesh.vertices.len() as u32;
    for by in [
        vec2(0.0, -size),
        vec2(size, 0.0),
        vec2(0.0, size),
        vec2(-size, 0.0),
    ] {
        mesh.colored_vertex(at + by, color);
    }
    mesh.add_triangle(first, first + 1, first + 2);
    mesh.add_triangle(first, first + 2, first + 3);
}

fn mesh(board: &Board, frame: &Frame, body: Rect, palette: &Palette) -> Mesh {
    let mut mesh = Mesh::default();
    let of = |kind: u8| {
        let kind = board.kinds.get(usize::from(kind));
        kind.map_or(palette.muted, |k| color(k.tone, palette))
    };
    for i in 0..board.lanes.len() {
        mesh.add_colored_rect(lane(board, i, body), fade(palette.panel, 0.7));
    }
    for level in &board.levels {
        let rect = lane(board, usize::from(level.lane), body);
        let color = of(level.kind);
        let nexts = level.points.iter().skip(1).map(|p| p[0]);
        let ends = nexts.chain(std::iter::once(board.end));
        let mut last = None;
        for (&[from, value], to) in level.points.iter().zip(ends) {
            let (left, right) = (frame.x(from), frame.x(to));
            let y = y_of(rect, value as f32);
            let bottom = if level.filled {
                y_of(rect, 0.0)
            } else {
                y + 1.5
            };
            mesh.add_colored_rect(
                Rect::from_min_max(pos2(left, y), pos2(right.max(left), bottom)),
                color,
            );
            if let (Some(before), false) = (last, level.filled) {
                let before: f32 = before;
                mesh.add_colored_rect(
                    Rect::from_min_max(
                        pos2(left, y.min(before)),
                        pos2(left + 1.5, y.max(before) + 1.5),
                    ),
                    color,
                );
            }
            last = Some(y);
        }
    }
    for (i, bar) in board.bars.iter().enumerate() {
        if let Some(rect) = place_of_bar(board, i, frame, body) {
            mesh.add_colored_rect(rect, of(bar.kind));
        }
    }
    for (i, dot) in board.dots.iter().enumerate() {
        if let Some(at) = place_of_dot(board, i, frame, body) {
            diamond(&mut mesh, at, DOT, of(dot.kind));
        }
    }
    mesh
}

/// The legend with counts so far, wrapped; its height.
fn legend(board: &Board, at: f64, rect: Rect, palette: &Palette, painter: &Painter) -> f32 {
    let font = FontId::proportional(SMALL);
    let (mut x, mut y) = (rect.left(), rect.top());
    for (i, kind) in board.kinds.iter().enumerate() {
        let words = if kind.counted {
            format!("{} {}", board.count(i, at), kind.name)
        } else {
            kind.name.to_owned()
        };
        let galley = painter.layout_no_wrap(words, font.clone(), palette.ink);
        let width = 16.0 + galley.size().x + 12.0;
        if x + width > rect.right() && x > rect.left() {
            x = rect.left();
            y += 16.0;
        }
        let swatch = Rect::from_min_size(pos2(x, y + 3.0), vec2(11.0, 9.0));
        painter.rect_filled(swatch, 0.0, color(kind.tone, palette));
        painter.galley(pos2(x + 16.0, y), galley, palette.ink);
        x += width;
    }
    y += 16.0;
    let digits = if board.unit == "s" { 2 } else { 0 };
    let words = format!("{at:.digits$} {} · {}", board.unit, board.caption);
    let galley = painter.layout(words, font, palette.muted, rect.width());
    let height = galley.size().y;
    painter.galley(pos2(rect.left(), y), galley, palette.muted);
    y + height + 4.0 - rect.top()
}

fn names(board: &Board, body: Rect, palette: &Palette, painter: &Painter) {
    let font = FontId::proportional(SMALL);
    for (i, of) in board.lanes.iter().enumerate() {
        let rect = lane(board, i, body);
        if rect.height() < 9.0 {
            continue;
        }
        frame::caption(rect, &of.name, palette, painter);
        if rect.height() >= 34.0 {
            for (words, y, align) in [
                (&of.scale[0], y_of(rect, 0.0), Align2::RIGHT_BOTTOM),
                (&of.scale[1], y_of(rect, 1.0), Align2::RIGHT_TOP),
            ] {
                let at = pos2(body.left() - 4.0, y);
                painter.text(at, align, words, font.clone(), palette.muted);
            }
        }
    }
}

/// What is nearest to the pointer: a dot within reach, or the bar under it.
fn under(board: &Board, at: Pos2, frame: &Frame, body: Rect) -> Option<EntityId> {
    if !body.contains(at) {
        return None;
    }
    let near = (0..board.dots.len()).filter_map(|i| {
        let distance = place_of_dot(board, i, frame, body)?.distance(at);
        (distance < REACH).then_some((distance, board.dots[i].entity))
    });
    let dot = near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|d| d.1);
    let bar = || {
        let mut over = (0..board.bars.len()).rev();
        let found = over.find(|&i| {
            place_of_bar(board, i, frame, body)
                .is_some_and(|r| r.expand2(vec2(1.0, 0.5)).contains(at))
        })?;
        Some(board.bars[found].entity)
    };
    dot.or_else(bar).map(|e| EntityId(u64::from(e)))
}

fn outline(
    board: &Board,
    entity: EntityId,
    color: Color32,
    frame: &Frame,
    body: Rect,
    painter: &Painter,
) {
    let stroke = Stroke::new(1.5, color);
    for (i, dot) in board.dots.iter().enumerate() {
        if u64::from(dot.entity) == entity.0
            && let Some(at) = place_of_dot(board, i, frame, body)
        {
            painter.circle_stroke(at, DOT + 3.0, stroke);
        }
    }
    for (i, bar) in board.bars.iter().enumerate() {
        if u64::from(bar.entity) == entity.0
            && let Some(rect) = place_of_bar(board, i, frame, body)
        {
            painter.rect_stroke(rect.expand(1.0), 0.0, stroke, egui::StrokeKind::Outside);
        }
    }
    for [from, to] in &board.links {
        let of = |i: u32| board.bars.get(i as usize).map(|b| u64::from(b.entity));
        if of(*from) == Some(entity.0)
            && let (Some(a), Some(b)) = (
                place_of_bar(board, *from as usize, frame, body),
                place_of_bar(board, *to as usize, frame, body),
            )
        {
            painter.line_segment([a.right_center(), b.left_center()], stroke);
        }
    }
}

fn drawn(
    run: &AsideRun,
    kept: &mut Option<Drawn>,
    frame: &Frame,
    body: Rect,
    palette: &Palette,
) -> Arc<Mesh> {
    if let Some(drawn) = kept
        && drawn.run.is_same(run)
        && drawn.body == body
        && drawn.dark == palette.dark
    {
        return Arc::clone(&drawn.mesh);
    }
    let mesh = Arc::new(mesh(run.board(), frame, body, palette));
    *kept = Some(Drawn {
        run: run.clone(),
        body,
        dark: palette.dark,
        mesh: Arc::clone(&mesh),
    });
    mesh
}

/// Draws the board at the playhead. `end` is the last moment of all setups on screen.
pub(in super::super) fn show(
    run: &AsideRun,
    end: f64,
    kept: &mut Option<Drawn>,
    stage: &mut Stage<'_>,
    ui: &mut egui::Ui,
) {
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
    let board = run.board();
    let words = format!("{} {}", run.summary(), board.words(stage.playhead));
    crate::ui::picture(&response, board.name, &words);
    if rect.width() < 80.0 || rect.height() < 100.0 {
        return;
    }
    let palette = stage.palette;
    let painter = ui.painter_at(rect.expand(2.0));
    let header = legend(board, stage.playhead, rect, palette, &painter);
    let gutter = if board.lanes.iter().any(|l| !l.scale[1].is_empty()) {
        34.0
    } else {
        2.0
    };
    let ruler = Rect::from_min_max(
        pos2(rect.left() + gutter, rect.bottom() - 20.0),
        rect.right_bottom() - vec2(4.0, 0.0),
    );
    let body = Rect::from_min_max(
        pos2(ruler.left(), rect.top() + header),
        pos2(ruler.right(), ruler.top() - 2.0),
    );
    let frame = Frame {
        left: body.left(),
        right: body.right(),
        window: [0.0, end.max(1e-6)],
    };
    let shape = drawn(run, kept, &frame, body, palette);
    painter.add(Shape::mesh(shape));
    frame::ruler(&frame, ruler, body, board.unit, palette, &painter);
    names(board, body, palette, &painter);
    frame::present(&frame, stage.playhead, body, palette, &painter);
    for (entity, color) in [
        (*stage.hovered, palette.ink),
        (*stage.selected, palette.accent),
    ] {
        if let Some(entity) = entity {
            outline(board, entity, color, &frame, body, &painter);
        }
    }
    interact(run, &frame, [ruler, body], &response, stage);
}

fn interact(
    run: &AsideRun,
    frame: &Frame,
    [ruler, body]: [Rect; 2],
    response: &Response,
    stage: &mut Stage<'_>,
) {
    if let Some(at) = response.hover_pos() {
        let found = under(run.board(), at, frame, body);
        *stage.hovered = found;
        if let Some(tip) = found.and_then(|e| run.tip(e)) {
            response
                .clone()
                .on_hover_text_at_pointer(egui::RichText::new(tip).size(SMALL + 1.0));
        }
        if response.clicked() && found.is_some() {
            *stage.selected = found;
        }
    }
    if let Some(at) = response.interact_pointer_pos()
        && (response.dragged() || (response.clicked() && ruler.contains(at)))
    {
        let [from, to] = frame.window;
        *stage.seek = Some(frame.time(at.x).clamp(from, to));
    }
}

/// The same without words, for the home page.
pub(in super::super) fn miniature(
    run: &AsideRun,
    phase: f64,
    palette: &Palette,
    ui: &mut egui::Ui,
) {
    let (response, painter) = ui.allocate_painter(ui.available_size(), Sense::hover());
    let body = response.rect.shrink(4.0);
    let board = run.board();
    let frame = Frame {
        left: body.left(),
        right: body.right(),
        window: [0.0, board.end.max(1e-6)],
    };
    painter.add(Shape::mesh(mesh(board, &frame, body, palette)));
    frame::present(&frame, board.end * phase, body, palette, &painter);
}
