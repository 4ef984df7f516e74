//! Kinds `sparse_ot` and `other_routers`.

use super::read::{
    Against as _, check, finite, floats, indices, list, matrix, number_in, object, whole,
};
use crate::core::gate;
use crate::core::golden::{Case, Tolerance, field, float_field, floats_field, usize_field};
use crate::core::matrix::Matrix;
use crate::core::{Error, Result};
use crate::labs::routing::rules::assignment::transport_cost;
use crate::labs::routing::rules::models::{self as rule, LayerRouter};
use crate::labs::routing::rules::sparse_ot::{Adam, Problem, project};
use serde_json::Value;

/// Entries of a plan above this count as nonzero.
const NONZERO: f64 = 1e-12;

fn nonzeros(values: impl IntoIterator<Item = f64>) -> i64 {
    values.into_iter().map(|t| i64::from(t > NONZERO)).sum()
}

fn positive(value: &Value, name: &str) -> Result<f64> {
    let v = float_field(value, name)?;
    if v > 0.0 {
        Ok(v)
    } else {
        Err(Error::out_of_range(name, v, "above 0"))
    }
}

pub(super) fn sparse_ot(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    if file.get("projection_cases").is_some() {
        for (i, case) in list(file, "projection_cases")?.iter().enumerate() {
            let mut c = crate::core::golden::Check::new(
                format!("projection {i}"),
                Tolerance::absolute(1e-12),
            );
            let s = floats_field(case, "s")?;
            let t = project(
                &s,
                usize_field(case, "k")?,
                positive(case, "gamma")?,
                float_field(case, "mass")?,
            );
            c.floats_in(&t, case, "t");
            out.push(c.done());
        }
    }
    let cost = matrix(file, "cost")?;
    let (a, b) = (floats(file, "a", cost.rows)?, floats(file, "b", cost.cols)?);
    for case in list(file, "cases")? {
        let k = super::read::choices(case, "k", cost.rows)?;
        let problem = Problem {
            cost: cost.clone(),
            a: a.clone(),
            b: b.clone(),
            gamma: positive(case, "gamma")?,
            k,
        };
        out.push(given_alpha(&problem, case)?);
        out.push(own_solver(&problem, case)?);
    }
    if file.get("unregularised_cost").is_some() {
        let mut c = check("unregularised cost");
        c.float_in(transport_cost(&cost, &a, &b), file, "unregularised_cost");
        out.push(c.done());
    }
    if let Some(case) = file.get("authors_router_setting") {
        out.push(authors_router(case)?);
    }
    Ok(out)
}

fn given_alpha(problem: &Problem, case: &Value) -> Result<Case> {
    let mut c = check(format!(
        "gamma {}, k {}: from the file's alpha",
        problem.gamma, problem.k
    ));
    let alpha = floats(case, "alpha", problem.a.len())?;
    let plan = problem.plan(&alpha);
    let per_column: Vec<i64> = (0..plan.cols).map(|j| nonzeros(plan.column(j))).collect();
    let transport = problem.transport_cost(&plan);
    let square: f64 = plan.data.iter().map(|t| t * t).sum();
    c.floats_in(&plan.data, case, "plan");
    c.float_in(problem.semi_dual(&alpha, &plan), case, "semi_dual_value");
    c.float_in(problem.row_error(&plan), case, "row_marginal_l1_error");
    c.float_in(transport, case, "transport_cost");
    c.float_in(
        transport + 0.5 * problem.gamma * square,
        case,
        "primal_value",
    );
    c.whole_in(&per_column, case, "nnz_per_column");
    Ok(c.done())
}

fn own_solver(problem: &Problem, case: &Value) -> Result<Case> {
    let mut c = crate::core::golden::Check::new(
        format!("gamma {}, k {}: own solver", problem.gamma, problem.k),
        Tolerance::relative(1e-5),
    );
    let alpha = problem.solve();
    let plan = problem.plan(&alpha);
    let (value, error) = (problem.semi_dual(&alpha, &plan), problem.row_error(&plan));
    let want = float_field(case, "semi_dual_value")?;
    let want_error = float_field(case, "row_marginal_l1_error")?;
    let below = (want - value) / want.abs();
    if below > 1e-6 {
        c.fail(format!(
            "semi_dual_value: got {value}, want {want}: {below:.1e} below"
        ));
    }
    c.float("semi_dual_value", value, want);
    if want_error < 1e-6 && error > 1e-5 {
        c.fail(format!(
            "row_marginal_l1_error: got {error:.1e}, want at most 1e-5"
        ));
    }
    c.remark(format!(
        "value {:+.1e} relative, row error {error:.1e} (file {want_error:.1e})",
        -below
    ));
    Ok(c.done())
}

