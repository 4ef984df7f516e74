//! Kinds `expert_choice_soft_mod`, `entropy_dynmole`, `halting` and `blockffn`.

use super::read::{
    Against as _, as_matrix, check, finite, floats, list, logits, marks, matrix, number_in, object,
    project, whole,
};
use crate::core::golden::{Case, Check, field, flat_integers, float_field, usize_field};
use crate::core::matrix::{Matrix, counts, dot};
use crate::core::{Error, Result};
use crate::labs::routing::rules::capacity::capacity;
use crate::labs::routing::rules::choice::{SoftMoe, depth_tokens, expert_choice};
use crate::labs::routing::rules::entropy::{DynMole, renyi, tsallis};
use crate::labs::routing::rules::{blockffn as block, halting as rule};
use serde_json::Value;

pub(super) fn expert_choice_soft_mod(file: &Value) -> Result<Vec<Case>> {
    let x = matrix(file, "x")?;
    let mut out = Vec::new();
    if file.get("expert_choice").is_some() {
        let z = logits(file)?;
        let p = z.softmax_rows();
        let mut c = check("probabilities");
        c.floats_in(&p.data, file, "probs");
        out.push(c.done());
        for (key, want) in object(file, "expert_choice")? {
            let mut c = check(format!("expert choice {key}"));
            let places = capacity(number_in(key)?, 1, z.rows, z.cols).min(z.rows);
            let chosen = expert_choice(&p, places);
            let per_token = counts(chosen.iter().flatten().copied(), z.rows);
            let unrouted: Vec<usize> = (0..z.rows).filter(|&t| per_token[t] == 0).collect();
            let gates: Vec<f64> = chosen
                .iter()
                .enumerate()
                .flat_map(|(e, tokens)| tokens.iter().map(move |&t| (t, e)))
                .map(|(t, e)| p.at(t, e))
                .collect();
            c.whole_in(&[places as i64], want, "capacity");
            c.whole_in(&whole(chosen.iter().flatten()), want, "tokens_per_expert");
            c.floats_in(&gates, want, "gates");
            c.whole_in(&whole(&per_token), want, "experts_per_token");
            c.whole_in(&whole(&unrouted), want, "tokens_unrouted");
            out.push(c.done());
        }
    }
    if let Some(case) = file.get("soft_moe") {
        out.extend(soft_moe(&x, case)?);
    }
    if let Some(case) = file.get("mixture_of_depths") {
        out.push(depths(&x, case)?);
    }
    Ok(out)
}

fn soft_moe(x: &Matrix, case: &Value) -> Result<Vec<Case>> {
    let tokens = usize_field(case, "tokens")?;
    let per_expert = usize_field(case, "slots_per_expert")?;
    if tokens < 1 || tokens > x.rows || per_expert < 1 {
        return Err(Error::out_of_range(
            "tokens",
            tokens,
            format!("1 to {} with at least one slot", x.rows),
        ));
    }
    let x = Matrix {
        rows: tokens,
        cols: x.cols,
        data: x.data[..tokens * x.cols].to_vec(),
    };
    let phi = matrix(case, "phi")?;
    if phi.rows != x.cols {
        return Err(Error::malformed(
            "phi",
            format!("{} rows, x has {} columns", phi.rows, x.cols),
        ));
    }
    let factor = |s: usize| 1.0 + (s / per_expert) as f64;
    let mut c = check("soft MoE");
    let got = SoftMoe::new(&x, &phi);
    c.floats_in(&got.logits.data, case, "logits");
    c.floats_in(&got.dispatch.data, case, "dispatch");
    c.floats_in(&got.combine.data, case, "combine");
    c.floats_in(&got.slot_inputs.data, case, "slot_inputs");
    c.floats_in(&got.output(factor).data, case, "output");
    let mut out = vec![c.done()];
    if let Some(case) = case.get("normalised") {
        let mut c = check("soft MoE, normalised");
        let got = SoftMoe::normalised(&x, &phi, float_field(case, "scale")?);
        c.floats_in(&got.logits.data, case, "logits");
        c.floats_in(&got.dispatch.column(0), case, "dispatch_column_0");
        c.floats_in(got.combine.row(0), case, "combine_row_0");
        c.floats_in(got.output(factor).row(0), case, "output_row_0");
        out.push(c.done());
    }
    Ok(out)
}

