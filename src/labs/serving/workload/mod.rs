//! The requests of a run: generated from distributions, or taken from a trace. Every purpose has its
//! own random stream, so changing the scheduler, the rate or the number of requests changes
//! nothing else about them.

mod arrivals;
mod chains;
mod kinds;
mod lengths;
mod open;
mod people;
mod promises;

pub use kinds::{Arrivals, Lengths};

use super::config::Config;
use super::engine::{Chains, Piece, Tags};
use super::trace::Trace;
use crate::core::{Error, Job, Result, Step, finish};
use crate::labs::{Dataset, Library};
use chains::{Conversations, Loop, SYSTEM_STREAM};
use lengths::Sampler;
use open::Open;
use people::People;
use std::sync::Arc;

/// Requests made in one step: about a millisecond.
const MADE_PER_STEP: usize = 2000;

/// Arrival times and lengths, and what else is known about requests. In order of arrival, but for
/// requests that follow the end of others: those come after all others and have no arrival time
/// before the run (NaN).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Workload {
    /// Arrival times in seconds.
    pub arrival: Vec<f64>,
    /// Prompt tokens.
    pub prefill: Vec<u32>,
    /// Output tokens.
    pub decode: Vec<u32>,
    /// Users, classes, priorities, shared tokens.
    pub tags: Arc<Tags>,
    /// Which request follows the end of which.
    pub chains: Arc<Chains>,
    /// Requests whose output was cut to the longest sequence.
    pub clipped: usize,
    /// Requests that were left out because their prompt exceeds the longest sequence.
    pub too_long: usize,
    /// Conversations that ended because they outgrew the longest sequence.
    pub cut_short: usize,
}

/// Requests made one after the other.
trait Source {
    /// Makes about `most` more; whether all are made.
    fn advance(&mut self, most: usize) -> bool;

    /// What was made.
    fn take(&mut self) -> Workload;

    /// How many there are so far.
    fn made(&self) -> usize;
}

/// The making of a workload in short steps.
pub(in crate::labs::serving) struct Making {
    config: Config,
    /// Where requests are generated.
    source: Option<Box<dyn Source>>,
    /// Where they come from a trace.
    trace: Option<Arc<Trace>>,
    /// All of them, before what holds for requests of any origin.
    made: Option<Workload>,
}

impl Making {
    /// Before the first request.
    ///
    /// # Errors
    /// A trace that is not loaded.
    pub(in crate::labs::serving) fn new(config: &Config, data: &Library) -> Result<Self> {
        let mut trace = if config.needs_trace() {
            Some(trace(config, data)?)
        } else {
            None
        };
        let source: Option<Box<dyn Source>> = match config.arrivals {
            Arrivals::Trace if trace.is_some() => None,
            kind => {
                let sampler = Sampler::new(config, trace.take());
                Some(match kind {
                    Arrivals::ClosedLoop => Box::new(Loop::new(config, sampler)),
                    Arrivals::Sessions => Box::new(Conversations::new(config, sampler)),
                    _ => Box::new(Open::new(config, sampler)),
                })
            }
        };
        Ok(Self {
            config: config.clone(),
            source,
            trace,
            made: None,
        })
    }

    /// What holds for requests of any origin.
    fn finished(&self, mut workload: Workload) -> Result<Workload> {
        let config = &self.config;
        let longest = config.max_tokens_per_sequence as u32;
        match config.arrivals {
            Arrivals::Trace => {}
            // The turns of a conversation have it in front of them already.
            Arrivals::Sessions => shorten(&mut workload, longest),
            kind => {
                share_prompts(&mut workload, config);
                if kind == Arrivals::ClosedLoop {
                    shorten(&mut workload, longest);
                }
            }
        }
        if workload.chains.next.is_empty() {
            clip(&mut workload, longest);
            promises::promise(&mut workload, config);
        }
        if config.batch_share > 0.0 && workload.tags.priority.is_empty() {
            let tags = Arc::make_mut(&mut workload.tags);
            let batch = config.batch_priority as i32;
            tags.priority = tags.class.iter().map(|c| batch * i32::from(*c)).collect();
        }
        if workload.arrival.is_empty() {
            return Err(Error::out_of_range(
                "max_tokens_per_sequence",
                config.max_tokens_per_sequence,
                "more than the shortest prompt of the trace",
            ));
        }
        Ok(workload)
    }
}

impl Job for Making {
    type Out = Workload;

    fn step(&mut self) -> Result<Step<Workload>> {
        if let Some(workload) = self.made.take() {
            return self.finished(workload).map(Step::Done);
        }
        let workload = if let Some(source) = &mut self.source {
            if !source.advance(MADE_PER_STEP) {
                return Ok(Step::Working);
            }
            source.take()
        } else {
            self.trace
                .as_ref()
                .map(|trace| from_trace(&self.config, trace))
                .unwrap_or_default()
        };
        self.made = Some(workload);
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let made = self.source.as_ref().map_or(0, |s| s.made());
        made as f64 / (self.config.requests as f64).max(1.0)
    }
}

