//! Metrics of one or several setups side by side.

use super::format;
use super::theme::{self, Palette};
use crate::core::{Better, Metric};
use egui::{Align2, Color32, FontId, Id, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use std::sync::Arc;

/// One setup's metrics.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// Name of the setup.
    pub label: &'a str,
    /// Its headline numbers.
    pub metrics: &'a [Metric],
}

/// Index of the best of several values of one metric; `None` when there is nothing to compare or
/// all are equal.
pub fn best(values: &[f64], better: Better) -> Option<usize> {
    let finite = || values.iter().enumerate().filter(|(_, v)| v.is_finite());
    if finite().count() < 2 {
        return None;
    }
    let (i, &best) = match better {
        Better::Lower => finite().min_by(|a, b| a.1.total_cmp(b.1))?,
        Better::Higher => finite().max_by(|a, b| a.1.total_cmp(b.1))?,
        Better::Neither => return None,
    };
    let tied = finite().filter(|(_, v)| **v == best).count() > 1;
    (!tied).then_some(i)
}

/// The difference of `value` to `base`: in points for per cent, else relative.
pub fn relative(base: f64, value: f64, unit: &str) -> String {
    let sign = |d: f64| if d > 0.0 { "+" } else { "" };
    let d = value - base;
    if !d.is_finite() {
        return format::DASH.to_owned();
    }
    if unit == "%" {
        let points = (d * 10.0).round() / 10.0;
        if points == 0.0 {
            return "same".to_owned();
        }
        return format!("{}{points:.1} points", sign(points)).replace('-', "−");
    }
    if d == 0.0 {
        return "same".to_owned();
    }
    if base == 0.0 {
        return format!("{}{}", sign(d), format::quantity(d, unit));
    }
    let ratio = value / base;
    if ratio >= 2.0 {
        return format!("{} ×", format::number(ratio));
    }
    let percent = 100.0 * d / base.abs();
    format!("{}{:.1} %", sign(percent), percent).replace('-', "−")
}

/// The table: a row per metric, a column per setup and, from the second on, its difference to the
/// first. The best value of a row is bold.
pub fn metrics_ui(ui: &mut Ui, columns: &[Column<'_>]) {
    if columns.is_empty() {
        return;
    }
    let id = ui.scope_id().with("metrics");
    let fonts = Fonts::of(ui);
    let of = egui::util::hash((
        columns.iter().map(shown_of).collect::<Vec<_>>(),
        ui.available_width().to_bits(),
        ui.pixels_per_point().to_bits(),
        &fonts.strong,
    ));
    let kept = ui.data(|data| data.get_temp::<Arc<Sheet>>(id));
    let sheet = kept.filter(|sheet| sheet.of == of).unwrap_or_else(|| {
        let sheet = Arc::new(Sheet::new(ui, &fonts, of, columns));
        ui.data_mut(|data| data.insert_temp(id, sheet.clone()));
        sheet
    });
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        head_ui(ui, &fonts, &sheet, columns);
        for (row, line) in sheet.lines.iter().enumerate() {
            line_ui(ui, &fonts, &sheet, line, id.with(row), row % 2 == 0);
        }
    });
}

/// Between two columns.
const GAP: f32 = 12.0;
/// Above and below the text of a row.
const MARGIN: f32 = 3.0;
/// Of a row, without its margins.
const LEAST_HEIGHT: f32 = 22.0;
/// The square in a setup's colour, with the space to its name.
const SWATCH: f32 = 18.0;

/// What a column's part of the table depends on.
fn shown_of<'a>(column: &Column<'a>) -> (&'a str, Vec<(&'static str, &'static str, u64)>) {
    let metrics = column.metrics.iter();
    let shown = metrics.map(|m| (m.name, m.unit, m.value.to_bits()));
    (column.label, shown.collect())
}

struct Fonts {
    body: FontId,
    strong: FontId,
    small: FontId,
}

