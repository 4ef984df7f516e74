//! Service of users in weighted tokens, and how evenly it is shared.

use super::config::Config;
use super::engine::Engine;
use super::workload::Workload;
use crate::core::num;
use crate::core::{Better, Metric};

/// Service of every user up to the state: w_p per prompt token of admitted requests plus w_q per
/// output token.
pub(super) fn service(config: &Config, workload: &Workload, state: &Engine) -> Vec<f64> {
    let requests = state.requests();
    let mut service = vec![0.0; workload.tags.users()];
    for r in 0..requests.len() {
        let prompt = if requests.scheduled_at[r].is_nan() {
            0
        } else {
            workload.prefill[r]
        };
        service[workload.tags.user(r as u32) as usize] += config.vtc_input_weight
            * f64::from(prompt)
            + config.vtc_output_weight * f64::from(requests.produced(r as u32));
    }
    service
}

/// Jain's index (Σx)² / (n·Σx²): 1 when all are equal, 1/n when one has everything.
pub(super) fn jain(service: &[f64]) -> f64 {
    let total = num::sum(service.iter().copied());
    let squares = num::sum(service.iter().map(|x| x * x));
    total * total / (service.len() as f64 * squares)
}

/// Jain's index of the service up to the last arrival, where the workload has several users.
pub(super) fn metric(config: &Config, workload: &Workload, state: &Engine) -> Metric {
    Metric {
        id: "jain_index",
        name: "Jain index of users",
        unit: "",
        value: jain(&service(config, workload, state)),
        better: Better::Higher,
        doc: "Evenness of the users' service (weighted prompt and output tokens) up to the last arrival: 1 when all had the same, 1/n when one of n had everything.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jain_is_one_for_equal_shares_and_one_over_n_for_a_single_taker() {
        assert_eq!(jain(&[3.0; 4]), 1.0);
        assert_eq!(jain(&[0.0, 0.0, 5.0, 0.0]), 0.25);
    }
}