/// The workload of a config.
///
/// # Errors
/// A trace that is not loaded, or holds no request that fits.
pub fn workload(config: &Config, data: &Library) -> Result<Workload> {
    finish(&mut Making::new(config, data)?)
}

/// The imported trace of a config.
fn trace(config: &Config, data: &Library) -> Result<Arc<Trace>> {
    let Some(key) = &config.trace else {
        return Err(Error::out_of_range(
            "trace",
            "nothing",
            "open a trace file first",
        ));
    };
    match data.get(key)? {
        Dataset::Trace(trace) => Ok(Arc::clone(trace)),
        other => Err(Error::Unsupported(format!(
            "{} ({}) as a request trace",
            key.name,
            other.words()
        ))),
    }
}

/// Users and classes of `n` requests; nothing where all are alike.
fn people(config: &Config, n: usize) -> Tags {
    let mut people = People::new(config);
    let mut tags = Tags::default();
    if config.users > 1 {
        tags.user = (0..n).map(|_| people.user()).collect();
    }
    if config.batch_share > 0.0 {
        tags.class = (0..n).map(|_| people.class()).collect();
    }
    tags
}

/// Streams of the tokens that a class or a user in a class begins with: beyond all conversations.
const FIRST_CLASS: u32 = 1 << 30;

/// Puts the tokens that requests share in front of every prompt: those of all, those of the class,
/// those of the user in it.
fn share_prompts(workload: &mut Workload, config: &Config) {
    let shared = [
        config.system_prompt as u32,
        config.class_prompt as u32,
        config.user_prompt as u32,
    ];
    if shared == [0; 3] {
        return;
    }
    let tags = Arc::make_mut(&mut workload.tags);
    for (r, prompt) in workload.prefill.iter_mut().enumerate() {
        let (user, class) = (tags.user(r as u32), u32::from(tags.class(r as u32)));
        let streams = [
            SYSTEM_STREAM,
            FIRST_CLASS + class,
            FIRST_CLASS + 2 + 2 * user + class,
        ];
        for tokens in shared {
            *prompt = prompt.saturating_add(tokens);
        }
        let pieces = streams.into_iter().zip(shared);
        tags.push_pieces(
            pieces
                .map(|(stream, tokens)| Piece { stream, tokens })
                .filter(|piece| piece.tokens > 0),
        );
    }
}

fn from_trace(config: &Config, trace: &Trace) -> Workload {
    let n = (config.requests as usize).min(trace.len());
    let arrivals = if config.spread_ticks {
        trace.spread_arrivals()
    } else {
        trace.arrival.as_slice().into()
    };
    let start = arrivals.first().copied().unwrap_or(0.0);
    let mut tags = if n == trace.len() {
        Tags::clone(&trace.tags)
    } else {
        let keep: Vec<bool> = (0..trace.len()).map(|r| r < n).collect();
        let mut first = Tags::clone(&trace.tags);
        first.retain(&keep);
        first
    };
    let drawn = people(config, n);
    if tags.user.is_empty() {
        tags.user = drawn.user;
    }
    if tags.class.is_empty() {
        tags.class = drawn.class;
    }
    Workload {
        arrival: arrivals[..n]
            .iter()
            .map(|at| (at - start) / config.rate_scale)
            .collect(),
        prefill: trace.prompt[..n].to_vec(),
        decode: trace.output[..n].to_vec(),
        tags: tags.into(),
        ..Workload::default()
    }
}

/// Cuts prompts and outputs to the longest sequence where no request may be left out.
fn shorten(workload: &mut Workload, longest: u32) {
    for (p, d) in workload.prefill.iter_mut().zip(&mut workload.decode) {
        let (prompt, output) = (*p, *d);
        *p = prompt.min(longest - 1);
        *d = output.min(longest - *p);
        workload.clipped += usize::from((*p, *d) != (prompt, output));
    }
}

