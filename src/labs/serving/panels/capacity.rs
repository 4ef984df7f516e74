//! The capacity tab: targets, the search under way, and the curves of goodput over load; or, for
//! every pair of targets, which setup serves most; or the parallelism that serves most.

use super::phase::PhasePart;
use super::placement::PlacementPart;
use crate::core::{Axis, Chart, Job as _, Mark, Result, Series, Step};
use crate::labs::serving::capacity::{Bound, Compared, Comparison, Load, Question};
use crate::labs::serving::{Config, Serving};
use crate::labs::{Lab as _, Library};
use crate::ui::Extra;
use crate::ui::chart::{Layer, Link, chart_ui};
use crate::ui::theme::Palette;
use egui::{DragValue, Grid, RichText, Ui, vec2};

/// Loads of a curve.
const POINTS: usize = 8;
/// Letters of the setups.
const LETTERS: [&str; 4] = ["A", "B", "C", "D"];

/// A target that can be switched on.
struct Target {
    name: &'static str,
    metric: &'static str,
    doc: &'static str,
    at_most: bool,
    unit: &'static str,
    range: [f64; 2],
    on: bool,
    limit: f64,
}

/// A finished search and what it was made of.
struct Answer {
    setups: Vec<Config>,
    compared: Compared,
    charts: Vec<Chart>,
}

/// What is in front.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Front {
    Highest,
    Phases,
    Placement,
}

/// The tab.
pub(in crate::labs::serving) struct CapacityTab {
    front: Front,
    phases: PhasePart,
    placement: PlacementPart,
    targets: Vec<Target>,
    seeds: u64,
    under_way: Option<(Vec<Config>, Comparison)>,
    answer: Option<Answer>,
    trouble: Option<String>,
}

impl Default for CapacityTab {
    fn default() -> Self {
        let seconds = |name, metric, doc, limit| Target {
            name,
            metric,
            doc,
            at_most: true,
            unit: " s",
            range: [0.001, 1000.0],
            on: false,
            limit,
        };
        Self {
            front: Front::Highest,
            phases: PhasePart::default(),
            placement: PlacementPart::default(),
            targets: vec![
                Target {
                    name: "Requests that meet their targets, at least",
                    metric: "slo_attainment_percent",
                    doc: "Share of all requests that meet the targets for TTFT and TPOT of their setup. At 90 % the capacity is what DistServe calls goodput.",
                    at_most: false,
                    unit: " %",
                    range: [1.0, 100.0],
                    on: true,
                    limit: 90.0,
                },
                seconds(
                    "TTFT p99, at most",
                    "ttft_p99_secs",
                    "99th percentile of the time to the first token.",
                    1.0,
                ),
                seconds(
                    "TBT p99, at most",
                    "tbt_p99_secs",
                    "99th percentile of the time between tokens. With a queueing delay of at most 2 s it is the capacity of the Sarathi-Serve paper.",
                    0.1,
                ),
                seconds(
                    "Queueing p50, at most",
                    "queueing_p50_secs",
                    "Median time in the queue before the first batch.",
                    2.0,
                ),
            ],
            seeds: 3,
            under_way: None,
            answer: None,
            trouble: None,
        }
    }
}

impl CapacityTab {
    fn question(&self) -> Question {
        let bounds = self.targets.iter().filter(|t| t.on).map(|t| {
            if t.at_most {
                Bound::at_most(t.metric, t.limit)
            } else {
                Bound::at_least(t.metric, t.limit)
            }
        });
        Question {
            bounds: bounds.collect(),
            steps: 6,
        }
    }

    fn targets_ui(&mut self, ui: &mut Ui) {
        for target in &mut self.targets {
            ui.horizontal_wrapped(|ui| {
                let label = ui
                    .checkbox(&mut target.on, target.name)
                    .on_hover_text(target.doc);
                let [low, high] = target.range;
                let speed = 0.01 * target.limit;
                ui.add_enabled(
                    target.on,
                    DragValue::new(&mut target.limit)
                        .range(low..=high)
                        .speed(speed)
                        .suffix(target.unit),
                )
                .labelled_by(label.id);
            });
        }
        ui.horizontal_wrapped(|ui| {
            let label = ui.label("Seeds");
            ui.add(DragValue::new(&mut self.seeds).range(1..=20).speed(0.1))
                .labelled_by(label.id);
        });
    }

    fn begin(&mut self, setups: &[Config], data: &Library) {
        self.trouble = None;
        let question = self.question();
        match Comparison::new(setups.to_vec(), self.seeds, POINTS, data, &question) {
            Ok(comparison) => self.under_way = Some((setups.to_vec(), comparison)),
            Err(error) => self.trouble = Some(error.to_string()),
        }
    }
}

