//! What is known about requests beside their lengths: who sent them, how urgent they are, how long
//! their outputs were predicted to be, and which tokens they share with others.

/// A run of tokens with the same origin: tokens at equal positions of equal streams are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Where the tokens come from, below 2^31: a system prompt, a conversation, a trace's hash id.
    pub stream: u32,
    /// How many they are.
    pub tokens: u32,
}

/// What counts for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Promise {
    /// Every token in time: somebody reads along.
    #[default]
    Streaming,
    /// The last token before a deadline.
    Deadline,
    /// The last token of several calls that belong together before a deadline.
    Compound,
}

/// One array per field, by request; an empty array stands for "the same for everybody".
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tags {
    /// Who sent it; 0 where absent.
    pub user: Vec<u32>,
    /// Class of service; 0 where absent.
    pub class: Vec<u8>,
    /// Lower runs sooner; 0 where absent.
    pub priority: Vec<i32>,
    /// Conversation it belongs to; the request's own number where absent.
    pub session: Vec<u32>,
    /// Which message of its conversation it is, from 0; 0 where absent.
    pub turn: Vec<u32>,
    /// Predicted output tokens; 1 where absent.
    pub predicted: Vec<f64>,
    /// What counts for it; a stream where absent.
    pub promise: Vec<Promise>,
    /// Seconds from arrival to its deadline, where it has one.
    pub deadline: Vec<f64>,
    /// Calls that it belongs together with, as first and one after the last; itself where absent.
    pub peers: Vec<[u32; 2]>,
    /// Pieces of prompt and output of all requests, one after the other.
    pub pieces: Vec<Piece>,
    /// Where the pieces of each request begin, and the end; empty if no request shares tokens.
    pub piece_offsets: Vec<usize>,
}

/// Streams from here on belong to single requests: nobody shares them.
const OWN_STREAM: u64 = 1 << 31;

impl Tags {
    /// Who sent request `r`.
    pub fn user(&self, r: u32) -> u32 {
        self.user.get(r as usize).copied().unwrap_or(0)
    }

    /// Number of users.
    pub fn users(&self) -> usize {
        self.user.iter().max().map_or(1, |u| *u as usize + 1)
    }

    /// Class of service of request `r`.
    pub fn class(&self, r: u32) -> u8 {
        self.class.get(r as usize).copied().unwrap_or(0)
    }

    /// Priority of request `r`; lower runs sooner.
    pub fn priority(&self, r: u32) -> i32 {
        self.priority.get(r as usize).copied().unwrap_or(0)
    }

    /// Conversation of request `r`.
    pub fn session(&self, r: u32) -> u32 {
        self.session.get(r as usize).copied().unwrap_or(r)
    }

    /// Which message of its conversation request `r` is, from 0.
    pub fn turn(&self, r: u32) -> u32 {
        self.turn.get(r as usize).copied().unwrap_or(0)
    }

    /// Predicted output tokens of request `r`, not rounded.
    pub fn predicted(&self, r: u32) -> f64 {
        self.predicted.get(r as usize).copied().unwrap_or(1.0)
    }

    /// What counts for request `r`.
    pub fn promise(&self, r: u32) -> Promise {
        self.promise.get(r as usize).copied().unwrap_or_default()
    }

    /// Seconds from the arrival of request `r` to its deadline; infinite without one.
    pub fn deadline(&self, r: u32) -> f64 {
        self.deadline
            .get(r as usize)
            .copied()
            .unwrap_or(f64::INFINITY)
    }

    /// The calls that request `r` belongs together with, itself among them.
    pub fn peers(&self, r: u32) -> std::ops::Range<u32> {
        let [from, to] = self.peers.get(r as usize).copied().unwrap_or([r, r + 1]);
        from..to
    }

