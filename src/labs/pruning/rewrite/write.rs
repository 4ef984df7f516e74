//! The last pass: the file again, without the weights that go.

use super::super::config::Method;
use super::super::ranks::{Assign, NEVER};
use super::keys::each_value;
use super::report::{self, Recipe};
use super::{CHUNK, Phase, Rewrite, Sink, Source, columns, width};
use crate::core::Result;
use crate::core::groups;
use crate::core::mask::Mask;
use crate::core::select::Cut;

impl<S: Source, W: Sink> Rewrite<S, W> {
    /// Writes the headers.
    pub(super) fn start(&mut self) -> Result<Phase> {
        (self.tensor, self.at) = (0, 0);
        let cuts = self.chosen.iter().any(|c| c.cut.k > 0 || c.stats.nan > 0);
        let groups =
            self.request.method == Method::NOfM && self.request.keep_n < self.request.group_m;
        if cuts || groups {
            let recipe = Recipe::of(&self.request).to_json();
            self.out
                .write(&report::header_bytes(&self.header, &recipe))?;
        } else {
            // Nothing changes: neither does the header.
            let mut text = vec![0; (8 + self.header.length) as usize];
            self.source.read(0, &mut text)?;
            self.out.write(&text)?;
        }
        if let Some(masks) = &mut self.masks {
            let tensors = self.chosen.iter().map(|c| &self.header.entries[c.entry]);
            masks.write(&report::mask_header(tensors))?;
        }
        Ok(Phase::Write(Assign::new(self.first_cuts())))
    }

    fn first_cuts(&self) -> Vec<Cut> {
        self.chosen.first().map(|c| vec![c.cut]).unwrap_or_default()
    }

    /// Copies one chunk, without the weights that go.
    pub(super) fn write(&mut self, mut assign: Assign) -> Result<Phase> {
        let Some(entry) = self.header.entries.get(self.tensor) else {
            return Ok(Phase::Done);
        };
        let Some(c) = self.chosen.iter().position(|c| c.entry == self.tensor) else {
            self.copy([entry.span[0], entry.span[1]])?;
            return Ok(Phase::Write(assign));
        };
        if entry.elements() == 0 {
            self.tensor += 1;
            return Ok(Phase::Write(assign));
        }
        if self.at == 0 && !self.global() {
            assign = Assign::new(vec![self.chosen[c].cut]);
        }
        let (cols, width) = (columns(entry), width(entry) as usize);
        let range = self.next_chunk(self.tensor)?;
        let keys = self.keys(c, range.start);
        let kept = if self.request.method == Method::NOfM {
            self.groups(&keys, range.start % cols, cols)
        } else {
            Mask::from_fn(keys.len(), |i| assign.next(keys[i]) == NEVER)
        };
        let dtype = self.header.entries[self.tensor].dtype.clone();
        let mut values = Vec::with_capacity(keys.len());
        each_value(&dtype, &self.buffer, |v| values.push(v));
        for (i, v) in values.into_iter().enumerate() {
            let gone = !kept.kept(i);
            if gone || v.is_nan() {
                self.buffer[i * width..(i + 1) * width].fill(0);
            }
            if gone && v.is_finite() {
                self.chosen[c].lost += f64::from(v) * f64::from(v);
            }
        }
        self.chosen[c].pruned += (keys.len() - kept.count()) as u64;
        self.out.write(&self.buffer)?;
        if let Some(masks) = &mut self.masks {
            let bytes: Vec<u8> = kept.iter().map(u8::from).collect();
            masks.write(&bytes)?;
        }
        if self.at == 0 {
            self.tensor += 1;
        }
        Ok(Phase::Write(assign))
    }

    /// N:M within a chunk that starts at a column of its row.
    fn groups(&self, keys: &[u32], column: u64, cols: u64) -> Mask {
        let mut mask = Mask::none(keys.len());
        let (mut at, mut column) = (0, column);
        while at < keys.len() {
            let left = (cols - column) as usize;
            let size = self.request.group_m.min(left).min(keys.len() - at).max(1);
            let group = &keys[at..at + size];
            if size <= 32 {
                mask.put(at, groups::best(group, self.request.keep_n), size);
            } else {
                for i in 0..size {
                    mask.set(at + i, groups::place(group, i) < self.request.keep_n);
                }
            }
            at += size;
            column = (column + size as u64) % cols.max(1);
        }
        mask
    }

    /// Copies some bytes of a tensor that stays as it is.
    fn copy(&mut self, [start, end]: [u64; 2]) -> Result<()> {
        let size = (end - start - self.at).min(4 * CHUNK);
        self.buffer.resize(size as usize, 0);
        let place = 8 + self.header.length + start + self.at;
        self.source.read(place, &mut self.buffer)?;
        self.out.write(&self.buffer)?;
        self.at += size;
        if start + self.at == end {
            self.at = 0;
            self.tensor += 1;
        }
        Ok(())
    }
}
