//! The claims page: what every paper says and what our experiments find, in one list.

use super::command::Command;
use super::home::info;
use super::screen::Env;
use crate::core::{ClaimResult, Verdict};
use crate::labs::{Claim, Exhibit, LabKind, exhibits, stored_claim};
use crate::ui::card::{self, ClaimState};
use crate::ui::theme::{self, Palette};
use egui::{Frame, Margin, RichText, ScrollArea, Ui};

/// What was clicked on the claims page.
pub(crate) enum ClaimsAction {
    /// Open an exhibit.
    Exhibit(&'static Exhibit),
    /// Anything else.
    Command(Command),
    /// Save the list under a file name.
    Save(String),
}

/// The claims page.
#[derive(Default)]
pub(crate) struct ClaimsPage {
    search: String,
    lab: Option<LabKind>,
    verdict: Option<Verdict>,
}

/// A claim, and what is known of it: this session's result, else the stored one.
struct Row {
    exhibit: &'static Exhibit,
    claim: &'static Claim,
    state: Option<ClaimState>,
}

impl Row {
    fn result(&self) -> Option<&ClaimResult> {
        match &self.state {
            Some(ClaimState::Done(result)) => Some(result),
            _ => stored_claim(self.exhibit.id).map(|stored| &stored.result),
        }
    }
}

const VERDICTS: [Verdict; 4] = [
    Verdict::Reproduced,
    Verdict::Partly,
    Verdict::NotReproduced,
    Verdict::NotTestable,
];

impl ClaimsPage {
    pub(crate) fn ui(&mut self, ui: &mut Ui, env: &mut Env<'_>) -> Option<ClaimsAction> {
        let palette = Palette::of(ui.ctx());
        let rows: Vec<Row> = exhibits()
            .filter_map(|exhibit| {
                Some(Row {
                    exhibit,
                    claim: exhibit.claim.as_ref()?,
                    state: env.claims.state(exhibit).cloned(),
                })
            })
            .collect();
        let mut action = None;
        let frame = Frame::new()
            .fill(palette.background)
            .inner_margin(Margin::symmetric(20, 16));
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            self.head_ui(ui, &rows, palette, &mut action);
            ui.separator();
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let mut shown = 0;
                for row in rows.iter().filter(|row| self.wants(row)) {
                    row_ui(ui, row, palette, env, &mut action);
                    ui.add_space(10.0);
                    shown += 1;
                }
                if shown == 0 {
                    ui.label("Nothing matches.");
                }
            });
        });
        action
    }

    fn wants(&self, row: &Row) -> bool {
        let needle = self.search.to_lowercase();
        self.lab.is_none_or(|lab| row.exhibit.lab == lab)
            && self
                .verdict
                .is_none_or(|v| row.result().is_some_and(|r| r.verdict == v))
            && [
                row.exhibit.title,
                row.exhibit.paper.authors,
                row.exhibit.paper.arxiv,
                row.claim.statement,
            ]
            .iter()
            .any(|text| text.to_lowercase().contains(&needle))
    }

    fn head_ui(
        &mut self,
        ui: &mut Ui,
        rows: &[Row],
        palette: &Palette,
        action: &mut Option<ClaimsAction>,
    ) {
        ui.horizontal_wrapped(|ui| {
            if ui
                .button("Home")
                .on_hover_text(Command::Home.tooltip(ui.ctx()))
                .clicked()
            {
                *action = Some(ClaimsAction::Command(Command::Home));
            }
            crate::ui::heading(&ui.label(RichText::new("Claims").heading()), 1);
            if ui
                .button("Save as CSV")
                .on_hover_text("Every claim with the value measured")
                .clicked()
            {
                *action = Some(ClaimsAction::Save(to_csv(rows)));
            }
        });
        ui.label(
            RichText::new(
                "What each paper says, and what a small experiment here finds. An experiment that \
                 does not reproduce a claim is shown as such; each can be run again on this \
                 machine.",
            )
            .color(palette.muted),
        );
        ui.horizontal_wrapped(|ui| {
            let label = ui.label("Search");
            ui.add(
                egui::TextEdit::singleline(&mut self.search)
                    .hint_text("name, author, claim")
                    .desired_width(180.0),
            )
            .labelled_by(label.id);
            ui.selectable_value(&mut self.lab, None, "All labs");
            for kind in LabKind::ALL {
                ui.selectable_value(&mut self.lab, Some(kind), info(kind).title);
            }
        });
        ui.horizontal_wrapped(|ui| {
            let of = |verdict: Option<Verdict>| {
                rows.iter()
                    .filter(|row| self.lab.is_none_or(|lab| row.exhibit.lab == lab))
                    .filter(|row| {
                        verdict.is_none_or(|v| row.result().is_some_and(|r| r.verdict == v))
                    })
                    .count()
            };
            let counts = VERDICTS.map(|v| of(Some(v)));
            let all = of(None);
            ui.selectable_value(&mut self.verdict, None, format!("All {all}"));
            for (verdict, count) in VERDICTS.into_iter().zip(counts) {
                if count > 0 {
                    let words = format!("{count} {}", verdict.words());
                    ui.selectable_value(&mut self.verdict, Some(verdict), words);
                }
            }
        });
    }
}

