//! Metrics of one or several setups side by side.

use super::format;
use super::theme::{self, Palette};
use crate::core::{Better, Metric};
use egui::{Align, Layout, RichText, Ui};

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
    let Some(first) = columns.first() else {
        return;
    };
    let several = columns.len() > 1;
    let width = name_width(ui, columns);
    egui::Grid::new("metrics")
        .striped(true)
        .spacing([GAP, 6.0])
        .min_row_height(22.0)
        .show(ui, |ui| {
            head_ui(ui, columns);
            for (row, metric) in first.metrics.iter().enumerate() {
                let values: Vec<f64> = columns
                    .iter()
                    .map(|c| value_of(c, metric.id, row))
                    .collect();
                row_ui(ui, metric, &values, several, width);
                ui.end_row();
            }
        });
}

const GAP: f32 = 12.0;

/// What is left for the names, so that long ones wrap and no value is cut off.
fn name_width(ui: &Ui, columns: &[Column<'_>]) -> f32 {
    const DIFFERENCE: f32 = 72.0;
    let width = |text: String, style: egui::TextStyle| {
        let font = style.resolve(ui.style());
        let galley = ui
            .painter()
            .layout_no_wrap(text, font, egui::Color32::BLACK);
        galley.size().x
    };
    // As wide as the widest unit and the widest value, in heavier letters.
    let (mut unit_width, mut value_width) = (24.0_f32, 40.0_f32);
    for metric in columns.iter().flat_map(|c| c.metrics) {
        let size = Some(metric.value.abs()).filter(|v| v.is_finite());
        let (factor, unit) = format::scaled_unit(size.unwrap_or(0.0), metric.unit);
        let value = value_text(metric.value / factor, metric.unit);
        unit_width = unit_width.max(width(unit, egui::TextStyle::Small));
        value_width = value_width.max(1.08 * width(value, egui::TextStyle::Body));
    }
    let more = columns.len().saturating_sub(1) as f32;
    let taken =
        unit_width + value_width + 2.0 * GAP + more * (value_width + DIFFERENCE + 2.0 * GAP);
    (ui.available_width() - taken - 4.0).max(96.0)
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

fn head_ui(ui: &mut Ui, columns: &[Column<'_>]) {
    let palette = Palette::of(ui.ctx());
    ui.label(RichText::new("Metric").small().weak());
    ui.label(RichText::new("Unit").small().weak());
    for (slot, column) in columns.iter().enumerate() {
        right(ui, |ui| {
            ui.label(theme::small_strong(ui, column.label));
            swatch(ui, palette.series_at(slot));
        });
        if slot > 0 {
            right(ui, |ui| {
                ui.label(
                    RichText::new(format!("{} − A", letter(slot)))
                        .small()
                        .weak(),
                );
            });
        }
    }
    ui.end_row();
}

fn row_ui(ui: &mut Ui, metric: &Metric, values: &[f64], several: bool, name_width: f32) {
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
    ui.vertical(|ui| {
        ui.set_max_width(name_width);
        ui.add(egui::Label::new(metric.name).wrap())
            .on_hover_text(format!("{}{arrow}", metric.doc));
    });
    ui.label(RichText::new(&unit).small().weak());
    let texts: Vec<String> = values
        .iter()
        .map(|v| value_text(*v / factor, metric.unit))
        .collect();
    // Values that read the same are not told apart.
    let winner = best(values, metric.better)
        .filter(|i| texts.iter().filter(|t| **t == texts[*i]).count() == 1);
    for (slot, (&value, text)) in values.iter().zip(&texts).enumerate() {
        let is_best = winner == Some(slot);
        right(ui, |ui| {
            value_ui(ui, metric, value, (text, &unit), is_best);
        });
        if slot > 0 && several {
            right(ui, |ui| {
                let words = relative(values[0], value, metric.unit);
                ui.label(RichText::new(words).small().weak());
            });
        }
    }
}

fn value_text(value: f64, unit: &str) -> String {
    if unit == "%" && value.is_finite() {
        format!("{value:.1}")
    } else {
        format::table_number(value)
    }
}

fn value_ui(ui: &mut Ui, metric: &Metric, value: f64, (text, unit): (&str, &str), is_best: bool) {
    let rich = if is_best {
        theme::strong(ui, text)
    } else {
        RichText::new(text)
    };
    let response = ui.add(egui::Label::new(rich).sense(egui::Sense::click()));
    let mut words = format!("{}: {text} {unit}", metric.name)
        .trim_end()
        .to_owned();
    if is_best {
        words.push_str(", best");
    }
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
    if response.clicked() {
        ui.ctx().copy_text(value.to_string());
    }
    response.on_hover_text("Click copies the value with all digits");
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

fn right(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ui.with_layout(Layout::right_to_left(Align::Center), add);
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
