//! The placement search: parallelism for prompts, for further tokens and for both, as three small
//! maps, and the instances that follow from them.

use crate::core::{Job as _, Result, Step};
use crate::labs::Library;
use crate::labs::serving::Config;
use crate::labs::serving::capacity::Load;
use crate::labs::serving::capacity::placement::{
    Apart, Cell, Instances, Part, Placements, Placing, Rate, Wish,
};
use crate::labs::serving::cost::{CostKind, Gpu, Model};
use crate::ui::format;
use crate::ui::heatmap::ink_on;
use crate::ui::theme::{Palette, mix, small_strong};
use egui::{DragValue, Frame, Margin, RichText, Stroke, Ui, vec2};

/// Requests of a run per GPU at least: with fewer an overload ends before it is felt.
const REQUESTS: u64 = 300;

/// Width from which on the three maps stand side by side, in points.
const ABREAST: f32 = 940.0;

/// The part of the tab.
#[derive(Default)]
pub(super) struct PlacementPart {
    wish: Wish,
    under_way: Option<(Config, Placing)>,
    /// The setup when it began, and what was found.
    answer: Option<(Config, Placements)>,
    trouble: Option<String>,
}

impl PlacementPart {
    /// Starts the search for a setup at the cost of `kind`.
    fn begin(&mut self, front: &Config, kind: CostKind, data: &Library) -> Result<()> {
        let config = Config {
            requests: front.requests.max(REQUESTS),
            cost_kind: kind,
            ..front.clone()
        };
        let placing = Placing::new(&config, self.wish, data)?;
        self.under_way = Some((front.clone(), placing));
        Ok(())
    }

    fn wish_ui(&mut self, ui: &mut Ui) {
        let mut percent = 100.0 * self.wish.share;
        ui.horizontal_wrapped(|ui| {
            let label = ui.label("Requests that keep the targets, at least");
            let value = DragValue::new(&mut percent).range(1.0..=100.0).speed(0.5);
            ui.add(value.suffix(" %")).labelled_by(label.id);
        });
        self.wish.share = percent / 100.0;
        let Wish {
            per_instance,
            gpus,
            seeds,
            ..
        } = &mut self.wish;
        for (name, value, most) in [
            ("GPUs of an instance, at most", per_instance, 64),
            ("GPUs of the whole", gpus, 1024),
            ("Seeds", seeds, 20),
        ] {
            ui.horizontal_wrapped(|ui| {
                let label = ui.label(name);
                ui.add(DragValue::new(value).range(1..=most).speed(0.1))
                    .labelled_by(label.id);
            });
        }
    }

    /// The button that starts it. Coefficients of one's own hold for one degree of tensor
    /// parallelism: the search then takes a model and a GPU instead, and says which.
    fn search_ui(&mut self, front: &Config, data: &Library, palette: &Palette, ui: &mut Ui) {
        let (kind, name) = if matches!(front.cost_kind, CostKind::Preset | CostKind::Roofline) {
            (front.cost_kind, "Search the placement".to_owned())
        } else {
            let model = Model::NAMES[front.model as usize];
            let gpu = Gpu::NAMES[front.roofline_gpu as usize];
            let words = "The setup's own coefficients hold for one degree of tensor parallelism.";
            ui.label(RichText::new(words).small().color(palette.warning));
            let name = format!("Search with the roofline of {model} on {gpu}");
            (CostKind::Roofline, name)
        };
        if ui.add(egui::Button::new(name).wrap()).clicked() {
            self.trouble = self.begin(front, kind, data).err().map(|e| e.to_string());
        }
    }

    pub(super) fn ui(&mut self, front: Option<&Config>, data: &Library, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        ui.label(
            RichText::new(
                "How many GPUs should share an instance, and how? Every power of two of tensor (TP) \
                 and pipeline parallelism (PP) is simulated alone for prompts, for further tokens \
                 with the transfer of KV, and for both together; the load is bisected until \
                 just enough requests keep the targets. The best per GPU of each phase is copied \
                 as often as the load asks for, and the whole is run.",
            )
            .small()
            .color(palette.muted),
        );
        ui.add_space(4.0);
        self.wish_ui(ui);
        if let Some((_, placing)) = &self.under_way {
            let progress = placing.progress() as f32;
            ui.add(egui::ProgressBar::new(progress).show_percentage());
            if ui.button("Cancel placement").clicked() {
                self.under_way = None;
            }
        } else if let Some(front) = front {
            self.search_ui(front, data, palette, ui);
        }
        if let Some(trouble) = &self.trouble {
            ui.label(RichText::new(trouble).color(palette.bad));
        }
        if let Some((asked, found)) = &self.answer {
            if front != Some(asked) {
                ui.label(
                    RichText::new("The setup has changed since this search")
                        .small()
                        .color(palette.warning),
                );
            }
            found_ui(found, palette, ui);
        }
    }

