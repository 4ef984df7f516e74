//! The final losses of all schedules with their intervals, below the headline numbers.

use super::super::config::Problem;
use super::super::report::{Standing, standings};
use super::super::words::{rate_words, words};
use super::super::{Run, contest};
use crate::core::num;
use crate::ui::format::{DASH, number, table_number};
use crate::ui::table::swatch;
use crate::ui::theme::{Palette, small_strong, strong};
use egui::{Color32, Grid, RichText, Sense, Stroke, Ui, pos2, vec2};

/// Height of the strip that draws an interval.
const STRIP: f32 = 10.0;
/// Its width.
const STRIP_WIDTH: f32 = 84.0;
/// Width of the names.
const SCHEDULE_WIDTH: f32 = 88.0;

/// Draws the table of the setup in `slot`.
pub(crate) fn show(run: &Run, slot: usize, ui: &mut Ui) {
    schedules_ui(run, slot, ui);
    optimizers_ui(run, ui);
}

fn schedules_ui(run: &Run, slot: usize, ui: &mut Ui) {
    let rows = standings(run);
    if rows.len() < 2 && rows.iter().all(|r| r.interval.is_none()) {
        return;
    }
    let palette = Palette::of(ui.ctx());
    let words = words(run.config.problem);
    ui.add_space(10.0);
    let several = rows.len() > 1;
    let of = if several {
        "of every schedule"
    } else {
        "over the seeds"
    };
    ui.label(strong(ui, format!("{} {of}", words.headline)));
    ui.label(
        RichText::new(caption(run, &rows))
            .small()
            .color(palette.muted),
    );
    ui.add_space(4.0);
    let range = drawn(&rows);
    Grid::new("standings")
        .striped(true)
        .spacing([8.0, 6.0])
        .show(ui, |ui| {
            let loss = if words.unit.is_empty() {
                "Loss".to_owned()
            } else {
                format!("Loss, {}", words.unit)
            };
            let heads = ["Schedule", &loss, "To the best"];
            for head in &heads[..if several { 3 } else { 2 }] {
                ui.label(RichText::new(*head).small().weak());
            }
            ui.end_row();
            for row in &rows {
                let color = palette.series_at(slot + row.place);
                let tuned = run.config.problem != Problem::League;
                schedule_ui(row.shape.name(), where_best(row, tuned), color, ui);
                loss_ui(row, range, color, ui);
                if several {
                    gap_ui(row, palette, ui);
                }
                ui.end_row();
            }
        });
}

/// The optimizers under one schedule, each at its own best peak rate.
fn optimizers_ui(run: &Run, ui: &mut Ui) {
    let rows = contest::rows(run);
    if rows.is_empty() {
        return;
    }
    let palette = Palette::of(ui.ctx());
    ui.add_space(10.0);
    ui.label(strong(ui, "Optimizers under this schedule"));
    let note = "Excess error at each one's own best peak rate, and the paired difference to AdamW; 95 % intervals over the seeds";
    ui.label(RichText::new(note).small().color(palette.muted));
    ui.add_space(4.0);
    let grid = Grid::new("optimizers").striped(true).spacing([8.0, 6.0]);
    grid.show(ui, |ui| {
        for head in ["Optimizer", "Excess error", "To AdamW"] {
            ui.label(RichText::new(head).small().weak());
        }
        ui.end_row();
        for row in &rows {
            let place = run.contenders.iter().position(|c| c.rule == row.rule);
            let mut words = format!("at {}", rate_words(row.peak, 2));
            if row.at_edge {
                words.push_str(", end of the grid");
            }
            let color = palette.series_at(place.unwrap_or(0));
            schedule_ui(row.rule.name(), words, color, ui);
            let small =
                |text: String| egui::Label::new(RichText::new(text).small().weak()).extend();
            ui.vertical(|ui| {
                ui.add(egui::Label::new(table_number(row.loss)).extend());
                let [low, high] = row.interval;
                if low.is_finite() && high.is_finite() {
                    ui.add(small(between(&number(low), &number(high))));
                }
            });
            ui.vertical(|ui| {
                let [low, high] = row.gap_interval;
                if row.gap == 0.0 || !row.gap.is_finite() {
                    ui.label(DASH);
                    return;
                }
                let written =
                    alike([row.gap, low, high].map(|v| if v.is_finite() { v } else { 0.0 }));
                let sign = if row.gap > 0.0 { "+" } else { "" };
                ui.add(egui::Label::new(format!("{sign}{}", written(row.gap))).extend());
                if low.is_finite() && high.is_finite() {
                    ui.add(small(between(&written(low), &written(high))));
                }
            });
            ui.end_row();
        }
    });
}

