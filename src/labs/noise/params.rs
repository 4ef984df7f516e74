//! The parameters of the lab: what the panel, the command line and links know of a config.

use super::config::{Config, Direction, Prediction, World};
use super::data::DataSet;
use super::gaussian::Spectrum;
use super::images::FOLDER_SIDES;
use super::schedule::{PublishedList, ScheduleKind, Visit};
use super::solver::SolverKind;
use super::tokens::{OrderKind, Source};
use crate::core::Param;

/// A choice parameter over an enum that lists its variants in `ALL`.
macro_rules! choice {
    ($id:literal, $label:literal, $options:expr, $field:ident, $all:expr) => {
        Param::choice(
            $id,
            $label,
            $options,
            |c: &Config| {
                $all.iter()
                    .position(|v| *v == c.$field)
                    .unwrap_or(usize::MAX)
            },
            |c, i| {
                if let Some(v) = $all.get(i) {
                    c.$field = *v;
                }
            },
        )
    };
}

const WORLDS: [World; 4] = [World::Plane, World::Tokens, World::Images, World::Fields];
const DIRECTIONS: [Direction; 3] = [
    Direction::ThereAndBack,
    Direction::Generate,
    Direction::Invert,
];
fn plane(c: &Config) -> bool {
    c.world == World::Plane
}

/// Worlds that are denoised along a schedule.
fn denoised(c: &Config) -> bool {
    c.world != World::Tokens
}

fn minority(c: &Config) -> bool {
    plane(c) && c.solver == SolverKind::Ddim && c.eta > 0.0 && c.minority_scale > 0.0
}

fn tokens(c: &Config) -> bool {
    c.world == World::Tokens
}

fn annealed(c: &Config) -> bool {
    tokens(c) && c.order.is_annealed()
}

fn fields(c: &Config) -> bool {
    c.world == World::Fields
}

fn linear_law(c: &Config) -> bool {
    denoised(c)
        && matches!(
            c.schedule,
            ScheduleKind::Linear | ScheduleKind::ScaledLinear | ScheduleKind::BetaSigmoid
        )
}

fn sigmoid(c: &Config) -> bool {
    denoised(c) && c.schedule == ScheduleKind::Sigmoid
}

/// Whether the levels run between the user's limits.
pub(super) fn limits(c: &Config) -> bool {
    denoised(c)
        && (c.schedule.between_limits()
            || matches!(
                c.schedule,
                ScheduleKind::Optimal | ScheduleKind::AlignYourSteps | ScheduleKind::Learned
            ))
}

fn power(c: &Config) -> bool {
    denoised(c)
        && matches!(
            c.schedule,
            ScheduleKind::Edm | ScheduleKind::Polyexponential
        )
}

fn peaked(c: &Config) -> bool {
    denoised(c) && matches!(c.schedule, ScheduleKind::Laplace | ScheduleKind::Cauchy)
}

