//! A small heat map with its values written in, driven by pointer and keys.

use super::theme::{Palette, mix};
use super::{a11y, format};
use egui::{Align2, FontId, Key, Modifiers, Rect, Sense, Ui, Vec2, pos2, vec2};

/// What a heat map shows.
#[derive(Debug, Clone)]
pub struct HeatMap<'a> {
    /// Name for screen readers.
    pub name: &'a str,
    /// Titles of the horizontal and the vertical axis, with units.
    pub titles: [String; 2],
    /// Values along the two axes.
    pub axes: [&'a [f64]; 2],
    /// The value of a cell, by its place on the two axes; NaN where there is none.
    pub cells: &'a [f64],
    /// Unit of the cells.
    pub unit: &'a str,
    /// The cell of the setup in front.
    pub current: Option<[usize; 2]>,
    /// For a map of who is best: what each cell belongs to. Its colour is that of the series with
    /// this number, its letter stands before the value, and the words tell both.
    pub owners: Option<&'a [Owner]>,
    /// What a click on a cell does, as a sentence.
    pub click: &'a str,
}

/// What a cell of a map of who is best belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A clear winner, counted from 0.
    One(usize),
    /// Several that are as good as each other.
    Shared,
    /// Nobody.
    Nobody,
}

impl Owner {
    /// A, B, … for a winner, = for several, · for nobody.
    pub fn letter(self) -> char {
        match self {
            Self::One(i) => (b'A' + (i % 26) as u8) as char,
            Self::Shared => '=',
            Self::Nobody => '·',
        }
    }
}

impl HeatMap<'_> {
    fn owner(&self, [x, y]: [usize; 2]) -> Option<Owner> {
        (self.owners?).get(y * self.axes[0].len() + x).copied()
    }

    fn cell(&self, [x, y]: [usize; 2]) -> f64 {
        self.cells
            .get(y * self.axes[0].len() + x)
            .copied()
            .unwrap_or(f64::NAN)
    }

    fn words(&self, at: [usize; 2]) -> String {
        let owner = match self.owner(at) {
            None => String::new(),
            Some(Owner::Nobody) => "nobody".to_owned(),
            Some(Owner::Shared) => "within 5 % of each other, ".to_owned(),
            Some(one) => format!("{}, ", one.letter()),
        };
        let value = match self.owner(at) {
            Some(Owner::Nobody) => String::new(),
            _ => format::quantity(self.cell(at), self.unit),
        };
        format!(
            "{} {}, {} {}: {owner}{value}",
            self.titles[0],
            format::number(self.axes[0][at[0]]),
            self.titles[1],
            format::number(self.axes[1][at[1]]),
        )
    }
}

