//! Kinds `erc`, `graph_of_tokens` and `losses_metrics`.

use super::read::{
    Against as _, as_matrix, check, choices, finite, floats, indices, list, matrix, number_in,
    object, project, whole,
};
use crate::core::gate;
use crate::core::golden::{Case, Check, field, flat_integers, float_field, usize_field};
use crate::core::matrix::{Matrix, counts};
use crate::core::{Error, Result, num};
use crate::labs::routing::rules::losses::{self, Machine};
use crate::labs::routing::rules::{erc as coupling, load};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn erc(file: &Value) -> Result<Vec<Case>> {
    let rows = matrix(file, "R")?;
    let unit = matrix(file, "noise_unit")?;
    if (unit.rows, unit.cols) != (rows.rows, rows.cols) {
        return Err(Error::malformed("noise_unit", "has another shape than R"));
    }
    let projections = list(file, "Wg")?
        .iter()
        .map(|w| as_matrix(w, "Wg"))
        .collect::<Result<Vec<Matrix>>>()?;
    if projections.len() != rows.rows || projections.iter().any(|w| w.rows != rows.cols) {
        return Err(Error::malformed("Wg", "does not fit the shape of R"));
    }
    let bound = coupling::noise_bound(&rows)?;
    let noisy = coupling::perturbed(&rows, &bound, &unit);
    let (clean, m) = (
        coupling::activations(&rows, &projections),
        coupling::activations(&noisy, &projections),
    );
    let mut c = check("activations");
    c.floats_in(&bound, file, "eps");
    c.floats_in(&noisy.data, file, "R_perturbed");
    c.floats_in(&clean.data, file, "M_clean");
    c.floats_in(&m.data, file, "M");
    let mut out = vec![c.done()];
    let mut c = check("loss");
    for key in object(file, "loss")?.keys() {
        c.float_in(coupling::loss(&m, number_in(key)?), &file["loss"], key);
    }
    c.float_in(coupling::loss(&clean, 1.0), file, "loss_clean_alpha1");
    out.push(c.done());
    Ok(out)
}

fn entropies(p: &Matrix) -> Vec<f64> {
    (0..p.rows).map(|t| gate::entropy(p.row(t))).collect()
}

pub(super) fn graph_of_tokens(file: &Value) -> Result<Vec<Case>> {
    let x = matrix(file, "x")?;
    let p = finite(project(&x, &matrix(file, "W")?)?)?.softmax_rows();
    let tau = float_field(field(file, "params")?, "tau")?;
    if tau <= 0.0 {
        return Err(Error::out_of_range("tau", tau, "above 0"));
    }
    let similarity = losses::similarity(&x, tau);
    let attention = matrix(file, "attention_mean")?;
    if (attention.rows, attention.cols) != (x.rows, x.rows) {
        return Err(Error::malformed(
            "attention_mean",
            format!("is not {0} x {0}", x.rows),
        ));
    }
    let own = entropies(&p);
    let entropy = field(file, "entropy")?;
    let conditional = field(file, "expected_conditional_entropy")?;
    let mut c = check("base");
    let shown = matrix(file, "similarity_first_4_rows")?.rows.min(x.rows);
    c.floats_in(
        &similarity.data[..shown * x.rows],
        file,
        "similarity_first_4_rows",
    );
    c.floats_in(&p.data, file, "probs");
    c.floats_in(&own, entropy, "base");
    let mut out = vec![c.done()];
    for (name, mixing) in [("similarity", &similarity), ("attention", &attention)] {
        let mut c = check(name);
        let mixed = mixing.times(&p);
        c.floats_in(&mixed.data, file, &format!("probs_{name}"));
        c.whole_in(
            &whole(mixed.top_k_rows(2).iter().flatten()),
            file,
            &format!("top2_{name}"),
        );
        c.floats_in(&entropies(&mixed), entropy, name);
        let expected: Vec<f64> = (0..x.rows)
            .map(|t| crate::core::matrix::dot(mixing.row(t), &own))
            .collect();
        c.floats_in(&expected, conditional, name);
        out.push(c.done());
    }
    Ok(out)
}

