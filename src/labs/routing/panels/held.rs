//! The expert caches at one size, below the headline numbers: hits, bytes and seconds, with what the
//! seconds assume.

use crate::labs::routing::BatchRun;
use crate::labs::routing::deploy::{POLICIES, link};
use crate::ui::format;
use crate::ui::theme::{Palette, strong};
use egui::{Grid, RichText, Ui};

/// Draws the table of a run.
pub(in crate::labs::routing) fn show(run: &BatchRun, slot: usize, ui: &mut Ui) {
    let config = run.config();
    let Some((d, at)) = run.deployment().and_then(|d| Some((d, d.quarter(config)?))) else {
        return;
    };
    let palette = Palette::of(ui.ctx());
    let link = link(config);
    ui.add_space(10.0);
    let (held, experts) = (d.sizes[at], config.experts);
    ui.label(strong(
        ui,
        format!("Expert cache, {held} of {experts} experts held"),
    ));
    let assumed = format!(
        "Assumed: {} to the experts, {} each ({} on the link), {} of computing a token and layer, experts named {} ahead. One layer, token by token, {} reads.",
        format::quantity(config.link_gbs, "GB/s"),
        format::quantity(config.expert_mib, "MiB"),
        format::quantity(1e3 * link.fetch_secs(), "ms"),
        format::quantity(config.layer_ms, "ms"),
        format::quantity(config.lookahead as f64, "layers"),
        d.reads,
    );
    let words = RichText::new(assumed).small().color(palette.muted);
    ui.add(egui::Label::new(words).wrap());
    ui.add_space(4.0);
    Grid::new(("held", slot))
        .striped(true)
        .spacing([8.0, 4.0])
        .show(ui, |ui| {
            for head in ["Policy", "Hits, %", "GiB a token", "Stall, s per 1,000"] {
                ui.label(RichText::new(head).small().weak());
            }
            ui.end_row();
            for (name, traffic) in POLICIES.iter().zip(&d.traffic) {
                let Some(t) = traffic.get(at) else { continue };
                ui.label(RichText::new(*name).small());
                for value in [d.hits(t), d.moved(config, t), d.stall(config, t)] {
                    ui.label(RichText::new(format::number(value)).small());
                }
                ui.end_row();
            }
        });
}
