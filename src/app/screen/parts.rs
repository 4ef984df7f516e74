//! Pieces of a lab's screen that know nothing of the lab: one body each, not one per lab.

use super::layout::LETTERS;
use crate::app::seeds::SeedRow;
use crate::core::{Chart, EntityId, Metric};
use crate::labs::CompareMode;
use crate::ui::chart::{self, Layer, Link};
use crate::ui::theme::Palette;
use crate::ui::{entry_ui, format, value_entry_ui};
use egui::{RichText, ScrollArea, Ui, vec2};

/// Numbers shown large above the picture.
const HEADLINES: usize = 4;

/// An entry of a menu of starting points.
pub(super) struct Start {
    pub(super) name: String,
    pub(super) doc: &'static str,
    pub(super) active: bool,
}

/// A list of starting points; the place of the one chosen. The entries are asked for when it is open.
pub(super) fn starts_ui(
    ui: &mut Ui,
    (id, hint): (&str, &str),
    (shown, width): (&str, f32),
    entries: &dyn Fn() -> Vec<Start>,
) -> Option<usize> {
    let mut chosen = None;
    egui::ComboBox::from_id_salt(id)
        .selected_text(shown)
        .width(width)
        .show_ui(ui, |ui| {
            for (place, start) in entries().iter().enumerate() {
                if entry_ui(ui, start.active, &start.name)
                    .on_hover_text(start.doc)
                    .clicked()
                {
                    chosen = Some(place);
                }
            }
        })
        .response
        .on_hover_text(hint);
    chosen
}

pub(super) fn mode_ui(ui: &mut Ui, mode: &mut CompareMode) {
    egui::ComboBox::from_id_salt("mode")
        .selected_text(mode.label())
        .width(110.0)
        .show_ui(ui, |ui| {
            for one in CompareMode::ALL {
                value_entry_ui(ui, mode, one, one.label());
            }
        })
        .response
        .on_hover_text("How the setups are compared (V)");
}

/// What was asked of a setup by its caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Captioned {
    Focus,
    Remove,
}

/// The letter, colour and name of a setup, above its picture.
pub(super) fn caption_ui(
    ui: &mut Ui,
    index: usize,
    label: &str,
    focused: bool,
    palette: &Palette,
) -> Option<Captioned> {
    let mut asked = None;
    ui.horizontal(|ui| {
        let label = format!("{}  {label}", LETTERS[index]);
        let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), egui::Sense::hover());
        ui.painter()
            .rect_filled(rect, 2.0, palette.series_at(index));
        if ui
            .selectable_label(focused, RichText::new(label).strong())
            .on_hover_text("Show this setup's parameters")
            .clicked()
        {
            asked = Some(Captioned::Focus);
        }
        if ui
            .small_button("×")
            .on_hover_text(format!("Remove setup {}", LETTERS[index]))
            .clicked()
        {
            asked = Some(Captioned::Remove);
        }
    });
    asked
}

/// Which of several setups has its parameters shown.
pub(super) fn focus_ui(ui: &mut Ui, focus: &mut usize, setups: usize) {
    if setups < 2 {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        for (index, letter) in LETTERS.iter().enumerate().take(setups) {
            ui.selectable_value(focus, index, format!("Setup {letter}"));
        }
    });
    ui.separator();
}

/// The seed; the new one when it was changed.
pub(super) fn seed_ui(ui: &mut Ui, seed: u64) -> Option<u64> {
    let mut chosen = seed;
    ui.horizontal_wrapped(|ui| {
        let label = ui.label("Seed").on_hover_text(
            "Every random draw comes from this number: the same seed gives the same result",
        );
        ui.add(egui::DragValue::new(&mut chosen).speed(1.0))
            .labelled_by(label.id);
        if ui
            .button("New")
            .on_hover_text("Next seed, for every setup (S)")
            .clicked()
        {
            chosen = seed.wrapping_add(1);
        }
    });
    (chosen != seed).then_some(chosen)
}

/// How far a run is; `true` when it is to be given up.
pub(super) fn computing_ui(ui: &mut Ui, progress: f64) -> bool {
    ui.add_space(8.0);
    ui.add(
        egui::ProgressBar::new(progress as f32)
            .text(format!("Computing {:.0} %", progress * 100.0)),
    );
    ui.button("Cancel")
        .on_hover_text("Stop computing; the last finished run stays")
        .clicked()
}

