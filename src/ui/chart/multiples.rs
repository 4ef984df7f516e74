//! Small multiples: one small chart of bars for each of many things, on one scale, each a button.

use crate::ui::icon::text_at;
use crate::ui::theme::{Palette, fade, mix};
use egui::{
    Align2, FontId, Mesh, Painter, Pos2, Rect, Role, ScrollArea, Sense, Shape, Stroke, StrokeKind,
    Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};

/// One small chart.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    /// Its name.
    pub title: &'a str,
    /// Figures in a few letters: those that are to be there, and fewer where there is no room.
    pub notes: [&'a str; 2],
    /// Name and figures for assistive technology.
    pub words: &'a str,
    /// Heights of the bars.
    pub values: &'a [f64],
    /// A band over the bars: one for all of them, or one for each; none where it is empty.
    pub band: &'a [[f64; 2]],
    /// Whether it is the one in use.
    pub marked: bool,
    /// A bar that stands out.
    pub focus: Option<usize>,
}

/// What all panels share.
#[derive(Debug, Clone, Copy)]
pub struct Multiples<'a> {
    /// Tells several of them on one screen apart.
    pub id: &'a str,
    /// Number of panels.
    pub count: usize,
    /// Upper end of the scale; taller bars are cut off with a mark.
    pub top: f64,
    /// A height drawn across all panels, dashed.
    pub line: f64,
    /// What is written behind the numbers of the scale.
    pub unit: &'a str,
    /// The colours.
    pub palette: &'a Palette,
    /// What a click does, as a sentence.
    pub click: &'a str,
}

/// What the pointer or the keys are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pointed {
    /// The panel that was clicked or entered.
    pub clicked: Option<usize>,
    /// The panel under the pointer, and the bar in it.
    pub hovered: Option<(usize, usize)>,
}

/// Room of the scale's numbers on the left, of the title above the bars, and between panels.
const SCALE: f32 = 26.0;
const HEAD: f32 = 15.0;
const GAP: Vec2 = vec2(10.0, 8.0);
/// Room of a frame above the first row and under the last one.
const EDGE: f32 = 3.0;
/// Least width of a panel, the height at which it still reads, and the height past which it grows no more.
const LEAST: Vec2 = vec2(128.0, 64.0);
const TALLEST: f32 = 190.0;
/// Panels that can all be reached by keyboard and by assistive technology; of more, those in sight.
const REACHED: usize = 128;

/// How many stand side by side, and their size: as large as they can be while all are in sight, or
/// else as many in a row as read well.
fn grid(room: Vec2, count: usize) -> (usize, Vec2) {
    let count = count.max(1);
    let most = ((room.x + GAP.x) / (LEAST.x + GAP.x)).floor().max(1.0) as usize;
    let size = |columns: usize| {
        let rows = count.div_ceil(columns) as f32;
        vec2(
            (room.x - GAP.x * (columns as f32 - 1.0)) / columns as f32,
            ((room.y - GAP.y * (rows - 1.0)) / rows).min(TALLEST),
        )
    };
    // Panels much wider than they are tall leave the height unused.
    let fits = |c: &usize| size(*c).y >= LEAST.y && size(*c).x <= 2.6 * size(*c).y;
    let columns = (1..=most.min(count)).find(fits).unwrap_or(most.min(count));
    let own = size(columns);
    (columns, vec2(own.x.max(20.0), own.y.max(LEAST.y)))
}

/// Draws the panels into all of `ui`'s space.
pub fn multiples_ui<'a>(
    ui: &mut Ui,
    all: &Multiples<'_>,
    panel: impl Fn(usize) -> Panel<'a>,
) -> Pointed {
    let room = ui.available_size() - vec2(SCALE + 10.0, 2.0 * EDGE);
    let (columns, size) = grid(room, all.count);
    let rows = all.count.div_ceil(columns);
    let mut pointed = Pointed::default();
    ScrollArea::vertical()
        .id_salt(all.id)
        .auto_shrink(false)
        .show(ui, |ui| {
            let height = rows as f32 * (size.y + GAP.y) - GAP.y + 2.0 * EDGE;
            let (field, _) =
                ui.allocate_exact_size(vec2(ui.available_width(), height.max(1.0)), Sense::hover());
            let painter = ui.painter().clone();
            let seen = ui.clip_rect();
            for i in 0..all.count {
                let (row, column) = ((i / columns) as f32, (i % columns) as f32);
                let min = field.min
                    + vec2(SCALE, EDGE)
                    + vec2(column * (size.x + GAP.x), row * (size.y + GAP.y));
                let rect = Rect::from_min_size(min, size);
                let shown = rect.intersects(seen);
                let near = rect.expand2(vec2(0.0, size.y + GAP.y)).intersects(seen);
                if !near && all.count > REACHED {
                    continue;
                }
                button(ui, all, i, rect, &panel(i), &mut pointed);
                if shown {
                    let bars = bars_of(rect);
                    if column == 0.0 {
                        scale(&painter, all, bars);
                    }
                    draw(ui, all, &panel(i), rect, bars);
                }
            }
        });
    pointed
}