    pub(super) fn step(&mut self) -> bool {
        let Some((asked, placing)) = &mut self.under_way else {
            return false;
        };
        match placing.step() {
            Ok(Step::Working) => return true,
            Ok(Step::Done(found)) => self.answer = Some((asked.clone(), found)),
            Err(error) => self.trouble = Some(error.to_string()),
        }
        self.under_way = None;
        false
    }
}

/// Unit of a load.
fn unit(load: Load) -> &'static str {
    match load {
        Load::RateScale => "× the trace",
        _ => "req/s",
    }
}

fn found_ui(found: &Placements, palette: &Palette, ui: &mut Ui) {
    let config = &found.config;
    ui.add_space(6.0);
    ui.label(format!(
        "{} on {}, {}, {} requests a GPU; targets {} and {} per further token",
        Model::NAMES[config.model as usize],
        Gpu::NAMES[config.roofline_gpu as usize],
        config.scheduler.name(),
        config.requests,
        format::quantity(config.slo_ttft_secs, "s"),
        format::quantity(config.slo_tpot_secs, "s"),
    ));
    let maps = |ui: &mut Ui| {
        for part in Part::ALL {
            ui.vertical(|ui| part_ui(found, part, palette, ui));
            ui.add_space(8.0);
        }
    };
    if ui.available_width() < ABREAST {
        maps(ui);
    } else {
        ui.horizontal_top(maps);
    }
    let legend = "→ chosen: most per GPU; a stronger colour serves more";
    ui.label(RichText::new(legend).small().color(palette.muted));
    for words in found.reasons() {
        ui.label(RichText::new(words).small().color(palette.muted));
    }
    ui.add_space(6.0);
    outcome_ui(found, ui);
}

/// The map of a part: rows of pipeline, columns of tensor parallelism.
fn part_ui(found: &Placements, part: Part, palette: &Palette, ui: &mut Ui) {
    let cells = &found.cells[part as usize];
    let high = cells.iter().map(Cell::per_gpu).fold(0.0, f64::max);
    let best = found.best(part);
    ui.label(small_strong(
        ui,
        format!("{}, {} per GPU", part.name(), unit(found.load)),
    ));
    let mut tensors: Vec<u64> = cells.iter().map(|c| c.placement.tensor).collect();
    tensors.sort_unstable();
    tensors.dedup();
    egui::Grid::new(("placements", part.name()))
        .spacing(vec2(3.0, 3.0))
        .show(ui, |ui| {
            ui.label("");
            for tensor in &tensors {
                ui.label(RichText::new(format!("TP {tensor}")).small());
            }
            ui.end_row();
            let mut row = None;
            for (i, cell) in cells.iter().enumerate() {
                if row != Some(cell.placement.pipeline) {
                    if row.is_some() {
                        ui.end_row();
                    }
                    row = Some(cell.placement.pipeline);
                    ui.label(RichText::new(format!("PP {}", cell.placement.pipeline)).small());
                }
                let look = Look {
                    chosen: best == Some(i),
                    share: cell.per_gpu() / high.max(f64::MIN_POSITIVE),
                };
                cell_ui(cell, look, found.load, palette, ui);
            }
            ui.end_row();
        });
}

/// How a cell stands out.
#[derive(Clone, Copy)]
struct Look {
    chosen: bool,
    /// Its goodput per GPU over the highest of its part.
    share: f64,
}