/// A routed batch, as the losses and metrics need it.
struct Batch {
    x: Matrix,
    w: Matrix,
    z: Matrix,
    p: Matrix,
    k: usize,
    chosen: Vec<Vec<usize>>,
    loads: Vec<f64>,
}

pub(super) fn losses_metrics(file: &Value) -> Result<Vec<Case>> {
    let (x, w) = (matrix(file, "x")?, matrix(file, "W")?);
    let z = finite(project(&x, &w)?)?;
    let params = field(file, "params")?;
    let k = choices(params, "k", z.cols)?;
    let p = z.softmax_rows();
    let chosen = p.top_k_rows(k);
    let loads: Vec<f64> = counts(chosen.iter().flatten().copied(), z.cols)
        .iter()
        .map(|&c| c as f64)
        .collect();
    let s = Batch {
        x,
        w,
        z,
        p,
        k,
        chosen,
        loads,
    };
    let mut out = vec![loss_case(&s, params, file)?];
    if let Some(metrics) = file.get("metrics") {
        out.extend(metric_cases(&s, metrics)?);
    }
    if let Some(case) = file.get("latency_aware") {
        let mut c = check("latency-aware loss");
        let experts = indices(case, "experts", s.z.cols)?;
        let latencies = floats(case, "latencies", experts.len())?;
        c.float_in(
            losses::latency_loss(&s.z, &experts, &latencies),
            case,
            "value",
        );
        out.push(c.done());
    }
    Ok(out)
}

fn loss_case(s: &Batch, params: &Value, file: &Value) -> Result<Case> {
    let want = field(file, "losses")?;
    let mut c = check("losses");
    c.whole_in(&whole(s.chosen.iter().flatten()), file, "indices");
    let general = losses::switch_loss(&s.loads, &s.p);
    c.float_in(general, want, "switch_general");
    c.float_in(general / s.k as f64, want, "switch_per_k");
    let sequence = usize_field(params, "sequence")?;
    let blocks = losses::sequence_losses(&s.z, &s.chosen, s.k, sequence);
    c.floats_in(&blocks, want, "deepseek_v3_sequence_wise_alpha1");
    c.float_in(
        losses::cv_squared(&s.p.column_sums()),
        want,
        "importance_cv2_unbiased",
    );
    let noise = float_field(file, "tutel_noise")?;
    let smooth = losses::smooth_load(&s.z, &s.chosen, noise);
    c.float_in(losses::cv_squared(&smooth), want, "tutel_load_cv2");
    c.float_in(losses::z_loss(&s.z), want, "z_loss");
    let gradient = losses::switch_gradient(&s.loads, &s.p);
    let name = "grad_switch_general_wrt_logits_first_8";
    let rows = matrix(file, name)?.rows.min(gradient.rows);
    c.floats_in(&gradient.data[..rows * gradient.cols], file, name);
    Ok(c.done())
}

/// Mutual information of a label and the first choice, and the same over ln of the labels.
fn information(s: &Batch, labels: &[i64]) -> (f64, f64) {
    let mut joint: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for (label, chosen) in labels.iter().zip(&s.chosen) {
        joint.entry(*label).or_insert_with(|| vec![0.0; s.z.cols])[chosen[0]] += 1.0;
    }
    let joint: Vec<Vec<f64>> = joint.into_values().collect();
    let mi = load::mutual_information(&joint);
    (mi, mi / num::ln(joint.len() as f64))
}

