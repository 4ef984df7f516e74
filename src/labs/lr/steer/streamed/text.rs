//! The text of the character models: the first chapters of "Alice's Adventures in Wonderland" (Lewis
//! Carroll, 1865; in the public domain), lower-case letters and spaces.

use std::sync::OnceLock;

/// Number of symbols: a space and 26 letters.
pub(super) const SYMBOLS: usize = 27;

/// The text as symbols, 0 for a space.
pub(super) fn symbols() -> &'static [u8] {
    static TEXT: OnceLock<Vec<u8>> = OnceLock::new();
    TEXT.get_or_init(|| {
        crate::core::ALICE
            .trim_end()
            .bytes()
            .map(|b| {
                if b.is_ascii_lowercase() {
                    b - b'a' + 1
                } else {
                    0
                }
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_every_symbol_and_no_other() {
        let text = symbols();
        assert!(text.len() > 30_000);
        for s in 0..SYMBOLS as u8 {
            assert!(text.contains(&s), "{s}");
        }
        assert!(text.iter().all(|s| usize::from(*s) < SYMBOLS));
        assert!(text.windows(2).all(|w| w != [0, 0]), "single spaces");
    }
}
