//! The paper card of a system: what was claimed, and what came out here.

use super::format;
use super::theme::{self, Palette, badge};
use crate::core::{ClaimResult, Verdict};
use crate::labs::{Basis, Exhibit, Paper, StoredClaim, stored_claim};
use egui::{RichText, Ui};

/// What the reader asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardAction {
    /// Open the exhibit's setup.
    Open,
    /// Run the claim experiment.
    CheckClaim,
    /// Stop the running experiment.
    CancelClaim,
}

/// How far the claim experiment is.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimState {
    /// Running; share of the work done.
    Running(f64),
    /// Done.
    Done(ClaimResult),
    /// Could not run.
    Failed(String),
}

/// Shows the card.
pub fn card_ui(ui: &mut Ui, exhibit: &Exhibit, claim: Option<&ClaimState>) -> Option<CardAction> {
    let mut action = None;
    basis_ui(ui, exhibit);
    text(ui, theme::title(ui, exhibit.title));
    paper_ui(ui, &exhibit.paper);
    ui.add_space(4.0);
    text(ui, exhibit.idea);
    ui.add_space(8.0);
    equation_ui(ui, exhibit);
    if !exhibit.deviations.is_empty() {
        ui.add_space(8.0);
        super::heading(&ui.label(theme::strong(ui, "Our choices")), 3);
        text(ui, exhibit.deviations);
    }
    if let Some(tested) = &exhibit.claim {
        ui.add_space(12.0);
        super::heading(&ui.label(theme::strong(ui, "The claim")), 3);
        text(ui, tested.statement);
        ui.label(RichText::new("How we test it").small().weak());
        text(ui, tested.experiment);
        ui.add_space(4.0);
        if claim.is_none()
            && let Some(stored) = stored_claim(exhibit.id)
        {
            result_ui(ui, &stored.result, &stored_words(stored));
        }
        action = claim_ui(ui, claim);
    }
    ui.add_space(12.0);
    ui.horizontal(|ui| {
        if primary(ui, "Open in the lab") {
            action = Some(CardAction::Open);
        }
        let cite = ui.button("Copy BibTeX").on_hover_text("Cite the paper");
        if cite.clicked() {
            ui.ctx().copy_text(bibtex(exhibit));
        }
    });
    action
}

fn text(ui: &mut Ui, words: impl Into<egui::WidgetText>) {
    ui.add(egui::Label::new(words).wrap().selectable(true));
}

fn primary(ui: &mut Ui, words: &str) -> bool {
    let palette = Palette::of(ui.ctx());
    let button = egui::Button::new(RichText::new(words).color(palette.background))
        .fill(palette.accent)
        .stroke(egui::Stroke::NONE);
    ui.add(button).clicked()
}

fn basis_ui(ui: &mut Ui, exhibit: &Exhibit) {
    let palette = Palette::of(ui.ctx());
    let color = if exhibit.basis == Basis::AbstractOnly {
        palette.warning
    } else {
        palette.muted
    };
    badge(ui, exhibit.basis.words(), color)
        .on_hover_text("Where our knowledge of the algorithm comes from");
}

fn paper_ui(ui: &mut Ui, paper: &Paper) {
    text(ui, paper.title);
    text(
        ui,
        RichText::new(format!("{}, {}", paper.authors, paper.year))
            .small()
            .weak(),
    );
    if !paper.arxiv.is_empty() {
        ui.hyperlink_to(
            format!("arXiv:{}", paper.arxiv),
            format!("https://arxiv.org/abs/{}", paper.arxiv),
        );
    }
}

fn equation_ui(ui: &mut Ui, exhibit: &Exhibit) {
    let palette = Palette::of(ui.ctx());
    egui::Frame::new()
        .fill(ui.visuals().code_bg_color)
        .corner_radius(f32::from(theme::ROUNDING))
        .inner_margin(8)
        .show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            egui::ScrollArea::horizontal()
                .id_salt(("equation", exhibit.id))
                .show(ui, |ui| {
                    let words = RichText::new(exhibit.equation)
                        .monospace()
                        .color(palette.ink);
                    ui.add(egui::Label::new(words).extend().selectable(true));
                });
        });
    if exhibit.symbols.is_empty() {
        return;
    }
    egui::Grid::new(("symbols", exhibit.id))
        .num_columns(2)
        .min_row_height(18.0)
        .spacing([12.0, 2.0])
        .show(ui, |ui| {
            for (symbol, meaning) in exhibit.symbols {
                ui.label(RichText::new(*symbol).monospace());
                text(ui, RichText::new(*meaning).small());
                ui.end_row();
            }
        });
}