/// The most important numbers of every setup, large.
pub(super) fn headline_ui(ui: &mut Ui, slots: &[&[Metric]], palette: &Palette) {
    let Some(first) = slots.iter().find(|m| !m.is_empty()) else {
        return;
    };
    // A tile that does not fit would push the pictures under the side panel.
    let tile = 100.0 + 85.0 * slots.len() as f32;
    let shown = ((ui.available_width() / tile) as usize).clamp(1, HEADLINES);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 24.0;
        for (i, metric) in first.iter().take(shown).enumerate() {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                ui.label(RichText::new(metric.name).small().color(palette.muted))
                    .on_hover_text(metric.doc);
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 8.0;
                    for (index, metrics) in slots.iter().enumerate() {
                        let Some(m) = metrics.get(i) else { continue };
                        if slots.len() > 1 {
                            let color = palette.series_at(index);
                            ui.label(RichText::new(LETTERS[index]).small().color(color));
                        }
                        ui.label(
                            RichText::new(format::quantity(m.value, m.unit))
                                .size(18.0)
                                .color(palette.ink),
                        );
                    }
                });
            });
        }
    });
    ui.add_space(4.0);
}

/// The charts of a setup's run.
pub(super) struct Charted<'a> {
    pub(super) slot: usize,
    pub(super) label: &'a str,
    pub(super) charts: &'a [Chart],
}

/// The linked charts: as many side by side as fit, the others a click away.
pub(super) fn charts_ui(
    ui: &mut Ui,
    runs: &[Charted<'_>],
    hidden: &mut Vec<&'static str>,
    link: &mut Link,
    difference: bool,
) {
    let all = runs.first().map_or(&[][..], |run| run.charts);
    let stacked = ui.available_width() < 480.0;
    let fit = if stacked {
        all.len()
    } else {
        ((ui.available_width() / 300.0) as usize).clamp(1, 4)
    };
    if !stacked && all.len() > fit {
        chips_ui(ui, all, hidden, fit);
    }
    let ids: Vec<&'static str> = all.iter().map(|c| c.id).collect();
    let shown = if stacked {
        ids
    } else {
        visible(&ids, hidden, fit)
    };
    let gap = 12.0;
    let size = if stacked {
        vec2(ui.available_width(), 220.0)
    } else {
        let n = shown.len().max(1) as f32;
        vec2(
            (ui.available_width() - gap * (n - 1.0)) / n,
            ui.available_height().max(120.0),
        )
    };
    let draw = |ui: &mut Ui, id: &str, link: &mut Link| {
        let layers: Vec<Layer<'_>> = runs
            .iter()
            .filter_map(|run| {
                let chart = run.charts.iter().find(|c| c.id == id)?;
                Some(Layer {
                    chart,
                    slot: run.slot,
                    label: run.label,
                })
            })
            .collect();
        match (&layers[..], difference) {
            ([a, b, ..], true) => {
                chart::difference_ui(ui, a.chart, b.chart, link, size);
            }
            _ => {
                chart::chart_ui(ui, &layers, link, size);
            }
        }
    };
    if stacked {
        for id in shown {
            draw(ui, id, link);
            ui.add_space(8.0);
        }
    } else {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for id in shown {
                ui.allocate_ui(size, |ui| draw(ui, id, link));
            }
        });
    }
}

/// The charts on screen: the first ones that are not hidden, as many as fit.
fn visible(all: &[&'static str], hidden: &[&'static str], fit: usize) -> Vec<&'static str> {
    let wanted = all.iter().copied().filter(|id| !hidden.contains(id));
    wanted.take(fit).collect()
}

/// Takes a chart off the screen or brings it there, where the last one makes room.
fn toggle(all: &[&'static str], hidden: &mut Vec<&'static str>, fit: usize, id: &'static str) {
    let mut kept = visible(all, hidden, fit);
    if kept.contains(&id) {
        hidden.push(id);
        return;
    }
    if kept.len() >= fit {
        kept.pop();
    }
    kept.push(id);
    // Those further on come when there is more room; those before would come instead of this one.
    let last = all.iter().rposition(|one| kept.contains(one)).unwrap_or(0);
    let before = all.iter().take(last).filter(|one| !kept.contains(one));
    hidden.retain(|one| *one != id);
    for one in before {
        if !hidden.contains(one) {
            hidden.push(one);
        }
    }
}

fn chips_ui(ui: &mut Ui, all: &[Chart], hidden: &mut Vec<&'static str>, fit: usize) {
    let ids: Vec<&'static str> = all.iter().map(|c| c.id).collect();
    let shown = visible(&ids, hidden, fit);
    ScrollArea::horizontal()
        .id_salt("chart chips")
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(RichText::new("Charts").small());
                for chart in all {
                    let title = RichText::new(chart.title).small();
                    let chip = ui
                        .selectable_label(shown.contains(&chart.id), title)
                        .on_hover_text(chart.doc);
                    if chip.clicked() {
                        toggle(&ids, hidden, fit, chart.id);
                    }
                }
            });
        });
}

