//! Requests that follow the end of others: clients in a closed loop, and conversations.

use super::lengths::Sampler;
use super::people::People;
use super::{Workload, arrivals};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use crate::labs::serving::config::Config;
use crate::labs::serving::engine::{Chains, NO_REQUEST, Piece, Tags};

/// Stream of the tokens that all prompts begin with.
pub(super) const SYSTEM_STREAM: u32 = 0;
/// Stream of the first conversation.
const FIRST_CONVERSATION: u32 = 1;

/// A fixed number of clients; each sends its next request when the last one has ended and it has
/// thought for a while. Request r belongs to client r mod clients.
pub(super) fn closed_loop(config: &Config, sampler: &Sampler) -> Workload {
    let n = config.requests as usize;
    let clients = (config.clients as usize).min(n);
    let mut lengths = Stream::new(config.seed, StreamId::Lengths);
    let mut thinking = Stream::new(config.seed, StreamId::Think);
    let mut people = People::new(config);
    let classes: Vec<u8> = (0..clients).map(|_| people.class()).collect();
    let think: Vec<f64> = (0..n)
        .map(|_| config.think_secs * thinking.exponential())
        .collect();
    let mut starts = think[..clients].to_vec();
    starts.sort_by(f64::total_cmp);
    let mut out = Workload {
        arrival: starts,
        ..Workload::default()
    };
    out.arrival.resize(n, f64::NAN);
    let mut tags = Tags::default();
    for r in 0..n {
        let class = classes[r % clients];
        let (prompt, output) = sampler.draw(&mut lengths, class);
        out.prefill.push(prompt);
        out.decode.push(output);
        tags.user.push((r % clients) as u32);
        tags.class.push(class);
    }
    out.tags = tags.into();
    out.chains = Chains {
        next: (0..n)
            .map(|r| {
                if r + clients < n {
                    (r + clients) as u32
                } else {
                    NO_REQUEST
                }
            })
            .collect(),
        think,
        roots: clients,
    }
    .into();
    out
}

/// One turn of a conversation.
struct Turn {
    conversation: u32,
    prompt: u32,
    output: u32,
    think: f64,
}

/// Conversations begin by a Poisson process. The prompt of a turn is everything said before, the
/// answers included, and something new; it is sent a while after the last answer ended.
/// The number of turns is geometric. First turns come first, in order of their start, then the
/// second turns, and so on.
pub(super) fn conversations(config: &Config, sampler: &Sampler) -> Workload {
    let n = config.requests as usize;
    let longest = config.max_tokens_per_sequence as u32;
    let mut counts = Stream::new(config.seed, StreamId::Sessions);
    let mut people = People::new(config);
    let (mut users, mut classes) = (Vec::new(), Vec::new());
    let mut levels: Vec<Vec<Turn>> = Vec::new();
    let (mut total, mut cut) = (0, 0);
    while total < n {
        let conversation = users.len() as u32;
        users.push(people.user());
        let class = people.class();
        classes.push(class);
        let wanted = turns(&mut counts, config.turns_mean).min(n - total);
        // Own steps of the streams: another number of turns moves no other conversation.
        let mut lengths = Stream::new(config.seed, StreamId::Lengths).step(conversation);
        let mut thinking = Stream::new(config.seed, StreamId::Think).step(conversation);
        let mut said = config.system_prompt as u32;
        for level in 0..wanted {
            let (new, output) = sampler.draw(&mut lengths, class);
            let prompt = said.saturating_add(new);
            if level > 0 && u64::from(prompt) + u64::from(output) > u64::from(longest) {
                // The conversation has outgrown the longest sequence: it ends here.
                cut += 1;
                break;
            }
            if levels.len() == level {
                levels.push(Vec::new());
            }
            levels[level].push(Turn {
                conversation,
                prompt,
                output,
                think: config.think_secs * thinking.exponential(),
            });
            said = prompt.saturating_add(output);
            total += 1;
        }
    }
    let roots = users.len();
    let mut out = Workload {
        arrival: arrivals::times(config, roots, config.rate / config.turns_mean),
        cut_short: cut,
        ..Workload::default()
    };
    let mut tags = Tags::default();
    let mut chains = Chains {
        roots,
        ..Chains::default()
    };
    let mut last = vec![NO_REQUEST; roots];
    let shared = config.system_prompt as u32;
    for turn in levels.into_iter().flatten() {
        let r = out.prefill.len() as u32;
        let c = turn.conversation as usize;
        if last[c] != NO_REQUEST {
            chains.next[last[c] as usize] = r;
        }
        last[c] = r;
        chains.next.push(NO_REQUEST);
        chains.think.push(turn.think);
        out.prefill.push(turn.prompt);
        out.decode.push(turn.output);
        tags.user.push(users[c]);
        tags.class.push(classes[c]);
        tags.session.push(turn.conversation);
        let system = Piece {
            stream: SYSTEM_STREAM,
            tokens: shared,
        };
        let own = Piece {
            stream: FIRST_CONVERSATION + turn.conversation,
            tokens: turn.prompt - shared + turn.output,
        };
        tags.push_pieces([system, own].into_iter().filter(|p| p.tokens > 0));
    }
    out.arrival.resize(out.prefill.len(), f64::NAN);
    out.tags = tags.into();
    out.chains = chains.into();
    out
}

/// Number of turns, geometric from 1 with a mean.
fn turns(stream: &mut Stream, mean: f64) -> usize {
    let u = stream.open_uniform();
    if mean <= 1.0 {
        return 1;
    }
    ((num::ln(u) / num::ln_1p(-1.0 / mean)).ceil() as usize).max(1)
}