/// The parameters, in the order of the panel.
pub(super) static PARAMS: &[Param<Config>] = &[
    choice!("world", "World", &["points in the plane", "masked tokens", "small images", "Gaussian fields"], world, WORLDS)
        .group("Experiment")
        .doc("Points in the plane, small images or Gaussian fields at three sides, denoised along a schedule, or discrete tokens, revealed in an order."),
    choice!("schedule", "Schedule", &[
        "EDM (Karras)", "exponential", "polyexponential", "tangent (KL optimal)", "beta in sigma",
        "linear-quadratic", "published list", "optimal for this data", "Align Your Steps search",
        "stepsize distillation (OSS)", "learned (CVDM)", "drawn by hand", "linear (DDPM)", "scaled linear (SD)",
        "cosine (Nichol)", "sigmoid in beta", "linear alpha-bar (Chen)", "cosine (Chen)",
        "sigmoid (Chen)", "VP-SDE", "VE-SDE", "logistic", "cosine in log-SNR", "Laplace in log-SNR",
        "Cauchy in log-SNR", "normal in log-SNR", "flow matching", "decoupled (DiffusionEdge)",
    ], schedule, ScheduleKind::ALL)
        .group("Schedule")
        .when(denoised)
        .doc("The family of noise levels s = sigma / alpha that the sampler visits, from noise to data."),
    Param::float("beta_start", "First beta", [1e-6, 0.01], |c: &Config| c.beta_start, |c, v| c.beta_start = v)
        .log().group("Schedule").when(linear_law)
        .doc("Noise variance added at the first of the 1000 training times."),
    Param::float("beta_end", "Last beta", [1e-4, 0.2], |c: &Config| c.beta_end, |c, v| c.beta_end = v)
        .log().group("Schedule").when(linear_law)
        .doc("Noise variance added at the last of the 1000 training times."),
    Param::float("sigmoid_start", "Curve start", [-10.0, 10.0], |c: &Config| c.sigmoid_start, |c, v| c.sigmoid_start = v)
        .group("Schedule").when(sigmoid)
        .doc("Where the logistic curve of alpha-bar starts; smaller keeps the data clean for longer."),
    Param::float("sigmoid_end", "Curve end", [-10.0, 10.0], |c: &Config| c.sigmoid_end, |c, v| c.sigmoid_end = v)
        .group("Schedule").when(sigmoid)
        .doc("Where the logistic curve of alpha-bar ends; larger spends longer in pure noise."),
    Param::float("tau", "Curve width tau", [0.05, 5.0], |c: &Config| c.tau, |c, v| c.tau = v)
        .log().group("Schedule").when(|c: &Config| denoised(c) && (sigmoid(c) || c.schedule == ScheduleKind::ChenCosine))
        .doc("Logistic curve: its temperature; small is a sudden change, large nearly a straight line. Cosine: half the power it is raised to."),
    Param::float("sigma_max", "Largest sigma", [0.5, 500.0], |c: &Config| c.sigma_max, |c, v| c.sigma_max = v)
        .log().unit("data units").group("Schedule").when(limits)
        .doc("Noise level at the start of sampling, much larger than the data."),
    Param::float("sigma_min", "Smallest sigma", [1e-4, 1.0], |c: &Config| c.sigma_min, |c, v| c.sigma_min = v)
        .log().unit("data units").group("Schedule").when(limits)
        .doc("Last noise level before the step to clean data."),
    Param::float("rho", "rho", [0.5, 20.0], |c: &Config| c.rho, |c, v| c.rho = v)
        .log().group("Schedule").when(power)
        .doc("EDM: levels are equally spaced in sigma^(1/rho); 1 is linear in sigma, large is logarithmic, the paper uses 7. Polyexponential: ln sigma runs along the rho-th power of equal steps; 1 is exponential."),
    Param::toggle("zero_terminal_snr", "Zero terminal SNR", |c: &Config| c.zero_terminal_snr, |c, v| c.zero_terminal_snr = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (linear_law(c) || c.schedule == ScheduleKind::Cosine))
        .doc("Moves and stretches sqrt(alpha-bar) so that the last time is pure noise (arXiv 2305.08891). As in diffusers alpha-bar ends at 2^-24 instead of 0, that is s = 4096."),
    Param::float("cosine_start", "Cosine start", [0.0, 0.95], |c: &Config| c.cosine_start, |c, v| c.cosine_start = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::ChenCosine))
        .doc("Where on the quarter cosine alpha-bar starts."),
    Param::float("cosine_end", "Cosine end", [0.05, 1.0], |c: &Config| c.cosine_end, |c, v| c.cosine_end = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::ChenCosine))
        .doc("Where on the quarter cosine alpha-bar ends."),
    Param::float("vp_beta_d", "Beta growth", [1.0, 60.0], |c: &Config| c.vp_beta_d, |c, v| c.vp_beta_d = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::VpSde))
        .doc("beta(1) - beta(0) of the variance-preserving SDE."),
    Param::float("vp_beta_min", "Beta at 0", [0.01, 2.0], |c: &Config| c.vp_beta_min, |c, v| c.vp_beta_min = v)
        .log().group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::VpSde))
        .doc("beta(0) of the variance-preserving SDE."),
    Param::float("logistic_k", "Slope k", [0.002, 0.05], |c: &Config| c.logistic_k, |c, v| c.logistic_k = v)
        .log().group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Logistic))
        .doc("Fall of the log-SNR per training time; the log-SNR is a straight line in time."),
    Param::float("logistic_t0", "Middle", [0.1, 0.9], |c: &Config| c.logistic_t0, |c, v| c.logistic_t0 = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Logistic))
        .doc("Share of the training times at which signal and noise are equal."),
    Param::float("cosine_shift", "Log-SNR shift", [-8.0, 8.0], |c: &Config| c.cosine_shift, |c, v| c.cosine_shift = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::LogSnrCosine))
        .doc("Added to the power log-SNR. Simple diffusion: 2 ln(d0 / d) for images of side d tuned at side d0."),
    Param::float("cosine_scale", "Log-SNR scale", [0.25, 4.0], |c: &Config| c.cosine_scale, |c, v| c.cosine_scale = v)
        .log().group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::LogSnrCosine))
        .doc("Divides the power log-SNR of the cosine law."),
    Param::float("law_mu", "Log-SNR centre", [-6.0, 8.0], |c: &Config| c.law_mu, |c, v| c.law_mu = v)
        .group("Schedule").when(peaked)
        .doc("Power log-SNR ln(alpha^2 / sigma^2) at which the density over the log-SNR peaks."),
    Param::float("law_b", "Log-SNR width", [0.05, 4.0], |c: &Config| c.law_b, |c, v| c.law_b = v)
        .log().group("Schedule").when(peaked)
        .doc("Scale of the density over the power log-SNR."),
    Param::float("normal_mean", "Log-SNR mean", [-6.0, 8.0], |c: &Config| c.normal_mean, |c, v| c.normal_mean = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Normal))
        .doc("Mean of the power log-SNR: 2.4 is EDM's ln s ~ N(-1.2, 1.2), 0 with spread 2 is SD3's logit-normal flow."),
    Param::float("normal_sd", "Log-SNR spread", [0.2, 6.0], |c: &Config| c.normal_sd, |c, v| c.normal_sd = v)
        .log().group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Normal))
        .doc("Standard deviation of the power log-SNR: 2.4 for EDM, 2 for SD3."),
    Param::toggle("tangent_auto", "Scale from data", |c: &Config| c.tangent_auto, |c, v| c.tangent_auto = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Tangent))
        .doc("Whether the scale of the tangent law is the spread of the data, which is best for Euler on a Gaussian. Tools fix it to 1."),
    Param::float("tangent_c", "Scale c", [0.02, 10.0], |c: &Config| c.tangent_c, |c, v| c.tangent_c = v)
        .log().unit("data units").group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Tangent && !c.tangent_auto))
        .doc("Scale of the tangent law: levels are dense around it."),
    choice!("published", "List", &["AYS, SD 1.5", "AYS, SDXL", "AYS, SVD", "OSS, FLUX", "OSS, Wan", "GITS, SD 1.5"], published, PublishedList::ALL)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Published))
        .doc("A published list, resampled to the number of steps along ln s. It was tuned for images, not for this data."),
    Param::float("objective_p", "KL to W2", [0.0, 2.5], |c: &Config| c.objective_p, |c, v| c.objective_p = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Optimal))
        .doc("Weight s^p of the bound that is minimised: 0 is the divergence of the paths (what Align Your Steps minimises), 2 counts errors in data units, like a Wasserstein distance."),
    Param::int("teacher_steps", "Teacher steps", [4, 200], |c: &Config| c.teacher_steps, |c, v| c.teacher_steps = v)
        .log().group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::StepsizeDistillation || c.solver == SolverKind::Olss))
        .doc("Equal Euler steps of the trajectory that the few steps imitate."),
    Param::float("smoothness", "Smoothness", [0.0, 0.1], |c: &Config| c.smoothness, |c, v| c.smoothness = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Learned))
        .doc("Weight of the penalty on the squared second derivative of alpha-bar over the steps; 0.001 in the authors' code."),
    Param::toggle("dynamic_shift", "Resolution shift", |c: &Config| c.dynamic_shift, |c, v| c.dynamic_shift = v)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Flow))
        .doc("Multiplies every level by e^mu, mu on the line through 0.5 at 256 and 1.15 at 4096 image tokens."),
    Param::int("tokens", "Image tokens", [64, 16_384], |c: &Config| c.tokens, |c, v| c.tokens = v)
        .log().group("Schedule").when(|c: &Config| denoised(c) && (c.schedule == ScheduleKind::Flow && c.dynamic_shift))
        .doc("Number of image tokens of the resolution-dependent shift."),
    choice!("spacing", "Time spacing", &["leading", "linspace", "trailing", "simple", "sgm_uniform", "beta", "equal log-SNR"], spacing, Visit::ALL)
        .group("Schedule").when(|c: &Config| denoised(c) && (c.schedule.is_table()))
        .doc("Which of the 1000 training times the sampler visits. Leading never reaches the noisiest one; simple, sgm_uniform and beta are ComfyUI's."),
    Param::float("shift", "Shift", [0.05, 20.0], |c: &Config| c.shift, |c, v| c.shift = v)
        .log().group("Schedule").advanced()
        .when(denoised)
        .doc("Factor on every level. Flow shift, input scaling 1/b, log-SNR shift and a doubled sigma_max are all this translation of ln s."),
    choice!("solver", "Solver", &[
        "DDIM", "Euler", "flow Euler", "Heun", "DPM-Solver++ 2S", "DPM-Solver++ 2M", "UniPC-2",
        "UniPC-3", "LMS-4", "PLMS", "Euler ancestral", "DPM-Solver++ 2M SDE", "Heun with churn",
        "OLSS", "consistency",
    ], solver, SolverKind::ALL)
        .group("Sampler")
        .when(denoised)
        .doc("How a step from one level to the next uses the denoised estimate. DDIM at eta 0, Euler, flow Euler and DPM-Solver++ 1S are the same points."),
    Param::int("steps", "Steps", [1, 200], |c: &Config| c.steps, |c, v| c.steps = v)
        .log().group("Sampler")
        .when(denoised)
        .doc("Denoising steps. Heun and 2S call the denoiser twice in each but the last, the others once: compare at equal NFE."),
    Param::float("eta", "Fresh noise eta", [0.0, 1.0], |c: &Config| c.eta, |c, v| c.eta = v)
        .group("Sampler").when(|c: &Config| denoised(c) && (c.solver.takes_noise()))
        .doc("0 follows the deterministic flow, 1 adds the posterior's whole variance in every step (DDPM). With churn: share of the largest noise EDM adds, gamma = eta (sqrt 2 - 1)."),
    choice!("prediction", "Network predicts", &["eps", "x0", "v", "flow velocity"], prediction, Prediction::ALL)
        .group("Sampler").advanced().when(|c: &Config| plane(c) && (c.model_error > 0.0))
        .doc("What an imagined network predicts. Its error reaches the denoised estimate multiplied by s (eps), 1 (x0), sigma (v) or u (flow)."),
    Param::float("model_error", "Network error", [0.0, 0.3], |c: &Config| c.model_error, |c, v| c.model_error = v)
        .group("Sampler").advanced()
        .when(plane)
        .doc("Size of a smooth made-up error of the network's output; 0 is the exact denoiser."),
    Param::int("nfe_seeds", "Seeds of the NFE curve", [0, 20], |c: &Config| c.nfe_seeds, |c, v| c.nfe_seeds = v)
        .group("Sampler")
        .when(plane)
        .doc("Adds the chart of quality against denoiser calls: the same setup from 4 to 60 calls over this many seeds, with 95 % intervals. 0 leaves it out."),
    choice!("direction", "Run", &["there and back", "generate", "invert and back"], direction, DIRECTIONS)
        .group("Data")
        .when(plane)
        .doc("Noise the data and denoise it, start from pure noise, or carry the data to noise by the reversed sampler."),
    choice!("data", "Data", &["ring of 8", "grid of 9", "two moons", "spiral", "two scales", "drawn by hand"], data, DataSet::ALL)
        .group("Data")
        .when(plane)
        .doc("A mixture of Gaussians in the plane, so that the best possible denoiser is known exactly."),
    Param::float("mode_sd", "Mode spread", [0.005, 0.5], |c: &Config| c.mode_sd, |c, v| c.mode_sd = v)
        .log().unit("data units").group("Data")
        .when(plane)
        .doc("Standard deviation of each mode."),
    Param::float("imbalance", "Imbalance", [0.0, 0.9], |c: &Config| c.imbalance, |c, v| c.imbalance = v)
        .group("Data").advanced()
        .when(plane)
        .doc("Each mode weighs this share less than the one before; 0 makes all modes equally likely."),
    Param::toggle("one_class", "One class", |c: &Config| c.one_class, |c, v| c.one_class = v)
        .group("Guidance").advanced()
        .when(plane)
        .doc("Every second mode alone is the data, as if a class were asked for; guidance compares it with all modes."),
    Param::float("guidance_weight", "Guidance weight", [0.0, 10.0], |c: &Config| c.guidance_weight, |c, v| c.guidance_weight = v)
        .group("Guidance").advanced()
        .when(|c: &Config| plane(c) && c.one_class)
        .doc("D = D_all + w (D_class - D_all): 1 is the class alone, more exaggerates what sets it apart. Every guided call asks two denoisers."),
    Param::float("guidance_low", "Guided above", [0.001, 500.0], |c: &Config| c.guidance_low, |c, v| c.guidance_low = v)
        .log().unit("data units").group("Guidance").advanced()
        .when(|c: &Config| plane(c) && c.one_class)
        .doc("Lowest noise level at which guidance towards the class acts."),
    Param::float("guidance_high", "Guided below", [0.001, 500.0], |c: &Config| c.guidance_high, |c, v| c.guidance_high = v)
        .log().unit("data units").group("Guidance").advanced()
        .when(|c: &Config| plane(c) && c.one_class)
        .doc("Highest noise level at which guidance towards the class acts."),
    Param::float("minority_scale", "Minority guidance", [0.0, 30.0], |c: &Config| c.minority_scale, |c, v| c.minority_scale = v)
        .group("Guidance").advanced()
        .when(|c: &Config| plane(c) && c.solver == SolverKind::Ddim && c.eta > 0.0)
        .doc("Moves every ancestral step towards what the denoiser reconstructs badly, by this factor times the variance of the step. 0 leaves it out; each guided step costs a second call and a gradient, counted as two calls."),
    Param::float("minority_until", "Acts above time", [0.0, 0.95], |c: &Config| c.minority_until, |c, v| c.minority_until = v)
        .group("Guidance").advanced()
        .when(minority)
        .doc("Minority guidance acts while more than this share of the steps is left: 0 is all the time, 0.5 the noisy half."),
    Param::int("minority_every", "Every so many steps", [1, 20], |c: &Config| c.minority_every, |c, v| c.minority_every = v)
        .group("Guidance").advanced()
        .when(minority)
        .doc("Minority guidance acts in every so-many-th step; 5 in the authors' code."),
    Param::int("particles", "Particles", [50, 100_000], |c: &Config| c.particles, |c, v| c.particles = v)
        .log().group("Data")
        .when(plane)
        .doc("Number of samples carried through the levels. The distance to the truth uses the first 20,000, the picture shows as many."),
    choice!("order", "Order", &["random", "confidence", "Halton", "dilated (DUS)", "left to right", "blocks, random inside", "blocks, dilated inside", "sliding annealing", "block annealing", "hybrid annealing"], order, OrderKind::ALL)
        .group("Order").when(tokens)
        .doc("Which positions are revealed together. Confidence takes those the denoiser is surest of, equal ones at random. Annealing is a hyperschedule: every position has a noise index that falls call by call, and is revealed at random by the time it is 0."),
    Param::int("rounds", "Rounds", [1, 64], |c: &Config| c.rounds, |c, v| c.rounds = v)
        .log().group("Order").when(|c: &Config| tokens(c) && !c.order.is_annealed())
        .doc("Calls of the denoiser. Lattice fields reveal along the arccosine law of MaskGIT, the others equal numbers; the dilated order has its own sets at log2 of the length."),
    Param::int("block", "Block", [1, 64], |c: &Config| c.block, |c, v| c.block = v)
        .log().group("Order").when(|c: &Config| tokens(c) && c.order.in_blocks())
        .doc("Positions of a block or sliding window, w; they are finished from left to right. 1 is token by token, the whole length is plain masked diffusion."),
    Param::int("levels", "Noise levels tau", [1, 64], |c: &Config| c.levels, |c, v| c.levels = v)
        .log().group("Order").when(annealed)
        .doc("Noise index of a masked token. Block annealing needs tau calls a block, hybrid annealing up to tau + w - 1; a sliding window holds indices from 0 to tau - 1 and moves on by its zeros."),
    Param::float("correction", "Correction eta", [0.0, 1.0], |c: &Config| c.correction, |c, v| c.correction = v)
        .group("Order").when(|c: &Config| annealed(c) && c.source != Source::Field)
        .doc("Adaptive correction sampler: while its noise index falls from a to b, a token that is already revealed is drawn again with probability eta b / a, at most four in a call; 0.015 in the authors' code. Needs a world whose law can be listed: at most 8 tokens of a sequence, spins, or 2 or 3 Potts values."),
    Param::toggle("drafting", "Draft and verify", |c: &Config| c.drafting, |c, v| c.drafting = v)
        .group("Order").when(|c: &Config| tokens(c) && c.source == Source::Markov)
        .doc("Adds charts of speculative decoding on this chain: drafts from one call of the masked denoiser, verified by the chain itself, against the length of the draft and under a controller of the length."),
    Param::toggle("all_orders", "Measure every order", |c: &Config| c.all_orders, |c, v| c.all_orders = v)
        .group("Order").when(tokens)
        .doc("Adds the chart of every order at 2 to 32 calls on this world; with annealing, of every width against calls, without corrections."),
    choice!("source", "Tokens", &["Markov chain", "hidden Markov chain", "cyclic hidden chain", "Gaussian field", "Ising lattice", "Potts lattice"], source, Source::ALL)
        .group("Data").when(tokens)
        .doc("A discrete world whose conditional laws are known exactly, so that the cost of an order is exact."),
    Param::float("stickiness", "Stickiness", [0.25, 0.99], |c: &Config| c.stickiness, |c, v| c.stickiness = v)
        .group("Data").when(|c: &Config| tokens(c) && c.source.is_chain())
        .doc("Probability that the (hidden) state stays, or moves on by one in the cyclic chain."),
    Param::int("length", "Length", [4, 64], |c: &Config| c.length, |c, v| c.length = v)
        .group("Data").when(|c: &Config| tokens(c) && c.source.is_chain())
        .doc("Positions of the sequence."),
    Param::int("side", "Side", [4, 20], |c: &Config| c.side, |c, v| c.side = v)
        .group("Data").when(|c: &Config| tokens(c) && c.source == Source::Field)
        .doc("Rows and columns of the token field."),
    Param::float("correlation", "Correlation length", [0.3, 12.0], |c: &Config| c.correlation, |c, v| c.correlation = v)
        .log().unit("cells").group("Data").when(|c: &Config| tokens(c) && c.source == Source::Field)
        .doc("Distance at which the covariance of two tokens falls to 1 / e."),
    Param::float("coupling", "Coupling J", [0.0, 1.5], |c: &Config| c.coupling, |c, v| c.coupling = v)
        .group("Data").when(|c: &Config| tokens(c) && matches!(c.source, Source::Ising | Source::Potts))
        .doc("Strength with which neighbouring spins agree."),
    Param::int("states", "Values q", [2, 4], |c: &Config| c.states, |c, v| c.states = v)
        .group("Data").when(|c: &Config| tokens(c) && c.source == Source::Potts)
        .doc("Values a site of the Potts lattice can take; neighbours like to be equal. Two are the Ising lattice at half the coupling."),
    Param::toggle("folder", "Own pictures", |c: &Config| c.folder.is_some(), |c, v| {
        if !v {
            c.folder = None;
        }
    })
        .group("Data").when(|c: &Config| c.world == World::Images && c.folder.is_some())
        .doc("The pictures you brought; switch off to return to the digits. A link names them but does not hold them."),
    Param::choice("picture_side", "Made", &["8 × 8 pixels", "16 × 16 pixels", "32 × 32 pixels"],
        |c: &Config| FOLDER_SIDES.iter().position(|s| *s as u64 == c.picture_side).unwrap_or(usize::MAX),
        |c, i| if let Some(side) = FOLDER_SIDES.get(i) { c.picture_side = *side as u64 })
        .group("Data").when(|c: &Config| c.world == World::Images && c.folder.is_some())
        .doc("Size to which your pictures are averaged after they are cut to a square."),
    Param::choice("shapes", "Images", &["handwritten digits", "drawn shapes"], |c: &Config| usize::from(c.shapes), |c, i| c.shapes = i == 1)
        .group("Data").when(|c: &Config| c.world == World::Images && c.folder.is_none())
        .doc("Digits of 8 x 8 pixels, or grey shapes of 32 x 32 pixels drawn from the seed: discs, rings, boxes, triangles, crosses and bars of random place, size and tilt."),
    Param::int("training_images", "Training images", [1, 2000], |c: &Config| c.training_images, |c, v| c.training_images = v)
        .log().group("Data").when(|c: &Config| c.world == World::Images)
        .doc("Images with pixels from -1 to 1 that the denoiser knows: handwritten digits of 8 x 8 pixels (1797 at most), drawn shapes of 32 x 32, or your own pictures, dropped on the window together."),
    Param::float("bandwidth", "Width h", [0.0, 0.8], |c: &Config| c.bandwidth, |c, v| c.bandwidth = v)
        .unit("pixel values").group("Data").when(|c: &Config| c.world == World::Images)
        .doc("Standard deviation of a Gaussian around every training image. At 0 the exact denoiser recites the images; wider, it mixes neighbours."),
    choice!("spectrum", "Spectrum", &["power law", "exponential covariance"], spectrum, Spectrum::ALL)
        .group("Data").when(fields)
        .doc("How the power of a mode falls with its frequency f: as f^-a, or like the covariance exp(-d / ell) in the plane."),
    Param::float("exponent", "Exponent a", [0.0, 5.0], |c: &Config| c.exponent, |c, v| c.exponent = v)
        .group("Data").when(|c: &Config| fields(c) && c.spectrum == Spectrum::PowerLaw)
        .doc("Power of a mode over frequency^-a: 0 is white noise, natural images lie near 2, larger is smoother."),
    Param::float("field_length", "Correlation length", [0.005, 1.0], |c: &Config| c.field_length, |c, v| c.field_length = v)
        .log().unit("sides").group("Data").when(|c: &Config| fields(c) && c.spectrum == Spectrum::Exponential)
        .doc("Distance at which the covariance falls to 1 / e, as a share of the picture's side."),
    Param::int("field_side", "Smallest side", [4, 16], |c: &Config| c.field_side, |c, v| c.field_side = v)
        .unit("pixels").group("Data").when(fields)
        .doc("Pixels along a side of the smallest picture; the others have two and four times as many."),
    Param::toggle("field_detail", "New detail", |c: &Config| c.field_detail, |c, v| c.field_detail = v)
        .group("Data").when(fields)
        .doc("Whether larger pictures show the finer modes of the field. Without them they are the smallest one with more pixels, and the shift by 2 ln of the side is exact."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_reads_back_what_it_wrote() {
        for p in PARAMS {
            if let crate::core::ParamKind::Choice { options, get, set } = p.kind {
                let mut c = Config::default();
                for i in 0..options.len() {
                    set(&mut c, i);
                    assert_eq!(get(&c), i, "{} option {i}", p.id);
                }
            }
        }
    }
}
