//! Layer-wise criteria with calibration data, and scores at initialisation.

use super::{bits, compare_tensors, items, list, matrix, tensors};
use crate::core::golden::{
    Case, Check, Tolerance, field, flat_integers, float_field, floats_field, usize_field,
};
use crate::core::{Error, Result};
use crate::labs::pruning::criteria::at_init::{Net, join, total};
use crate::labs::pruning::criteria::second_order::{
    Target, brain_surgeon, reconstruction_error, sparse_gpt,
};
use crate::labs::pruning::criteria::wanda::{
    Share, input_norms, relative_contribution, row_mask, scores,
};
use serde_json::Value;

/// "0.5" or "2:4".
fn share(text: &str) -> Result<Share> {
    let bad = || Error::malformed("key", format!("found {text:?}, want a share or N:M"));
    match text.split_once(':') {
        None => text.parse().map(Share::Fraction).ok().ok_or_else(bad),
        Some((n, m)) => match (n.parse(), m.parse()) {
            (Ok(n), Ok(m)) => Ok(Share::Groups { n, m }),
            _ => Err(bad()),
        },
    }
}

struct Layer {
    w: Vec<f64>,
    x: Vec<f64>,
    cols: usize,
    norms: Vec<f64>,
}

impl Layer {
    fn error(&self, after: &[f64]) -> f64 {
        reconstruction_error(&self.x, &self.w, after, self.cols)
    }
}

fn entries<'a>(file: &'a Value, name: &str) -> Result<Vec<(&'a String, &'a Value)>> {
    let object = field(file, name)?.as_object();
    object
        .map(|o| o.iter().collect())
        .ok_or_else(|| Error::malformed(name, "is not an object"))
}

pub(super) fn layerwise(file: &Value) -> Result<Vec<Case>> {
    let ((w, cols), (x, inputs)) = (matrix(file, "W")?, matrix(file, "X")?);
    if inputs != cols {
        return Err(Error::malformed("X", "has another number of inputs than W"));
    }
    let norms = input_norms(&x, cols);
    let mut check = Check::new("input norms", Tolerance::default());
    check.floats("input_norm", &norms, field(file, "input_norm")?);
    let mut out = vec![check.done()];
    let layer = Layer { w, x, cols, norms };
    let ones = vec![1.0; cols];
    for (key, want) in entries(file, "masks")? {
        let mut check = Check::new(format!("masks {key}"), Tolerance::exact());
        let share = share(key)?;
        for (name, factors) in [("magnitude_row", &ones), ("wanda", &layer.norms)] {
            let got = row_mask(&scores(&layer.w, factors), cols, share);
            check.integers(name, &bits(&got), field(want, name)?);
        }
        out.push(check.done());
    }
    for (key, want) in entries(file, "sparsegpt")? {
        out.push(sparse_gpt_case(&layer, key, want)?);
    }
    if let Some(want) = file.get("recon_error") {
        let mut check = Check::new("reconstruction error", Tolerance::default());
        for (name, factors) in [("magnitude_row_half", &ones), ("wanda_half", &layer.norms)] {
            let mask = row_mask(&scores(&layer.w, factors), cols, Share::Fraction(0.5));
            let after: Vec<f64> = (0..layer.w.len())
                .map(|i| if mask.kept(i) { layer.w[i] } else { 0.0 })
                .collect();
            check.float(name, layer.error(&after), float_field(want, name)?);
        }
        out.push(check.done());
    }
    if file.get("obs_row0").is_some() {
        let steps = list(file, "obs_row0")?;
        let mut check = Check::new("optimal brain surgeon, row 0", Tolerance::default());
        let got = brain_surgeon(&layer.w[..cols], &layer.x, steps.len())
            .ok_or_else(|| Error::malformed("X", "gives a Hessian without inverse"))?;
        for (i, (got, want)) in got.iter().zip(steps).enumerate() {
            check.equal(
                &format!("[{i}].removed"),
                &got.removed,
                &usize_field(want, "removed")?,
            );
            check.float(
                &format!("[{i}].saliency"),
                got.saliency,
                float_field(want, "saliency")?,
            );
            check.floats(
                &format!("[{i}].weights"),
                &got.weights,
                field(want, "weights")?,
            );
        }
        out.push(check.done());
    }
    if let Some(want) = file.get("relative_contribution") {
        let (mean, std) = relative_contribution(&layer.w, &layer.x, cols);
        let mut check = Check::new("relative contribution", Tolerance::default());
        check.floats("mean", &mean, field(want, "mean")?);
        check.floats("std", &std, field(want, "std")?);
        out.push(check.done());
    }
    Ok(out)
}

