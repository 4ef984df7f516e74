//! Drafts of several tokens from one call of the masked denoiser, verified by the exact chain
//! (speculative decoding): what is generated follows the chain exactly, and the length of the draft
//! decides how many tokens a draft and its verification bring. After the abstract of DiffuSpec; path
//! search and length controller are our readings of it.

use super::super::masked::Chain;
use super::cost::pick;
use crate::core::num;
use crate::core::rng::Stream;

/// Longest draft.
pub const LONGEST: usize = 32;
/// Shortest draft of the controller.
const SHORTEST: usize = 4;
/// Likeliest tokens of a position that a path may visit.
const TOP: usize = 3;
/// Weight of the pairs against the marginals of a path.
const PAIRS: f64 = 1.0;
/// Weight of the newest accepted length in the controller's mean.
const NEWEST: f64 = 0.3;

/// How the tokens of a draft are chosen from the marginals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    /// Each drawn on its own.
    Independent,
    /// The path with the largest sum of `ln q + w ln p(pair)` over the likeliest tokens.
    Path,
}

/// One draft and its verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Tokens drafted.
    pub length: usize,
    /// Tokens of the draft that were accepted. One more follows from the verification itself.
    pub accepted: usize,
}

fn one_hot(n: usize, at: usize) -> Vec<f64> {
    (0..n).map(|i| f64::from(u8::from(i == at))).collect()
}

/// Marginals of the `length` tokens after `last`.
fn marginals(chain: &Chain, last: usize, length: usize) -> Vec<Vec<f64>> {
    let mut law = one_hot(chain.pi.len(), last);
    (0..length)
        .map(|_| {
            law = chain.step_on(&law);
            law.clone()
        })
        .collect()
}

/// The most consistent path through the likeliest tokens (Viterbi); equal ones by the lowest token.
fn path(chain: &Chain, last: usize, length: usize) -> Vec<usize> {
    let likeliest = |law: &[f64]| {
        let mut tokens: Vec<usize> = (0..law.len()).collect();
        tokens.sort_by(|a, b| law[*b].total_cmp(&law[*a]).then(a.cmp(b)));
        tokens.truncate(TOP);
        tokens
    };
    let mut layers: Vec<Vec<(usize, f64, usize)>> = vec![vec![(last, 0.0, 0)]];
    for law in marginals(chain, last, length) {
        let before = &layers[layers.len() - 1];
        let next = likeliest(&law)
            .into_iter()
            .map(|token| {
                let score = |(from, so_far, _): &(usize, f64, usize)| {
                    so_far + PAIRS * num::ln(chain.transition[*from][token])
                };
                let best = (0..before.len())
                    .max_by(|a, b| {
                        score(&before[*a])
                            .total_cmp(&score(&before[*b]))
                            .then(b.cmp(a))
                    })
                    .unwrap_or(0);
                (token, score(&before[best]) + num::ln(law[token]), best)
            })
            .collect();
        layers.push(next);
    }
    let end = &layers[length];
    let mut at = (0..end.len())
        .max_by(|a, b| end[*a].1.total_cmp(&end[*b].1).then(b.cmp(a)))
        .unwrap_or(0);
    let mut out = Vec::with_capacity(length);
    for layer in layers[1..].iter().rev() {
        out.push(layer[at].0);
        at = layer[at].2;
    }
    out.reverse();
    out
}

/// Expected number of accepted tokens of drafts of 1 to `most` tokens after a token of the chain's
/// first law, in closed form. A drafted token passes with probability min(1, p / q).
pub fn accepted(chain: &Chain, draft: Draft, most: usize) -> Vec<f64> {
    let n = chain.pi.len();
    let mut sums = vec![0.0; most];
    for (last, weight) in chain.pi.iter().enumerate() {
        let mut passed = one_hot(n, last);
        let laws = marginals(chain, last, most);
        for length in 1..=most {
            match draft {
                Draft::Independent => {
                    let law = &laws[length - 1];
                    passed = (0..n)
                        .map(|v| {
                            let terms = passed.iter().zip(&chain.transition);
                            num::sum(terms.map(|(a, row)| a * law[v].min(row[v])))
                        })
                        .collect();
                    let alive = num::sum(passed.iter().copied());
                    for sum in &mut sums[length - 1..] {
                        *sum += weight * alive;
                    }
                }
                Draft::Path => {
                    // The best path of every length is a search of its own.
                    let (mut from, mut alive) = (last, 1.0);
                    for token in path(chain, last, length) {
                        alive *= chain.transition[from][token];
                        sums[length - 1] += weight * alive;
                        from = token;
                    }
                }
            }
        }
    }
    sums
}

