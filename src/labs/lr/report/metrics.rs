//! The headline numbers of a run, and the result in a sentence.

use super::standings::gap;
use crate::core::{Better, Metric, stats};
use crate::labs::lr::bound::{Bound, power_norms};
use crate::labs::lr::config::Problem;
use crate::labs::lr::model::{Cell, Run, parabola_minimum};
use crate::labs::lr::words::words;
use crate::labs::lr::{cards, late_decay};

/// Best peak rate of the chosen shape between grid points, when the minimum lies inside the grid.
fn refined_peak(run: &Run) -> f64 {
    let cells: Vec<&Cell> = run.of_shape(run.config.shape).collect();
    let Some(best) = run.best(run.config.shape) else {
        return f64::NAN;
    };
    if run.config.problem == Problem::Bound {
        return theory_peak(run, best);
    }
    let Some(i) = cells.iter().position(|c| c.offset == best.offset) else {
        return f64::NAN;
    };
    match (
        i.checked_sub(1).and_then(|j| cells.get(j)),
        cells.get(i + 1),
    ) {
        (Some(a), Some(b)) => parabola_minimum(
            [a.schedule.peak, best.schedule.peak, b.schedule.peak],
            [a.final_loss(), best.final_loss(), b.final_loss()],
        ),
        _ => best.schedule.peak,
    }
}

/// The base rate that minimises the bound, in closed form.
fn theory_peak(run: &Run, cell: &Cell) -> f64 {
    let s = &cell.schedule;
    let eta: Vec<f64> = (0..s.updates).map(|i| s.rate(i) / s.peak).collect();
    let norms = power_norms(s.updates, run.config.norm_decay);
    Bound::new(&eta, &norms, 1.0).map_or(f64::NAN, |b| b.best_base())
}

/// The best rival at its own best peak rate, and the chosen schedule at its best: mean paired
/// difference over the seeds (chosen minus rival) with its interval.
fn against_rivals(run: &Run) -> Option<(&Cell, &Cell, f64, Option<[f64; 2]>)> {
    let own = run.best(run.config.shape)?;
    let rival = run
        .config
        .shapes()
        .into_iter()
        .filter(|s| *s != run.config.shape)
        .filter_map(|s| run.best(s))
        .min_by(|a, b| a.final_loss().total_cmp(&b.final_loss()))?;
    let (mean, interval) = gap(run, own, rival);
    Some((own, rival, mean, interval))
}

