//! Scores of keys from the attention of a window, and the keys kept by them.

use super::attention::Attention;
use super::config::{Aggregation, EvictionConfig};
use crate::core::stats::descending;

/// Share of the attention that the first stage covers.
const COVERED: f64 = 0.9;

/// Mean over each weight and its neighbours, zeros beyond the ends, scaled back to the row's sum.
fn pooled(row: &[f32], kernel: usize) -> Vec<f64> {
    let half = kernel / 2;
    let mut out: Vec<f64> = (0..row.len())
        .map(|k| {
            let near = &row[k.saturating_sub(half)..(k + half + 1).min(row.len())];
            near.iter().map(|w| f64::from(*w)).sum::<f64>() / (2 * half + 1) as f64
        })
        .collect();
    let (sum, before) = (
        out.iter().sum::<f64>(),
        row.iter().map(|w| f64::from(*w)).sum::<f64>(),
    );
    if sum > 0.0 {
        for w in &mut out {
            *w *= before / sum;
        }
    }
    out
}

/// Scores by KV head and key before the window, and the mean attention they come from.
#[derive(Debug, Clone)]
pub(super) struct Scores {
    pub(super) each: Vec<f64>,
    mean: Vec<f64>,
    /// Mean attention on the window's own keys.
    bias: f64,
}

/// Scores from the first queries, the window.
pub(super) fn scores(
    config: &EvictionConfig,
    attention: &Attention,
    aggregation: Aggregation,
) -> Scores {
    let (heads, group) = (config.heads as usize, config.group as usize);
    let window = config.window as usize;
    let keys = config.keys as usize - window;
    let mut out = Scores {
        each: Vec::with_capacity(heads * keys),
        mean: Vec::with_capacity(heads * keys),
        bias: 0.0,
    };
    let rows = (window * group) as f64;
    for head in 0..heads {
        let (mut sums, mut tops) = (vec![0.0; keys], vec![0.0_f64; keys]);
        let mut means = vec![0.0; keys];
        for query in 0..window {
            for g in 0..group {
                let row = attention.row(query, head * group + g);
                let own: f64 = row[keys..].iter().map(|w| f64::from(*w)).sum();
                out.bias += own / (rows * heads as f64);
                for (k, w) in pooled(&row[..keys], config.pooling as usize)
                    .into_iter()
                    .enumerate()
                {
                    sums[k] += w / rows;
                    tops[k] = tops[k].max(w);
                    means[k] += f64::from(row[k]) / rows;
                }
            }
        }
        let floor = tops.iter().sum::<f64>() / keys as f64;
        out.each.extend(match aggregation {
            Aggregation::Mean => sums,
            Aggregation::Max => tops,
            Aggregation::Defensive => tops.into_iter().map(|t| t.max(floor)).collect(),
        });
        out.mean.extend(means);
    }
    out
}

/// Which keys stay, by KV head and key, when `keep` of the cache does.
pub(super) fn kept(
    config: &EvictionConfig,
    attention: &Attention,
    from: &Scores,
    keep: f64,
) -> Vec<bool> {
    let (heads, all) = (config.heads as usize, config.keys as usize);
    let keys = all - config.window as usize;
    let budget = config.budget(keep) - config.window as usize;
    let mut rank = from.each.clone();
    if config.two_stages {
        let value = |head: usize, k: usize| attention.values[head * all + k];
        for head in 0..heads {
            let sum: f64 = (0..all).map(|k| value(head, k)).sum();
            for k in 0..keys {
                rank[head * keys + k] *= value(head, k) / sum;
            }
        }
        let top = rank.iter().copied().fold(0.0, f64::max);
        for head in 0..heads {
            let mean = &from.mean[head * keys..(head + 1) * keys];
            let sum: f64 = mean.iter().sum();
            let mut covered = 0.0;
            for k in descending(mean).into_iter().take(budget) {
                covered += mean[k] / sum;
                if covered >= COVERED - from.bias {
                    break;
                }
                rank[head * keys + k] = top;
            }
        }
    }
    let mut out = vec![false; heads * all];
    for head in 0..heads {
        // The window always stays.
        out[head * all + keys..(head + 1) * all].fill(true);
    }
    if config.shared_budget {
        for i in descending(&rank).into_iter().take(budget * heads) {
            out[i / keys * all + i % keys] = true;
        }
    } else {
        for head in 0..heads {
            let own = &rank[head * keys..(head + 1) * keys];
            for k in descending(own).into_iter().take(budget) {
                out[head * all + k] = true;
            }
        }
    }
    out
}

