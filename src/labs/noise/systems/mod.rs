//! The systems of this lab, one file each.

mod align_your_steps;
mod beta_sampling;
mod chen;
mod correction;
mod cosine;
mod cvdm;
mod ddim;
mod diffu_spec;
mod diffusion_edge;
mod dpm_sde;
mod dpm_solver;
mod dpm_solver_2s;
mod dus;
mod edm;
mod edm_stochastic;
mod euler_ancestral;
mod flow;
mod guidance_interval;
mod halton;
mod hang;
mod hyperschedule;
mod laplace_centred;
mod latent_consistency;
mod linear;
mod linear_quadratic;
mod minority;
mod olss;
mod optimal;
mod oss;
mod pndm;
mod rodinhd;
mod scaled_linear;
mod schedule_your_edit;
mod score_sde;
mod sigmoid;
mod simple_diffusion;
mod tangent;
mod unipc;
mod zero_snr;

use super::config::{Config, World};
use super::schedule::{ScheduleKind, Visit};
use super::solver::SolverKind;
use super::tokens::{OrderKind, Source};
use crate::labs::Exhibit;

/// A solver on EDM's levels.
fn solved(solver: SolverKind, eta: f64, steps: u64) -> Config {
    Config {
        schedule: ScheduleKind::Edm,
        solver,
        eta,
        steps,
        ..Config::default()
    }
}

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &edm::EDM,
    &linear::LINEAR,
    &scaled_linear::SCALED_LINEAR,
    &cosine::COSINE,
    &sigmoid::SIGMOID,
    &zero_snr::ZERO_SNR,
    &chen::CHEN,
    &simple_diffusion::SIMPLE_DIFFUSION,
    &hang::HANG,
    &laplace_centred::LAPLACE_CENTRED,
    &schedule_your_edit::SCHEDULE_YOUR_EDIT,
    &rodinhd::RODINHD,
    &score_sde::SCORE_SDE,
    &flow::FLOW,
    &diffusion_edge::DIFFUSION_EDGE,
    &tangent::TANGENT,
    &beta_sampling::BETA_SAMPLING,
    &linear_quadratic::LINEAR_QUADRATIC,
    &optimal::OPTIMAL,
    &align_your_steps::ALIGN_YOUR_STEPS,
    &oss::OSS,
    &cvdm::CVDM,
    &olss::OLSS,
    &ddim::DDIM,
    &dpm_solver::DPM_SOLVER_PP,
    &dpm_solver_2s::DPM_SOLVER_2S,
    &dpm_sde::DPM_SDE,
    &unipc::UNIPC,
    &pndm::PNDM,
    &euler_ancestral::EULER_ANCESTRAL,
    &edm_stochastic::EDM_STOCHASTIC,
    &latent_consistency::LATENT_CONSISTENCY,
    &minority::MINORITY,
    &guidance_interval::GUIDANCE_INTERVAL,
    &halton::HALTON,
    &dus::DUS,
    &diffu_spec::DIFFU_SPEC,
    &hyperschedule::HYPERSCHEDULE,
    &correction::CORRECTION,
];

/// Key of the system a config runs, if it is one of the registry's.
pub(super) fn id_of(config: &Config) -> Option<&'static str> {
    if config.world == World::Fields {
        return (config.schedule == ScheduleKind::LogSnrCosine).then_some("simple-diffusion");
    }
    if config.world == World::Images {
        return None;
    }
    if config.world == World::Tokens {
        return match config.order {
            _ if config.drafting && config.source == Source::Markov => Some("diffuspec"),
            OrderKind::Halton => Some("halton-scheduler"),
            OrderKind::Dilated => Some("dus"),
            kind if kind.is_annealed() && config.correction > 0.0 => Some("adaptive-correction"),
            kind if kind.in_blocks() => Some("hyperschedules"),
            _ => None,
        };
    }
    if config.minority_scale > 0.0 && config.solver == SolverKind::Ddim && config.eta > 0.0 {
        return Some("minority-guidance");
    }
    if config.one_class && config.guidance_weight != 1.0 {
        return Some("guidance-interval");
    }
    if config.solver == SolverKind::Consistency {
        return Some("latent-consistency");
    }
    if config.solver == SolverKind::Olss {
        return Some("linear-subspace");
    }
    Some(match (config.schedule, config.solver) {
        (ScheduleKind::Linear, SolverKind::Ddim) if config.eta == 0.0 => "ddim",
        (ScheduleKind::Linear, _) => "ddpm-linear",
        (ScheduleKind::ScaledLinear, _) if config.zero_terminal_snr => "zero-terminal-snr",
        (ScheduleKind::ScaledLinear, _) if config.spacing == Visit::BetaTime => "beta-sampling",
        (ScheduleKind::ScaledLinear, _) => "scaled-linear",
        (ScheduleKind::Cosine, _) => "improved-ddpm-cosine",
        (ScheduleKind::Sigmoid, _) => "sigmoid-schedule",
        (ScheduleKind::ChenCosine, _) if config.cosine_start > 0.0 => "rodinhd-triplane",
        (ScheduleKind::ChenLinear | ScheduleKind::ChenCosine, _) => "chen-input-scaling",
        (ScheduleKind::Laplace, _) if config.law_mu > 0.0 => "laplace-centred",
        (ScheduleKind::Laplace | ScheduleKind::Cauchy | ScheduleKind::LogSnrCosine, _) => {
            "improved-noise-schedule"
        }
        (ScheduleKind::Logistic, _) => "schedule-your-edit",
        (ScheduleKind::VpSde | ScheduleKind::VeSde, _) => "score-sde",
        (ScheduleKind::Flow, _) => "flow-matching",
        (ScheduleKind::Decoupled, _) => "diffusion-edge",
        (ScheduleKind::Tangent, _) => "tangent-law",
        (ScheduleKind::LinearQuadratic, _) => "linear-quadratic",
        (ScheduleKind::Optimal, _) => "optimal-staircase",
        (ScheduleKind::AlignYourSteps, _) => "align-your-steps",
        (ScheduleKind::Learned, _) => "cvdm",
        (ScheduleKind::StepsizeDistillation, _) => "optimal-stepsize",
        (ScheduleKind::Edm, SolverKind::DpmPp2m) => "dpm-solver-pp-2m",
        (ScheduleKind::Edm, SolverKind::DpmPp2s) => "dpm-solver-pp-2s",
        (ScheduleKind::Edm, SolverKind::DpmPp2mSde) => "sde-dpm-solver-pp",
        (ScheduleKind::Edm, SolverKind::UniPc | SolverKind::UniPc3) => "unipc",
        (ScheduleKind::Edm, SolverKind::Plms | SolverKind::Lms) => "plms",
        (ScheduleKind::Edm, SolverKind::EulerAncestral) => "euler-ancestral",
        (ScheduleKind::Edm, SolverKind::HeunChurn) => "edm-stochastic",
        (ScheduleKind::Edm, _) => "edm",
        _ => return None,
    })
}
