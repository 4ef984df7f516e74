//! The story of one training run at a moment: its numbers, and the rules with the numbers put in.

use super::config::{BETA2, Problem, Rule};
use super::law::Law;
use super::model::{Cell, Run, last_before};
use super::steer::{Drift, STEEP};
use crate::core::{Fact, Simulation as _, Story};

/// The story of `cell` after `at` updates.
pub(super) fn story(run: &Run, cell: &Cell, at: f64) -> Story {
    let schedule = &cell.schedule;
    let last = schedule.updates - 1;
    let update = (at.max(0.0) as usize).min(last);
    let mut facts = vec![
        Fact::new(
            "updates done",
            format!("{} of {}", at.max(0.0) as usize, schedule.updates),
        ),
        Fact::new("learning rate", format!("{:.3e}", schedule.rate(update))),
        Fact::new(
            "share of the peak",
            format!("{:.1} %", 100.0 * schedule.rate(update) / schedule.peak),
        ),
    ];
    let losses: Vec<f64> = cell.curves.iter().map(|c| c.loss_at(at)).collect();
    if let Some(first) = losses.first().filter(|l| l.is_finite()) {
        facts.push(Fact::new("loss now, first seed", format!("{first:.4}")));
    }
    if let Some(curve) = cell.curves.first() {
        let norm = last_before(&curve.gradient, at);
        if norm.is_finite() {
            facts.push(Fact::new("gradient norm", format!("{norm:.3}")));
        }
    }
    facts.push(match cell.first_divergence() {
        Some((step, loss)) => Fact::new(
            "result",
            format!(
                "diverged at step {step} (loss {loss:.1e}), {} of {} seeds",
                cell.diverged(),
                cell.curves.len()
            ),
        ),
        None => Fact::new("final loss", format!("{:.4}", cell.final_loss())),
    });
    if cell.accuracy().is_finite() {
        facts.push(Fact::new(
            "held-out accuracy at the end",
            format!("{:.1} %", 100.0 * cell.accuracy()),
        ));
    }
    let mut why = vec![format!("update {update}: {}", schedule.why(update))];
    if cell.shape() == run.config.shape {
        why.extend(super::dialect_report::at_update(run, update));
    }
    why.extend(match run.config.problem {
        Problem::Law | Problem::Log => law_reasons(run, cell, update),
        Problem::Quadratic => quadratic_reasons(run, cell, update),
        Problem::Digits => digits_reasons(run, cell, update),
        Problem::Bound => bound_reasons(cell, at),
        Problem::Valley => valley_reasons(run, cell, update),
        Problem::Drift => drift_reasons(cell, update),
        _ => trace_reasons(cell, at),
    });
    if let Some(log) = &run.log {
        why.extend(log.fit.remarks.iter().cloned());
        let lowest = (log.now..schedule.updates)
            .map(|i| schedule.rate(i))
            .fold(f64::INFINITY, f64::min);
        if lowest < log.rates[0] {
            why.push(format!(
                "this schedule falls to {lowest:.1e}; nothing in the log goes below {:.1e}, so its end is extrapolation",
                log.rates[0]
            ));
        }
    }
    Story {
        title: cell.name(),
        facts,
        why,
    }
}

fn law_reasons(run: &Run, cell: &Cell, update: usize) -> Vec<String> {
    let Some(law) = run.law() else {
        return Vec::new();
    };
    let rates: Vec<f64> = (0..=update).map(|i| cell.schedule.rate(i)).collect();
    let parts = law.parts(&rates, &[update], 64)[0];
    if !parts.power.is_finite() {
        return vec!["no prediction before any rate above 0".to_owned()];
    }
    let verb = if parts.drop <= 0.0 { "lower" } else { "raise" };
    let (equation, l0) = match law {
        Law::MultiPower(law) => {
            let s1: f64 = rates.iter().sum();
            (
                format!(
                    "L = L0 + A × S1^-α + drop = {:.3} + {:.3} × {s1:.3}^-{:.3} {:+.4} = {:.4}",
                    law.l0,
                    law.a,
                    law.alpha,
                    parts.drop,
                    parts.loss()
                ),
                law.l0,
            )
        }
        Law::Annealing(law) => (
            format!(
                "L = L0 + A × S1^-α - C × S2 = {:.3} + {:.4} - {:.3} × {:.4} = {:.4}",
                law.l0,
                parts.power - law.l0,
                law.c,
                -parts.drop / law.c,
                parts.loss()
            ),
            law.l0,
        ),
    };
    let mut why = vec![
        equation,
        format!(
            "the changes of the rate so far {verb} the loss by {:.4}, {:.1} % of what exceeds L0",
            parts.drop.abs(),
            100.0 * parts.drop.abs() / (parts.power - l0)
        ),
    ];
    for trace in cell.curves.first().map_or(&[][..], |c| &c.traces) {
        let loss = last_before(&trace.points, update as f64 + 1.0);
        if loss.is_finite() {
            why.push(format!("{}: {loss:.4}", trace.name));
        }
    }
    why
}

