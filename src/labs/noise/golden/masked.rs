//! Orders of revealing tokens and their exact cost.

use super::super::masked::{
    Chain, FieldOrder, Ising, Oracle, Policy, divergence, entropy, field_divergence,
};
use super::super::orders;
use super::{attempt, cases, compare, count, tolerance};
use crate::core::golden::{
    Case, Check, Tolerance, field, flat_floats, flat_integers, float_field, floats_field,
};
use crate::core::{Error, Result};
use serde_json::Value;

fn whole(values: &[usize]) -> Vec<i64> {
    values.iter().map(|v| *v as i64).collect()
}

pub(super) fn halton_order(file: &Value) -> Result<Vec<Case>> {
    Ok(cases(file, "cases")?
        .iter()
        .map(|case| {
            let n = case.get("n").map(Value::to_string).unwrap_or_default();
            attempt(format!("n = {n}"), Tolerance::exact(), |check| {
                let n = count(case, "n")?;
                if n == 0 || n > 512 {
                    return Err(Error::out_of_range("n", n, "1 to 512"));
                }
                if let Some(want) = case.get("order_rc") {
                    check.integers("order_rc", &whole(orders::halton(n).as_flattened()), want);
                }
                for (key, group) in case.as_object().into_iter().flatten() {
                    if key.starts_with("counts_") {
                        let counts = orders::arccos_counts(n, count(group, "S")?);
                        check.integers(key, &whole(&counts), field(group, "values")?);
                    }
                }
                Ok(())
            })
        })
        .collect())
}

pub(super) fn masked_orders(file: &Value) -> Result<Vec<Case>> {
    let tolerance = tolerance(file, "tolerance")?;
    let mut out = Vec::new();
    for (key, want) in file
        .get("dus_sets")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        out.push(attempt(format!("dus_sets {key}"), tolerance, |check| {
            let length = key
                .parse()
                .map_err(|e| Error::malformed("dus_sets", format!("{key}: {e}")))?;
            sets(check, "sets", length, want)
        }));
    }
    for (i, case) in cases(file, "chains")?.iter().enumerate() {
        out.push(attempt(format!("chain {i}"), tolerance, |check| {
            chain(check, case)
        }));
    }
    for (i, case) in cases(file, "gaussian_field")?.iter().enumerate() {
        out.push(attempt(format!("gaussian_field {i}"), tolerance, |check| {
            gaussian_field(check, case)
        }));
    }
    for (i, case) in cases(file, "ising")?.iter().enumerate() {
        out.push(attempt(format!("ising {i}"), tolerance, |check| {
            ising(check, case)
        }));
    }
    Ok(out)
}

fn sets(check: &mut Check, place: &str, length: usize, want: &Value) -> Result<()> {
    let rounds = want
        .as_array()
        .ok_or_else(|| Error::malformed("dus_sets", "is not a list"))?;
    let got = orders::dilated_sets(length);
    check.equal(&format!("{place}: rounds"), &got.len(), &rounds.len());
    for (t, (g, w)) in got.iter().zip(rounds).enumerate() {
        check.integers(&format!("{place}[{t}]"), &whole(g), w);
    }
    Ok(())
}

fn matrix(case: &Value, name: &str) -> Result<Vec<Vec<f64>>> {
    let rows = field(case, name)?
        .as_array()
        .ok_or_else(|| Error::malformed(name, "is not a list"))?;
    rows.iter().map(flat_floats).collect()
}

fn chain(check: &mut Check, case: &Value) -> Result<()> {
    let length = count(case, "B")?;
    let chain = Chain::new(
        floats_field(case, "pi")?,
        matrix(case, "P")?,
        matrix(case, "E")?,
        length,
    )?;
    if case.get("marginals").is_some() {
        marginals(check, case, &chain)?;
    }
    let dilated = orders::dilated_sets(length);
    if let Some(want) = case.get("dus_sets") {
        sets(check, "dus_sets", length, want)?;
    }
    let equal = orders::equal_sizes(length, dilated.len());
    if let Some(want) = case.get("equal_sizes") {
        check.integers("equal_sizes", &whole(&equal), want);
    }
    let h = entropy(&chain)?;
    compare(check, case, "entropy_nats", &[h]);
    let in_order: Vec<usize> = (0..length).collect();
    let dilated_sizes: Vec<usize> = dilated.iter().map(Vec::len).collect();
    let contiguous = orders::in_rounds(&in_order, &equal);
    let one_by_one = in_order.iter().map(|i| vec![*i]).collect();
    let policies = [
        ("dus", Policy::Fixed(dilated)),
        ("contiguous_blocks", Policy::Fixed(contiguous)),
        ("autoregressive", Policy::Fixed(one_by_one)),
        ("confidence_equal", Policy::Confidence(equal)),
        ("confidence_dus_sizes", Policy::Confidence(dilated_sizes)),
    ];
    compare_policies(check, case, &chain, &policies, h)
}