/// Scores with hindsight: the mean attention of the queries to come.
pub(super) fn hindsight(config: &EvictionConfig, attention: &Attention) -> Scores {
    let (heads, group) = (config.heads as usize, config.group as usize);
    let window = config.window as usize;
    let keys = config.keys as usize - window;
    let mut scores = vec![0.0; heads * keys];
    for query in window..attention.rows() {
        for head in 0..heads * group {
            let row = attention.row(query, head);
            for (k, w) in row[..keys].iter().enumerate() {
                scores[head / group * keys + k] += f64::from(*w);
            }
        }
    }
    Scores {
        mean: scores.clone(),
        each: scores,
        bias: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_keeps_the_mass_of_a_row_and_spreads_a_peak_over_five() {
        let mut row = [0.0_f32; 9];
        row[4] = 0.5;
        let out = pooled(&row, 5);
        for (k, w) in out.iter().enumerate() {
            let want = if (2..=6).contains(&k) { 0.1 } else { 0.0 };
            assert!((w - want).abs() < 1e-9, "{k} {w}");
        }
        row[0] = 0.5;
        let sum: f64 = pooled(&row, 5).iter().sum();
        assert!((sum - 1.0).abs() < 1e-9, "mass lost at the edge: {sum}");
    }

    fn drawn(config: &EvictionConfig) -> Attention {
        let mut attention = Attention::new(config, 5);
        for _ in 0..config.window + config.later {
            attention.draw();
        }
        attention
    }

    #[test]
    fn the_budget_is_spent_and_hindsight_keeps_the_most_attention() {
        let config = EvictionConfig {
            keys: 128,
            window: 16,
            later: 40,
            ..EvictionConfig::default()
        };
        let attention = drawn(&config);
        let mass = |kept: &[bool]| -> f64 {
            let heads = config.heads as usize * config.group as usize;
            (16..attention.rows())
                .flat_map(|q| (0..heads).map(move |h| (q, h)))
                .map(|(q, h)| {
                    let own = &kept[h / config.group as usize * 128..];
                    let row = attention.row(q, h).iter().zip(own);
                    row.filter(|(_, kept)| **kept)
                        .map(|(w, _)| f64::from(*w))
                        .sum::<f64>()
                })
                .sum()
        };
        let best = kept(&config, &attention, &hindsight(&config, &attention), 0.25);
        for aggregation in [Aggregation::Mean, Aggregation::Max, Aggregation::Defensive] {
            for two_stages in [false, true] {
                let config = EvictionConfig {
                    two_stages,
                    ..config.clone()
                };
                let from = scores(&config, &attention, aggregation);
                let own = kept(&config, &attention, &from, 0.25);
                let count = own.iter().filter(|k| **k).count();
                assert_eq!(count, 32 * config.heads as usize);
                assert!(mass(&own) < mass(&best) + 1e-9, "{aggregation:?}");
                assert!(mass(&own) > 0.25 * mass(&vec![true; own.len()]));
            }
        }
    }

    #[test]
    fn no_score_of_the_defence_lies_below_the_mean_of_its_maxima() {
        let config = EvictionConfig::default();
        let attention = drawn(&EvictionConfig {
            later: 1,
            ..config.clone()
        });
        let top = scores(&config, &attention, Aggregation::Max).each;
        let floored = scores(&config, &attention, Aggregation::Defensive).each;
        let keys = (config.keys - config.window) as usize;
        for (own, tops) in floored.chunks(keys).zip(top.chunks(keys)) {
            let floor = tops.iter().sum::<f64>() / keys as f64;
            for (a, b) in own.iter().zip(tops) {
                assert_eq!(*a, b.max(floor));
            }
        }
    }
}