/// What the numbers are.
fn caption(run: &Run, rows: &[Standing]) -> String {
    let rates = 2 * run.config.grid + 1;
    let rate = if run.config.problem == Problem::League {
        "Peak and length tuned problem by problem.".to_owned()
    } else if rates > 1 {
        format!("At the best of {rates} peak rates each.")
    } else {
        "At the set peak rate.".to_owned()
    };
    let runs = rows.iter().map(|r| r.runs).max().unwrap_or(0);
    let over = if run.config.problem == Problem::League {
        "groups of five studies"
    } else {
        "seeds"
    };
    if rows.iter().all(|r| r.interval.is_none()) {
        let why = if run.config.problem.trains() && !run.config.problem.is_exact() {
            "One seed: no interval"
        } else {
            "Exact: no seeds, no interval"
        };
        return format!("{rate} {why}");
    }
    if run.config.problem == Problem::Log {
        return format!(
            "{rate} Range over the fit and its {} bootstrap refits; differences are taken refit by refit",
            runs - 1
        );
    }
    let paired = if rows.len() > 1 {
        "; differences are paired seed by seed"
    } else {
        ""
    };
    format!("{rate} Mean and 95 % interval over {runs} {over}{paired}")
}

/// The ends of an interval, so short that three columns fit beside each other.
fn between(low: &str, high: &str) -> String {
    format!("{low}…{high}")
}

/// How a difference and the ends of its interval are written: alike, the largest with two digits.
fn alike(values: [f64; 3]) -> impl Fn(f64) -> String {
    let largest = values.iter().fold(0.0_f64, |top, v| top.max(v.abs()));
    let digits = (1.0 - num::log10(largest.max(1e-300)).floor()).max(0.0) as usize;
    move |v| {
        let text = if digits > 5 {
            format!("{v:.1e}")
        } else {
            format!("{v:.digits$}")
        };
        text.replace('-', "−")
    }
}

/// The axis of the strips.
fn drawn(rows: &[Standing]) -> [f64; 2] {
    let ends = rows
        .iter()
        .flat_map(|r| r.interval.unwrap_or([r.loss; 2]))
        .filter(|v| v.is_finite());
    ends.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| {
        [low.min(v), high.max(v)]
    })
}

/// Where a schedule is best; nothing when its rates differ from problem to problem.
fn where_best(row: &Standing, one_rate: bool) -> String {
    if !one_rate {
        return String::new();
    }
    let mut words = if row.peak.is_finite() {
        format!("at {}", rate_words(row.peak, 2))
    } else {
        "no peak rate works".to_owned()
    };
    if row.at_edge {
        words.push_str(", end of the grid");
    }
    words
}

fn schedule_ui(name: &str, words: String, color: Color32, ui: &mut Ui) {
    ui.vertical(|ui| {
        ui.set_width(SCHEDULE_WIDTH);
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            swatch(ui, color);
            ui.add(egui::Label::new(small_strong(ui, name)).wrap());
        });
        if !words.is_empty() {
            ui.label(RichText::new(words).small().weak());
        }
    });
}

fn loss_ui(row: &Standing, range: [f64; 2], color: Color32, ui: &mut Ui) {
    ui.vertical(|ui| {
        if !row.loss.is_finite() {
            ui.label("diverged");
            return;
        }
        ui.add(egui::Label::new(table_number(row.loss)).extend());
        let Some([low, high]) = row.interval else {
            return;
        };
        ui.add(
            egui::Label::new(
                RichText::new(between(&number(low), &number(high)))
                    .small()
                    .weak(),
            )
            .extend(),
        );
        strip_ui(row.loss, [low, high], range, color, ui);
    });
}

/// A dot with its interval; the numbers stand above it.
fn strip_ui(mean: f64, interval: [f64; 2], range: [f64; 2], color: Color32, ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(STRIP_WIDTH, STRIP), Sense::hover());
    let inner = rect.shrink2(vec2(4.0, 0.0));
    let width = (range[1] - range[0]).max(f64::MIN_POSITIVE);
    let at = |v: f64| {
        let share = ((v - range[0]) / width).clamp(0.0, 1.0) as f32;
        pos2(inner.left() + share * inner.width(), inner.center().y)
    };
    let painter = ui.painter();
    painter.line_segment(interval.map(at), Stroke::new(1.5, color));
    painter.circle_filled(at(mean), 3.0, color);
}

fn gap_ui(row: &Standing, palette: &Palette, ui: &mut Ui) {
    ui.vertical(|ui| {
        if row.gap == 0.0 {
            ui.label(strong(ui, "best"));
            return;
        }
        if !row.gap.is_finite() {
            ui.label(DASH);
            return;
        }
        let whole = |text: RichText| egui::Label::new(text).extend();
        let [low, high] = row.gap_interval.unwrap_or([row.gap; 2]);
        let written = alike([row.gap, low, high]);
        ui.add(whole(RichText::new(format!("+{}", written(row.gap)))));
        if row.gap_interval.is_none() {
            return;
        }
        let text = between(&written(low), &written(high));
        ui.add(whole(RichText::new(text).small().weak()));
        if !row.is_separated() {
            ui.label(
                RichText::new("not separated")
                    .small()
                    .color(palette.warning),
            );
        }
    });
}