fn claim_ui(ui: &mut Ui, claim: Option<&ClaimState>) -> Option<CardAction> {
    match claim {
        None => ui
            .button("Check the claim")
            .on_hover_text("Runs the experiment here, over several seeds")
            .clicked()
            .then_some(CardAction::CheckClaim),
        Some(ClaimState::Running(share)) => running_ui(ui, *share),
        Some(ClaimState::Done(result)) => {
            result_ui(ui, result, "run here, in this session");
            again(ui)
        }
        Some(ClaimState::Failed(reason)) => {
            let palette = Palette::of(ui.ctx());
            text(ui, RichText::new(format!("⚠ {reason}")).color(palette.bad));
            again(ui)
        }
    }
}

fn again(ui: &mut Ui) -> Option<CardAction> {
    ui.button("Check again")
        .clicked()
        .then_some(CardAction::CheckClaim)
}

fn running_ui(ui: &mut Ui, share: f64) -> Option<CardAction> {
    ui.horizontal(|ui| {
        let width = (ui.available_width() - 80.0).max(60.0);
        ui.add(
            egui::ProgressBar::new(share as f32)
                .desired_width(width)
                .show_percentage(),
        );
        ui.button("Cancel")
            .clicked()
            .then_some(CardAction::CancelClaim)
    })
    .inner
}

fn result_ui(ui: &mut Ui, result: &ClaimResult, origin: &str) {
    let palette = Palette::of(ui.ctx());
    theme::card_frame(palette).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        measured_ui(ui, result);
        text(ui, RichText::new(origin).small().weak());
    });
}

/// Colour of a verdict's badge.
pub fn verdict_color(verdict: Verdict, palette: &Palette) -> egui::Color32 {
    match verdict {
        Verdict::Reproduced => palette.good,
        Verdict::Partly => palette.warning,
        Verdict::NotReproduced => palette.bad,
        Verdict::NotTestable => palette.muted,
    }
}

/// Verdict, value with its interval, and the reason.
pub fn measured_ui(ui: &mut Ui, result: &ClaimResult) {
    let palette = Palette::of(ui.ctx());
    badge(
        ui,
        result.verdict.words(),
        verdict_color(result.verdict, palette),
    );
    text(ui, &result.quantity);
    text(ui, theme::strong(ui, measured_words(result)));
    let seeds = result.seeds.len();
    let words = if seeds > 1 {
        format!("mean and 95 % interval over {seeds} seeds")
    } else {
        "one run: the result does not depend on a seed".to_owned()
    };
    text(ui, RichText::new(words).small().weak());
    text(ui, &result.why);
}

/// Where a stored result comes from.
pub fn stored_words(stored: &StoredClaim) -> String {
    format!(
        "stored result of version {}, run on {}",
        stored.version, stored.run_on
    )
}

/// "1.80 (1.62 to 1.98) ×".
fn measured_words(result: &ClaimResult) -> String {
    let [low, high] = result.interval;
    let mean = result.measured;
    if !(low.is_finite() && high.is_finite()) {
        return format::quantity(mean, &result.unit);
    }
    let largest = mean.abs().max(low.abs()).max(high.abs());
    let (factor, unit) = format::scaled_unit(largest, &result.unit);
    let n = |v: f64| format::number(v / factor);
    format!("{} ({} to {}) {unit}", n(mean), n(low), n(high))
        .trim_end()
        .to_owned()
}

/// The citation of an exhibit's paper.
pub fn bibtex(exhibit: &Exhibit) -> String {
    let paper = &exhibit.paper;
    let key: String = exhibit.id.replace('-', "");
    let mut out = format!(
        "@misc{{{key}{},\n  title = {{{}}},\n  author = {{{}}},\n  year = {{{}}}",
        paper.year, paper.title, paper.authors, paper.year
    );
    if !paper.arxiv.is_empty() {
        out.push_str(",\n  archivePrefix = {arXiv},\n  eprint = {");
        out.push_str(paper.arxiv);
        out.push('}');
    }
    out.push_str("\n}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_infinite_interval_is_not_shown() {
        let mut result = ClaimResult {
            quantity: "speed-up".to_owned(),
            unit: "×".to_owned(),
            measured: 1.8,
            interval: [1.6, 2.0],
            seeds: vec![1, 2],
            verdict: Verdict::Reproduced,
            why: String::new(),
        };
        assert_eq!(measured_words(&result), "1.80 (1.60 to 2) ×");
        result.interval = [f64::NEG_INFINITY, f64::INFINITY];
        assert_eq!(measured_words(&result), "1.80 ×");
    }
}