fn trace_reasons(cell: &Cell, at: f64) -> Vec<String> {
    let traces = cell.curves.first().map_or(&[][..], |c| &c.traces);
    traces
        .iter()
        .map(|t| (t.name, last_before(&t.points, at)))
        .filter(|t| t.1.is_finite())
        .map(|(name, value)| format!("{name}: {value:.4}"))
        .collect()
}

fn valley_reasons(run: &Run, cell: &Cell, update: usize) -> Vec<String> {
    let eta = cell.schedule.rate(update);
    let (a, noise) = (STEEP, run.config.noise);
    let keep = (1.0 - a * eta) * (1.0 - a * eta);
    let mut why = vec![format!(
        "across the river: E y² ← (1 - {a} × {eta:.3e})² E y² + {eta:.3e}² × {noise} = {keep:.4} E y² + {:.2e}",
        eta * eta * noise
    )];
    if eta > 0.0 && a * eta < 2.0 {
        why.push(format!(
            "at this rate the run floats ½ η σ² / (2 - a η) = {:.3e} above the river",
            0.5 * eta * noise / (2.0 - a * eta)
        ));
    }
    why
}

fn drift_reasons(cell: &Cell, update: usize) -> Vec<String> {
    let eta = cell.schedule.rate(update);
    let v = cell
        .curves
        .first()
        .map_or(f64::NAN, |c| c.loss_at(update as f64));
    let mut run = Drift::at(v);
    let best = run.best();
    let next = |run: &mut Drift, rate: f64| {
        run.advance(rate);
        run.distance()
    };
    vec![format!(
        "squared distance {v:.4}: at rate {eta:.4} the next one is {:.4}, at the best rate {best:.4} it would be {:.4} (before any drift)",
        next(&mut run.clone(), eta),
        next(&mut run, best)
    )]
}

fn bound_reasons(cell: &Cell, at: f64) -> Vec<String> {
    let Some(curve) = cell.curves.first() else {
        return Vec::new();
    };
    let (whole, travel) = (curve.loss_at(at), last_before(&curve.travel, at));
    if !whole.is_finite() {
        return Vec::new();
    }
    vec![format!(
        "Ω = D² / (2 γ S) + ½ η_t G_t² + ½ Σ η_k² G_k² / (η_(k+1) + … + η_t) = {travel:.4} + {:.4} = {whole:.4}",
        whole - travel
    )]
}

fn quadratic_reasons(run: &Run, cell: &Cell, update: usize) -> Vec<String> {
    let eta = cell.schedule.rate(update);
    // λ₁ = 1 for every curvature decay.
    let word = if eta < 2.0 {
        "stable"
    } else {
        "unstable, diverges if kept"
    };
    let shrink = (1.0 - eta) * (1.0 - eta);
    let mut why = vec![
        format!("steepest mode: η λ₁ = {eta:.3e} against the limit 2: {word}"),
        format!(
            "its second moment: (1 - {eta:.3e})² m + {eta:.3e}² × {} = {shrink:.4} m + {:.2e}",
            run.config.noise,
            eta * eta * run.config.noise
        ),
    ];
    if eta > 0.0 && eta < 2.0 {
        why.push(format!(
            "at this rate that mode settles at a loss of η s2 / (2 (2 - η)) = {:.3e}: only a lower rate gets below",
            0.5 * eta * run.config.noise / (2.0 - eta)
        ));
    }
    why
}

fn digits_reasons(run: &Run, cell: &Cell, update: usize) -> Vec<String> {
    let eta = cell.schedule.rate(update);
    let rule = match run.config.rule {
        Rule::Sgd => format!(
            "v ← {} v + (g + {} w); w ← w - {eta:.3e} v",
            run.config.momentum, run.config.weight_decay
        ),
        Rule::AdamW | Rule::Muon | Rule::Soap => format!(
            "w ← (1 - {eta:.3e} × {}) w - {eta:.3e} m̂ / (√v̂ + 1e-8)",
            run.config.weight_decay
        ),
    };
    let mut why = vec![rule];
    if let Some(late) = run.config.late_decay(&cell.schedule)
        && update >= late.after as usize
    {
        why.push(format!(
            "β₂ is {} since update {} instead of {BETA2}; such runs are trained on the CPU",
            late.beta2, late.after
        ));
    }
    if let Some(recording) = &run.recording
        && run.chosen().is_some_and(|c| c.entity() == cell.entity())
        && let Some(trainer) = Some(recording.at(update as u64)).filter(|t| t.steps() > 0)
    {
        let norm = trainer
            .net
            .params()
            .iter()
            .map(|w| f64::from(*w) * f64::from(*w))
            .sum::<f64>()
            .sqrt();
        why.push(format!(
            "replayed to update {}: batch loss {:.4}, gradient norm {:.4}, weight norm {norm:.3}",
            trainer.steps(),
            trainer.loss(),
            trainer.gradient_norm()
        ));
    }
    why
}