fn compare_policies(
    check: &mut Check,
    case: &Value,
    oracle: &dyn Oracle,
    policies: &[(&str, Policy)],
    entropy: f64,
) -> Result<()> {
    let Some(kl) = case.get("kl") else {
        return Ok(());
    };
    for (name, policy) in policies {
        if let Some(want) = kl.get(*name) {
            let got = divergence(oracle, policy, entropy)?;
            check.floats(
                &format!("kl.{name}"),
                &[got],
                &Value::Array(vec![want.clone()]),
            );
        }
    }
    Ok(())
}

fn marginals(check: &mut Check, case: &Value, chain: &Chain) -> Result<()> {
    let tokens = flat_integers(field(case, "x")?)?;
    let known = flat_integers(field(case, "known")?)?;
    if tokens.len() != chain.length || known.len() != chain.length {
        return Err(Error::malformed(
            "x",
            format!("and known need {} entries", chain.length),
        ));
    }
    let given: Vec<Option<usize>> = tokens
        .iter()
        .zip(&known)
        .map(|(t, k)| (*k == 1).then_some((*t).max(0) as usize))
        .collect();
    let (probability, laws) = chain.marginals(&given);
    if probability == 0.0 {
        return Err(Error::malformed(
            "x",
            "the sequence is impossible under the model",
        ));
    }
    compare(check, case, "marginals", &laws.concat());
    Ok(())
}

fn gaussian_field(check: &mut Check, case: &Value) -> Result<()> {
    let (n, ell) = (count(case, "n")?, float_field(case, "ell")?);
    if n == 0 || n > 64 {
        return Err(Error::out_of_range("n", n, "1 to 64"));
    }
    let counts = orders::arccos_counts(n, count(case, "steps")?);
    if let Some(want) = case.get("cumulative_counts") {
        check.integers("cumulative_counts", &whole(&counts), want);
    }
    let halton = orders::halton(n).iter().map(|c| c[0] * n + c[1]).collect();
    let policies = [
        ("halton", FieldOrder::Fixed(halton)),
        ("raster", FieldOrder::Fixed((0..n * n).collect())),
        ("min_variance_greedy", FieldOrder::LeastVariance),
    ];
    for (name, order) in &policies {
        if let Some(want) = case.get("kl").and_then(|kl| kl.get(*name)) {
            let got = field_divergence(n, ell, &counts, order)?;
            check.floats(
                &format!("kl.{name}"),
                &[got],
                &Value::Array(vec![want.clone()]),
            );
        }
    }
    Ok(())
}

fn ising(check: &mut Check, case: &Value) -> Result<()> {
    let model = Ising::new(float_field(case, "J")?)?;
    compare(check, case, "log_Z", &[model.log_z]);
    let halton: Vec<usize> = orders::halton(4).iter().map(|c| 4 * c[0] + c[1]).collect();
    if let Some(want) = case.get("halton_sites") {
        check.integers("halton_sites", &whole(&halton), want);
    }
    let sizes: Vec<usize> = flat_integers(field(case, "sizes")?)?
        .into_iter()
        .map(|s| s.max(0) as usize)
        .collect();
    let raster: Vec<usize> = (0..16).collect();
    let policies = [
        ("halton", Policy::Fixed(orders::in_rounds(&halton, &sizes))),
        ("raster", Policy::Fixed(orders::in_rounds(&raster, &sizes))),
        ("confidence", Policy::Confidence(sizes)),
    ];
    let h = entropy(&model)?;
    compare_policies(check, case, &model, &policies, h)
}
