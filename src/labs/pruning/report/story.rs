//! The story of one layer: facts, and the rule with its numbers put in.

use crate::core::{Fact, Story};
use crate::labs::pruning::config::{Granularity, Method};
use crate::labs::pruning::kinds::Choosing;
use crate::labs::pruning::measure::Bytes;
use crate::labs::pruning::results::Results;
use crate::labs::pruning::score::{CALIBRATION, key_score};
use crate::labs::pruning::systems::erk::{Kind, densities};
use crate::labs::pruning::{header, training};

pub(super) fn story(r: &Results, l: usize, step: usize) -> Option<Story> {
    let layer = r.layers.get(l)?;
    let (point, kept) = (r.points.get(step)?, *r.plan.kept.get(l)?.get(step)?);
    let n = layer.values.len() as u64;
    let mut facts = vec![
        Fact::new(
            "Shape",
            format!("{} ({})", header::shape_words(&layer.shape), layer.dtype),
        ),
        Fact::new(
            "Kept",
            format!("{kept} of {n} weights, {:.1} %", 100.0 * r.density(l, step)),
        ),
    ];
    let [bitmap, csr] = Bytes::pays_below([layer.rows, layer.cols], layer.width());
    facts.push(Fact::new(
        "Sparse forms pay",
        format!(
            "bitmap below {:.1} % density, CSR below {:.1} %",
            100.0 * bitmap,
            100.0 * csr
        ),
    ));
    if let Some(t) = r.threshold(l, step) {
        facts.push(Fact::new("Threshold", format!("|w| = {t:.4e}")));
    }
    if let Some(e) = &point.effective {
        facts.push(Fact::new(
            "On a path",
            format!("{} weights", e.kept.get(l)?),
        ));
        let units = e.alive.get(l + 1)?;
        let dead = units.iter().filter(|a| !**a).count();
        facts.push(Fact::new(
            "Dead units",
            format!("{dead} of {}", units.len()),
        ));
    }
    if let Some(judged) = point.judged {
        facts.push(Fact::new(
            "Accuracy now",
            format!("{:.1} %", 100.0 * judged.accuracy()),
        ));
    }
    if let Some(gone) = r.collapse(l) {
        facts.push(Fact::new(
            "Collapses at",
            format!("{} %", r.points.get(gone)?.asked),
        ));
    }
    Some(Story {
        title: layer.name.clone(),
        facts,
        why: match &r.film {
            Some(film) => training::why(r, film, l, step),
            None => why(r, l, step),
        },
    })
}

