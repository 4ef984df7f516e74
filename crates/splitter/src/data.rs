//! What stands in the memory from the start, and which of it comes with the second part.

use crate::Result;
use crate::module::Module;
use std::ops::Range;
use wasm_encoder::{ConstExpr, DataSection};
use wasmparser::{DataKind, Operator};

/// Bytes that a module writes into its memory when it is instantiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    address: u32,
    bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    fn end(&self) -> u32 {
        self.address + self.bytes.len() as u32
    }

    /// The part of it within a range of addresses.
    fn within(&self, range: &Range<u32>) -> Option<Self> {
        let from = self.address.max(range.start);
        let to = self.end().min(range.end);
        let bytes = self.bytes.get(
            (from.checked_sub(self.address)? as usize)..(to.checked_sub(self.address)? as usize),
        )?;
        (!bytes.is_empty()).then_some(Piece::<'a> {
            address: from,
            bytes,
        })
    }
}

/// The pieces of a module, by address.
///
/// # Errors
/// Data that is not written at a constant address when the module is instantiated.
pub(crate) fn pieces<'a>(module: &Module<'a>) -> Result<Vec<Piece<'a>>> {
    let mut pieces = Vec::new();
    for data in module.data.iter().flat_map(|d| d.clone().into_iter()) {
        let data = data?;
        let DataKind::Active {
            memory_index: 0,
            offset_expr,
        } = data.kind
        else {
            return Err("data that is not written at the start".into());
        };
        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
            return Err("data at an address that is not a constant".into());
        };
        pieces.push(Piece {
            address: value.cast_unsigned(),
            bytes: data.data,
        });
    }
    pieces.sort_by_key(|p| p.address);
    Ok(pieces)
}

/// Where in the memory these bytes stand. Runs of zeros may lie between two pieces.
pub(crate) fn find(pieces: &[Piece<'_>], bytes: &[u8]) -> Option<Range<u32>> {
    let base = pieces.first()?.address;
    let end = pieces.iter().map(Piece::end).max()?;
    let mut memory = vec![0; (end - base) as usize];
    for piece in pieces {
        let at = (piece.address - base) as usize;
        memory[at..at + piece.bytes.len()].copy_from_slice(piece.bytes);
    }
    let at = memory
        .windows(bytes.len().max(1))
        .position(|w| w == bytes)? as u32;
    Some(base + at..base + at + bytes.len() as u32)
}

/// Divides pieces: those outside of all ranges, and those inside of one.
pub(crate) fn divide<'a>(
    pieces: &[Piece<'a>],
    later: &[Range<u32>],
) -> (Vec<Piece<'a>>, Vec<Piece<'a>>) {
    let mut later = later.to_vec();
    later.sort_by_key(|range| range.start);
    let mut free = Vec::new();
    let mut from = 0;
    for range in &later {
        free.push(from..range.start);
        from = range.end;
    }
    free.push(from..u32::MAX);
    let among = |ranges: &[Range<u32>]| {
        let inside = |piece: &Piece<'a>| -> Vec<Piece<'a>> {
            ranges.iter().filter_map(|r| piece.within(r)).collect()
        };
        pieces.iter().flat_map(inside).collect()
    };
    (among(&free), among(&later))
}

/// Pieces as a section.
pub(crate) fn section(pieces: &[Piece<'_>]) -> DataSection {
    let mut section = DataSection::new();
    for piece in pieces {
        let address = ConstExpr::i32_const(piece.address.cast_signed());
        section.active(0, &address, piece.bytes.iter().copied());
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECES: [Piece<'_>; 3] = [
        Piece {
            address: 100,
            bytes: b"abcdef",
        },
        Piece {
            address: 108,
            bytes: b"gh",
        },
        Piece {
            address: 200,
            bytes: b"abc",
        },
    ];

    fn words(pieces: &[Piece<'_>]) -> Vec<(u32, String)> {
        let word = |p: &Piece<'_>| (p.address, String::from_utf8_lossy(p.bytes).into_owned());
        pieces.iter().map(word).collect()
    }

    #[test]
    fn bytes_are_found_across_pieces_with_zeros_between_them() {
        assert_eq!(find(&PIECES, b"cde"), Some(102..105));
        assert_eq!(find(&PIECES, b"ef\0\0gh\0"), Some(104..111));
        assert_eq!(find(&PIECES, b"efg"), None);
        assert_eq!(find(&[], b"a"), None);
    }

    #[test]
    fn pieces_are_cut_where_a_range_begins_and_ends() {
        let (first, later) = divide(&PIECES, &[201..202, 104..109]);
        let first = words(&first);
        let first: Vec<_> = first.iter().map(|(a, w)| (*a, w.as_str())).collect();
        assert_eq!(first, [(100, "abcd"), (109, "h"), (200, "a"), (202, "c")]);
        let later = words(&later);
        let later: Vec<_> = later.iter().map(|(a, w)| (*a, w.as_str())).collect();
        assert_eq!(later, [(104, "ef"), (108, "g"), (201, "b")]);
    }

    #[test]
    fn without_ranges_everything_stays() {
        let (first, later) = divide(&PIECES, &[]);
        assert_eq!(first, PIECES);
        assert!(later.is_empty());
    }
}
