//! Sparsity schedules, dynamic masks and regularisers.

use super::{bits, list, mask_of};
use crate::core::golden::{
    Case, Check, Tolerance, field, flat_floats, float_field, floats_field, str_field, usize_field,
};
use crate::core::{Error, Result};
use crate::labs::pruning::criteria::regrow::{drop_fraction, mass_mask, rigl};
use crate::labs::pruning::criteria::regularise::{
    Quantiser, annealed, hyper_sparse, keep_probability,
};
use crate::labs::pruning::schedule::{Schedule, Shape, torch_ao_cubic};
use serde_json::Value;

fn shape_of(kind: &str, file: &Value, case: &Value) -> Result<Shape> {
    let option = |group: &str, name: &str| -> Result<f64> {
        match case.get(name) {
            Some(_) => float_field(case, name),
            None => float_field(field(file, group)?, name),
        }
    };
    Ok(match kind {
        "oneshot" => Shape::OneShot,
        "linear" => Shape::Linear,
        "cubic" => Shape::Polynomial { power: 3.0 },
        "poly" | "polynomial" => Shape::Polynomial {
            power: option("poly", "power")?,
        },
        "exponential" => Shape::Exponential,
        "cosine" => Shape::Cosine,
        "iterative" => Shape::Iterative {
            rounds: option("iterative", "rounds")? as u64,
        },
        "harmonic" => Shape::Harmonic {
            cycles: option("harmonic", "cycles")?,
            power: option("harmonic", "power")?,
        },
        other => return Err(Error::malformed("kind", format!("{other} is not known"))),
    })
}

pub(super) fn schedules(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    for (i, case) in list(file, "cases")?.iter().enumerate() {
        let kind = str_field(case, "kind")?;
        let schedule = Schedule {
            shape: shape_of(kind, file, case)?,
            initial: float_field(case, "s_initial")?,
            last: float_field(case, "s_final")?,
            start: usize_field(case, "start")? as u64,
            end: usize_field(case, "end")? as u64,
            every: usize_field(case, "every")? as u64,
        };
        let steps = usize_field(case, "steps")? as u64;
        schedule.check(steps)?;
        let mut check = Check::new(format!("{i}: {kind}"), Tolerance::absolute(1e-12));
        let got: Vec<f64> = (0..=steps).map(|t| schedule.at(t)).collect();
        check.floats("values", &got, field(case, "values")?);
        out.push(check.done());
    }
    if file.get("torch_ao_cubic").is_some() {
        let mut check = Check::new("torch.ao cubic", Tolerance::absolute(1e-12));
        for (i, case) in list(file, "torch_ao_cubic")?.iter().enumerate() {
            let f = |name| float_field(case, name);
            let got = torch_ao_cubic(f("s0")?, f("sf")?, f("t")?, f("t0")?, f("dt")?, f("n")?);
            check.float(&format!("[{i}]"), got, f("value")?);
        }
        out.push(check.done());
    }
    Ok(out)
}

pub(super) fn dynamic(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    if let Some(group) = file.get("rigl") {
        out.extend(rigl_cases(group)?);
    }
    if let Some(group) = file.get("hypersparse") {
        let w = floats_field(group, "w")?;
        for case in list(group, "cases")? {
            let rate = float_field(case, "prune_rate")?;
            let mut check = Check::new(format!("HyperSparse at {rate}"), Tolerance::default());
            let got = hyper_sparse(&w, rate).ok_or_else(|| Error::malformed("w", "is empty"))?;
            check.float("s", got.sigma, float_field(case, "s")?);
            check.float("loss_value", 0.0, float_field(case, "loss_value")?);
            let want = float_field(case, "surrogate_before_stop_gradient")?;
            check.float("surrogate_before_stop_gradient", got.surrogate, want);
            check.floats("grad", &got.gradient, field(case, "grad")?);
            out.push(check.done());
        }
    }
    if file.get("gradient_annealing").is_some() {
        let mut check = Check::new("gradient annealing", Tolerance::default());
        for case in list(file, "gradient_annealing")? {
            let f = |name| float_field(case, name);
            let (cosine, linear) = annealed(f("alpha0")?, f("t")?, f("T")?);
            check.float("cosine", cosine, f("cosine")?);
            check.float("linear", linear, f("linear")?);
        }
        out.push(check.done());
    }
    if let Some(group) = file.get("gradient_dropout") {
        let (a, b) = (
            floats_field(group, "task_grad")?,
            floats_field(group, "anchor_grad")?,
        );
        let got: Vec<f64> = a
            .iter()
            .zip(&b)
            .map(|(&a, &b)| keep_probability(a, b))
            .collect();
        let mut check = Check::new("gradient dropout", Tolerance::default());
        check.floats("keep_probability", &got, field(group, "keep_probability")?);
        out.push(check.done());
    }
    if let Some(group) = file.get("self_compression") {
        let x = floats_field(group, "x")?;
        for case in list(group, "cases")? {
            let (b, e) = (float_field(case, "bits")?, float_field(case, "exponent")?);
            let quantiser = Quantiser::new(b, e);
            let mut check = Check::new(format!("{b} bits, exponent {e}"), Tolerance::default());
            let got: Vec<f64> = x.iter().map(|&x| quantiser.of(x)).collect();
            check.floats("y", &got, field(case, "y")?);
            out.push(check.done());
        }
    }
    if let Some(group) = file.get("ftwt_mass") {
        for case in list(group, "cases")? {
            let mass = float_field(case, "mass")?;
            let mut check = Check::new(format!("mass {mass}"), Tolerance::exact());
            let (mut got, mut counts) = (Vec::new(), Vec::new());
            for row in list(group, "activation_energy")? {
                let mask = mass_mask(&flat_floats(row)?, mass);
                counts.push(mask.count() as i64);
                got.extend(bits(&mask));
            }
            check.integers("mask", &got, field(case, "mask")?);
            check.integers("k", &counts, field(case, "k")?);
            out.push(check.done());
        }
    }
    Ok(out)
}

fn rigl_cases(group: &Value) -> Result<Vec<Case>> {
    let (w, g) = (floats_field(group, "w")?, floats_field(group, "grad")?);
    let mask = mask_of(field(group, "mask")?)?;
    if w.len() != g.len() || w.len() != mask.len() {
        return Err(Error::malformed("rigl", "w, grad and mask differ in size"));
    }
    let mut out = Vec::new();
    for step in list(group, "steps")? {
        let fraction = float_field(step, "drop_fraction")?;
        let mut check = Check::new(format!("RigL, drop {fraction}"), Tolerance::default());
        let got = rigl(&w, &g, &mask, fraction);
        check.equal("dropped", &got.dropped, &usize_field(step, "dropped")?);
        check.integers("mask", &bits(&got.mask), field(step, "mask")?);
        check.floats("weights", &got.weights, field(step, "weights")?);
        check.integers(
            "newly_grown",
            &bits(&got.grown),
            field(step, "newly_grown")?,
        );
        out.push(check.done());
    }
    if let Some(Value::Array(points)) = group.get("drop_fraction_cosine") {
        let mut check = Check::new("drop fraction", Tolerance::default());
        let end = points.last().map_or(Ok(1.0), |p| float_field(p, "t"))?;
        for point in points {
            let got = drop_fraction(0.3, float_field(point, "t")?, end);
            check.float("f", got, float_field(point, "f")?);
        }
        out.push(check.done());
    }
    Ok(out)
}
