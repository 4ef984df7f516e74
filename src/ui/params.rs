//! The parameter panel: every widget follows from the one declaration of its parameter.

use super::format;
use super::theme::{self, Palette};
use crate::core::{Error, Field, Form, Param, parse_number};
use egui::{Color32, Key, Response, RichText, Sense, Ui, vec2};

/// Parameters shown before "more".
const VISIBLE: usize = 7;

/// A parameter on screen.
#[derive(Debug, Clone, Copy)]
struct Shown {
    /// Its place in the list of all parameters.
    place: usize,
    field: Field,
    value: f64,
    default: f64,
}

/// What was done to a value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Edit {
    Set(f64),
    Reset,
}

/// Shows the active parameters grouped under their headings and edits `config`; `true` when it
/// changed. `error` is shown under the widget of its field.
pub fn params_ui<C: Clone + PartialEq>(
    ui: &mut Ui,
    params: &[Param<C>],
    config: &mut C,
    default: &C,
    error: Option<&Error>,
) -> bool {
    // The seed has a control of its own, which changes it in every setup.
    let at_fault = error.and_then(Error::field);
    let active: Vec<Shown> = params
        .iter()
        .enumerate()
        .filter(|(_, p)| p.is_active(config) && (p.id != "seed" || at_fault == Some("seed")))
        .map(|(place, p)| Shown {
            place,
            field: p.field(),
            value: p.value(config),
            default: p.value(default),
        })
        .collect();
    let edits = fields_ui(ui, &active, error);
    if edits.is_empty() {
        return false;
    }
    let before = config.clone();
    for (place, edit) in edits {
        match edit {
            Edit::Set(value) => params[place].set_value(config, value),
            Edit::Reset => params[place].copy(config, default),
        }
    }
    *config != before
}

/// The widgets; what was edited, by the places of the parameters. One body for all labs.
fn fields_ui(ui: &mut Ui, active: &[Shown], error: Option<&Error>) -> Vec<(usize, Edit)> {
    let at_fault = error.and_then(Error::field);
    let open_id = ui.scope_id().with("more parameters");
    let mut open = ui.data(|d| d.get_temp::<bool>(open_id).unwrap_or(false));
    let first = first_shown(active);
    let hidden = active.len() - first.len();
    // A fault must be visible, wherever it is.
    let hidden_fault = at_fault.is_some_and(|id| {
        active.iter().any(|p| p.field.id == id) && !first.iter().any(|&i| active[i].field.id == id)
    });
    let show_all = open || hidden_fault;
    let mut group = None;
    let mut edits = Vec::new();
    for (i, shown) in active.iter().enumerate() {
        if !show_all && !first.contains(&i) {
            continue;
        }
        if group != Some(shown.field.group) {
            heading_ui(ui, shown.field.group, group.is_none());
            group = Some(shown.field.group);
        }
        let fault = error.filter(|_| at_fault == Some(shown.field.id));
        if let Some(edit) = param_ui(ui, shown, fault) {
            edits.push((shown.place, edit));
        }
    }
    if hidden > 0 && !hidden_fault {
        ui.add_space(4.0);
        let words = if open {
            "Fewer parameters".to_owned()
        } else {
            format!("{hidden} more")
        };
        if ui.button(words).clicked() {
            open = !open;
            ui.data_mut(|d| d.insert_temp(open_id, open));
        }
    }
    if let Some(error) = error.filter(|e| e.field().is_none()) {
        fault_ui(ui, &error.to_string());
    }
    edits
}

/// Indices of the parameters shown without "more".
fn first_shown(active: &[Shown]) -> Vec<usize> {
    active
        .iter()
        .enumerate()
        .filter(|(_, p)| !p.field.advanced)
        .map(|(i, _)| i)
        .take(VISIBLE)
        .collect()
}

fn heading_ui(ui: &mut Ui, group: &str, first: bool) {
    if !first {
        ui.add_space(12.0);
    }
    if !group.is_empty() {
        super::heading(&ui.label(theme::strong(ui, group)), 2);
    }
    ui.add_space(2.0);
}

