//! A text that ships with the program.

/// The first chapters of "Alice's Adventures in Wonderland" (Lewis Carroll, 1865; in the public
/// domain): words in lower-case letters, spaces and line ends.
pub static ALICE: &str = include_str!("../../../assets/alice.txt");