/// Draws the map; returns the cell that was clicked or entered.
pub fn heatmap_ui(ui: &mut Ui, map: &HeatMap<'_>, size: Vec2) -> Option<[usize; 2]> {
    let palette = Palette::of(ui.ctx());
    let [nx, ny] = map.axes.map(<[f64]>::len);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    if nx == 0 || ny == 0 {
        return None;
    }
    let field = Rect::from_min_max(rect.min + vec2(52.0, 18.0), rect.max - vec2(2.0, 34.0));
    let cell = vec2(field.width() / nx as f32, field.height() / ny as f32);
    let place = |[x, y]: [usize; 2]| {
        let min = pos2(
            field.left() + cell.x * x as f32,
            field.bottom() - cell.y * (y + 1) as f32,
        );
        Rect::from_min_size(min, cell).shrink(0.5)
    };
    let finite = || map.cells.iter().copied().filter(|v| v.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    let font = FontId::proportional(11.0);
    let painter = ui.painter().clone();
    for y in 0..ny {
        for x in 0..nx {
            let value = map.cell([x, y]);
            let at = place([x, y]);
            if !value.is_finite() {
                painter.rect_stroke(at, 0.0, (1.0, palette.grid), egui::StrokeKind::Inside);
                continue;
            }
            let t = if high > low {
                (value - low) / (high - low)
            } else {
                0.5
            };
            let owner = map.owner([x, y]);
            let fill = match owner {
                None => palette.sequential_at(t as f32),
                Some(Owner::One(i)) => {
                    let color = palette.series[i % palette.series.len()];
                    mix(
                        palette.background,
                        color,
                        0.35 + 0.5 * (value / high.max(1e-300)) as f32,
                    )
                }
                Some(Owner::Shared) => mix(palette.background, palette.muted, 0.35),
                Some(Owner::Nobody) => palette.background,
            };
            painter.rect_filled(at, 0.0, fill);
            let room = if owner.is_some() { 12.0 } else { 38.0 };
            if cell.x >= room && cell.y >= 14.0 {
                let words = match owner {
                    None => format::number(value),
                    Some(Owner::Nobody) => Owner::Nobody.letter().to_string(),
                    Some(owner) if cell.x < 50.0 => owner.letter().to_string(),
                    Some(owner) => format!("{} {}", owner.letter(), format::number(value)),
                };
                painter.text(
                    at.center(),
                    Align2::CENTER_CENTER,
                    words,
                    font.clone(),
                    ink_on(fill),
                );
            }
        }
    }
    axes_ui(&painter, map, field, cell, palette);
    if let Some(at) = map.current {
        painter.rect_stroke(place(at), 0.0, (2.0, palette.ink), egui::StrokeKind::Inside);
    }

    if response.clicked() {
        response.request_focus();
    }
    let cursor_id = response.id.with("cell");
    let mut cursor: Option<[usize; 2]> =
        response
            .hover_pos()
            .filter(|p| field.contains(*p))
            .map(|p| {
                let x = ((p.x - field.left()) / cell.x) as usize;
                let y = ((field.bottom() - p.y) / cell.y) as usize;
                [x.min(nx - 1), y.min(ny - 1)]
            });
    let mut picked = response.clicked().then_some(cursor).flatten();
    if response.has_focus() {
        let (moved, entered) = keys(ui, &response, ui.data(|d| d.get_temp(cursor_id)), [nx, ny]);
        if cursor.is_none() {
            cursor = Some(moved);
        }
        ui.data_mut(|d| d.insert_temp(cursor_id, moved));
        if entered {
            picked = Some(moved);
        }
    }
    if let Some(at) = cursor {
        painter.rect_stroke(
            place(at),
            0.0,
            (2.0, palette.accent),
            egui::StrokeKind::Outside,
        );
    }
    let summary = cursor.or(map.current).map_or_else(
        || {
            format!(
                "{} to {}",
                format::quantity(low, map.unit),
                format::quantity(high, map.unit)
            )
        },
        |at| map.words(at),
    );
    a11y::picture(&response, map.name, &summary);
    let tip = cursor.map(|at| format!("{}. {}", map.words(at), map.click));
    if let Some(tip) = tip {
        response.on_hover_text_at_pointer(tip);
    }
    picked
}

/// The cell after the arrow keys, and whether Enter was pressed.
fn keys(
    ui: &Ui,
    response: &egui::Response,
    at: Option<[usize; 2]>,
    [nx, ny]: [usize; 2],
) -> ([usize; 2], bool) {
    ui.memory_mut(|m| {
        m.set_focus_lock_filter(
            response.id,
            egui::EventFilter {
                horizontal_arrows: true,
                vertical_arrows: true,
                ..egui::EventFilter::default()
            },
        );
    });
    let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
    let [mut x, mut y] = at.unwrap_or_default();
    if pressed(Key::ArrowLeft) {
        x = x.saturating_sub(1);
    }
    if pressed(Key::ArrowRight) {
        x += 1;
    }
    if pressed(Key::ArrowDown) {
        y = y.saturating_sub(1);
    }
    if pressed(Key::ArrowUp) {
        y += 1;
    }
    ([x.min(nx - 1), y.min(ny - 1)], pressed(Key::Enter))
}

fn axes_ui(painter: &egui::Painter, map: &HeatMap<'_>, field: Rect, cell: Vec2, palette: &Palette) {
    let font = FontId::proportional(11.0);
    let every = |step: f32, least: f32| (least / step).ceil().max(1.0) as usize;
    for (x, value) in map.axes[0].iter().enumerate().step_by(every(cell.x, 40.0)) {
        painter.text(
            pos2(
                field.left() + cell.x * (x as f32 + 0.5),
                field.bottom() + 2.0,
            ),
            Align2::CENTER_TOP,
            format::number(*value),
            font.clone(),
            palette.muted,
        );
    }
    for (y, value) in map.axes[1].iter().enumerate().step_by(every(cell.y, 13.0)) {
        painter.text(
            pos2(
                field.left() - 4.0,
                field.bottom() - cell.y * (y as f32 + 0.5),
            ),
            Align2::RIGHT_CENTER,
            format::number(*value),
            font.clone(),
            palette.muted,
        );
    }
    painter.text(
        pos2(field.center().x, field.bottom() + 18.0),
        Align2::CENTER_TOP,
        &map.titles[0],
        font.clone(),
        palette.muted,
    );
    painter.text(
        pos2(field.left() - 48.0, field.top() - 16.0),
        Align2::LEFT_TOP,
        &map.titles[1],
        font,
        palette.muted,
    );
}

/// Black or white, whichever reads better on a colour.
pub fn ink_on(fill: egui::Color32) -> egui::Color32 {
    let luminance = egui::Rgba::from(fill).intensity();
    if luminance > 0.25 {
        egui::Color32::BLACK
    } else {
        egui::Color32::WHITE
    }
}
