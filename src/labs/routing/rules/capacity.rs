//! Places per expert, and who gets them.

use crate::core::{Error, Result};

/// Capacity of every expert: `max(1, ceil(factor·k·N/E - 1e-9))`. The guard keeps a decimal factor
/// such as 1.1 from rounding up by one place.
pub fn capacity(factor: f64, k: usize, tokens: usize, experts: usize) -> usize {
    let balanced = k as f64 * tokens as f64 / experts as f64;
    ((factor * balanced - 1e-9).ceil().max(1.0)) as usize
}

/// Refuses inputs that no router can serve.
///
/// # Errors
/// The reason, with the value found.
pub fn check_inputs(
    tokens: usize,
    experts: usize,
    k: i64,
    factor: f64,
    logits: &[f64],
) -> Result<()> {
    if tokens < 1 {
        return Err(Error::out_of_range("tokens", tokens, "at least 1"));
    }
    if experts < 1 {
        return Err(Error::out_of_range("experts", experts, "at least 1"));
    }
    if k < 1 || k > experts as i64 {
        return Err(Error::out_of_range(
            "k",
            k,
            format!("1 to {experts} (the number of experts)"),
        ));
    }
    if !(factor > 0.0 && factor.is_finite()) {
        return Err(Error::out_of_range(
            "capacity_factor",
            factor,
            "finite and above 0",
        ));
    }
    if let Some(at) = logits.iter().position(|v| !v.is_finite()) {
        return Err(Error::malformed(
            "logits",
            format!(
                "row {}, expert {} is {}; want finite numbers",
                at / experts,
                at % experts,
                logits[at]
            ),
        ));
    }
    Ok(())
}

/// Refuses groups that do not fit the experts.
///
/// # Errors
/// The reason, with the value found.
pub fn check_groups(experts: usize, groups: usize, topk_group: usize, k: usize) -> Result<()> {
    if groups < 1 || !experts.is_multiple_of(groups) {
        return Err(Error::out_of_range(
            "groups",
            groups,
            format!("a divisor of the number of experts, {experts}"),
        ));
    }
    if topk_group < 1 || topk_group > groups {
        return Err(Error::out_of_range(
            "topk_group",
            topk_group,
            format!("1 to {groups}"),
        ));
    }
    let within = topk_group * experts / groups;
    if k > within {
        return Err(Error::out_of_range(
            "k",
            k,
            format!("at most {within} (the experts in {topk_group} of {groups} groups)"),
        ));
    }
    Ok(())
}

/// Rank of each pair inside its expert, for pairs given in buffer order.
pub fn ranks(experts_in_order: impl Iterator<Item = usize>, experts: usize) -> Vec<usize> {
    let mut next = vec![0; experts];
    experts_in_order
        .map(|e| {
            next[e] += 1;
            next[e] - 1
        })
        .collect()
}

/// Positions of token-choice pairs in choice-major order: all first choices by token, then all
/// second choices, … `indices[t][j]` is the j-th choice of token t; same layout out.
pub fn choice_major_positions(indices: &[Vec<usize>], experts: usize) -> Vec<Vec<usize>> {
    let k = indices.iter().map(Vec::len).max().unwrap_or(0);
    let mut next = vec![0; experts];
    let mut out: Vec<Vec<usize>> = indices.iter().map(|row| vec![0; row.len()]).collect();
    for j in 0..k {
        for (row, place) in indices.iter().zip(&mut out) {
            if let Some(&e) = row.get(j) {
                place[j] = next[e];
                next[e] += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_does_not_round_up_a_decimal_factor() {
        assert_eq!(capacity(1.1, 2, 7, 3), 6, "1.1·14/3 = 5.13");
        assert_eq!(
            capacity(1.1, 1, 100, 10),
            11,
            "1.1·10 is 11.000000000000002"
        );
        assert_eq!(capacity(0.01, 1, 4, 4), 1, "at least one place");
    }

    #[test]
    fn first_choices_come_before_second_choices() {
        let indices = vec![vec![0, 1], vec![1, 0], vec![0, 1]];
        assert_eq!(
            choice_major_positions(&indices, 2),
            [vec![0, 1], vec![0, 2], vec![1, 2]]
        );
    }
}
