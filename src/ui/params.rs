//! The parameter panel: every widget follows from the one declaration of its parameter.

use super::format;
use super::theme::{self, Palette};
use crate::core::{Error, Param, ParamKind, parse_number};
use egui::{Color32, Key, Response, RichText, Sense, Ui, vec2};

/// Parameters shown before "more".
const VISIBLE: usize = 7;

/// Shows the active parameters grouped under their headings and edits `config`; `true` when it
/// changed. `error` is shown under the widget of its field.
pub fn params_ui<C: Clone + PartialEq>(
    ui: &mut Ui,
    params: &[Param<C>],
    config: &mut C,
    default: &C,
    error: Option<&Error>,
) -> bool {
    let before = config.clone();
    // The seed has a control of its own, which changes it in every setup.
    let at_fault = error.and_then(Error::field);
    let active: Vec<&Param<C>> = params
        .iter()
        .filter(|p| p.is_active(config) && (p.id != "seed" || at_fault == Some("seed")))
        .collect();
    let open_id = ui.scope_id().with("more parameters");
    let mut open = ui.data(|d| d.get_temp::<bool>(open_id).unwrap_or(false));
    let first = first_shown(&active);
    let hidden = active.len() - first.len();
    // A fault must be visible, wherever it is.
    let hidden_fault = at_fault.is_some_and(|field| {
        active.iter().any(|p| p.id == field) && !first.iter().any(|&i| active[i].id == field)
    });
    let show_all = open || hidden_fault;
    let mut group = None;
    for (i, param) in active.iter().enumerate() {
        if !show_all && !first.contains(&i) {
            continue;
        }
        if group != Some(param.group) {
            heading_ui(ui, param.group, group.is_none());
            group = Some(param.group);
        }
        let fault = error.filter(|_| at_fault == Some(param.id));
        param_ui(ui, param, config, default, fault);
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
    *config != before
}

/// Indices of the parameters shown without "more".
fn first_shown<C>(active: &[&Param<C>]) -> Vec<usize> {
    active
        .iter()
        .enumerate()
        .filter(|(_, p)| !p.advanced)
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

fn param_ui<C: Clone + PartialEq>(
    ui: &mut Ui,
    param: &Param<C>,
    config: &mut C,
    default: &C,
    fault: Option<&Error>,
) {
    let palette = Palette::of(ui.ctx());
    let changed = param.value(config) != param.value(default);
    ui.push_id(param.id, |ui| {
        if let ParamKind::Toggle { get, set } = param.kind {
            toggle_ui(ui, param, config, default, changed, (get, set));
        } else {
            let label = label_ui(ui, param, config, default, changed);
            value_ui(ui, param, config, &label);
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
}

/// The label with the dot of a change; double-click or Backspace resets.
fn label_ui<C: Clone>(
    ui: &mut Ui,
    param: &Param<C>,
    config: &mut C,
    default: &C,
    changed: bool,
) -> Response {
    let palette = Palette::of(ui.ctx());
    let width = ui.available_width();
    let mut text = egui::text::LayoutJob::default();
    let font = egui::TextStyle::Body.resolve(ui.style());
    let format = |color: Color32| egui::TextFormat::simple(font.clone(), color);
    text.append(param.label, 0.0, format(palette.ink));
    if !param.unit.is_empty() {
        text.append(&format!("  {}", param.unit), 0.0, format(palette.muted));
    }
    text.wrap = egui::text::TextWrapping::truncate_at_width(width - 16.0);
    let galley = ui.painter().layout_job(text);
    let (rect, response) = ui.allocate_exact_size(vec2(width, 20.0), Sense::click());
    ui.painter().galley(rect.min, galley, palette.ink);
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, ui.is_enabled(), param.label));
    changed_dot(ui, rect, changed);
    if response.has_focus() {
        ui.painter().rect_stroke(
            rect.expand(2.0),
            4.0,
            egui::Stroke::new(2.0, palette.accent),
            egui::StrokeKind::Inside,
        );
    }
    reset_on(ui, &response, param, config, default);
    let response = response.on_hover_text(help(param, default));
    context_reset(&response, param, config, default);
    response
}

fn changed_dot(ui: &Ui, rect: egui::Rect, changed: bool) {
    if changed {
        let palette = Palette::of(ui.ctx());
        let at = rect.right_center() - vec2(5.0, 0.0);
        ui.painter().circle_filled(at, 3.5, palette.accent);
    }
}

fn reset_on<C>(ui: &Ui, response: &Response, param: &Param<C>, config: &mut C, default: &C) {
    let key = response.has_focus()
        && ui.input(|i| i.key_pressed(Key::Backspace) || i.key_pressed(Key::Delete));
    if response.double_clicked() || key {
        param.copy(config, default);
    }
}

fn context_reset<C>(response: &Response, param: &Param<C>, config: &mut C, default: &C) {
    let asked = value_menu(response, &|| param.text(default), &|| {
        full_precision(param, config)
    });
    if asked {
        param.copy(config, default);
    }
}

/// The menu of a value; whether it is to be reset. One body for the parameters of all labs.
fn value_menu(
    response: &Response,
    default: &dyn Fn() -> String,
    value: &dyn Fn() -> String,
) -> bool {
    let mut reset = false;
    response.context_menu(|ui| {
        if ui.button(format!("Reset to {}", default())).clicked() {
            reset = true;
            ui.close();
        }
        if ui.button("Copy value").clicked() {
            ui.ctx().copy_text(value());
            ui.close();
        }
    });
    reset
}

/// The value with all its digits.
fn full_precision<C>(param: &Param<C>, config: &C) -> String {
    match param.kind {
        ParamKind::Float { get, .. } => get(config).to_string(),
        _ => param.text(config),
    }
}

/// Definition, default and range for the tooltip.
fn help<C>(param: &Param<C>, default: &C) -> String {
    let range = match param.kind {
        ParamKind::Float { min, max, .. } => {
            format!(", range {} to {}", format::number(min), format::number(max))
        }
        ParamKind::Int { min, max, .. } => format!(", range {min} to {max}"),
        _ => String::new(),
    };
    let doc = if param.doc.is_empty() {
        String::new()
    } else {
        format!("{}\n", param.doc)
    };
    format!(
        "{doc}Default {}{range}. Double-click the name to reset.",
        param.text(default)
    )
}

fn value_ui<C: Clone + PartialEq>(ui: &mut Ui, param: &Param<C>, config: &mut C, label: &Response) {
    match param.kind {
        ParamKind::Float {
            get,
            set,
            min,
            max,
            log,
        } => {
            let mut value = get(config);
            let range = Range {
                min,
                max,
                log,
                whole: false,
            };
            if number_ui(ui, param.label, &mut value, range, label) {
                set(config, value);
            }
        }
        ParamKind::Int {
            get,
            set,
            min,
            max,
            log,
        } => {
            let mut value = get(config) as f64;
            let range = Range {
                min: min as f64,
                max: max as f64,
                log,
                whole: true,
            };
            if number_ui(ui, param.label, &mut value, range, label) {
                set(config, value.round().max(0.0) as u64);
            }
        }
        ParamKind::Choice { options, get, set } => {
            choice_ui(ui, param, config, options, (get, set), label);
        }
        ParamKind::Toggle { .. } => {}
    }
}

/// Range of a number.
#[derive(Debug, Clone, Copy)]
struct Range {
    min: f64,
    max: f64,
    log: bool,
    whole: bool,
}

/// Reads and writes a field of a config.
type Access<C, T> = (fn(&C) -> T, fn(&mut C, T));

/// Slider and number field on one line; `true` when changed.
fn number_ui(ui: &mut Ui, name: &str, value: &mut f64, range: Range, label: &Response) -> bool {
    let Range {
        min,
        max,
        log,
        whole,
    } = range;
    let before = *value;
    ui.horizontal(|ui| {
        let field = 76.0;
        let rail = (ui.available_width() - field - ui.spacing().item_spacing.x).max(40.0);
        ui.spacing_mut().slider_width = rail;
        let mut slider = egui::Slider::new(value, min..=max)
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
        let drag = egui::DragValue::new(value)
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
        *value = value.round();
    }
    *value != before
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

fn choice_ui<C>(
    ui: &mut Ui,
    param: &Param<C>,
    config: &mut C,
    options: &[&str],
    (get, set): Access<C, usize>,
    label: &Response,
) {
    let mut index = get(config);
    let selected = options.get(index).copied().unwrap_or("?");
    let response = egui::ComboBox::from_id_salt(param.id)
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
    response.accessible_name(param.label);
    if index != get(config) {
        set(config, index);
    }
}

fn toggle_ui<C: Clone>(
    ui: &mut Ui,
    param: &Param<C>,
    config: &mut C,
    default: &C,
    changed: bool,
    (get, set): Access<C, bool>,
) {
    let mut on = get(config);
    let row = ui.horizontal(|ui| {
        ui.set_min_width(ui.available_width());
        let response = ui.checkbox(&mut on, param.label);
        if response.has_focus() && ui.input(|i| i.key_pressed(Key::Backspace)) {
            on = default_on(param, default);
        }
        response.on_hover_text(help(param, default))
    });
    changed_dot(ui, row.response.rect, changed);
    if on != get(config) {
        set(config, on);
    }
    context_reset(&row.inner, param, config, default);
}

fn default_on<C>(param: &Param<C>, default: &C) -> bool {
    param.value(default) != 0.0
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
