//! The systems of this lab, one file each.

mod constant;
mod cosine;
mod linear;
mod rex;
mod wsd;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &wsd::WSD,
    &linear::LINEAR,
    &cosine::COSINE,
    &rex::REX,
    &constant::CONSTANT,
];
