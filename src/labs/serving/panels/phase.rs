//! The phase diagram: which setup serves most, for every pair of targets.

use crate::core::{Job as _, Result, Step, num};
use crate::labs::serving::capacity::{
    Grid, Ladder, Phases, together_and_apart, usual_loads, winner,
};
use crate::labs::serving::{Config, Serving};
use crate::labs::{Lab as _, Library};
use crate::ui::heatmap::{HeatMap, Owner, heatmap_ui};
use crate::ui::theme::Palette;
use egui::{DragValue, RichText, Ui, vec2};

/// Targets along each axis.
const STEPS: usize = 10;
/// Loads that are simulated.
const LOADS: usize = 12;

/// A finished search and what it was made of.
struct Answer {
    /// The setups on screen when it began.
    asked: Vec<Config>,
    sides: Vec<Config>,
    ladders: Vec<Ladder>,
    map: Map,
}

/// The map of one grid.
struct Map {
    grid: Grid,
    owners: Vec<Owner>,
    best: Vec<f64>,
}

impl Map {
    /// Cells column by column of the further tokens' target, row by row of the first one's.
    fn new(ladders: &[Ladder], sides: &[Config], grid: &Grid) -> Self {
        let gpus: Vec<u64> = sides.iter().map(Config::gpus).collect();
        let cells: Vec<Vec<f64>> = grid.per_gpu(ladders, &gpus).concat();
        let best = |values: &Vec<f64>| values.iter().copied().fold(0.0, f64::max);
        let owner = |values: &Vec<f64>| match winner(values) {
            Some(i) => Owner::One(i),
            None if best(values) > 0.0 => Owner::Shared,
            None => Owner::Nobody,
        };
        Self {
            owners: cells.iter().map(owner).collect(),
            best: cells.iter().map(best).collect(),
            grid: grid.clone(),
        }
    }
}

/// The part of the tab.
pub(super) struct PhasePart {
    ttft: [f64; 2],
    tpot: [f64; 2],
    attainment: f64,
    seeds: u64,
    under_way: Option<(Vec<Config>, Vec<Config>, Phases)>,
    answer: Option<Answer>,
    trouble: Option<String>,
    /// Targets that were clicked, until they are taken.
    picked: Option<[f64; 2]>,
}

impl Default for PhasePart {
    fn default() -> Self {
        Self {
            ttft: [0.25, 8.0],
            tpot: [0.02, 0.2],
            attainment: 90.0,
            seeds: 1,
            under_way: None,
            answer: None,
            trouble: None,
            picked: None,
        }
    }
}

impl PhasePart {
    fn grid(&self) -> Grid {
        let axis = |[low, high]: [f64; 2]| num::logspace(low, high.max(low * 1.01), STEPS);
        Grid {
            ttft: axis(self.ttft),
            tpot: axis(self.tpot),
            share: self.attainment / 100.0,
        }
    }

    fn begin(&mut self, setups: &[Config], data: &Library) -> Result<()> {
        let sides = match setups {
            [one] => together_and_apart(one)?,
            several => several.to_vec(),
        };
        let loads = match setups.first() {
            Some(first) => usual_loads(first, LOADS)?,
            None => Vec::new(),
        };
        let phases = Phases::new(sides.clone(), loads, self.seeds, data)?;
        self.under_way = Some((setups.to_vec(), sides, phases));
        Ok(())
    }

    fn range_ui(ui: &mut Ui, name: &str, range: &mut [f64; 2]) {
        ui.horizontal_wrapped(|ui| {
            ui.label(name);
            for (i, end) in ["from", "to"].into_iter().enumerate() {
                let label = ui.label(end);
                let speed = 0.01 * range[i];
                ui.add(
                    DragValue::new(&mut range[i])
                        .range(0.001..=1000.0)
                        .speed(speed)
                        .suffix(" s"),
                )
                .labelled_by(label.id);
            }
        });
    }