fn bars_of(rect: Rect) -> Rect {
    Rect::from_min_max(
        pos2(rect.left() + 2.0, rect.top() + HEAD + 2.0),
        pos2(rect.right() - 2.0, rect.bottom() - 2.0),
    )
}

/// The panel as a button: pointer, keys, words.
fn button(
    ui: &mut Ui,
    all: &Multiples<'_>,
    i: usize,
    rect: Rect,
    panel: &Panel<'_>,
    pointed: &mut Pointed,
) {
    let mut child = ui.new_child(UiBuilder::new().id_salt((all.id, i)).max_rect(rect));
    let response = child.allocate_rect(rect, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, panel.marked, panel.words));
    if response.gained_focus() {
        ui.scroll_to_rect(rect.expand(4.0), None);
    }
    if response.clicked() {
        pointed.clicked = Some(i);
    }
    if response.has_focus() || response.hovered() {
        let width = if response.has_focus() { 2.0 } else { 1.0 };
        let stroke = Stroke::new(width, all.palette.accent);
        let at = rect.expand(2.0);
        ui.painter()
            .rect_stroke(at, 2.0, stroke, StrokeKind::Middle);
    }
    if let Some(at) = response.hover_pos().filter(|_| !panel.values.is_empty()) {
        let bars = bars_of(rect);
        let share = ((at.x - bars.left()) / bars.width()).clamp(0.0, 1.0);
        let bar = ((share * panel.values.len() as f32) as usize).min(panel.values.len() - 1);
        pointed.hovered = Some((i, bar));
    }
    if response.hovered() {
        let tip = format!("{}. {}", panel.words, all.click);
        response.on_hover_text_at_pointer(tip);
    }
}

/// Vertical position of a value, cut at the top of the scale.
fn height(all: &Multiples<'_>, bars: Rect, value: f64) -> f32 {
    let share = (value / all.top).clamp(0.0, 1.0) as f32;
    bars.bottom() - share * bars.height()
}

/// The numbers of the scale left of a row: 0, the line, and the largest whole number that has room.
fn scale(painter: &Painter, all: &Multiples<'_>, bars: Rect) {
    let font = FontId::proportional(10.0);
    let highest = all.top.floor();
    let mut last = f32::INFINITY;
    for value in [0.0, all.line, highest] {
        let y = height(all, bars, value);
        if last - y < 10.0 {
            continue;
        }
        last = y;
        let words = if value == 0.0 {
            "0".to_owned()
        } else {
            format!("{value:.0}{}", all.unit)
        };
        let at = pos2(bars.left() - 5.0, y);
        painter.text(
            at,
            Align2::RIGHT_CENTER,
            words,
            font.clone(),
            all.palette.muted,
        );
    }
}

fn draw(ui: &Ui, all: &Multiples<'_>, panel: &Panel<'_>, rect: Rect, bars: Rect) {
    let (palette, painter) = (all.palette, ui.painter());
    let ink = if panel.marked {
        palette.accent
    } else {
        palette.ink
    };
    if panel.marked {
        painter.rect(
            rect.expand(2.0),
            2.0,
            fade(palette.accent, 0.07),
            Stroke::new(1.5, palette.accent),
            StrokeKind::Middle,
        );
    }
    let title = if panel.marked {
        format!("• {}", panel.title)
    } else {
        panel.title.to_owned()
    };
    let at = rect.left_top() + vec2(2.0, 0.0);
    let room = rect.width() - 4.0;
    let font = |size| FontId::proportional(size);
    let end = text_at(ui, at, Align2::LEFT_TOP, &title, font(11.5), ink, room);
    let left = rect.right() - 2.0 - end.right() - 6.0;
    let notes = panel
        .notes
        .map(|note| painter.layout_no_wrap(note.to_owned(), font(10.5), palette.muted));
    if let Some(note) = notes.into_iter().find(|note| note.size().x <= left) {
        let at = rect.right_top() + vec2(-2.0 - note.size().x, 1.0);
        painter.galley(at, note, palette.muted);
    }
    painter.extend(columns(all, panel, bars));
    painter.extend(bands(all, panel, bars));
    let base = [bars.left_bottom(), bars.right_bottom()];
    painter.line_segment(base, Stroke::new(1.0, palette.grid));
    let y = height(all, bars, all.line);
    painter.extend(Shape::dashed_line(
        &[pos2(bars.left(), y), pos2(bars.right(), y)],
        Stroke::new(1.0, mix(palette.background, palette.ink, 0.7)),
        4.0,
        3.0,
    ));
}

