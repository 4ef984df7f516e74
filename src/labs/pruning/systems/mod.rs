//! The systems of this lab, one file each.

pub mod erk;
pub mod lamp;
pub mod n_of_m;
pub mod random;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[];