    /// Pieces of request `r` in order of position; tokens after the last one are its own.
    pub fn pieces(&self, r: u32) -> &[Piece] {
        let i = r as usize;
        match (self.piece_offsets.get(i), self.piece_offsets.get(i + 1)) {
            (Some(&from), Some(&to)) => self.pieces.get(from..to).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Appends the pieces of the next request.
    pub fn push_pieces(&mut self, pieces: impl IntoIterator<Item = Piece>) {
        if self.piece_offsets.is_empty() {
            self.piece_offsets.push(0);
        }
        self.pieces.extend(pieces);
        self.piece_offsets.push(self.pieces.len());
    }

    /// Keeps the requests whose flag is set. Which calls belong together is said afterwards.
    pub fn retain(&mut self, keep: &[bool]) {
        fn kept<T: Copy>(values: &mut Vec<T>, keep: &[bool]) {
            let mut flags = keep.iter();
            values.retain(|_| flags.next().copied().unwrap_or(false));
        }
        if !self.piece_offsets.is_empty() {
            let old = std::mem::take(self);
            for (r, _) in keep.iter().enumerate().filter(|(_, k)| **k) {
                self.push_pieces(old.pieces(r as u32).iter().copied());
            }
            let (pieces, piece_offsets) = (
                std::mem::take(&mut self.pieces),
                std::mem::take(&mut self.piece_offsets),
            );
            *self = Self {
                pieces,
                piece_offsets,
                ..old
            };
        }
        kept(&mut self.user, keep);
        kept(&mut self.class, keep);
        kept(&mut self.priority, keep);
        kept(&mut self.session, keep);
        kept(&mut self.turn, keep);
        kept(&mut self.predicted, keep);
        kept(&mut self.promise, keep);
        kept(&mut self.deadline, keep);
    }

    /// Keys of the full blocks of `block_size` tokens among the first `tokens` tokens of request
    /// `r`, in order. Two requests have a key in common exactly where all tokens up to the end of
    /// that block are equal (but for collisions of a 64-bit hash).
    pub fn block_keys(&self, r: u32, block_size: u32, tokens: u32) -> BlockKeys<'_> {
        BlockKeys {
            pieces: self.pieces(r),
            piece: 0,
            left_in_piece: self.pieces(r).first().map_or(0, |p| p.tokens),
            own: OWN_STREAM + u64::from(r),
            block_size: block_size.max(1),
            left: tokens / block_size.max(1),
            key: 0,
        }
    }
}

/// Keys of the blocks of a request, each made of the one before and the tokens of the block.
#[derive(Debug, Clone)]
pub struct BlockKeys<'a> {
    pieces: &'a [Piece],
    piece: usize,
    left_in_piece: u32,
    own: u64,
    block_size: u32,
    left: u32,
    key: u64,
}

impl Iterator for BlockKeys<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let mut need = self.block_size;
        let mut last = (u64::MAX, 0_u32);
        while need > 0 {
            while self.left_in_piece == 0 && self.piece < self.pieces.len() {
                self.piece += 1;
                self.left_in_piece = self.pieces.get(self.piece).map_or(0, |p| p.tokens);
            }
            let (stream, run) = match self.pieces.get(self.piece) {
                Some(piece) => (u64::from(piece.stream), need.min(self.left_in_piece)),
                None => (self.own, need),
            };
            self.left_in_piece = self.left_in_piece.saturating_sub(run);
            need -= run;
            if stream == last.0 {
                last.1 += run;
            } else {
                self.key = chained(self.key, last);
                last = (stream, run);
            }
        }
        self.key = chained(self.key, last);
        Some(self.key)
    }
}

fn chained(key: u64, (stream, run): (u64, u32)) -> u64 {
    if run == 0 {
        return key;
    }
    mix(key ^ mix(stream << 24 ^ u64::from(run)))
}

/// Finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014), with its increment so that 0 is not a fixed point.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(stream: u32, tokens: u32) -> Piece {
        Piece { stream, tokens }
    }

    #[test]
    fn keys_agree_as_far_as_the_tokens_do() {
        let mut tags = Tags::default();
        tags.push_pieces([piece(1, 40), piece(2, 100)]);
        tags.push_pieces([piece(1, 40), piece(3, 100)]);
        tags.push_pieces([piece(1, 24), piece(1, 16), piece(2, 100)]);
        tags.push_pieces([]);
        let keys = |r| tags.block_keys(r, 16, 140).collect::<Vec<u64>>();
        let (a, b) = (keys(0), keys(1));
        assert_eq!(a.len(), 8, "140 tokens hold 8 full blocks");
        assert_eq!(a[..2], b[..2], "32 of the 40 shared tokens are full blocks");
        assert!(a[2..].iter().zip(&b[2..]).all(|(x, y)| x != y));
        assert_eq!(
            a,
            keys(2),
            "how a stream is cut into pieces does not matter"
        );
        assert!(keys(3).iter().all(|k| !a.contains(k)), "own tokens");
        assert_eq!(tags.block_keys(0, 16, 15).count(), 0);
    }

    #[test]
    fn requests_can_be_left_out() {
        let mut tags = Tags {
            user: vec![4, 5, 6],
            ..Tags::default()
        };
        for stream in 1..=3 {
            tags.push_pieces([piece(stream, 8)]);
        }
        tags.retain(&[true, false, true]);
        assert_eq!((tags.user(1), tags.users()), (6, 7));
        assert_eq!(tags.pieces(1), [piece(3, 8)]);
        assert_eq!(tags.pieces(2), []);
    }
}