fn row_ui(
    ui: &mut Ui,
    row: &Row,
    palette: &Palette,
    env: &mut Env<'_>,
    action: &mut Option<ClaimsAction>,
) {
    let exhibit = row.exhibit;
    theme::card_frame(palette).show(ui, |ui| {
        // Longer lines are hard to read.
        ui.set_width(ui.available_width().min(960.0));
        ui.push_id(exhibit.id, |ui| {
            ui.horizontal_wrapped(|ui| {
                crate::ui::heading(&ui.label(theme::strong(ui, exhibit.title)), 2);
                let paper = format!(
                    "{} · {}, {}",
                    info(exhibit.lab).title,
                    exhibit.paper.authors,
                    exhibit.paper.year
                );
                ui.label(RichText::new(paper).small().color(palette.muted));
            });
            ui.label(format!("Says: {}", row.claim.statement));
            ui.label(
                RichText::new(format!("Tested by: {}", row.claim.experiment)).color(palette.muted),
            );
            if let Some(result) = row.result() {
                card::measured_ui(ui, result);
                let origin = match (&row.state, stored_claim(exhibit.id)) {
                    (Some(ClaimState::Done(_)), _) => "run here, in this session".to_owned(),
                    (_, Some(stored)) => card::stored_words(stored),
                    _ => String::new(),
                };
                ui.label(RichText::new(origin).small().color(palette.muted));
            }
            ui.horizontal_wrapped(|ui| {
                match &row.state {
                    Some(ClaimState::Running(share)) => {
                        ui.add(
                            egui::ProgressBar::new(*share as f32)
                                .desired_width(160.0)
                                .show_percentage(),
                        );
                        if ui.button("Cancel").clicked() {
                            env.claims.cancel();
                        }
                    }
                    Some(ClaimState::Failed(reason)) => {
                        ui.label(RichText::new(reason).color(palette.bad));
                    }
                    _ => {}
                }
                let running = matches!(row.state, Some(ClaimState::Running(_)));
                if !running && ui.button("Run it here").clicked() {
                    env.claims.start(exhibit);
                }
                if ui.button("Open in the lab").clicked() {
                    *action = Some(ClaimsAction::Exhibit(exhibit));
                }
            });
        });
    });
}

fn to_csv(rows: &[Row]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut out =
        "id,lab,system,year,claim,quantity,unit,measured,low,high,seeds,verdict\n".to_owned();
    for row in rows {
        let (e, r) = (row.exhibit, row.result());
        let number = |v: Option<f64>| v.filter(|v| v.is_finite()).map(|v| v.to_string());
        let cells = [
            e.id.to_owned(),
            e.lab.id().to_owned(),
            quoted(e.title),
            e.paper.year.to_string(),
            quoted(row.claim.statement),
            quoted(r.map_or("", |r| &r.quantity)),
            r.map_or_else(String::new, |r| r.unit.clone()),
            number(r.map(|r| r.measured)).unwrap_or_default(),
            number(r.map(|r| r.interval[0])).unwrap_or_default(),
            number(r.map(|r| r.interval[1])).unwrap_or_default(),
            r.map_or_else(String::new, |r| r.seeds.len().to_string()),
            r.map_or("", |r| r.verdict.words()).to_owned(),
        ];
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}