/// The band, over the bars so that it can be seen where they end.
fn bands(all: &Multiples<'_>, panel: &Panel<'_>, bars: Rect) -> Option<Shape> {
    let inner = fade(all.palette.ink, 0.16);
    let edge = fade(all.palette.ink, 0.5);
    let mut mesh = Mesh::default();
    let n = panel.band.len();
    for (i, [low, high]) in panel.band.iter().enumerate() {
        let x = |i: usize| bars.left() + i as f32 / n as f32 * bars.width();
        let (top, bottom) = (height(all, bars, *high), height(all, bars, *low));
        let own = Rect::from_min_max(pos2(x(i), top), pos2(x(i + 1), bottom.max(top + 1.0)));
        mesh.add_colored_rect(own, inner);
        for y in [own.top(), own.bottom() - 1.0] {
            let line = Rect::from_min_max(pos2(own.left(), y), pos2(own.right(), y + 1.0));
            mesh.add_colored_rect(line, edge);
        }
    }
    (n > 0).then(|| Shape::mesh(mesh))
}

/// The bars; of several in one pixel column the tallest. Bars inside the band are paler.
fn columns(all: &Multiples<'_>, panel: &Panel<'_>, bars: Rect) -> Vec<Shape> {
    let palette = all.palette;
    let n = panel.values.len();
    let shown = n.min(bars.width().max(1.0) as usize).max(1);
    let gap = if bars.width() / shown as f32 > 4.0 {
        1.0
    } else {
        0.0
    };
    let (strong, pale) = (
        palette.series_at(0),
        mix(palette.background, palette.series_at(0), 0.62),
    );
    let mut mesh = Mesh::default();
    let mut out = Vec::new();
    for column in 0..shown {
        let own = column * n / shown..((column + 1) * n / shown).max(column * n / shown + 1);
        let tallest = own.clone().max_by(|&a, &b| {
            let of = |i: usize| panel.values.get(i).copied().unwrap_or(0.0);
            of(a).total_cmp(&of(b)).then(b.cmp(&a))
        });
        let Some((i, value)) = tallest.and_then(|i| Some((i, *panel.values.get(i)?))) else {
            continue;
        };
        let focused = panel.focus.is_some_and(|f| own.contains(&f));
        let band = panel.band.get(i).or_else(|| panel.band.first());
        let usual = band.is_some_and(|[low, high]| (*low..=*high).contains(&value));
        let color = match (focused, usual) {
            (true, _) => palette.ink,
            (_, true) => pale,
            (_, false) => strong,
        };
        let x = |c: usize| bars.left() + c as f32 / shown as f32 * bars.width();
        let top = height(all, bars, value);
        let own = Rect::from_min_max(
            pos2(x(column), top),
            pos2(x(column + 1) - gap, bars.bottom()),
        );
        mesh.add_colored_rect(own, color);
        if value > all.top {
            out.push(cut(pos2(own.center().x, bars.top()), palette));
        }
    }
    out.insert(0, Shape::mesh(mesh));
    // Neighbours would cover each other's marks, and the height is in the words.
    out.truncate(7);
    out
}

/// The mark of a bar that is taller than the scale.
fn cut(at: Pos2, palette: &Palette) -> Shape {
    let corners = [vec2(-4.0, 0.0), vec2(0.0, -5.0), vec2(4.0, 0.0)];
    Shape::convex_polygon(corners.map(|c| at + c).to_vec(), palette.bad, Stroke::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_fill_the_room_while_all_are_in_sight_and_scroll_when_there_are_many() {
        for (room, count) in [
            (vec2(820.0, 420.0), 4),
            (vec2(820.0, 420.0), 24),
            (vec2(560.0, 380.0), 12),
            (vec2(350.0, 340.0), 6),
        ] {
            let (columns, size) = grid(room, count);
            let rows = count.div_ceil(columns) as f32;
            assert!(size.x >= LEAST.x && size.y >= LEAST.y, "{room} {count}");
            let width = columns as f32 * (size.x + GAP.x) - GAP.x;
            assert!(width <= room.x + 0.1, "{room} {count}: {width}");
            let height = rows * (size.y + GAP.y) - GAP.y;
            assert!(height <= room.y + 0.1, "{room} {count}: {height}");
        }
        let (columns, size) = grid(vec2(820.0, 420.0), 64);
        assert_eq!(columns, 6, "as many in a row as read well");
        assert_eq!(size.y, LEAST.y);
        assert_eq!(grid(vec2(350.0, 340.0), 64).0, 2, "a phone");
        assert_eq!(grid(vec2(40.0, 30.0), 3).0, 1, "hardly any room");
    }

    #[test]
    fn a_bar_over_the_scale_is_cut_at_its_top_and_marked() {
        let all = Multiples {
            id: "t",
            count: 1,
            top: 4.0,
            line: 1.0,
            unit: "×",
            palette: &Palette::LIGHT,
            click: "",
        };
        let bars = Rect::from_min_size(Pos2::ZERO, vec2(100.0, 40.0));
        assert_eq!(height(&all, bars, 1.0), 30.0);
        assert_eq!(height(&all, bars, 9.0), 0.0);
        let panel = Panel {
            title: "",
            notes: [""; 2],
            words: "",
            values: &[9.0, 1.0, 0.5],
            band: &[],
            marked: false,
            focus: None,
        };
        assert_eq!(columns(&all, &panel, bars).len(), 2);
    }
}