/// What sets a setup apart from the first.
pub(super) struct Apart {
    /// Name and both values of each parameter.
    pub(super) lines: Vec<(&'static str, [String; 2])>,
    pub(super) same_seed: bool,
}

pub(super) fn apart_ui(ui: &mut Ui, letter: &str, apart: &Apart) {
    let palette = Palette::of(ui.ctx());
    let lines: Vec<String> = apart
        .lines
        .iter()
        .map(|(label, [a, b])| format!("{label}: {a} → {b}"))
        .collect();
    let words = if lines.is_empty() {
        "the same parameters".to_owned()
    } else {
        lines.join(";  ")
    };
    ui.label(format!("A → {letter}  {words}"));
    let (text, color) = if apart.same_seed {
        ("Paired: same seed", palette.good)
    } else {
        ("Not paired: the seeds differ", palette.warning)
    };
    ui.label(RichText::new(text).small().color(color));
}

/// Buttons for files of the setup in front; the place of the one to be saved.
pub(super) fn files_ui(
    ui: &mut Ui,
    letter: &str,
    files: &[(&'static str, &'static str)],
) -> Option<usize> {
    if files.is_empty() {
        return None;
    }
    ui.add_space(8.0);
    ui.label(RichText::new(format!("Save from {letter}")).strong());
    let mut chosen = None;
    ui.horizontal_wrapped(|ui| {
        for (place, (name, _)) in files.iter().enumerate() {
            if ui.button(*name).clicked() {
                chosen = Some(place);
            }
        }
    });
    chosen
}

/// Offers to run many seeds.
pub(super) fn offer_seeds_ui(ui: &mut Ui) -> bool {
    ui.button("Run 20 seeds")
        .on_hover_text("Mean, 10 to 90 % range and the interval of the difference (Shift+S)")
        .clicked()
}

/// What many seeds gave so far; `true` when it is to be put away.
pub(super) fn seeds_ui(ui: &mut Ui, (done, wanted): (usize, usize), rows: &[SeedRow]) -> bool {
    let palette = Palette::of(ui.ctx());
    if done < wanted {
        ui.add(
            egui::ProgressBar::new(done as f32 / wanted.max(1) as f32)
                .text(format!("{done} of {wanted} runs")),
        );
    }
    let words = if done < wanted { "Cancel" } else { "Clear" };
    let away = ui.button(words).clicked();
    ui.label(
        RichText::new("Mean over seeds, 10 to 90 % range")
            .small()
            .color(palette.muted),
    );
    egui::Grid::new("seed rows").striped(true).show(ui, |ui| {
        for row in rows {
            ui.label(row.metric.name).on_hover_text(row.metric.doc);
            for (mean, [low, high]) in &row.setups {
                ui.label(format!(
                    "{} ({} to {})",
                    format::quantity(*mean, row.metric.unit),
                    format::number(*low),
                    format::number(*high)
                ));
            }
            for [low, high] in &row.differences {
                if *low <= 0.0 && *high >= 0.0 {
                    ui.label(RichText::new("no clear difference").color(palette.muted));
                } else {
                    ui.label(format!(
                        "{} to {}",
                        format::quantity(*low, row.metric.unit),
                        format::quantity(*high, row.metric.unit)
                    ))
                    .on_hover_text("95 % interval of the paired difference to A");
                }
            }
            ui.end_row();
        }
    });
    away
}

/// The inspector while nothing is pinned; what was chosen to be.
pub(super) fn notable_ui(
    ui: &mut Ui,
    entity: &str,
    notable: &[(EntityId, String)],
) -> Option<EntityId> {
    ui.label(format!(
        "Click a {entity} in the picture or in a chart to see its story. Esc unpins it."
    ));
    let mut chosen = None;
    for (entity, words) in notable {
        if ui.button(words).clicked() {
            chosen = Some(*entity);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

    #[test]
    fn a_chip_brings_its_own_chart_to_the_screen() {
        for first in ALL {
            for second in ALL {
                let mut hidden = Vec::new();
                for id in [first, second] {
                    let before = visible(&ALL, &hidden, 3);
                    toggle(&ALL, &mut hidden, 3, id);
                    let after = visible(&ALL, &hidden, 3);
                    assert_eq!(
                        after.contains(&id),
                        !before.contains(&id),
                        "{id}: {after:?}"
                    );
                    let left = before.iter().filter(|c| !after.contains(c)).count();
                    assert!(left <= 1, "{id}: {before:?}, then {after:?}");
                }
            }
        }
    }

    #[test]
    fn a_wider_window_shows_more_charts() {
        let mut hidden = Vec::new();
        toggle(&ALL, &mut hidden, 2, "d");
        assert_eq!(visible(&ALL, &hidden, 2), ["a", "d"]);
        assert_eq!(visible(&ALL, &hidden, 4), ["a", "d", "e", "f"]);
    }
}