/// Rounds with the length set by what was accepted so far: the moving mean of the accepted lengths
/// plus 2, from 4 to 32. Tokens are drawn, accepted and replaced as in speculative decoding, so
/// that they follow the chain.
pub fn controlled(chain: &Chain, draft: Draft, rounds: usize, mut stream: Stream) -> Vec<Round> {
    let mut last = pick(&chain.pi, stream.uniform());
    let mut mean = 2.0;
    (0..rounds)
        .map(|_| {
            let wanted: f64 = mean + 2.0;
            let length = (wanted.round() as usize).clamp(SHORTEST, LONGEST);
            let laws = match draft {
                Draft::Independent => marginals(chain, last, length),
                Draft::Path => path(chain, last, length)
                    .into_iter()
                    .map(|token| one_hot(chain.pi.len(), token))
                    .collect(),
            };
            let mut accepted = 0;
            for law in &laws {
                let token = pick(law, stream.uniform());
                let exact = &chain.transition[last];
                if stream.uniform() * law[token] >= exact[token] {
                    break;
                }
                last = token;
                accepted += 1;
            }
            // The verification gives one token more: after the last, or in place of the refused.
            let exact = &chain.transition[last];
            let rest: Vec<f64> = match laws.get(accepted) {
                Some(law) => exact
                    .iter()
                    .zip(law)
                    .map(|(p, q)| (p - q).max(0.0))
                    .collect(),
                None => exact.clone(),
            };
            let total = num::sum(rest.iter().copied());
            last = pick(&rest, stream.uniform() * total);
            mean += NEWEST * (accepted as f64 - mean);
            Round { length, accepted }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Source, World};
    use super::*;
    use crate::core::rng::StreamId;
    use crate::labs::noise::Config;

    fn sticky(stay: f64) -> Chain {
        let config = Config {
            source: Source::Markov,
            stickiness: stay,
            ..Config::default()
        };
        match World::new(&config) {
            Ok(World::Chain(chain)) => chain,
            _ => panic!("a chain"),
        }
    }

    #[test]
    fn a_path_of_repeats_is_accepted_as_often_as_the_chain_stays() {
        for stay in [0.6, 0.95] {
            let got = accepted(&sticky(stay), Draft::Path, 16);
            let mut want = 0.0;
            for m in 1..=16 {
                want += num::pow(stay, f64::from(m));
                assert!((got[m as usize - 1] - want).abs() < 1e-12, "{stay} {m}");
            }
        }
        let one = accepted(&sticky(0.8), Draft::Independent, 4);
        assert!((one[0] - 1.0).abs() < 1e-12, "the first marginal is exact");
        assert!(one.windows(2).all(|w| w[1] > w[0] && w[1] < w[0] + 1.0));
    }

    #[test]
    fn reference_lengths_of_sticky_chains_come_out() {
        for (stay, independent, consistent) in [
            (0.6, [1.0, 2.53, 3.11], [0.6, 1.31, 1.5]),
            (0.8, [1.0, 2.49, 2.75], [0.8, 2.36, 3.89]),
            (0.95, [1.0, 3.34, 5.01], [0.95, 3.52, 10.64]),
        ] {
            let chain = sticky(stay);
            for (draft, want) in [(Draft::Independent, independent), (Draft::Path, consistent)] {
                let got = accepted(&chain, draft, 16);
                for (m, want) in [1, 4, 16].into_iter().zip(want) {
                    assert!(
                        (got[m - 1] - want).abs() < 0.006,
                        "{stay} {draft:?} {m}: {got:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn draws_accept_what_the_closed_form_expects_and_the_length_follows() {
        let chain = sticky(0.8);
        for draft in [Draft::Independent, Draft::Path] {
            let expected = accepted(&chain, draft, LONGEST);
            let rounds = controlled(&chain, draft, 4000, Stream::new(3, StreamId::Noise));
            let [mut got, mut want] = [0.0; 2];
            for round in &rounds {
                assert!(
                    (SHORTEST..=LONGEST).contains(&round.length) && round.accepted <= round.length
                );
                got += round.accepted as f64 / 4000.0;
                want += expected[round.length - 1] / 4000.0;
            }
            assert!((got - want).abs() < 0.12, "{draft:?}: {got} {want}");
        }
        let rounds = |stay| {
            let rounds = controlled(
                &sticky(stay),
                Draft::Path,
                400,
                Stream::new(1, StreamId::Noise),
            );
            rounds.iter().map(|r| r.length).sum::<usize>()
        };
        assert!(
            rounds(0.97) > 2 * rounds(0.5),
            "longer where more is accepted"
        );
    }
}
