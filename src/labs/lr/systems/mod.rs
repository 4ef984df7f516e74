//! The systems of this lab, one file each.

mod adadagrad;
mod algoperf;
mod annealing;
mod autolrs;
mod bound_optimum;
mod constant;
mod convex_bound;
mod cooldown_shapes;
mod cosine;
mod cyclic;
mod diffusion_optimizers;
mod drawn;
mod drift;
mod exponential;
mod extension;
mod fedhyper;
mod hypergradient;
mod inverse_sqrt;
mod kaplan;
mod large_steps;
mod linear;
mod loss_to_loss;
mod mambanut;
mod maps;
mod masking_rate;
mod mpl_optimum;
mod multi_power;
mod multi_step;
mod nap;
mod one_cycle;
mod plateau;
mod polynomial;
mod power;
mod quantised_cooldown;
mod refined;
mod rex;
mod river_valley;
mod scaling_c;
mod schedule_free;
mod sgdr;
mod step;
mod trapezoid;
mod uba;
mod volsched;
mod wsd;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &wsd::WSD,
    &cooldown_shapes::COOLDOWN_SHAPES,
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
    &convex_bound::CONVEX_BOUND,
    &bound_optimum::BOUND_OPTIMUM,
    &extension::EXTENSION,
    &refined::REFINED,
    &multi_power::MULTI_POWER,
    &annealing::ANNEALING,
    &mpl_optimum::MPL_OPTIMUM,
    &kaplan::KAPLAN,
    &loss_to_loss::LOSS_TO_LOSS,
    &quantised_cooldown::QUANTISED_COOLDOWN,
    &river_valley::RIVER_VALLEY,
    &schedule_free::SCHEDULE_FREE,
    &plateau::PLATEAU,
    &hypergradient::HYPERGRADIENT,
    &autolrs::AUTOLRS,
    &volsched::VOLSCHED,
    &drift::DRIFT,
    &fedhyper::FEDHYPER,
    &large_steps::LARGE_STEPS,
    &nap::NAP,
    &adadagrad::ADADAGRAD,
    &masking_rate::MASKING_RATE,
    &scaling_c::SCALING_C,
    &maps::MAPS,
    &mambanut::MAMBANUT,
    &diffusion_optimizers::DIFFUSION_OPTIMIZERS,
    &algoperf::ALGOPERF,
];
