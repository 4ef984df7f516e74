//! What is known about requests besides their arrival and lengths. Shared by all checkpoints of a
//! run; an empty vector stands for the default of every request.

/// No successor.
pub const NO_REQUEST: u32 = u32::MAX;

/// Constant facts, one array per field.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// Who sent it; 0 by default.
    pub user: Vec<u32>,
    /// Class, with its own targets; 0 by default.
    pub class: Vec<u8>,
    /// Lower is sooner; 0 by default.
    pub priority: Vec<u8>,
    /// Conversation it belongs to; none by default.
    pub session: Vec<u32>,
    /// Number of its turn in the conversation, from 0.
    pub turn: Vec<u32>,
    /// Predicted output tokens; none by default.
    pub predicted: Vec<u32>,
    /// Tokens per prefix hash; 0 when there are none.
    pub prefix_tokens: u32,
    /// Where the hashes of request r start and end: `prefix_at[r]..prefix_at[r + 1]`.
    pub prefix_at: Vec<u32>,
    /// Hashes of blocks of tokens in order. Equal hashes mean equal tokens up to their end. The
    /// last one may stand for a block that is not full.
    pub prefix: Vec<u32>,
    /// The request that arrives after this one has ended, or [`NO_REQUEST`].
    pub next: Vec<u32>,
    /// Seconds between the end of its predecessor and its arrival.
    pub think: Vec<f64>,
    /// Requests that arrive by the clock, the first ones; the others arrive after a predecessor.
    /// Only read where `next` is not empty.
    pub roots: usize,
}

impl Facts {
    /// Hashes of a request's blocks.
    pub fn prefix(&self, r: u32) -> &[u32] {
        let i = r as usize;
        match (self.prefix_at.get(i), self.prefix_at.get(i + 1)) {
            (Some(&from), Some(&to)) => &self.prefix[from as usize..to as usize],
            _ => &[],
        }
    }

    /// Adds the hashes of the next request.
    pub fn push_prefix(&mut self, hashes: impl IntoIterator<Item = u32>) {
        if self.prefix_at.is_empty() {
            self.prefix_at.push(0);
        }
        self.prefix.extend(hashes);
        self.prefix_at.push(self.prefix.len() as u32);
    }

    /// The request that arrives after `r` has ended.
    pub fn successor(&self, r: u32) -> Option<u32> {
        let next = self.next.get(r as usize).copied()?;
        (next != NO_REQUEST).then_some(next)
    }

    /// Requests that arrive by the clock, of `n`.
    pub fn roots(&self, n: usize) -> usize {
        if self.next.is_empty() { n } else { self.roots }
    }

    /// The facts of the requests that `keep` marks. Not for requests with successors.
    pub fn kept(&self, keep: &[bool]) -> Self {
        fn pick<T: Copy>(values: &[T], keep: &[bool]) -> Vec<T> {
            values
                .iter()
                .zip(keep)
                .filter(|(_, k)| **k)
                .map(|(v, _)| *v)
                .collect()
        }
        let mut out = Self {
            user: pick(&self.user, keep),
            class: pick(&self.class, keep),
            priority: pick(&self.priority, keep),
            session: pick(&self.session, keep),
            turn: pick(&self.turn, keep),
            predicted: pick(&self.predicted, keep),
            prefix_tokens: self.prefix_tokens,
            ..Self::default()
        };
        if !self.prefix_at.is_empty() {
            for (r, _) in keep.iter().enumerate().filter(|(_, k)| **k) {
                out.push_prefix(self.prefix(r as u32).iter().copied());
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_kept_requests_move_up() {
        let mut facts = Facts {
            user: vec![1, 2, 3],
            prefix_tokens: 16,
            ..Facts::default()
        };
        facts.push_prefix([7, 8]);
        facts.push_prefix([]);
        facts.push_prefix([9]);
        let kept = facts.kept(&[true, false, true]);
        assert_eq!(kept.user, [1, 3]);
        assert_eq!((kept.prefix(0), kept.prefix(1)), (&[7, 8][..], &[9][..]));
        assert!(Facts::default().prefix(4).is_empty(), "none by default");
    }
}