fn param_ui(ui: &mut Ui, shown: &Shown, fault: Option<&Error>) -> Option<Edit> {
    let palette = Palette::of(ui.ctx());
    let mut edit = None;
    ui.push_id(shown.field.id, |ui| {
        if shown.field.form == Form::Toggle {
            toggle_ui(ui, shown, &mut edit);
        } else {
            let label = label_ui(ui, shown, &mut edit);
            let value = match shown.field.form {
                Form::Number {
                    min,
                    max,
                    log,
                    whole,
                } => {
                    let range = Range {
                        min,
                        max,
                        log,
                        whole,
                    };
                    number_ui(ui, shown.field.label, shown.value, range, &label)
                }
                Form::Choice(options) => choice_ui(ui, shown, options, &label),
                Form::Toggle => None,
            };
            edit = value.map(Edit::Set).or(edit);
        }
        if let Some(error) = fault {
            fault_ui(ui, &error.to_string());
            let rect = ui.min_rect().expand(3.0);
            ui.painter().rect_stroke(
                rect,
                f32::from(theme::ROUNDING),
                egui::Stroke::new(1.5, palette.bad),
                egui::StrokeKind::Outside,
            );
        }
    });
    ui.add_space(4.0);
    edit
}

/// The label with the dot of a change; double-click or Backspace resets.
fn label_ui(ui: &mut Ui, shown: &Shown, edit: &mut Option<Edit>) -> Response {
    let palette = Palette::of(ui.ctx());
    let width = ui.available_width();
    let mut text = egui::text::LayoutJob::default();
    let font = egui::TextStyle::Body.resolve(ui.style());
    let format = |color: Color32| egui::TextFormat::simple(font.clone(), color);
    let Field { label, unit, .. } = shown.field;
    text.append(label, 0.0, format(palette.ink));
    if !unit.is_empty() {
        text.append(&format!("  {unit}"), 0.0, format(palette.muted));
    }
    text.wrap = egui::text::TextWrapping::truncate_at_width(width - 16.0);
    let galley = ui.painter().layout_job(text);
    let (rect, response) = ui.allocate_exact_size(vec2(width, 20.0), Sense::click());
    ui.painter().galley(rect.min, galley, palette.ink);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, ui.is_enabled(), label));
    changed_dot(ui, rect, shown);
    if response.has_focus() {
        ui.painter().rect_stroke(
            rect.expand(2.0),
            4.0,
            egui::Stroke::new(2.0, palette.accent),
            egui::StrokeKind::Inside,
        );
    }
    let key = response.has_focus()
        && ui.input(|i| i.key_pressed(Key::Backspace) || i.key_pressed(Key::Delete));
    let response = response.on_hover_ui(|ui| help_ui(ui, shown));
    if response.double_clicked() || key || value_menu(&response, shown) {
        *edit = Some(Edit::Reset);
    }
    response
}

fn changed_dot(ui: &Ui, rect: egui::Rect, shown: &Shown) {
    if shown.value != shown.default {
        let palette = Palette::of(ui.ctx());
        let at = rect.right_center() - vec2(5.0, 0.0);
        ui.painter().circle_filled(at, 3.5, palette.accent);
    }
}

/// The menu of a value; whether it is to be reset.
fn value_menu(response: &Response, shown: &Shown) -> bool {
    let mut reset = false;
    response.context_menu(|ui| {
        let default = shown.field.text(shown.default);
        if ui.button(format!("Reset to {default}")).clicked() {
            reset = true;
            ui.close();
        }
        if ui.button("Copy value").clicked() {
            ui.ctx().copy_text(full_precision(shown));
            ui.close();
        }
    });
    reset
}

/// The value with all its digits.
fn full_precision(shown: &Shown) -> String {
    match shown.field.form {
        Form::Number { whole: false, .. } => shown.value.to_string(),
        _ => shown.field.text(shown.value),
    }
}

/// Definition, default and range as a tooltip.
fn help_ui(ui: &mut Ui, shown: &Shown) {
    let Field { doc, form, .. } = shown.field;
    let range = match form {
        Form::Number {
            min,
            max,
            whole: true,
            ..
        } => format!(", range {min} to {max}"),
        Form::Number { min, max, .. } => {
            format!(", range {} to {}", format::number(min), format::number(max))
        }
        _ => String::new(),
    };
    let default = shown.field.text(shown.default);
    let gap = if doc.is_empty() { "" } else { "\n" };
    ui.set_max_width(ui.spacing().tooltip_width);
    ui.label(format!(
        "{doc}{gap}Default {default}{range}. Double-click the name to reset."
    ));
}

/// Range of a number.
#[derive(Debug, Clone, Copy)]
struct Range {
    min: f64,
    max: f64,
    log: bool,
    whole: bool,
}

