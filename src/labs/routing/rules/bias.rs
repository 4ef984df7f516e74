//! Loss-free balancing: a selection bias that follows the load (arXiv 2408.15664, as in
//! Megatron-LM's `get_updated_expert_bias`).
//!
//! Choose by s + b, weigh by s. After a batch with loads c: `b += u sign(mean(c) - c)`, sign(0) = 0;
//! or in proportion, `b += u (mean - c) / mean`; centred: the mean of the step is taken off.

/// How the bias follows the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A fixed step up or down.
    Sign,
    /// A step in proportion to the deviation.
    Proportional,
}

/// One update of the bias.
pub fn step(bias: &mut [f64], loads: &[f64], rule: Rule, rate: f64, centred: bool) {
    let mean = loads.iter().sum::<f64>() / loads.len() as f64;
    let mut delta: Vec<f64> = loads
        .iter()
        .map(|&c| match rule {
            Rule::Sign if c < mean => rate,
            Rule::Sign if c > mean => -rate,
            Rule::Sign => 0.0,
            Rule::Proportional => rate * (mean - c) / mean,
        })
        .collect();
    if centred {
        let middle = delta.iter().sum::<f64>() / delta.len() as f64;
        for d in &mut delta {
            *d -= middle;
        }
    }
    for (b, d) in bias.iter_mut().zip(delta) {
        *b += d;
    }
}