fn depths(x: &Matrix, case: &Value) -> Result<Case> {
    let router = floats(case, "router", x.cols)?;
    let scores: Vec<f64> = (0..x.rows).map(|t| dot(x.row(t), &router)).collect();
    let places = capacity(float_field(case, "capacity_fraction")?, 1, x.rows, 1).min(x.rows);
    let causal: Vec<usize> = (0..x.rows).filter(|&t| scores[t] > 0.0).collect();
    let mut c = check("mixture of depths");
    c.floats_in(&scores, case, "scores");
    c.whole_in(&[places as i64], case, "capacity");
    c.whole_in(
        &whole(&depth_tokens(&scores, places)),
        case,
        "routed_tokens",
    );
    c.whole_in(&whole(&causal), case, "causal_selected");
    Ok(c.done())
}

pub(super) fn entropy_dynmole(file: &Value) -> Result<Vec<Case>> {
    let z = finite(matrix(file, "logits")?)?;
    let p = z.softmax_rows();
    let params = field(file, "params")?;
    let eps = float_field(params, "eps")?;
    let mut out = Vec::new();
    let each = |f: &dyn Fn(&[f64]) -> f64| (0..p.rows).map(|t| f(p.row(t))).collect::<Vec<f64>>();
    for (group, is_renyi, eps) in [
        ("tsallis_normalised", false, eps),
        ("tsallis_exact_eps0", false, 0.0),
        ("renyi_normalised", true, eps),
    ] {
        let Some(Value::Object(entries)) = file.get(group) else {
            continue;
        };
        for (key, want) in entries {
            let index = number_in(key)?;
            let mut c = check(format!("{group} {key}"));
            let got = if is_renyi {
                each(&|p| renyi(p, index, eps))
            } else {
                each(&|p| tsallis(p, index, eps))
            };
            c.floats(key, &got, want);
            out.push(c.done());
        }
    }
    for case in list(file, "cases")? {
        out.push(dynmole(&z, params, eps, case)?);
    }
    Ok(out)
}

fn dynmole(z: &Matrix, params: &Value, eps: f64, case: &Value) -> Result<Case> {
    let q = float_field(case, "q")?;
    if q <= 0.0 || q > 2.0 {
        return Err(Error::out_of_range("q", q, "above 0, at most 2"));
    }
    let rule = DynMole {
        threshold: float_field(case, "threshold")?,
        q,
        keep_top_k: usize_field(case, "keep_top_k")?,
        top_p: float_field(case, "top_p")?,
        eps,
    };
    let mut c = check(format!(
        "threshold {}, q {q}, top {} or p {}",
        rule.threshold, rule.keep_top_k, rule.top_p
    ));
    let got = rule.batch(z);
    let active: Vec<usize> = got
        .mask
        .iter()
        .map(|row| row.iter().filter(|&&m| m).count())
        .collect();
    let n = z.rows as f64;
    let entropy_loss = got.entropy.iter().sum::<f64>() / n;
    c.whole_in(&marks(got.mask.iter().flatten()), case, "mask");
    c.floats_in(&got.entropy, case, "entropy");
    c.whole_in(&whole(&active), case, "active_per_token");
    c.float_in(active.iter().sum::<usize>() as f64 / n, case, "mean_active");
    c.float_in(entropy_loss, case, "entropy_loss");
    c.float_in(got.balance_loss, case, "balance_loss");
    let defaults = field(params, "defaults")?;
    let total = float_field(defaults, "dyn_loss")? * entropy_loss
        + float_field(defaults, "aux_loss")? * got.balance_loss;
    c.float_in(total, case, "total_loss_default");
    Ok(c.done())
}

fn item_rows(value: &Value, name: &str, items: usize, layers: usize) -> Result<Matrix> {
    let m = matrix(value, name)?;
    if (m.rows, m.cols) != (items, layers) {
        return Err(Error::malformed(
            name,
            format!("{} x {}, want {items} x {layers}", m.rows, m.cols),
        ));
    }
    Ok(m)
}