impl Extra<Config> for CapacityTab {
    fn ui(&mut self, setups: &[Config], data: &Library, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        ui.horizontal_wrapped(|ui| {
            for (front, name) in [
                (Front::Highest, "Highest load"),
                (Front::Phases, "Phase diagram"),
                (Front::Placement, "Placement"),
            ] {
                ui.selectable_value(&mut self.front, front, name);
            }
        });
        match self.front {
            Front::Highest => {}
            Front::Phases => return self.phases.ui(setups, data, ui),
            Front::Placement => return self.placement.ui(setups.first(), data, ui),
        }
        ui.label(
            RichText::new(
                "The highest load at which every setup still meets the targets, on the same \
                 requests: doubled or halved, then bisected, seed by seed.",
            )
            .small()
            .color(palette.muted),
        );
        ui.add_space(4.0);
        self.targets_ui(ui);
        if let Some((_, comparison)) = &self.under_way {
            let progress = comparison.progress() as f32;
            ui.add(egui::ProgressBar::new(progress).show_percentage());
            if ui.button("Cancel search").clicked() {
                self.under_way = None;
            }
        } else {
            let any = self.targets.iter().any(|t| t.on);
            let button = egui::Button::new("Search the capacity");
            if ui.add_enabled(any, button).clicked() {
                self.begin(setups, data);
            }
        }
        if let Some(trouble) = &self.trouble {
            ui.label(RichText::new(trouble).color(palette.bad));
        }
        if let Some(answer) = &self.answer {
            if answer.setups != setups {
                ui.label(
                    RichText::new("The setups have changed since this search")
                        .small()
                        .color(palette.warning),
                );
            }
            answer_ui(answer, ui);
        }
    }

    fn chosen(&mut self, front: &Config) -> Option<Config> {
        self.phases.chosen(front)
    }

    fn step(&mut self) -> Result<bool> {
        let Some((setups, comparison)) = &mut self.under_way else {
            // Both, one after the other.
            return Ok(self.phases.step() || self.placement.step());
        };
        match comparison.step() {
            Ok(Step::Working) => Ok(true),
            Ok(Step::Done(compared)) => {
                let setups = std::mem::take(setups);
                let charts = charts(&setups, &compared);
                self.answer = Some(Answer {
                    setups,
                    compared,
                    charts,
                });
                self.under_way = None;
                Ok(false)
            }
            Err(error) => {
                self.under_way = None;
                Err(error)
            }
        }
    }
}

fn answer_ui(answer: &Answer, ui: &mut Ui) {
    ui.add_space(6.0);
    let load = answer.setups.first().and_then(|c| Load::of(c).ok());
    let unit = load.map_or("", Load::words);
    ui.label(RichText::new(format!("Capacity ({unit})")).strong());
    Grid::new("capacity").striped(true).show(ui, |ui| {
        for head in ["", "Setup", "Capacity", "95 % interval", "Per GPU"] {
            ui.label(RichText::new(head).strong());
        }
        ui.end_row();
        for (i, (config, capacity)) in answer
            .setups
            .iter()
            .zip(&answer.compared.capacities)
            .enumerate()
        {
            ui.label(LETTERS.get(i).copied().unwrap_or(""));
            ui.label(Serving::label(config));
            let at_limit = capacity.found.iter().any(|f| f.at_limit);
            let mark = if at_limit { "≥ " } else { "" };
            ui.monospace(format!("{mark}{:.3}", capacity.mean));
            let [low, high] = capacity.interval;
            ui.monospace(if capacity.found.len() > 1 {
                format!("{low:.3} to {high:.3}")
            } else {
                "one seed".to_owned()
            });
            ui.monospace(format!("{:.3}", capacity.mean / config.gpus() as f64));
            ui.end_row();
        }
    });
    if answer.compared.loads.is_empty() {
        ui.label("No load meets the targets.");
        return;
    }
    ui.add_space(6.0);
    let labels: Vec<String> = answer.setups.iter().map(Serving::label).collect();
    for which in 0..2 {
        let layers: Vec<Layer<'_>> = answer
            .charts
            .iter()
            .skip(which)
            .step_by(2)
            .enumerate()
            .map(|(slot, chart)| Layer {
                chart,
                slot,
                label: labels.get(slot).map_or("", String::as_str),
            })
            .collect();
        let mut link = Link::default();
        let size = vec2(ui.available_width().max(240.0), 220.0);
        chart_ui(ui, &layers, &mut link, size);
    }
}

/// Two charts per setup: goodput and attainment over load.
fn charts(setups: &[Config], compared: &Compared) -> Vec<Chart> {
    let load = setups.first().and_then(|c| Load::of(c).ok());
    let x = match load {
        Some(Load::RateScale) => Axis::linear("Rate of the trace", "×"),
        Some(Load::Clients) => Axis::linear("Clients", ""),
        _ => Axis::linear("Arrival rate", "req/s"),
    };
    let mut out = Vec::new();
    for (setup, goodput) in compared.goodput.iter().enumerate() {
        let points = |values: &[f64]| -> Vec<[f64; 2]> {
            compared
                .loads
                .iter()
                .zip(values)
                .map(|(x, y)| [*x, *y])
                .collect()
        };
        let part = |i: usize| goodput.iter().map(|g| g[i]).collect::<Vec<f64>>();
        let mark = compared.capacities.get(setup).map(|c| Mark {
            x: c.mean,
            label: format!("capacity of {}", LETTERS.get(setup).copied().unwrap_or("")),
        });
        let chart = |id, title, doc, y, series, marks| Chart {
            id,
            title,
            doc,
            x: x.clone(),
            y,
            series,
            marks,
            on_timeline: false,
        };
        out.push(chart(
            "capacity_goodput",
            "Goodput over load",
            "Requests per second that meet their targets. It follows the load until the server falls behind, and then it falls.",
            Axis::linear("Goodput", "req/s"),
            vec![
                Series::band("range of the seeds", points(&part(1)), part(2)),
                Series::line("goodput", points(&part(0))),
            ],
            mark.into_iter().collect(),
        ));
        out.push(chart(
            "capacity_attainment",
            "Targets met over load",
            "Share of all requests that meet their targets.",
            Axis::linear("Targets met", "%"),
            vec![Series::line(
                "targets met",
                points(&compared.attainment[setup]),
            )],
            Vec::new(),
        ));
    }
    out
}