/// Cuts outputs to the longest sequence and leaves out prompts that fill it alone.
fn clip(workload: &mut Workload, longest: u32) {
    let keep: Vec<bool> = workload.prefill.iter().map(|&p| p < longest).collect();
    workload.too_long = keep.iter().filter(|k| !**k).count();
    if workload.too_long > 0 {
        let kept = |values: &[u32]| -> Vec<u32> {
            values
                .iter()
                .zip(&keep)
                .filter(|(_, k)| **k)
                .map(|(v, _)| *v)
                .collect()
        };
        workload.prefill = kept(&workload.prefill);
        workload.decode = kept(&workload.decode);
        let mut flags = keep.iter();
        workload
            .arrival
            .retain(|_| flags.next().copied().unwrap_or(false));
        Arc::make_mut(&mut workload.tags).retain(&keep);
    }
    for (d, &p) in workload.decode.iter_mut().zip(&workload.prefill) {
        let room = longest - p;
        if *d > room {
            *d = room;
            workload.clipped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &Config) -> Workload {
        workload(config, &Library::default()).unwrap()
    }

    #[test]
    fn the_scheduler_does_not_change_the_workload() {
        let base = Config::default();
        for &scheduler in super::super::config::Scheduler::ALL {
            let other = Config {
                scheduler,
                ..base.clone()
            };
            assert_eq!(of(&base), of(&other), "{scheduler:?}");
        }
    }

    #[test]
    fn more_requests_extend_the_workload_and_the_rate_only_stretches_it() {
        let few = of(&Config::default());
        let more = of(&Config {
            requests: 100,
            ..Config::default()
        });
        assert_eq!(few.arrival, more.arrival[..60]);
        assert_eq!(few.prefill, more.prefill[..60]);
        let faster = of(&Config {
            rate: 5.0,
            ..Config::default()
        });
        assert_eq!(few.prefill, faster.prefill);
        assert!((few.arrival[59] / faster.arrival[59] - 2.0).abs() < 1e-12);
    }

    #[test]
    fn outputs_are_cut_to_the_longest_sequence_and_counted() {
        let w = of(&Config {
            max_tokens_per_sequence: 2100,
            ..Config::default()
        });
        assert!(
            w.clipped > 0 && w.too_long > 0,
            "{} {}",
            w.clipped,
            w.too_long
        );
        assert_eq!(w.arrival.len() + w.too_long, 60);
        for (p, d) in w.prefill.iter().zip(&w.decode) {
            assert!(p + d <= 2100 && *d >= 1, "{p} {d}");
        }
    }

    #[test]
    fn clients_of_a_closed_loop_send_one_request_at_a_time() {
        let w = of(&Config {
            arrivals: Arrivals::ClosedLoop,
            clients: 5,
            think_secs: 2.0,
            ..Config::default()
        });
        assert_eq!(w.chains.roots, 5);
        assert!(w.arrival[..5].is_sorted() && w.arrival[5..].iter().all(|a| a.is_nan()));
        assert_eq!(w.chains.successor(3), Some(8));
        assert_eq!(w.chains.successor(57), None);
        assert_eq!(w.tags.user(8), 3);
    }

    #[test]
    fn each_turn_repeats_what_was_said_before() {
        let w = of(&Config {
            arrivals: Arrivals::Sessions,
            prompt_median: 100.0,
            turns_mean: 4.0,
            system_prompt: 64,
            requests: 200,
            ..Config::default()
        });
        assert_eq!(w.prefill.len(), 200);
        let roots = w.chains.roots;
        // 200 requests in conversations of 4 turns; the number of conversations has a spread of 12.
        assert!((20..90).contains(&roots), "{roots}");
        for r in 0..200_u32 {
            let i = r as usize;
            let pieces = w.tags.pieces(r);
            let tokens: u32 = pieces.iter().map(|p| p.tokens).sum();
            assert_eq!(tokens, w.prefill[i] + w.decode[i], "request {r}");
            if let Some(next) = w.chains.successor(r) {
                assert!(w.prefill[next as usize] > w.prefill[i] + w.decode[i]);
                assert_eq!(w.tags.session(next), w.tags.session(r));
                assert_eq!(
                    w.tags.block_keys(r, 16, tokens).collect::<Vec<_>>(),
                    w.tags.block_keys(next, 16, tokens).collect::<Vec<_>>(),
                    "the whole of turn {r} is a prefix of the next"
                );
            }
        }
    }

    #[test]
    fn classes_have_their_own_lengths_and_priorities() {
        let w = of(&Config {
            requests: 4000,
            batch_share: 0.25,
            batch_priority: 3,
            batch_prompt_median: 6.0,
            batch_output_median: 700.0,
            ..Config::default()
        });
        let batch: Vec<usize> = (0..4000).filter(|&r| w.tags.class(r as u32) == 1).collect();
        assert!((900..1100).contains(&batch.len()), "{}", batch.len());
        assert!(
            batch
                .iter()
                .all(|&r| w.prefill[r] < 200 && w.tags.priority(r as u32) == 3)
        );
        let alone = of(&Config {
            requests: 4000,
            ..Config::default()
        });
        assert_eq!(w.arrival, alone.arrival, "classes move no arrival");
    }

    #[test]
    fn a_few_users_send_most_where_shares_are_skewed() {
        let w = of(&Config {
            requests: 10_000,
            users: 10,
            user_skew: 1.0,
            ..Config::default()
        });
        let mut count = [0_usize; 10];
        for r in 0..10_000 {
            count[w.tags.user(r) as usize] += 1;
        }
        // Shares 1/k over H(10) = 2.929.
        assert!((3200..3650).contains(&count[0]), "{count:?}");
        assert!((280..400).contains(&count[9]), "{count:?}");
    }
}