fn authors_router(case: &Value) -> Result<Case> {
    let mut c = check("authors' router setting");
    let similarity = finite(matrix(case, "logits")?)?.softmax_rows();
    c.floats_in(&similarity.data, case, "similarity");
    let (n, e) = (similarity.rows, similarity.cols);
    let adam = field(case, "adam")?;
    let problem = Problem {
        cost: similarity.map_rows(|row| row.iter().map(|s| -s).collect()),
        a: vec![1.0; n],
        b: vec![n as f64 / e as f64; e],
        gamma: positive(case, "gamma")?,
        k: super::read::choices(case, "k", n)?,
    };
    let alpha = problem.ascend(Adam {
        lr: float_field(adam, "lr")?,
        b1: float_field(adam, "b1")?,
        b2: float_field(adam, "b2")?,
        eps: float_field(adam, "eps")?,
        steps: usize_field(adam, "steps")?,
    });
    let plan = problem.plan(&alpha);
    c.floats_in(&alpha, case, "alpha");
    c.floats_in(&plan.data, case, "plan");
    let per_expert: Vec<i64> = (0..e).map(|j| nonzeros(plan.column(j))).collect();
    let per_token: Vec<i64> = (0..n)
        .map(|i| nonzeros(plan.row(i).iter().copied()))
        .collect();
    c.whole_in(&per_expert, case, "tokens_per_expert");
    c.whole_in(&per_token, case, "experts_per_token");
    c.floats_in(&plan.row_sums(), case, "row_sums");
    Ok(c.done())
}

pub(super) fn other_routers(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    if let Some(case) = file.get("carrot") {
        out.extend(carrot(case)?);
    }
    if let Some(case) = file.get("entropy_energy") {
        let z = finite(matrix(case, "logits")?)?;
        let p = z.softmax_rows();
        let each = |f: &dyn Fn(usize) -> f64| (0..z.rows).map(f).collect::<Vec<f64>>();
        let mut c = check("entropy and energy");
        c.floats_in(&each(&|t| gate::entropy(p.row(t))), case, "entropy_nats");
        c.floats_in(
            &each(&|t| -gate::log_sum_exp(z.row(t))),
            case,
            "free_energy",
        );
        c.floats_in(
            &each(&|t| p.row(t).iter().copied().fold(0.0, f64::max)),
            case,
            "max_prob",
        );
        out.push(c.done());
    }
    if let Some(case) = file.get("arbitrage") {
        out.push(arbitrage(case)?);
    }
    if let Some(case) = file.get("dr_llm") {
        out.extend(layer_router(case)?);
    }
    if let Some(case) = file.get("cosine_router") {
        out.push(cosine(case)?);
    }
    Ok(out)
}

fn same_shape(m: &Matrix, other: &Matrix, name: &str) -> Result<()> {
    if (m.rows, m.cols) == (other.rows, other.cols) {
        return Ok(());
    }
    Err(Error::malformed(
        name,
        format!(
            "{} x {}, want {} x {}",
            m.rows, m.cols, other.rows, other.cols
        ),
    ))
}

fn carrot(case: &Value) -> Result<Vec<Case>> {
    let quality = matrix(case, "predicted_quality")?;
    let cost = matrix(case, "cost")?;
    let correct = matrix(case, "true_correct")?;
    same_shape(&cost, &quality, "cost")?;
    same_shape(&correct, &quality, "true_correct")?;
    let n = quality.rows as f64;
    list(case, "curve")?
        .iter()
        .map(|point| {
            let mu = float_field(point, "mu")?;
            let mut c = check(format!("carrot, mu {mu}"));
            let chosen: Vec<usize> = (0..quality.rows)
                .map(|t| rule::carrot(quality.row(t), cost.row(t), mu))
                .collect();
            let mean = |m: &Matrix| {
                chosen
                    .iter()
                    .enumerate()
                    .map(|(t, &i)| m.at(t, i))
                    .sum::<f64>()
                    / n
            };
            c.whole_in(&whole(&chosen), point, "choice");
            c.float_in(mean(&cost), point, "mean_cost");
            c.float_in(mean(&correct), point, "mean_true_quality");
            Ok(c.done())
        })
        .collect()
}