/// Slider and number field on one line; the new value when it changed.
fn number_ui(ui: &mut Ui, name: &str, before: f64, range: Range, label: &Response) -> Option<f64> {
    let Range {
        min,
        max,
        log,
        whole,
    } = range;
    let mut value = before;
    ui.horizontal(|ui| {
        let field = 76.0;
        let rail = (ui.available_width() - field - ui.spacing().item_spacing.x).max(40.0);
        ui.spacing_mut().slider_width = rail;
        let mut slider = egui::Slider::new(&mut value, min..=max)
            .logarithmic(log)
            .show_value(false);
        if whole {
            slider = slider.integer();
        } else if log {
            slider = slider.smallest_positive(min.max(f64::MIN_POSITIVE));
        }
        let slider = ui.add(slider);
        slider.clone().labelled_by(label.id);
        slider.clone().accessible_name(name);
        ring(ui, &slider);
        let speed = if log {
            before.abs().max(min.abs()) * 0.01
        } else {
            (max - min) / 300.0
        };
        let drag = egui::DragValue::new(&mut value)
            .range(min..=max)
            .speed(if whole { speed.max(0.05) } else { speed })
            .custom_formatter(move |v, _| field_text(v, whole))
            .custom_parser(parse_number)
            .update_while_editing(false);
        let response = ui.add_sized([field, ui.spacing().interact_size.y], drag);
        response.clone().accessible_name(format!("{name} value"));
        response.on_hover_text("Type a number: 3e-4, 1/3, 2k");
    });
    if whole {
        value = value.round();
    }
    (value != before).then_some(value)
}

/// Focus ring around a widget without one of its own.
fn ring(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let palette = Palette::of(ui.ctx());
        ui.painter().rect_stroke(
            response.rect.expand(1.0),
            f32::from(theme::ROUNDING),
            egui::Stroke::new(2.0, palette.accent),
            egui::StrokeKind::Inside,
        );
    }
}

/// The value in the field: all digits of whole numbers, four of others.
fn field_text(v: f64, integer: bool) -> String {
    if integer {
        return format!("{v:.0}");
    }
    let magnitude = v.abs();
    if v != 0.0 && !(1e-3..1e5).contains(&magnitude) {
        return trim_exponent(&format!("{v:.3e}"));
    }
    let text = format!("{v:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `3.000e-4` as `3e-4`.
fn trim_exponent(text: &str) -> String {
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => {
            let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
            format!("{mantissa}e{exponent}")
        }
        _ => text.to_owned(),
    }
}

fn choice_ui(ui: &mut Ui, shown: &Shown, options: &[&str], label: &Response) -> Option<f64> {
    let before = shown.value as usize;
    let mut index = before;
    let selected = options.get(index).copied().unwrap_or("?");
    let response = egui::ComboBox::from_id_salt(shown.field.id)
        .width(ui.available_width())
        .truncate()
        .selected_text(selected)
        .show_ui(ui, |ui| {
            for (i, option) in options.iter().enumerate() {
                super::value_entry_ui(ui, &mut index, i, option);
            }
        })
        .response;
    response.clone().labelled_by(label.id);
    response.accessible_name(shown.field.label);
    (index != before).then_some(index as f64)
}

fn toggle_ui(ui: &mut Ui, shown: &Shown, edit: &mut Option<Edit>) {
    let before = shown.value != 0.0;
    let mut on = before;
    let row = ui.horizontal(|ui| {
        ui.set_min_width(ui.available_width());
        let response = ui.checkbox(&mut on, shown.field.label);
        if response.has_focus() && ui.input(|i| i.key_pressed(Key::Backspace)) {
            on = shown.default != 0.0;
        }
        response.on_hover_ui(|ui| help_ui(ui, shown))
    });
    changed_dot(ui, row.response.rect, shown);
    if on != before {
        *edit = Some(Edit::Set(f64::from(u8::from(on))));
    }
    if value_menu(&row.inner, shown) {
        *edit = Some(Edit::Reset);
    }
}

/// The reason why a value is refused.
fn fault_ui(ui: &mut Ui, words: &str) {
    let palette = Palette::of(ui.ctx());
    let text = RichText::new(format!("⚠ {words}"))
        .small()
        .color(palette.bad);
    ui.add(egui::Label::new(text).wrap().selectable(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_texts_are_short_and_read_back() {
        for v in [0.0, 3e-4, 0.25, 12.5, 1e7, -2.0, 1e-9] {
            let text = field_text(v, false);
            assert_eq!(parse_number(&text), Some(v), "{text}");
            assert!(text.len() <= 8, "{text}");
        }
        assert_eq!(field_text(2048.0, true), "2048");
        assert_eq!(field_text(3e-4, false), "3e-4");
    }
}
