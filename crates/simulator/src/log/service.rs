//! Service that counts: tokens of requests for which what they were promised is kept, as they come.

use super::super::engine::{Emitted, Promise, Tags};
use std::sync::Arc;

/// Bins of a course over time are joined in pairs beyond this number; even.
const ROWS: usize = 512;

/// What requests are promised, as far as it is not in their tags.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Who is promised what.
    pub tags: Arc<Tags>,
    /// Arrivals.
    pub arrival: Vec<f64>,
    /// Prompt and output tokens.
    pub tokens: Vec<[u32; 2]>,
    /// Targets of streams by class: first token, further tokens.
    pub targets: [[f64; 2]; 2],
}

/// Of one request.
#[derive(Debug, Clone, Copy, Default)]
struct Course {
    out: u32,
    /// Whether all of its last tokens so far were in time.
    late: bool,
    done: bool,
}

/// Counts tokens that count: of streams each output token in time, j at the latest at the first
/// target plus j − 1 further ones; of requests with a deadline all tokens, prompt and output, once
/// the last one is in time; of calls that belong together once the last one of all is.
#[derive(Debug, Clone)]
pub struct Service {
    terms: Terms,
    courses: Vec<Course>,
    counted: [u64; 3],
    requests: [[u64; 2]; 3],
    width: f64,
    rows: Vec<[f64; 3]>,
}

impl Service {
    /// Before the first token.
    pub fn new(terms: Terms) -> Self {
        let n = terms.arrival.len();
        let mut requests = [[0; 2]; 3];
        for r in 0..n {
            requests[terms.tags.promise(r as u32) as usize][0] += 1;
        }
        Self {
            terms,
            courses: vec![Course::default(); n],
            counted: [0; 3],
            requests,
            width: 1.0,
            rows: Vec::new(),
        }
    }

    /// Tokens that count so far, of streams, of requests with a deadline, of compound ones.
    pub fn counted(&self) -> [u64; 3] {
        self.counted
    }

    /// Requests, and those of them for which everything was kept, by what they were promised.
    pub fn requests(&self) -> [[u64; 2]; 3] {
        self.requests
    }

    /// Tokens that count in each stretch of time: the width of a stretch in seconds, and its tokens.
    pub fn course(&self) -> (f64, &[[f64; 3]]) {
        (self.width, &self.rows)
    }

    fn count(&mut self, at: f64, what: Promise, tokens: u64) {
        self.counted[what as usize] += tokens;
        while at / self.width >= ROWS as f64 {
            self.rows = (self.rows.chunks(2))
                .map(|pair| {
                    let mut sum = pair[0];
                    for other in &pair[1..] {
                        for (a, b) in sum.iter_mut().zip(other) {
                            *a += b;
                        }
                    }
                    sum
                })
                .collect();
            self.width *= 2.0;
        }
        let bin = (at / self.width) as usize;
        if bin >= self.rows.len() {
            self.rows.resize(bin + 1, [0.0; 3]);
        }
        self.rows[bin][what as usize] += tokens as f64;
    }

    /// A token is out.
    pub(super) fn token(&mut self, at: f64, r: u32, emitted: Emitted) {
        let i = r as usize;
        let what = self.terms.tags.promise(r);
        let waited = at - self.terms.arrival[i];
        let course = &mut self.courses[i];
        course.out += 1;
        let last = emitted == Emitted::Last;
        course.done |= last;
        if what == Promise::Streaming {
            let class = usize::from(self.terms.tags.class(r) > 0);
            let [first, further] = self.terms.targets[class];
            let due = first + further * f64::from(course.out - 1);
            course.late |= waited > due;
            let kept = last && !course.late;
            if waited <= due {
                self.count(at, what, 1);
            }
            self.requests[what as usize][1] += u64::from(kept);
            return;
        }
        if !last {
            return;
        }
        course.late = waited > self.terms.tags.deadline(r);
        let peers = self.terms.tags.peers(r);
        let all = &self.courses[peers.start as usize..peers.end as usize];
        if all.iter().all(|c| c.done && !c.late) {
            let tokens = &self.terms.tokens[peers.start as usize..peers.end as usize];
            let sum = tokens
                .iter()
                .map(|t| u64::from(t[0]) + u64::from(t[1]))
                .sum();
            self.requests[what as usize][1] += all.len() as u64;
            self.count(at, what, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_count_by_what_was_promised() {
        let tags = Tags {
            promise: vec![
                Promise::Streaming,
                Promise::Deadline,
                Promise::Compound,
                Promise::Compound,
            ],
            deadline: vec![f64::INFINITY, 5.0, 5.0, 5.0],
            peers: vec![[0, 1], [1, 2], [2, 4], [2, 4]],
            ..Tags::default()
        };
        let mut service = Service::new(Terms {
            tags: tags.into(),
            arrival: vec![10.0; 4],
            tokens: vec![[7, 3], [7, 2], [7, 1], [7, 1]],
            targets: [[1.0, 0.5]; 2],
        });
        // Due at 11, 11.5 and 12: the second is late.
        service.token(11.0, 0, Emitted::Token);
        service.token(11.6, 0, Emitted::Token);
        service.token(11.9, 0, Emitted::Last);
        assert_eq!(service.counted(), [2, 0, 0]);
        service.token(11.0, 1, Emitted::Token);
        assert_eq!(service.counted(), [2, 0, 0]);
        service.token(15.0, 1, Emitted::Last);
        assert_eq!(service.counted(), [2, 9, 0]);
        service.token(11.0, 2, Emitted::Last);
        assert_eq!(
            service.counted(),
            [2, 9, 0],
            "not before all calls are done"
        );
        service.token(14.0, 3, Emitted::Last);
        assert_eq!(service.counted(), [2, 9, 16]);
        assert_eq!(service.requests(), [[1, 0], [1, 1], [2, 2]]);
        let (width, rows) = service.course();
        let sum: f64 = rows.iter().flatten().sum();
        assert_eq!((width, sum), (1.0, 27.0));
    }
}
