//! The moment under the playhead: KV pool as a grid, coloured by request, and the waiting queue.

use super::super::engine::Standing;
use super::super::lanes::Snapshot;
use super::super::log::Stretch;
use super::frame::SMALL;
use super::gantt::hatch;
use super::{color_of, flying, prefixes};
use crate::core::EntityId;
use crate::ui::mesh_of_rects;
use crate::ui::theme::{Palette, mix};
use egui::{Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Stroke, StrokeKind, pos2, vec2};

/// Largest number of cells of one grid.
const CELLS: u32 = 400;
pub(super) const LINE: f32 = 15.0;

/// What the pointer touches.
pub(in super::super) struct Hits {
    /// The request under the pointer.
    pub(in super::super) under: Option<EntityId>,
}

/// Colour of a request's blocks: neighbours differ, a request keeps its colour.
fn block_color(request: u32, palette: &Palette) -> Color32 {
    let shade = [0.55, 0.95, 0.7][request as usize % 3];
    let hue = palette.series[[2, 0, 5, 3][request as usize % 4]];
    mix(palette.background, hue, shade)
}

/// Draws the panel and finds the request under the pointer.
pub(in super::super) fn draw(
    snapshot: &Snapshot,
    rect: Rect,
    marked: Option<u32>,
    pointer: Option<Pos2>,
    palette: &Palette,
    painter: &Painter,
) -> Hits {
    let mut hits = Hits { under: None };
    let n = snapshot.holdings.len().max(1);
    let queue_height = (rect.height() * 0.34).clamp(60.0, 150.0);
    let grids = Rect::from_min_max(
        rect.left_top(),
        pos2(rect.right(), rect.bottom() - queue_height - 8.0),
    );
    let each = grids.height() / n as f32;
    let mut places = Vec::with_capacity(n);
    if each - 6.0 < 2.0 * LINE {
        gauges(snapshot, grids, &mut places, palette, painter);
    }
    for (i, holdings) in snapshot.holdings.iter().enumerate() {
        let top = grids.top() + each * i as f32;
        let part = Rect::from_min_size(pos2(grids.left(), top), vec2(grids.width(), each - 6.0));
        if part.height() < 2.0 * LINE {
            break;
        }
        places.push(part);
        let name = if snapshot.prefill_instances > 0 {
            let side = if i < snapshot.prefill_instances {
                "Prefill"
            } else {
                "Decode"
            };
            format!("{side} {i}")
        } else if n > 1 {
            format!("KV pool {i}")
        } else {
            "KV pool".to_owned()
        };
        let used: u32 = holdings.iter().map(|h| h.1).sum();
        let share = 100.0 * f64::from(used) / f64::from(snapshot.blocks.max(1));
        let cached = snapshot.cached.get(i).copied().flatten();
        let words = match cached {
            _ if standing_words(snapshot, i).is_some() => {
                standing_words(snapshot, i).unwrap_or_default().to_owned()
            }
            Some(cached) => {
                let kept = 100.0 * f64::from(cached) / f64::from(snapshot.blocks.max(1));
                format!("{share:.0} + {kept:.0} % cached")
            }
            None => format!("{share:.0} % used"),
        };
        heading(part, &name, &words, palette, painter);
        let body = Rect::from_min_max(part.left_top() + vec2(0.0, LINE + 2.0), part.right_bottom());
        let tree = snapshot.trees.get(i).filter(|t| !t.branches.is_empty());
        let body = match tree {
            Some(tree) if body.height() > 5.0 * LINE => {
                let (grid, below) = body.split_top_bottom_at_fraction(0.5);
                let below = Rect::from_min_max(below.left_top() + vec2(0.0, 6.0), below.max);
                prefixes::draw(tree, below, marked, palette, painter);
                grid
            }
            _ => body,
        };
        let pool = (
            snapshot.blocks,
            holdings.as_slice(),
            used + cached.unwrap_or(0),
        );
        grid(pool, body, marked, pointer, &mut hits, palette, painter);
    }
    flying::draw(&snapshot.flying, &places, marked, palette, painter);
    let queue = Rect::from_min_max(
        pos2(rect.left(), rect.bottom() - queue_height),
        rect.right_bottom(),
    );
    waiting(
        snapshot, queue, marked, pointer, &mut hits, palette, painter,
    );
    hits
}

/// A bar for every pool, where there are too many for grids: its length is the share in use.
fn gauges(
    snapshot: &Snapshot,
    rect: Rect,
    places: &mut Vec<Rect>,
    palette: &Palette,
    painter: &Painter,
) {
    let n = snapshot.holdings.len();
    heading(
        rect,
        &format!("KV of {n} instances"),
        "in use",
        palette,
        painter,
    );
    let top = rect.top() + LINE + 3.0;
    let each = (rect.bottom() - top) / n.max(1) as f32;
    // Numbers as often as there is room for them.
    let every = ((LINE - 3.0) / each.max(0.1)).ceil().max(1.0) as usize;
    let bars = rect.left() + 20.0;
    let mut mesh = Mesh::default();
    for (i, holdings) in snapshot.holdings.iter().enumerate() {
        let y = top + each * i as f32;
        let whole = Rect::from_min_max(pos2(bars, y), pos2(rect.right(), y + each * 0.8));
        places.push(whole);
        let used: u32 = holdings.iter().map(|h| h.1).sum();
        let share = used as f32 / snapshot.blocks.max(1) as f32;
        let mut part = whole;
        part.set_right(whole.left() + whole.width() * share.clamp(0.0, 1.0));
        let serves = standing_words(snapshot, i).is_none();
        let back = if serves { 0.45 } else { 0.12 };
        mesh.add_colored_rect(whole, mix(palette.background, palette.grid, back));
        mesh.add_colored_rect(part, palette.series[2]);
        if i % every == 0 {
            painter.text(
                pos2(bars - 4.0, whole.center().y),
                Align2::RIGHT_CENTER,
                i.to_string(),
                FontId::proportional(SMALL - 2.0),
                palette.muted,
            );
        }
    }
    painter.add(mesh);
}

