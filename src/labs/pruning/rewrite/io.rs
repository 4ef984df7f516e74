//! Where bytes come from and where they go.

use crate::core::{Error, Result};

/// Bytes that can be read at any place.
pub trait Source {
    /// Number of bytes.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `into` from byte `at` on.
    ///
    /// # Errors
    /// When the bytes cannot be read.
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<()>;
}

impl Source for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<()> {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let found = self.get(start..start.saturating_add(into.len()));
        let found = found.ok_or_else(|| Error::Stuck(format!("no bytes at {at}")))?;
        into.copy_from_slice(found);
        Ok(())
    }
}

/// Bytes kept and shared.
impl Source for std::sync::Arc<[u8]> {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<()> {
        (&**self).read(at, into)
    }
}

/// Where bytes go, one after the other.
pub trait Sink {
    /// Adds some bytes.
    ///
    /// # Errors
    /// When they cannot be written.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;
}

impl Sink for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}