fn cell_ui(cell: &Cell, look: Look, load: Load, palette: &Palette, ui: &mut Ui) {
    let fill = match cell.found {
        Ok(_) => palette.sequential_at(look.share as f32),
        Err(_) => mix(palette.background, palette.muted, 0.12),
    };
    let edge = if look.chosen {
        Stroke::new(2.0, palette.accent)
    } else {
        Stroke::new(2.0, fill)
    };
    let (word, color) = match &cell.found {
        Ok(rate) => (
            format!("{}{}", at_least(rate), format::number(cell.per_gpu())),
            ink_on(fill),
        ),
        Err(unfit) => (unfit.short().to_owned(), palette.muted),
    };
    let word = if look.chosen {
        format!("→ {word}")
    } else {
        word
    };
    let text = RichText::new(word).small().color(color);
    let text = if look.chosen {
        text.strong().color(color)
    } else {
        text
    };
    let shown = Frame::new()
        .fill(fill)
        .stroke(edge)
        .inner_margin(Margin::symmetric(3, 4))
        .show(ui, |ui| {
            ui.set_min_width(52.0);
            ui.add(egui::Label::new(text).wrap_mode(egui::TextWrapMode::Extend))
        });
    let words = match &cell.found {
        Ok(rate) => format!(
            "{}, {} GPUs: {}{} per instance, {} % of the requests in time{}",
            cell.placement.words(),
            cell.placement.gpus(),
            at_least(rate),
            format::quantity(rate.load, unit(load)),
            format::number(100.0 * rate.share),
            if look.chosen { "; chosen" } else { "" }
        ),
        Err(unfit) => format!("{}: {}", cell.placement.words(), unfit.words()),
    };
    shown.inner.on_hover_text(words);
}

/// A sign before a rate that is only bounded by the range of loads.
fn at_least(rate: &Rate) -> &'static str {
    if rate.at_limit { "≥ " } else { "" }
}

/// What follows for the setup's own load, and for the GPUs of the whole.
fn outcome_ui(found: &Placements, ui: &mut Ui) {
    let load = found.load.get(&found.config);
    let unit = unit(found.load);
    ui.label(small_strong(
        ui,
        format!("For {}", format::quantity(load, unit)),
    ));
    let apart = found.apart_for(load).map(|a| apart_words(&a));
    let together = found
        .together_for(load)
        .map(|t| instances_words(&t, "to do both"));
    ui.label(apart.unwrap_or_else(|| "Apart: no placement keeps the targets".to_owned()));
    ui.label(together.unwrap_or_else(|| "Together: no placement keeps the targets".to_owned()));
    ui.label(small_strong(
        ui,
        format!("Within {} GPUs, run as a whole", found.gpus),
    ));
    let measured = |rate: Option<Rate>, gpus: u64| match rate {
        Some(rate) => format!(
            "{}{}, {} per GPU",
            at_least(&rate),
            format::quantity(rate.load, unit),
            format::number(rate.load / gpus as f64)
        ),
        None => "no load keeps both targets".to_owned(),
    };
    let mut loads = [0.0; 2];
    if let Some(whole) = &found.apart {
        loads[0] = whole.found.map_or(0.0, |r| r.load);
        ui.label(format!(
            "{}: planned {}, measured {}",
            apart_words(&whole.plan),
            format::quantity(whole.plan.load(), unit),
            measured(whole.found, whole.plan.gpus()),
        ));
    } else {
        ui.label("Apart: no pair of placements fits");
    }
    if let Some(whole) = &found.together {
        loads[1] = whole.found.map_or(0.0, |r| r.load);
        ui.label(format!(
            "{}: planned {}, measured {}",
            instances_words(&whole.plan, "to do both"),
            format::quantity(whole.plan.load, unit),
            measured(whole.found, whole.plan.gpus()),
        ));
    } else {
        ui.label("Together: no placement fits");
    }
    let [apart, together] = loads;
    if apart > 0.0 && together > 0.0 {
        let ratio = apart / together;
        ui.label(
            RichText::new(format!("Apart over together: × {}", format::number(ratio))).strong(),
        );
    }
}

fn instances_words(instances: &Instances, what: &str) -> String {
    format!(
        "{} × {} {what} ({} GPUs)",
        instances.count,
        instances.placement.words(),
        instances.gpus()
    )
}

fn apart_words(apart: &Apart) -> String {
    format!(
        "{} : {} – {}, {}",
        apart.prefill.count,
        apart.decode.count,
        instances_words(&apart.prefill, "for prompts"),
        instances_words(&apart.decode, "to decode"),
    )
}