fn metric_cases(s: &Batch, m: &Value) -> Result<Vec<Case>> {
    let mut c = check("load metrics");
    c.floats_in(&s.loads, m, "load");
    c.float_in(load::cv(&s.loads), m, "cv");
    c.float_in(load::max_violation(&s.loads), m, "maxvio");
    c.float_in(load::min_violation(&s.loads), m, "minvio");
    c.float_in(load::gini(&s.loads), m, "gini");
    c.float_in(load::load_entropy(&s.loads), m, "load_entropy_norm");
    let entropy = entropies(&s.p).iter().sum::<f64>() / s.p.rows as f64;
    c.float_in(entropy, m, "mean_router_entropy");
    c.float_in(load::max_violation(&s.loads) + 1.0, m, "straggler");
    let mut out = vec![c.done()];
    let mut c = check("specialisation and stability");
    let labels = flat_integers(field(m, "label")?)?;
    if labels.len() != s.z.rows {
        return Err(Error::malformed(
            "label",
            format!("{} values, want {}", labels.len(), s.z.rows),
        ));
    }
    let (mi, nmi) = information(s, &labels);
    c.float_in(mi, m, "mutual_information_nats");
    c.float_in(nmi, m, "nmi");
    let second = matrix(m, "x_perturbed")?;
    if (second.rows, second.cols) != (s.x.rows, s.x.cols) {
        return Err(Error::malformed("x_perturbed", "has another shape than x"));
    }
    let other = project(&second, &s.w)?.softmax_rows().top_k_rows(s.k);
    c.float_in(
        losses::fluctuation(&s.chosen, &other),
        m,
        "fluctuation_top1",
    );
    c.float_in(losses::jaccard(&s.chosen, &other), m, "jaccard_topk");
    out.push(c.done());
    if let Some(case) = m.get("all_to_all") {
        out.push(traffic(s, case)?);
    }
    if let Some(mbu) = m.get("s_mbu") {
        out.push(utilisation(s, mbu, m.get("s_mfu"))?);
    }
    Ok(out)
}

fn traffic(s: &Batch, case: &Value) -> Result<Case> {
    let ranks = usize_field(case, "ranks")?;
    if ranks < 1 {
        return Err(Error::out_of_range("ranks", ranks, "at least 1"));
    }
    let bytes = usize_field(case, "bytes_per_token")?;
    let got = losses::all_to_all(&s.chosen, s.z.cols, ranks);
    let mut c = check("all-to-all");
    let mut count = |value: usize, name: &str| c.whole_in(&[value as i64], case, name);
    count(got.cross_pairs, "cross_pairs");
    count(got.cross_pairs * bytes, "dispatch_bytes");
    count(got.unique_rank_copies, "unique_rank_copies");
    count(got.unique_rank_copies * bytes, "deduplicated_bytes");
    count(2 * got.cross_pairs * bytes, "round_trip_bytes");
    c.whole_in(&whole(&got.rank_load), case, "rank_load");
    Ok(c.done())
}

fn utilisation(s: &Batch, mbu: &Value, mfu: Option<&Value>) -> Result<Case> {
    let mut c: Check = check("utilisation");
    let machine = Machine {
        layers: float_field(mbu, "layers")?,
        expert_params: float_field(mbu, "params_per_expert")?,
        attention_params: float_field(mbu, "attention_params")?,
    };
    let mut touched: Vec<usize> = s.chosen.iter().take(2).flatten().copied().collect();
    touched.sort_unstable();
    touched.dedup();
    c.whole_in(
        &[touched.len() as i64],
        mbu,
        "distinct_experts_first_two_tokens",
    );
    let kv = float_field(mbu, "kv_elements")?;
    let element = float_field(mbu, "bytes_per_element")?;
    let seconds = float_field(mbu, "seconds_per_step")?;
    let bandwidth = float_field(mbu, "bandwidth")? * float_field(mbu, "gpus")?;
    let of = |active: f64| machine.mbu(active, kv, element, seconds, bandwidth);
    c.float_in(of(touched.len() as f64), mbu, "value");
    c.float_in(of(s.z.cols as f64), mbu, "dense_mbu");
    if let Some(mfu) = mfu {
        let (speed, peak) = (
            float_field(mfu, "tokens_per_second")?,
            float_field(mfu, "peak_flops")?,
        );
        c.float_in(
            machine.mfu(float_field(mfu, "k_active")?, speed, peak),
            mfu,
            "value",
        );
        c.float_in(machine.mfu(s.z.cols as f64, speed, peak), mfu, "dense_mfu");
    }
    Ok(c.done())
}