pub(super) fn halting(file: &Value) -> Result<Vec<Case>> {
    let lambdas = matrix(file, "lambdas")?;
    let (items, layers) = (lambdas.rows, lambdas.cols);
    let pdf = lambdas.map_rows(rule::exit_pdf);
    let cdf = pdf.map_rows(rule::cumulated);
    let training = pdf.map_rows(rule::training_pdf);
    let mut shared = check("distributions");
    shared.floats_in(&pdf.data, file, "pdf");
    shared.floats_in(&cdf.data, file, "cdf");
    shared.floats_in(&training.data, file, "pdf_training");
    let expected: Vec<f64> = (0..items)
        .map(|i| {
            training
                .row(i)
                .iter()
                .enumerate()
                .map(|(l, p)| (l + 1) as f64 * p)
                .sum()
        })
        .collect();
    shared.floats_in(&expected, file, "expected_layers_1based");
    let mut out = vec![shared.done()];
    let exits = |f: &dyn Fn(usize) -> usize| (0..items).map(|i| f(i) as i64).collect::<Vec<_>>();
    if let Some(Value::Object(thresholds)) = file.get("q_exit") {
        for (key, want) in thresholds {
            let threshold = number_in(key)?;
            let mut c = check(format!("Q-exit {key}"));
            c.integers(
                "exit",
                &exits(&|i| rule::q_exit(cdf.row(i), threshold)),
                want,
            );
            out.push(c.done());
        }
    }
    if let Some(case) = file.get("sampled_exit") {
        let u = item_rows(case, "uniforms", items, layers)?;
        let mut c = check("sampled exit");
        c.whole_in(
            &exits(&|i| rule::sampled_exit(lambdas.row(i), u.row(i))),
            case,
            "exit",
        );
        out.push(c.done());
    }
    if let Some(case) = file.get("prior") {
        let mut c = check("prior");
        let prior = rule::geometric_prior(float_field(case, "lambda_p")?, layers);
        let kl: Vec<f64> = (0..items)
            .map(|i| rule::kl(&prior, training.row(i)))
            .collect();
        c.floats_in(&prior, case, "p");
        c.floats_in(&kl, case, "kl_prior_posterior");
        c.float_in(kl.iter().sum::<f64>() / items as f64, case, "kl_batchmean");
        out.push(c.done());
    }
    if let Some(case) = file.get("pabee") {
        item_rows(case, "predictions", items, layers)?;
        let predictions = flat_integers(field(case, "predictions")?)?;
        for (key, want) in object(case, "exits")? {
            let patience = number_in(key)? as usize;
            let mut c = check(format!("patience {key}"));
            let got = exits(&|i| {
                rule::patience_exit(&predictions[i * layers..(i + 1) * layers], patience)
            });
            c.integers("exit", &got, want);
            out.push(c.done());
        }
    }
    Ok(out)
}

fn first_rows(c: &mut Check, m: &Matrix, file: &Value, name: &str) -> Result<()> {
    let rows = as_matrix(field(file, name)?, name)?.rows.min(m.rows);
    c.floats_in(&m.data[..rows * m.cols], file, name);
    Ok(())
}

pub(super) fn blockffn(file: &Value) -> Result<Vec<Case>> {
    let params = field(file, "params")?;
    let shift = float_field(params, "shift")?;
    let mut raw = project(&matrix(file, "x")?, &matrix(file, "W")?)?;
    for v in &mut raw.data {
        *v -= shift;
    }
    let gain = floats(file, "gain", raw.cols)?;
    let routed = block::route(&raw, &gain, float_field(params, "rms_eps")?);
    let mut c = check("scores");
    first_rows(&mut c, &raw, file, "raw_minus_shift_first_8")?;
    first_rows(&mut c, &routed.score, file, "router_score_first_8")?;
    first_rows(&mut c, &routed.share, file, "normalised_score_first_8")?;
    let mut out = vec![c.done()];
    let mut c = check("sparsity");
    c.whole_in(
        &whole(&block::active_counts(&routed.score)),
        file,
        "active_counts",
    );
    c.float_in(
        block::token_sparsity(&routed.score),
        file,
        "token_level_sparsity",
    );
    for key in object(file, "chunk_level_sparsity")?.keys() {
        let got = block::chunk_sparsity(&routed.score, number_in(key)? as usize);
        c.float_in(got, &file["chunk_level_sparsity"], key);
    }
    out.push(c.done());
    let mut c = check("losses");
    c.float_in(
        block::locality_loss(&raw, float_field(params, "steep")?),
        file,
        "locality_loss",
    );
    let chunk = usize_field(params, "chunk")?;
    c.float_in(block::chunk_loss(&routed.share, chunk), file, "chunk_loss");
    if chunk > 0 && raw.rows % chunk != 0 {
        c.remark(format!(
            "the last {} tokens do not fill a chunk and are left out",
            raw.rows % chunk
        ));
    }
    out.push(c.done());
    Ok(out)
}
