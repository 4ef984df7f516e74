//! Refusals before a run starts.

use super::Limits;
use super::requests::Requests;
use crate::core::{Error, Result};

pub(super) fn refuse_zero(limits: &Limits, replicas: u32) -> Result<()> {
    let checks = [
        ("block_size", u64::from(limits.block_size)),
        ("num_blocks", u64::from(limits.num_blocks)),
        ("batch_size_cap", u64::from(limits.batch_cap)),
        ("pipeline_stages", u64::from(limits.stages)),
        ("max_tokens_in_batch", limits.max_tokens_in_batch),
        ("token_budget", u64::from(limits.token_budget)),
        ("replicas", u64::from(replicas)),
    ];
    for (field, value) in checks {
        if value == 0 {
            return Err(Error::out_of_range(field, value, "at least 1"));
        }
    }
    if limits.micro_batch() == 0 {
        return Err(Error::out_of_range(
            "batch_size_cap",
            limits.batch_cap,
            format!("at least the {} pipeline stages", limits.stages),
        ));
    }
    limits.cost.check()
}

pub(super) fn refuse_bad_requests(requests: &Requests) -> Result<()> {
    let roots = requests.chains.roots(requests.len());
    if !requests.chains.next.is_empty() {
        refuse_bad_chains(requests)?;
    }
    for i in 0..requests.len() {
        let (p, d, at) = (requests.prefill[i], requests.decode[i], requests.arrival[i]);
        let row = |what: &str| format!("{what} of request {i}");
        if p == 0 {
            return Err(Error::out_of_range(row("prompt tokens"), p, "at least 1"));
        }
        if d == 0 {
            return Err(Error::out_of_range(row("output tokens"), d, "at least 1"));
        }
        if u64::from(p) + u64::from(d) > u64::from(u32::MAX / 4) {
            return Err(Error::out_of_range(
                row("tokens"),
                u64::from(p) + u64::from(d),
                format!("at most {}", u32::MAX / 4),
            ));
        }
        if i >= roots {
            continue;
        }
        if !(at.is_finite() && at >= 0.0) {
            return Err(Error::out_of_range(
                row("arrival time"),
                at,
                "finite, not negative",
            ));
        }
        if i > 0 && at < requests.arrival[i - 1] {
            return Err(Error::out_of_range(
                row("arrival time"),
                at,
                format!("at least {}, the one before", requests.arrival[i - 1]),
            ));
        }
    }
    Ok(())
}

/// Every request after the roots has one predecessor, an earlier one, and a thinking time.
fn refuse_bad_chains(requests: &Requests) -> Result<()> {
    let chains = &requests.chains;
    let n = requests.len();
    let mut predecessors = vec![0_u8; n];
    for (r, &next) in chains.next.iter().enumerate() {
        if next == super::NO_REQUEST {
            continue;
        }
        let think = chains.think.get(next as usize).copied().unwrap_or(f64::NAN);
        if next as usize >= n || next as usize <= r || !(think.is_finite() && think >= 0.0) {
            return Err(Error::out_of_range(
                format!("successor of request {r}"),
                next,
                "a later request with a thinking time from 0",
            ));
        }
        predecessors[next as usize] = predecessors[next as usize].saturating_add(1);
    }
    let sound = (0..n).all(|r| predecessors[r] == u8::from(r >= chains.roots));
    if !sound || chains.roots > n || chains.next.len() != n {
        return Err(Error::out_of_range(
            "requests that follow others",
            n - chains.roots.min(n),
            "exactly those after the first, each after one other",
        ));
    }
    Ok(())
}