/// Why an instance is not serving.
fn standing_words(snapshot: &Snapshot, instance: usize) -> Option<&'static str> {
    match snapshot.standing.get(instance)? {
        Standing::Serving => None,
        Standing::Draining => Some("takes no more"),
        Standing::Starting => Some("is starting"),
        Standing::Off => Some("off"),
        Standing::Dead => Some("dead"),
    }
}

pub(super) fn heading(rect: Rect, left: &str, right: &str, palette: &Palette, painter: &Painter) {
    let font = FontId::proportional(SMALL);
    painter.text(
        rect.left_top(),
        Align2::LEFT_TOP,
        left,
        font.clone(),
        palette.ink,
    );
    painter.text(
        rect.right_top(),
        Align2::RIGHT_TOP,
        right,
        font,
        palette.muted,
    );
}

/// Places of `count` squares of equal size in a rectangle.
fn cells(rect: Rect, count: u32) -> impl Fn(u32) -> Rect {
    let area = rect.width() * rect.height() / count.max(1) as f32;
    let mut side = area.sqrt().clamp(3.0, 14.0);
    let fits = |s: f32| (rect.width() / s).floor() * (rect.height() / s).floor();
    while side > 3.0 && fits(side) < count as f32 {
        side -= 0.25;
    }
    let across = (rect.width() / side).floor().max(1.0) as u32;
    let origin = rect.left_top();
    move |i| {
        let (column, row) = (i % across, i / across);
        Rect::from_min_size(
            origin + vec2(column as f32 * side, row as f32 * side),
            vec2(side, side),
        )
        .shrink(0.5)
    }
}

fn grid(
    (blocks, holdings, kept): (u32, &[(u32, u32)], u32),
    rect: Rect,
    marked: Option<u32>,
    pointer: Option<Pos2>,
    hits: &mut Hits,
    palette: &Palette,
    painter: &Painter,
) {
    let count = blocks.min(CELLS);
    let per_cell = f64::from(blocks) / f64::from(count.max(1));
    let place = cells(rect, count);
    let empty = mix(palette.background, palette.grid, 0.45);
    // Free, but found again if somebody asks for the same tokens.
    let cached = mix(palette.background, palette.muted, 0.45);
    let mut mesh = mesh_of_rects(count as usize);
    let (mut owner, mut filled) = (0, 0.0);
    for i in 0..count {
        let middle = (f64::from(i) + 0.5) * per_cell;
        while owner < holdings.len() && filled + f64::from(holdings[owner].1) <= middle {
            filled += f64::from(holdings[owner].1);
            owner += 1;
        }
        let cell = place(i);
        if cell.bottom() > rect.bottom() + 2.0 {
            break;
        }
        let Some(&(request, _)) = holdings.get(owner) else {
            let color = if middle < f64::from(kept) {
                cached
            } else {
                empty
            };
            mesh.add_colored_rect(cell, color);
            continue;
        };
        let color = if marked == Some(request) {
            palette.accent
        } else {
            block_color(request, palette)
        };
        mesh.add_colored_rect(cell, color);
        if pointer.is_some_and(|p| cell.contains(p)) {
            hits.under = Some(EntityId(u64::from(request)));
        }
    }
    painter.add(mesh);
}

fn waiting(
    snapshot: &Snapshot,
    rect: Rect,
    marked: Option<u32>,
    pointer: Option<Pos2>,
    hits: &mut Hits,
    palette: &Palette,
    painter: &Painter,
) {
    let total = snapshot.waiting();
    let swapped = snapshot.swapped();
    let (name, words) = if swapped > 0 {
        ("Swapped out, waiting", format!("{swapped} + {total}"))
    } else {
        ("Waiting", total.to_string())
    };
    heading(rect, name, &words, palette, painter);
    let total = total + swapped;
    let body = Rect::from_min_max(rect.left_top() + vec2(0.0, LINE + 2.0), rect.right_bottom());
    if total == 0 {
        painter.text(
            body.left_top(),
            Align2::LEFT_TOP,
            "nobody waits",
            FontId::proportional(SMALL),
            palette.muted,
        );
        return;
    }
    let place = cells(body, (total as u32).clamp(40, CELLS));
    let mut mesh = Mesh::default();
    let mut frames = Vec::new();
    let states = [palette.states[0], palette.states[3]];
    let out = color_of(Stretch::Swapped, palette);
    let queued = (snapshot.gateway.iter()).chain(snapshot.queues.iter().flatten());
    let cells = (snapshot.swapped.iter().flatten().map(|&r| (r, false, out)))
        .chain(queued.map(|&(r, again)| (r, again, states[usize::from(again)])));
    for (i, (request, preempted, color)) in cells.enumerate() {
        let cell = place(i as u32);
        if cell.bottom() > rect.bottom() + 2.0 {
            break;
        }
        mesh.add_colored_rect(cell, color);
        if preempted {
            hatch(&mut mesh, cell, palette.background);
        }
        if marked == Some(request) {
            frames.push(cell);
        }
        if pointer.is_some_and(|p| cell.contains(p)) {
            hits.under = Some(EntityId(u64::from(request)));
        }
    }
    painter.add(mesh);
    for cell in frames {
        painter.rect_stroke(
            cell.expand(1.0),
            1.0,
            Stroke::new(1.5, palette.accent),
            StrokeKind::Outside,
        );
    }
}