/// Headline numbers.
pub(in crate::labs::lr) fn metrics(run: &Run) -> Vec<Metric> {
    let problem = run.config.problem;
    let words = words(problem);
    let unit = words.unit;
    let chosen = run.chosen();
    let best = run.best(run.config.shape);
    let mut out = vec![
        Metric {
            id: "final_loss",
            name: words.headline,
            unit,
            value: chosen.map_or(f64::NAN, Cell::final_loss),
            better: Better::Lower,
            doc: "Loss after the last update of the chosen schedule at the set peak rate, mean over the seeds; a dash when a seed diverged.",
        },
        Metric {
            id: "best_loss",
            name: "Loss at the best peak",
            unit,
            value: best.map_or(f64::NAN, Cell::final_loss),
            better: Better::Lower,
            doc: "Lowest final loss of the chosen schedule over the peak rates tried.",
        },
        Metric {
            id: "best_peak",
            name: "Best peak rate",
            unit: "",
            value: refined_peak(run),
            better: Better::Neither,
            doc: "Peak rate with the lowest final loss: minimum of a parabola through the best grid point and its neighbours, or the grid's end when the best lies there. For the convex bound the exact minimiser.",
        },
    ];
    if problem == Problem::Digits {
        out.push(Metric {
            id: "test_accuracy",
            name: "Held-out accuracy",
            unit: "%",
            value: 100.0 * chosen.map_or(f64::NAN, Cell::accuracy),
            better: Better::Higher,
            doc: "Share of 2,048 shifted, noisy held-out digits classified correctly after the last update, mean over the seeds.",
        });
    }
    if problem == Problem::Branches {
        let middles: Vec<f64> = chosen
            .map_or(&[][..], |c| &c.curves)
            .iter()
            .filter_map(|c| c.profile.first().copied())
            .collect();
        let middle = stats::mean(&middles);
        out.push(Metric {
            id: "mean_model_loss",
            name: "Loss of the mean model",
            unit,
            value: middle,
            better: Better::Lower,
            doc: "Held-out loss of the model with the mean of the copies' weights: bias, above the best shape's. Sweep the cooldown shape against the variance.",
        });
        out.push(Metric {
            id: "variance",
            name: "Variance",
            unit,
            value: chosen.map_or(f64::NAN, Cell::final_loss) - middle,
            better: Better::Lower,
            doc: "Mean held-out loss of the copies minus that of their mean model.",
        });
        if let Some((value, ..)) = late_decay::gain(run) {
            out.push(Metric {
                id: "raised_beta2",
                name: "β₂ raised minus unchanged",
                unit,
                value,
                better: Better::Lower,
                doc: "Held-out loss of the copies with the set β₂ in the cooldown minus that of the same copies with 0.95, mean over the seeds; its interval stands in the chart.",
            });
        }
    }
    if let Some((_, _, mean, _)) = against_rivals(run) {
        out.push(Metric {
            id: "gap_to_best_rival",
            name: "Against the best rival",
            unit,
            value: mean,
            better: Better::Lower,
            doc: "Final loss minus that of the best other schedule, both at their own best peak rate; negative means the chosen schedule wins.",
        });
    }
    if let Some(log) = &run.log {
        let errors: Vec<f64> = log.errors.iter().map(|e| e.1).collect();
        out.push(Metric {
            id: "fit_error",
            name: "Error of the fit",
            unit,
            value: stats::mean(&errors),
            better: Better::Lower,
            doc: "Mean absolute error of the fitted law on the logged runs. It says nothing about schedules unlike those in the log.",
        });
        if let Some(floor) = log.noise_floor {
            out.push(Metric {
                id: "noise_floor",
                name: "Noise floor",
                unit,
                value: floor,
                better: Better::Neither,
                doc: "Largest difference at equal steps between two logged runs that had the same rates until then: gains below it are not certain.",
            });
        }
    }
    if let Some(curve) = chosen.and_then(|c| c.curves.first())
        && curve.rewound > 0
    {
        out.push(Metric {
            id: "rewound_updates",
            name: "Updates of probes",
            unit: "updates",
            value: curve.rewound as f64,
            better: Better::Lower,
            doc: "Updates that the search trained and threw away, first seed. They cost as much as the others.",
        });
    }
    out.extend(cards::metrics(run));
    out.push(Metric {
        id: "mean_rate",
        name: "Mean rate",
        unit: "",
        value: chosen.map_or(f64::NAN, |c| {
            let s = &c.schedule;
            let rates: Vec<f64> = (0..s.updates).map(|i| s.rate(i)).collect();
            stats::mean(&rates)
        }),
        better: Better::Neither,
        doc: "Mean of the rates of all updates: their sum is the distance the optimizer may travel.",
    });
    out.push(Metric {
        id: "diverged_runs",
        name: "Diverged",
        unit: "runs",
        value: run.cells.iter().map(Cell::diverged).sum::<usize>() as f64,
        better: Better::Lower,
        doc: "Runs, over all schedules, peak rates and seeds, whose loss stopped being a usable number.",
    });
    out
}

/// The result in a sentence.
pub(in crate::labs::lr) fn summary(run: &Run) -> String {
    let Some(cell) = run.chosen() else {
        return "No run".to_owned();
    };
    let text = match cell.first_divergence() {
        Some((step, loss)) => format!(
            "{} over {} updates diverged at step {step} (loss {loss:.1e})",
            cell.name(),
            run.config.horizon
        ),
        None => format!(
            "{} over {} updates ends at a {} of {:.4}",
            cell.name(),
            run.config.horizon,
            words(run.config.problem).last,
            cell.final_loss()
        ),
    };
    if let Some((own, rival, mean, interval)) = against_rivals(run) {
        let edge = if run.at_edge(own) || run.at_edge(rival) {
            "; a best rate lies at the end of the grid, widen it"
        } else {
            ""
        };
        let refits = run.config.problem == Problem::Log;
        let clear = match interval {
            None => String::new(),
            Some([low, high]) if low <= 0.0 && high >= 0.0 => {
                let over = if refits { "refits" } else { "seeds" };
                format!(", no clear difference over the {over}")
            }
            Some([low, high]) if refits => {
                format!(", {low:+.4} to {high:+.4} over the refits")
            }
            Some([low, high]) => format!(", 95 % interval {low:.4} to {high:.4}"),
        };
        let name = rival.name();
        return format!(
            "{text}; at their best peak rates it differs from {name} by {mean:+.4}{clear}{edge}"
        );
    }
    text
}