    pub(super) fn ui(&mut self, setups: &[Config], data: &Library, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        let words = if setups.len() > 1 {
            "Which of the setups on screen serves the highest load per GPU, for every pair of \
             targets: all are simulated over the same loads, from a tenth to three times that of \
             the first, and every pair is judged on the same requests."
        } else {
            "Prefill and decode together or apart: this setup on two or more instances, with none \
             of them or some for prompts only. Which split serves the highest load per GPU, for \
             every pair of targets? All are simulated over the same loads, from a tenth to three \
             times that of this setup."
        };
        ui.label(RichText::new(words).small().color(palette.muted));
        ui.add_space(4.0);
        Self::range_ui(ui, "TTFT targets", &mut self.ttft);
        Self::range_ui(ui, "TPOT targets", &mut self.tpot);
        ui.horizontal_wrapped(|ui| {
            let label = ui.label("Requests that keep both, at least");
            ui.add(
                DragValue::new(&mut self.attainment)
                    .range(1.0..=100.0)
                    .speed(0.5)
                    .suffix(" %"),
            )
            .labelled_by(label.id);
        });
        ui.horizontal_wrapped(|ui| {
            let label = ui.label("Seeds");
            ui.add(DragValue::new(&mut self.seeds).range(1..=20).speed(0.1))
                .labelled_by(label.id);
        });
        if let Some((.., phases)) = &self.under_way {
            let progress = phases.progress() as f32;
            ui.add(egui::ProgressBar::new(progress).show_percentage());
            if ui.button("Cancel diagram").clicked() {
                self.under_way = None;
            }
        } else if ui.button("Draw the phase diagram").clicked() {
            self.trouble = self.begin(setups, data).err().map(|e| e.to_string());
        }
        if let Some(trouble) = &self.trouble {
            ui.label(RichText::new(trouble).color(palette.bad));
        }
        let grid = self.grid();
        if let Some(answer) = &mut self.answer {
            if answer.map.grid != grid {
                // Targets change no run.
                answer.map = Map::new(&answer.ladders, &answer.sides, &grid);
            }
            if !same_but_targets(&answer.asked, setups) {
                ui.label(
                    RichText::new("The setups have changed since this diagram")
                        .small()
                        .color(palette.warning),
                );
            }
            self.picked = answer_ui(answer, setups.first(), palette, ui).or(self.picked);
        }
    }

    /// The front setup with the targets that were clicked, once.
    pub(super) fn chosen(&mut self, front: &Config) -> Option<Config> {
        let [slo_ttft_secs, slo_tpot_secs] = self.picked.take()?;
        Some(Config {
            slo_ttft_secs,
            slo_tpot_secs,
            ..front.clone()
        })
    }

    pub(super) fn step(&mut self) -> bool {
        let Some((asked, sides, phases)) = &mut self.under_way else {
            return false;
        };
        match phases.step() {
            Ok(Step::Working) => true,
            Ok(Step::Done(ladders)) => {
                let (asked, sides) = (std::mem::take(asked), std::mem::take(sides));
                self.under_way = None;
                self.answer = Some(Answer {
                    map: Map::new(&ladders, &sides, &self.grid()),
                    asked,
                    sides,
                    ladders,
                });
                false
            }
            Err(error) => {
                self.under_way = None;
                self.trouble = Some(error.to_string());
                false
            }
        }
    }
}

/// Whether setups differ in nothing but targets, which change no run.
fn same_but_targets(a: &[Config], b: &[Config]) -> bool {
    let bare = |config: &Config| Config {
        slo_ttft_secs: 1.0,
        slo_tpot_secs: 1.0,
        ..config.clone()
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| bare(a) == bare(b))
}

/// Legend and map; the targets of a cell that was clicked.
fn answer_ui(
    answer: &Answer,
    front: Option<&Config>,
    palette: &Palette,
    ui: &mut Ui,
) -> Option<[f64; 2]> {
    ui.add_space(6.0);
    for (i, side) in answer.sides.iter().enumerate() {
        ui.horizontal_wrapped(|ui| {
            let color = palette.series[i % palette.series.len()];
            let (swatch, _) = ui.allocate_exact_size(vec2(11.0, 11.0), egui::Sense::hover());
            ui.painter().rect_filled(swatch, 1.0, color);
            let letter = Owner::One(i).letter();
            ui.label(format!("{letter}  {}", Serving::label(side)));
        });
    }
    ui.label(
        RichText::new(
            "= within 5 % of each other, · none keeps the targets; a stronger colour serves more",
        )
        .small()
        .color(palette.muted),
    );
    let Map { grid, owners, best } = &answer.map;
    let nearest = |axis: &[f64], at: f64| {
        let distance = |v: f64| (num::ln(v) - num::ln(at)).abs();
        (0..axis.len()).min_by(|&a, &b| distance(axis[a]).total_cmp(&distance(axis[b])))
    };
    let map = HeatMap {
        name: "Phase diagram map",
        titles: ["TPOT target (s)".to_owned(), "TTFT target (s)".to_owned()],
        axes: [&grid.tpot, &grid.ttft],
        cells: best,
        unit: "req/s per GPU",
        current: front.and_then(|c| {
            Some([
                nearest(&grid.tpot, c.slo_tpot_secs)?,
                nearest(&grid.ttft, c.slo_ttft_secs)?,
            ])
        }),
        owners: Some(owners),
        click: "A click makes these the targets.",
    };
    let width = ui.available_width().clamp(240.0, 560.0);
    let [x, y] = heatmap_ui(ui, &map, vec2(width, width * 0.8))?;
    Some([grid.ttft[y], grid.tpot[x]])
}
