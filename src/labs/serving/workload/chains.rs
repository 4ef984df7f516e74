//! Requests that follow the end of others: clients in a closed loop, and conversations.

use super::arrivals::Times;
use super::lengths::Sampler;
use super::people::People;
use super::{Source, Workload};
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
pub(super) struct Loop {
    wanted: usize,
    think_secs: f64,
    lengths: Stream,
    thinking: Stream,
    sampler: Sampler,
    /// Class of each client.
    classes: Vec<u8>,
    tags: Tags,
    chains: Chains,
    out: Workload,
}

impl Loop {
    pub(super) fn new(config: &Config, sampler: Sampler) -> Self {
        let wanted = config.requests as usize;
        let clients = (config.clients as usize).min(wanted);
        let mut people = People::new(config);
        Self {
            wanted,
            think_secs: config.think_secs,
            lengths: Stream::new(config.seed, StreamId::Lengths),
            thinking: Stream::new(config.seed, StreamId::Think),
            sampler,
            classes: (0..clients).map(|_| people.class()).collect(),
            tags: Tags::default(),
            chains: Chains {
                roots: clients,
                ..Chains::default()
            },
            out: Workload::default(),
        }
    }
}

impl Source for Loop {
    fn advance(&mut self, most: usize) -> bool {
        let clients = self.classes.len();
        let from = self.made();
        for r in from..(from + most).min(self.wanted) {
            let class = self.classes[r % clients];
            let (prompt, output) = self.sampler.draw(&mut self.lengths, class);
            self.out.prefill.push(prompt);
            self.out.decode.push(output);
            self.tags.user.push((r % clients) as u32);
            self.tags.class.push(class);
            let think = self.think_secs * self.thinking.exponential();
            self.chains.think.push(think);
            let follows = r + clients < self.wanted;
            let next = if follows {
                (r + clients) as u32
            } else {
                NO_REQUEST
            };
            self.chains.next.push(next);
        }
        self.made() == self.wanted
    }

    fn take(&mut self) -> Workload {
        // Every client thinks before its first request too.
        let mut arrival = self.chains.think[..self.classes.len()].to_vec();
        arrival.sort_by(f64::total_cmp);
        arrival.resize(self.made(), f64::NAN);
        Workload {
            arrival,
            tags: std::mem::take(&mut self.tags).into(),
            chains: std::mem::take(&mut self.chains).into(),
            ..std::mem::take(&mut self.out)
        }
    }

    fn made(&self) -> usize {
        self.out.prefill.len()
    }
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
pub(super) struct Conversations {
    config: Config,
    sampler: Sampler,
    counts: Stream,
    people: People,
    /// Of each conversation.
    users: Vec<u32>,
    classes: Vec<u8>,
    /// Turns by their number in the conversation.
    levels: Vec<Vec<Turn>>,
    total: usize,
    cut: usize,
    /// The turn put in order next, as level and place.
    next: [usize; 2],
    /// Latest turn of each conversation.
    last: Vec<u32>,
    times: Times,
    tags: Tags,
    chains: Chains,
    out: Workload,
}

impl Conversations {
    pub(super) fn new(config: &Config, sampler: Sampler) -> Self {
        Self {
            counts: Stream::new(config.seed, StreamId::Sessions),
            people: People::new(config),
            times: Times::new(config, config.rate / config.turns_mean),
            config: config.clone(),
            sampler,
            users: Vec::new(),
            classes: Vec::new(),
            levels: Vec::new(),
            total: 0,
            cut: 0,
            next: [0, 0],
            last: Vec::new(),
            tags: Tags::default(),
            chains: Chains::default(),
            out: Workload::default(),
        }
    }

    /// The turns of one more conversation, without its times.
    fn converse(&mut self) {
        let config = &self.config;
        let longest = u64::from(config.max_tokens_per_sequence as u32);
        let conversation = self.users.len() as u32;
        self.users.push(self.people.user());
        let class = self.people.class();
        self.classes.push(class);
        let left = config.requests as usize - self.total;
        let wanted = turns(&mut self.counts, config.turns_mean).min(left);
        // Own steps of the streams: another number of turns moves no other conversation.
        let mut lengths = Stream::new(config.seed, StreamId::Lengths).step(conversation);
        let mut thinking = Stream::new(config.seed, StreamId::Think).step(conversation);
        let mut said = config.system_prompt as u32;
        for level in 0..wanted {
            let (new, output) = self.sampler.draw(&mut lengths, class);
            let prompt = said.saturating_add(new);
            if level > 0 && u64::from(prompt) + u64::from(output) > longest {
                // The conversation has outgrown the longest sequence: it ends here.
                self.cut += 1;
                break;
            }
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(Turn {
                conversation,
                prompt,
                output,
                think: config.think_secs * thinking.exponential(),
            });
            said = prompt.saturating_add(output);
            self.total += 1;
        }
    }

    /// Puts the next turn behind those before it; whether there was one.
    fn order(&mut self) -> bool {
        let [level, place] = self.next;
        let Some(turns) = self.levels.get(level) else {
            return false;
        };
        let Some(turn) = turns.get(place) else {
            self.next = [level + 1, 0];
            return true;
        };
        self.next[1] += 1;
        let shared = self.config.system_prompt as u32;
        let r = self.out.prefill.len() as u32;
        let c = turn.conversation as usize;
        if level == 0 {
            self.out.arrival.push(self.times.draw());
            self.last.push(NO_REQUEST);
        } else {
            self.out.arrival.push(f64::NAN);
        }
        if let Some(before) = self.chains.next.get_mut(self.last[c] as usize) {
            *before = r;
        }
        self.last[c] = r;
        self.chains.next.push(NO_REQUEST);
        self.chains.think.push(turn.think);
        self.out.prefill.push(turn.prompt);
        self.out.decode.push(turn.output);
        self.tags.user.push(self.users[c]);
        self.tags.class.push(self.classes[c]);
        self.tags.session.push(turn.conversation);
        let system = Piece {
            stream: SYSTEM_STREAM,
            tokens: shared,
        };
        let own = Piece {
            stream: FIRST_CONVERSATION + turn.conversation,
            tokens: turn.prompt - shared + turn.output,
        };
        self.tags
            .push_pieces([system, own].into_iter().filter(|p| p.tokens > 0));
        true
    }
}

impl Source for Conversations {
    fn advance(&mut self, most: usize) -> bool {
        let upto = self.total + most;
        while self.total < upto.min(self.config.requests as usize) {
            self.converse();
        }
        if self.total == upto {
            return false;
        }
        (0..most).any(|_| !self.order())
    }

    fn take(&mut self) -> Workload {
        self.chains.roots = self.users.len();
        Workload {
            cut_short: self.cut,
            tags: std::mem::take(&mut self.tags).into(),
            chains: std::mem::take(&mut self.chains).into(),
            ..std::mem::take(&mut self.out)
        }
    }

    fn made(&self) -> usize {
        self.total.midpoint(self.out.prefill.len())
    }
}

/// Number of turns, geometric from 1 with a mean.
fn turns(stream: &mut Stream, mean: f64) -> usize {
    let u = stream.open_uniform();
    if mean <= 1.0 {
        return 1;
    }
    ((num::ln(u) / num::ln_1p(-1.0 / mean)).ceil() as usize).max(1)
}
