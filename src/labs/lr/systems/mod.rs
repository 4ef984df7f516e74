//! The systems of this lab, one file each.

mod constant;
mod cosine;
mod cyclic;
mod drawn;
mod exponential;
mod inverse_sqrt;
mod linear;
mod multi_step;
mod one_cycle;
mod polynomial;
mod power;
mod rex;
mod sgdr;
mod step;
mod trapezoid;
mod uba;
mod wsd;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &wsd::WSD,
    &linear::LINEAR,
    &cosine::COSINE,
    &rex::REX,
    &constant::CONSTANT,
    &trapezoid::TRAPEZOID,
    &uba::UBA,
    &power::POWER,
    &inverse_sqrt::INVERSE_SQRT,
    &step::STEP,
    &multi_step::MULTI_STEP,
    &exponential::EXPONENTIAL,
    &polynomial::POLYNOMIAL,
    &sgdr::SGDR,
    &one_cycle::ONE_CYCLE,
    &cyclic::CYCLIC,
    &drawn::DRAWN,
];