/// The rule with the numbers of this layer put in.
fn why(r: &Results, l: usize, step: usize) -> Vec<String> {
    let n = r.layers[l].values.len() as u64;
    let s = r.points[step].asked / 100.0;
    let gone = n - r.plan.kept[l][step];
    let mut out = Vec::new();
    let global = r.config.granularity == Granularity::Global;
    match (r.config.method, r.cut(l, step)) {
        (Method::NOfM, _) => {
            let m = r.config.group_m;
            out.push(format!(
                "of every {m} neighbours of a row the {} largest |w| are kept, among equals the later one: {gone} of {n} go",
                m - step as u64
            ));
            return out;
        }
        (Method::Magnitude | Method::Random, _) if global => {
            out.push(format!(
                "k = round_half_to_even({s} · {}) = {} over all layers",
                r.total, r.points[step].pruned
            ));
        }
        (Method::Magnitude | Method::Random, _) => {
            out.push(format!(
                "k = round_half_to_even({s} · {n}) = {gone} in this layer"
            ));
        }
        (Method::Erk, _) => {
            let shapes: Vec<Vec<u64>> = r.layers.iter().map(|l| l.shape.clone()).collect();
            let d = densities(&shapes, s, Kind::Erk);
            out.push(if d.dense[l] {
                format!(
                    "ε · raw would exceed 1, so this layer stays dense (ε = {:.4})",
                    d.epsilon
                )
            } else {
                format!(
                    "density = ε · (Σ dims / Π dims) = {:.4}, ε = {:.4}; k = {gone}",
                    d.density[l], d.epsilon
                )
            });
        }
        (Method::Wanda, _) => out.push(format!(
            "score = w² Σx² over {CALIBRATION} training images, x the input of the weight; k = round_half_to_even({s} · {n}) = {gone} in this layer"
        )),
        (Method::Units, _) => out.push(format!(
            "score of a unit = Σ of its squared incoming weights; k = round_half_to_even({s} · {}) units go, outputs stay",
            r.layers[l].rows
        )),
        (Method::JointDp, _) => out.push(format!(
            "the rates with the smallest sum of single-layer distortions within the budget; here {gone} of {n} go"
        )),
        (Method::Obd, _) => out.push(format!(
            "saliency = ½ F w², F = mean squared gradient over {CALIBRATION} training images; k = {} of all layers",
            r.points[step].pruned
        )),
        (Method::Movement, _) => {}
        (Method::Snr, _) => out.push(format!(
            "signal to noise squared = w² (F + {}), F = mean squared gradient over {CALIBRATION} training images: OBD with a floor; k = {} of all layers",
            r.config.damping, r.points[step].pruned
        )),
        (Method::Saap, _) => out.push(format!(
            "importance = |gᵀw - ½ wᵀFw| of the unit over 8 batches of training images; k = round_half_to_even({s} · {}) units go, outputs stay",
            r.layers[l].rows
        )),
        (Method::Sketch, _) => out.push(format!(
            "ranked by the terms of the untrained product, {}; k = {} of all layers",
            match r.config.choosing {
                Choosing::Top => "the largest |w| ‖x‖ stay",
                Choosing::Free => "the largest |w| stay",
                Choosing::Drawn => "drawn in proportion to |w| ‖x‖",
            },
            r.points[step].pruned
        )),
        (Method::Contribution, _) => out.push(format!(
            "score = mean over {CALIBRATION} training images of |w x| / Σ |w x| in the weight's row; k = round_half_to_even({s} · {n}) = {gone} in this layer"
        )),
        (Method::Block, _) => out.push(format!(
            "whole blocks of {} × {} go, the smallest mean squares first: {gone} of {n} weights",
            r.config.block_rows, r.config.block_cols
        )),
        (Method::Manual, _) => out.push(format!(
            "your rates, met at {:.2} % in all: k = {gone} of {n} in this layer",
            r.points.get(r.chosen).map_or(f64::NAN, |p| p.asked)
        )),
        (Method::Snip, _) => out.push(format!(
            "score = |w g| at the start, g over {CALIBRATION} training images; k = {} of all layers",
            r.points[step].pruned
        )),
        (Method::Grasp, _) => out.push(format!(
            "score = w · (H g) at the start, the smallest go; k = {} of all layers",
            r.points[step].pruned
        )),
        (Method::SynFlow, _) => out.push(format!(
            "score = |w ∂R/∂|w||, R = 1ᵀ Π|W| 1, scored again in each of {} rounds; {} of all layers are gone",
            r.config.rounds, r.points[step].pruned
        )),
        (Method::Lamp, _) => {
            out.push(format!("score = w² / Σ of the squares at least as large in this layer; of the {} lowest scores of all layers {gone} are here", r.points[step].pruned));
        }
    }
    let Some(cut) = r.cut(l, step).filter(|c| c.k > 0) else {
        out.push("nothing is pruned at this step".to_owned());
        return out;
    };
    let key = match r.config.method {
        Method::Random => format!("random key {}", cut.key),
        Method::SynFlow | Method::Block => format!("place {} in the order of going", cut.key),
        m if m.by_magnitude() => format!("|w| = {:.6e}", cut.magnitude()),
        _ => format!("score {:.6e}", key_score(cut.key)),
    };
    out.push(format!(
        "the {}-th smallest is {key}: {} lie below it, {} equal it, and {} of those go, the smaller index first",
        cut.k, cut.below, cut.equal, cut.ties
    ));
    out.push(format!("in this layer {gone} of {n} weights go"));
    out
}
