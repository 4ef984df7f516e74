//! Things of this lab that can be pointed at.

use crate::core::EntityId;

/// Offset of expert ids among entity ids.
const EXPERT: u64 = 1 << 32;
/// Tokens per batch in entity ids.
const BATCH: u64 = 1 << 16;

/// A thing in this lab that can be pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// A token of a batch.
    Token {
        /// Batch, from 0.
        batch: usize,
        /// Token within the batch, from 0.
        token: usize,
    },
    /// An expert.
    Expert(usize),
}

impl Entity {
    /// Its id.
    pub fn id(self) -> EntityId {
        match self {
            Self::Token { batch, token } => EntityId(batch as u64 * BATCH + token as u64),
            Self::Expert(e) => EntityId(EXPERT + e as u64),
        }
    }

    /// The entity with this id.
    pub fn of(EntityId(id): EntityId) -> Self {
        if id >= EXPERT {
            Self::Expert((id - EXPERT) as usize)
        } else {
            Self::Token {
                batch: (id / BATCH) as usize,
                token: (id % BATCH) as usize,
            }
        }
    }
}