fn arbitrage(case: &Value) -> Result<Case> {
    let draft = floats_field(case, "draft_score")?;
    let target = floats(case, "target_score", draft.len())?;
    let mut c = check("arbitrage");
    for (group, advantage) in [("oracle_escalate", true), ("rsd_escalate", false)] {
        for (key, want) in object(case, group)? {
            let limit = number_in(key)?;
            let items: Vec<usize> = (0..draft.len())
                .filter(|&i| {
                    if advantage {
                        target[i] - draft[i] > limit
                    } else {
                        draft[i] <= limit
                    }
                })
                .collect();
            c.integers(&format!("{group} {key}"), &whole(&items), want);
        }
    }
    Ok(c.done())
}

fn layer_router(case: &Value) -> Result<Vec<Case>> {
    let x = matrix(case, "x")?;
    let (w1, w2) = (matrix(case, "W1")?, matrix(case, "W2")?);
    if w1.cols != x.cols || w2.cols != w1.rows || x.rows == 0 || w2.rows < 3 {
        return Err(Error::malformed(
            "W1, W2",
            "do not fit x, or fewer than three decisions",
        ));
    }
    let (b1, b2) = (floats(case, "b1", w1.rows)?, floats(case, "b2", w2.rows)?);
    let windows = usize_field(case, "windows")?;
    let (logits, size) = LayerRouter { w1, b1, w2, b2 }.window_logits(&x, windows);
    let mean: Vec<f64> = logits
        .column_sums()
        .iter()
        .map(|v| v / logits.rows as f64)
        .collect();
    let mut c = check("Dr.LLM windows");
    c.whole_in(&[size as i64], case, "window_size");
    c.whole_in(
        &[(x.rows - size * logits.rows) as i64],
        case,
        "dropped_tail_tokens",
    );
    c.floats_in(&logits.data, case, "window_logits");
    c.floats_in(&mean, case, "mean_logits");
    c.whole_in(&[gate::argmax(&mean) as i64], case, "decision");
    let mut out = vec![c.done()];
    for point in list(case, "policy")? {
        let p = float_field(point, "p")?;
        let mut c = check(format!("Dr.LLM policy {p}"));
        let probs = rule::control(&mean, p);
        c.floats_in(&probs, point, "probs");
        c.whole_in(&[gate::argmax(&probs) as i64], point, "decision");
        out.push(c.done());
    }
    let mut c = check("Dr.LLM loss");
    let weights = rule::class_weights(&[4399.0, 120_956.0, 1457.0], 0.999);
    c.floats_in(&weights, case, "class_weights");
    if let Some(focal) = case.get("focal") {
        let z = finite(matrix(focal, "logits")?)?;
        let target = indices(focal, "target", z.cols.min(weights.len()))?;
        if target.len() != z.rows {
            return Err(Error::malformed(
                "target",
                format!("{} values, want {}", target.len(), z.rows),
            ));
        }
        let loss = rule::focal_loss(&z, &target, &weights, float_field(focal, "gamma")?);
        c.float_in(loss, focal, "loss");
    }
    out.push(c.done());
    Ok(out)
}

fn cosine(case: &Value) -> Result<Case> {
    let (x, projection, sim) = (
        matrix(case, "x")?,
        matrix(case, "proj")?,
        matrix(case, "sim")?,
    );
    if projection.cols != x.cols || sim.rows != projection.rows {
        return Err(Error::malformed("proj, sim", "do not fit x"));
    }
    let bias = floats(case, "proj_bias", projection.rows)?;
    let z = rule::cosine_logits(&x, &projection, &bias, &sim, positive(case, "init_t")?);
    let mut c = check("cosine router");
    c.floats_in(&z.data, case, "logits");
    c.whole_in(&whole(z.top_k_rows(2).iter().flatten()), case, "top2");
    Ok(c.done())
}
