//! How much of a large file is read.

/// What to read of a file, decided from its name, its size and its first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// So many bytes from its start are needed to decide.
    Start(u64),
    /// These bytes, and after them these parts of the file, as first byte and byte after the last.
    Parts {
        /// Bytes that stand before the parts.
        head: Vec<u8>,
        /// The parts, in order.
        parts: Vec<[u64; 2]>,
    },
}

impl Reading {
    /// The file as it is.
    pub fn whole(total: u64) -> Self {
        Self::Parts {
            head: Vec::new(),
            parts: vec![[0, total]],
        }
    }

    /// Bytes that come out.
    pub fn size(&self) -> u64 {
        match self {
            Self::Start(n) => *n,
            Self::Parts { head, parts } => {
                let of = |p: &[u64; 2]| p[1].saturating_sub(p[0]);
                head.len() as u64 + parts.iter().map(of).sum::<u64>()
            }
        }
    }
}