fn sparse_gpt_case(layer: &Layer, key: &str, want: &Value) -> Result<Case> {
    let malformed =
        || Error::malformed("sparsegpt", format!("the key {key:?} is not \"s,blockB\""));
    let (amount, block) = key.split_once(",block").ok_or_else(malformed)?;
    let block = block.parse().ok().ok_or_else(malformed)?;
    let target = match share(amount)? {
        Share::Fraction(s) => Target::Fraction(s),
        Share::Groups { n, m } => Target::Groups { n, m },
    };
    let got = sparse_gpt(&layer.w, &layer.x, layer.cols, block, target)
        .ok_or_else(|| Error::malformed("X", "gives a Hessian without inverse"))?;
    let mut check = Check::new(format!("SparseGPT {key}"), Tolerance::default());
    check.integers("mask", &bits(&got.mask), field(want, "mask")?);
    check.floats("weights", &got.weights, field(want, "weights")?);
    check.float(
        "predicted_loss",
        got.predicted_loss,
        float_field(want, "predicted_loss")?,
    );
    check.float(
        "recon_error",
        layer.error(&got.weights),
        float_field(want, "recon_error")?,
    );
    Ok(check.done())
}

pub(super) fn at_init(file: &Value) -> Result<Vec<Case>> {
    let dims: Vec<usize> = flat_integers(field(file, "dims")?)?
        .into_iter()
        .map(|d| d as usize)
        .collect();
    let net = Net {
        weights: tensors(field(file, "W")?)?,
        biases: tensors(field(file, "b")?)?,
        dims,
    };
    let fits = |(l, d): (usize, &[usize])| {
        net.weights.get(l).is_some_and(|w| w.len() == d[0] * d[1])
            && net.biases.get(l).is_some_and(|b| b.len() == d[1])
    };
    let layers = net.dims.len().saturating_sub(1);
    if layers == 0 || net.weights.len() != layers || !net.dims.windows(2).enumerate().all(fits) {
        return Err(Error::malformed("dims", "do not fit W and b"));
    }
    let x = floats_field(file, "X")?;
    let y: Vec<usize> = flat_integers(field(file, "Y")?)?
        .into_iter()
        .map(|y| y as usize)
        .collect();
    let mut out = Vec::new();
    let mut compare = |name: &str, got: &[Vec<f64>]| -> Result<()> {
        let mut check = Check::new(name, Tolerance::default());
        compare_tensors(&mut check, name, got, field(file, name)?)?;
        out.push(check.done());
        Ok(())
    };
    compare("grad", &net.gradient(&x, &y))?;
    compare("snip", &net.snip(&x, &y))?;
    let raw = net.grasp(&x, &y);
    compare("grasp_raw", &raw)?;
    let scale = total(&raw).abs() + 1e-10;
    let shown: Vec<Vec<f64>> = raw
        .iter()
        .map(|l| l.iter().map(|v| v / scale).collect())
        .collect();
    compare("grasp_normalised", &shown)?;
    let fisher = net.fisher(&x, &y);
    compare("empirical_fisher_diag", &fisher)?;
    let mut damage = fisher;
    join(&mut damage, &net.weights, |f, w| 0.5 * f * w * w);
    compare("obd_saliency", &damage)?;
    let (flow, synflow) = net.synflow(None);
    compare("synflow", &synflow)?;
    let mut check = Check::new("loss and flow", Tolerance::default());
    check.float("loss", net.loss(&x, &y), float_field(file, "loss")?);
    check.float("synflow_R", flow, float_field(file, "synflow_R")?);
    let sums: Vec<f64> = synflow.iter().map(|l| l.iter().sum()).collect();
    check.floats(
        "synflow_layer_sums",
        &sums,
        field(file, "synflow_layer_sums")?,
    );
    out.push(check.done());
    for (name, rounds) in file.as_object().into_iter().flatten() {
        if name.starts_with("synflow_exponential") {
            let rounds = items(rounds)?;
            let density = rounds
                .last()
                .map_or(Ok(1.0), |r| float_field(r, "density"))?;
            let mut check = Check::new("SynFlow in rounds", Tolerance::exact());
            let got = net.synflow_rounds(density, rounds.len());
            for (i, (got, want)) in got.iter().zip(rounds).enumerate() {
                let kept: Vec<i64> = got.iter().map(|k| *k as i64).collect();
                check.integers(&format!("round {}", i + 1), &kept, field(want, "kept")?);
            }
            out.push(check.done());
        }
    }
    Ok(out)
}