impl Fonts {
    fn of(ui: &Ui) -> Self {
        let body = egui::TextStyle::Body.resolve(ui.style());
        Self {
            strong: FontId::new(body.size, theme::strong_family(ui.ctx())),
            small: egui::TextStyle::Small.resolve(ui.style()),
            body,
        }
    }
}

/// A table worked out: kept while metrics and width stay the same, because the panel is drawn in
/// every frame of an animation.
struct Sheet {
    /// Hash of what it was made of.
    of: u64,
    lines: Vec<Line>,
    /// Widths of the names and of the units.
    name: f32,
    unit: f32,
    /// Width of each setup's values and of its differences to the first (0 for the first).
    columns: Vec<[f32; 2]>,
}

struct Line {
    name: &'static str,
    doc: String,
    unit: String,
    cells: Vec<Cell>,
    /// In points, with the margins.
    height: f32,
}

struct Cell {
    value: f64,
    text: String,
    is_best: bool,
    /// The difference to the first setup; empty for the first.
    difference: String,
    /// The whole cell as it is read out.
    words: String,
}

impl Sheet {
    fn new(ui: &Ui, fonts: &Fonts, of: u64, columns: &[Column<'_>]) -> Self {
        let metrics = columns.first().map_or(&[][..], |c| c.metrics);
        let mut lines: Vec<Line> = metrics
            .iter()
            .enumerate()
            .map(|(row, metric)| Line::new(columns, metric, row))
            .collect();
        let width = |text: &str, font: &FontId| {
            let galley = ui
                .painter()
                .layout_no_wrap(text.to_owned(), font.clone(), Color32::BLACK);
            galley.size().x.ceil()
        };
        let unit = lines
            .iter()
            .map(|line| width(&line.unit, &fonts.small))
            .fold(width("Unit", &fonts.small), f32::max);
        let widths: Vec<[f32; 2]> = columns
            .iter()
            .enumerate()
            .map(|(slot, column)| {
                let head = SWATCH + width(column.label, &fonts.small);
                let values = lines.iter().filter_map(|line| line.cells.get(slot));
                let value = values
                    .clone()
                    .map(|cell| width(&cell.text, &fonts.strong))
                    .fold(head, f32::max);
                let difference = values
                    .map(|cell| width(&cell.difference, &fonts.small))
                    .fold(width(&difference_head(slot), &fonts.small), f32::max);
                [value, difference]
            })
            .collect();
        let taken: f32 = widths
            .iter()
            .flatten()
            .filter(|w| **w > 0.0)
            .map(|w| w + GAP)
            .sum();
        let room = (ui.available_width() - taken - unit - GAP - 4.0).max(96.0);
        let mut name = 0.0_f32;
        for line in &mut lines {
            let galley = ui.painter().layout(
                line.name.to_owned(),
                fonts.body.clone(),
                Color32::BLACK,
                room,
            );
            name = name.max(galley.size().x.ceil());
            line.height = galley.size().y.max(LEAST_HEIGHT) + 2.0 * MARGIN;
        }
        Self {
            of,
            lines,
            name,
            unit,
            columns: widths,
        }
    }

    fn width(&self) -> f32 {
        let columns = self.columns.iter().flatten().filter(|w| **w > 0.0);
        self.name + GAP + self.unit + columns.map(|w| GAP + w).sum::<f32>()
    }

    /// Left edge of the units, and the right edges of the values and differences of each setup.
    fn edges(&self) -> (f32, Vec<[f32; 2]>) {
        let unit = self.name + GAP;
        let mut at = unit + self.unit;
        let edges = self.columns.iter().map(|widths| {
            widths.map(|width| {
                if width > 0.0 {
                    at += GAP + width;
                }
                at
            })
        });
        (unit, edges.collect())
    }
}

impl Line {
    fn new(columns: &[Column<'_>], metric: &Metric, row: usize) -> Self {
        let values: Vec<f64> = columns
            .iter()
            .map(|c| value_of(c, metric.id, row))
            .collect();
        let largest = values
            .iter()
            .filter(|v| v.is_finite())
            .fold(0.0_f64, |a, v| a.max(v.abs()));
        let (factor, unit) = format::scaled_unit(largest, metric.unit);
        let arrow = match metric.better {
            Better::Lower => " Smaller is better.",
            Better::Higher => " Larger is better.",
            Better::Neither => "",
        };
        let texts: Vec<String> = values
            .iter()
            .map(|v| value_text(*v / factor, metric.unit))
            .collect();
        // Values that read the same are not told apart.
        let winner = best(&values, metric.better)
            .filter(|i| texts.iter().filter(|t| **t == texts[*i]).count() == 1);
        let cells = values
            .iter()
            .zip(texts)
            .enumerate()
            .map(|(slot, (&value, text))| {
                let is_best = winner == Some(slot);
                let difference = if slot > 0 {
                    relative(values[0], value, metric.unit)
                } else {
                    String::new()
                };
                let mut words = format!("{}: {text} {unit}", metric.name)
                    .trim_end()
                    .to_owned();
                if is_best {
                    words.push_str(", best");
                }
                if slot > 0 {
                    words.push_str("; against A: ");
                    words.push_str(&difference);
                }
                Cell {
                    value,
                    text,
                    is_best,
                    difference,
                    words,
                }
            })
            .collect();
        Self {
            name: metric.name,
            doc: format!("{}{arrow}", metric.doc),
            unit,
            cells,
            height: 0.0,
        }
    }
}

/// The metric with this id, where a setup of another system may list fewer.
fn value_of(column: &Column<'_>, id: &str, row: usize) -> f64 {
    column
        .metrics
        .get(row)
        .filter(|m| m.id == id)
        .or_else(|| column.metrics.iter().find(|m| m.id == id))
        .map_or(f64::NAN, |m| m.value)
}

fn value_text(value: f64, unit: &str) -> String {
    if unit == "%" && value.is_finite() {
        format!("{value:.1}")
    } else {
        format::table_number(value)
    }
}

fn difference_head(slot: usize) -> String {
    if slot == 0 {
        return String::new();
    }
    format!("{} − A", letter(slot))
}

fn head_ui(ui: &mut Ui, fonts: &Fonts, sheet: &Sheet, columns: &[Column<'_>]) {
    let palette = Palette::of(ui.ctx());
    let size = vec2(sheet.width(), LEAST_HEIGHT + 2.0 * MARGIN);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| {
        let labels: Vec<&str> = columns.iter().map(|c| c.label).collect();
        let words = format!("Metrics of {}", labels.join(", "));
        WidgetInfo::labeled(Role::Label, true, words)
    });
    let (weak, ink) = (ui.visuals().weak_text_color(), ui.visuals().text_color());
    let (unit, edges) = sheet.edges();
    let painter = ui.painter();
    let text = |x: f32, align: Align2, text: &str, font: &FontId, color: Color32| {
        let at = pos2(rect.left() + x, rect.center().y);
        painter.text(at, align, text, font.clone(), color)
    };
    text(0.0, Align2::LEFT_CENTER, "Metric", &fonts.small, weak);
    text(unit, Align2::LEFT_CENTER, "Unit", &fonts.small, weak);
    let strong = FontId::new(fonts.small.size, fonts.strong.family.clone());
    for (slot, (column, [value, difference])) in columns.iter().zip(edges).enumerate() {
        let label = text(value, Align2::RIGHT_CENTER, column.label, &strong, ink);
        let square = egui::Rect::from_center_size(
            pos2(label.left() - SWATCH + 10.0, rect.center().y),
            vec2(10.0, 10.0),
        );
        painter.rect_filled(square, 2.0, palette.series_at(slot));
        let words = difference_head(slot);
        text(difference, Align2::RIGHT_CENTER, &words, &fonts.small, weak);
    }
}

fn line_ui(ui: &mut Ui, fonts: &Fonts, sheet: &Sheet, line: &Line, id: Id, striped: bool) {
    let size = vec2(sheet.width(), line.height);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let (unit, edges) = sheet.edges();
    let is_visible = ui.is_rect_visible(rect);
    let (weak, ink) = (ui.visuals().weak_text_color(), ui.visuals().text_color());
    let text = |ui: &Ui, x: f32, align: Align2, text: &str, font: &FontId, color: Color32| {
        let at = pos2(rect.left() + x, rect.center().y);
        ui.painter().text(at, align, text, font.clone(), color);
    };
    if is_visible {
        if striped {
            let stripe = rect.expand2(vec2(2.0, 0.0));
            ui.painter()
                .rect_filled(stripe, 2.0, ui.visuals().faint_bg_color);
        }
        let (font, words) = (fonts.body.clone(), line.name.to_owned());
        let galley = ui.painter().layout(words, font, ink, sheet.name);
        let at = pos2(rect.left(), rect.center().y - 0.5 * galley.size().y);
        ui.painter().galley(at, galley, ink);
        text(
            ui,
            unit,
            Align2::LEFT_CENTER,
            &line.unit,
            &fonts.small,
            weak,
        );
    }
    let name = rect.with_max_x(rect.left() + sheet.name);
    let name = ui.interact(name, id, Sense::hover());
    name.widget_info(|| WidgetInfo::labeled(Role::Label, true, line.name));
    name.on_hover_text(line.doc.as_str());
    for (slot, (cell, [value, difference])) in line.cells.iter().zip(edges).enumerate() {
        let width = sheet.columns[slot][0];
        let place = egui::Rect::from_x_y_ranges(
            rect.left() + value - width..=rect.left() + value,
            rect.y_range(),
        );
        let response = ui.interact(place, id.with(slot), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &cell.words));
        if is_visible {
            let font = if cell.is_best {
                &fonts.strong
            } else {
                &fonts.body
            };
            text(ui, value, Align2::RIGHT_CENTER, &cell.text, font, ink);
            text(
                ui,
                difference,
                Align2::RIGHT_CENTER,
                &cell.difference,
                &fonts.small,
                weak,
            );
            if response.has_focus() {
                let ring = ui.visuals().selection.stroke;
                ui.painter()
                    .rect_stroke(place.expand(1.0), 2.0, ring, egui::StrokeKind::Outside);
            }
        }
        if response.clicked() {
            ui.ctx().copy_text(cell.value.to_string());
        }
        response.on_hover_text("Click copies the value with all digits");
    }
}

/// "A", "B", …
pub fn letter(slot: usize) -> char {
    char::from(b'A' + (slot % 26) as u8)
}

/// A small filled square in the colour of a setup.
pub(crate) fn swatch(ui: &mut Ui, color: egui::Color32) {
    let (rect, _) = ui.allocate_exact_size(egui::vec2(10.0, 10.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 2.0, color);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_unique_and_finite() {
        assert_eq!(best(&[2.0, 1.0, 3.0], Better::Lower), Some(1));
        assert_eq!(best(&[2.0, 1.0, 3.0], Better::Higher), Some(2));
        assert_eq!(best(&[2.0, f64::NAN], Better::Lower), None);
        assert_eq!(best(&[1.0, 1.0], Better::Lower), None, "a tie");
        assert_eq!(best(&[1.0, 2.0], Better::Neither), None);
        assert_eq!(best(&[f64::INFINITY, 2.0, 3.0], Better::Higher), Some(2));
    }

    #[test]
    fn differences_read_as_people_say_them() {
        assert_eq!(relative(10.0, 11.0, "s"), "+10.0 %");
        assert_eq!(relative(10.0, 7.5, "s"), "−25.0 %");
        assert_eq!(relative(10.0, 34.0, "s"), "3.40 ×");
        assert_eq!(relative(90.0, 91.5, "%"), "+1.5 points");
        assert_eq!(relative(5.0, 5.0, ""), "same");
        assert_eq!(relative(0.0, 2.0, "s"), "+2 s");
        assert_eq!(relative(f64::NAN, 2.0, "s"), "–");
    }
}
