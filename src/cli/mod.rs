//! The command line: the same code as the window, without it.
//!
//! Exit codes of every command: 0 done, 2 bad input (one line on the standard error says what,
//! where and what is allowed). `verify` adds 1 and 3, `gpu` adds 1.

mod bench;
mod capacity;
mod claims;
mod files;
mod gpu;
mod lr;
mod noise;
mod parallel;
mod phase;
mod placement;
mod prune;
mod route;
mod run;
mod serving;
mod simulate;
mod spectra;
mod sweep;
mod verify;

use crate::core::Result;
use clap::{Parser, Subcommand};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Everything is fine.
const OK: u8 = 0;
/// A check failed.
const FAILED: u8 = 1;
/// Bad input.
const BAD_INPUT: u8 = 2;
/// Nothing failed, but something is not supported.
const UNSUPPORTED: u8 = 3;

#[derive(Debug, Parser)]
#[command(
    name = "schedlab",
    version,
    about = "A visual lab for the schedules and schedulers of modern machine learning",
    long_about = "A visual lab for the schedules and schedulers of modern machine learning: \
                  LLM-serving schedulers, learning-rate schedules, diffusion noise schedules, \
                  mixture-of-experts routing and pruning.\n\n\
                  Without a command the window opens. The commands run the same code without it: \
                  what they print is what the window shows for the same setup.",
    after_long_help = "Examples:\n  \
        schedlab                                     open the window\n  \
        schedlab simulate --trace azure.csv          serve a real trace with the default set-up\n  \
        schedlab simulate --config s.json --out m.json --requests r.csv\n  \
        schedlab sweep --vary scheduler=vllm,sarathi --vary rate=1:4:7 --seeds 5\n  \
        schedlab capacity --vary scheduler=vllm,sarathi --tbt-p99 0.1\n  \
        schedlab phase --set replicas=2 --vary prefill_instances=0,1\n  \
        schedlab placement --set requests=100 --gpus 16\n  \
        schedlab run setup.json                      any lab; the JSON a share link holds\n  \
        schedlab prune --in a.safetensors --out b.safetensors --sparsity 0.5\n  \
        schedlab lr fit log.csv --out fit.json       a loss law from your own training log\n  \
        schedlab verify tests/golden                 check against the reference values\n  \
        schedlab route logits.npy --router mixtral,sinkhorn   what would another router do?\n  \
        schedlab claims --lab serving                test the papers' claims here\n  \
        schedlab gpu                                 which device computes, and does it compute right\n\n\
        Exit codes: 0 done; 1 a check failed (verify, gpu); 2 bad input or a file that cannot be \
        read; 3 nothing failed but something is not supported (verify)."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check reference files: evaluates their inputs and compares with their expected values
    #[command(after_long_help = "\
        Exit codes: 2 if any file cannot be read (missing, not JSON, another schema, malformed \
        inputs); otherwise 1 if any value disagrees; otherwise 3 if a kind is not supported; \
        otherwise 0. Kinds are told apart by the file's content, never by its name.")]
    Verify(VerifyArgs),
    /// Run any exhibit's setup and print its headline results
    #[command(after_long_help = "\
        CONFIG.json holds what a share link holds: {\"lab\": \"lr\", \"config\": {…}}, or several \
        setups {\"version\": 1, \"setups\": [{…}, {…}]}. Fields that are left out have their \
        defaults. The same setup gives the same bytes, on every machine.")]
    Run(RunArgs),
    /// Simulate LLM serving: metrics as JSON, per-request rows as CSV
    #[command(after_long_help = "\
        Without --config the lab's default set-up runs. --config takes a serving setup \
        {\"lab\": \"serving\", \"config\": {…}} or the inner config alone. The same inputs give \
        the same bytes.")]
    Simulate(simulate::SimulateArgs),
    /// Noise schedules, sampling, optimised schedules and unmasking orders
    #[command(after_long_help = "\
        Everything is computed with exact denoisers on small worlds. Fields of --set are those of \
        the noise lab's JSON config.")]
    Noise(noise::NoiseArgs),
    /// Run a grid of setups over seeds, on all cores: one row of metrics a run
    #[command(after_long_help = "\
        Examples:\n  \
          schedlab sweep --vary scheduler=vllm,sarathi --vary rate=1:4:7 --seeds 5 --format csv\n  \
          schedlab sweep --config s.json --vary chunk_size=128,256,512,1024 --out s.jsonl\n  \
          schedlab sweep --vary rate=1:8:100 --shard 3/16 --out part3.jsonl --resume\n\n\
        Any field of the config can be varied, in every lab; its name is the one in the JSON \
        setup. Rows come in the same order on any number of threads: the last parameter changes \
        first, seeds before it. A run that cannot go on gives a row with its error. A file is \
        never overwritten; with --resume an interrupted sweep goes on behind its last whole row.")]
    Sweep(sweep::SweepArgs),
    /// Find the highest load that meets latency targets, for several serving setups
    #[command(after_long_help = "\
        Examples:\n  \
          schedlab capacity --vary scheduler=vllm,sarathi,vllm_v1\n  \
          schedlab capacity --tbt-p99 0.1 --delay-p50 2 --vary chunk_size=256,512,2048\n  \
          schedlab capacity --trace azure.csv --set requests=2000 --curve 12 --out c.json\n\n\
        The load is the arrival rate, the factor on a trace's rate, or the clients of a closed \
        loop. It is doubled or halved until the capacity is enclosed, then bisected on its \
        logarithm, seed by seed with the same random numbers at every load. A run is as long as \
        its requests: too few of them and an overload ends before it is felt.")]
    Capacity(capacity::CapacityArgs),
    /// Which setup serves most per GPU, for every pair of targets: the phase diagram of serving
    #[command(after_long_help = "\
        Examples:\n  \
          schedlab phase --config azure.json --set replicas=2 --vary prefill_instances=0,1\n  \
          schedlab phase --set replicas=4 --vary prefill_instances=0,1,2,3 --tpot 0.02:0.1:8 --out p.json\n\n\
        Every setup is run at every load once; targets change no run, so all pairs are judged on \
        the same requests. Between two loads the share of requests within targets is taken as a \
        straight line.")]
    Phase(phase::PhaseArgs),
    /// Which parallelism serves most per GPU in each phase, and how many instances follow from it
    #[command(after_long_help = "\
        Examples:\n  \
          schedlab placement --set requests=100 --set cost_kind=roofline --set model=llama3_70b \
        --set roofline_gpu=h100 --gpus 32\n  \
          schedlab placement --config opt.json --per-instance 4 --out p.json\n\n\
        Every power of two of tensor and pipeline parallelism is simulated alone for prompts, for \
        further tokens with the transfer of KV, and for both together, and the load is bisected. \
        The best per GPU of each phase is copied as often as the load of the setup asks for; \
        within --gpus the best pair is run as a whole. The cost is a roofline; a preset of fitted \
        coefficients stands for its model and GPU. A run has as many \
        requests for every GPU as the setup says: too few of them and an overload ends before \
        it is felt.")]
    Placement(placement::PlacementArgs),
    /// Prune a checkpoint: `.safetensors` of any size in bounded memory, or one `.npy` array
    #[command(after_long_help = "\
        The file is read in pieces and never held whole. Names, order, formats and free texts \
        stay, kept weights keep their bits, and the recipe is added to the metadata; when nothing \
        is pruned the output equals the input byte for byte. Pruned are floating-point tensors of \
        at least two dimensions without embed, norm or bias in their name.\n\n\
        Examples:\n  \
        schedlab prune --in a.safetensors --list\n  \
        schedlab prune --in a.safetensors --spectra values.csv --only mlp\n  \
        schedlab prune --in a.safetensors --out b.safetensors --method magnitude --sparsity 0.5\n  \
        schedlab prune --in a.safetensors --out b.safetensors --method 2:4 --only mlp\n  \
        schedlab prune --in a.safetensors --out b.safetensors --method lamp --sparsity 0.9 \
        --csv layers.csv --masks masks.safetensors --recipe recipe.json")]
    Prune(PruneArgs),
    /// Route the tokens of a router dump under one or several policies: balance, drops, assignments
    #[command(after_long_help = route::HELP)]
    Route(RouteArgs),
    /// Learning rates: schedules, theory, loss laws on your own log, training
    #[command(
        subcommand,
        after_long_help = "\
        Examples:\n  \
        schedlab lr values --set shape=cosine --set horizon=1000 --set dialect=transformers\n  \
        schedlab lr bound --set shape=linear --set horizon=400 --set warmup=0\n  \
        schedlab lr fit log.csv --train cosine_24000,constant_24000,wsdcon_9 --out fit.json\n  \
        schedlab lr predict --law fit.json --set shape=wsd --set horizon=24000 --out loss.csv\n  \
        schedlab lr optimise --law fit.json --log log.csv --run constant_24000 --budget 8000 --out lr.csv\n  \
        schedlab lr train --set shape=rex --set horizon=600 --set seeds=4"
    )]
    Lr(lr::LrCommand),
    /// Test the papers' claims by experiments here
    Claims(ClaimsArgs),
    /// The graphics device: limits, which path computes and why, self-test of every kernel
    #[command(after_long_help = "\
        Exit codes: 0 every kernel agrees with its CPU twin (or there is no device, which is a \
        normal state); 1 a kernel disagrees.")]
    Gpu(GpuArgs),
    /// How fast the hot paths of the labs compute here, beside a yardstick in the same run
    #[command(after_long_help = "\
        The page measures the same at #bench. Compare the costs in multiply-adds of the yardstick: \
        seconds say more about the machine than about the program. `schedlab gpu --bench` measures \
        the kernels.")]
    Bench(bench::BenchArgs),
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// Files, or folders that are searched for *.json
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Run the kinds that have a kernel through it as well
    #[arg(long)]
    gpu: bool,
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// The setup
    #[arg(value_name = "CONFIG.json")]
    config: PathBuf,
    /// Write setup, metrics and summary as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A data set the setup refers to (trace, checkpoint); may be repeated
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct PruneArgs {
    /// The checkpoint
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// Where the pruned checkpoint goes
    #[arg(long = "out", value_name = "FILE", required_unless_present_any = ["list", "spectra"])]
    output: Option<PathBuf>,
    /// magnitude, random, lamp, erk, or N:M such as 2:4
    #[arg(long, default_value = "magnitude", value_name = "METHOD")]
    method: String,
    /// Share of the prunable weights that go, 0 to 1; not for N:M
    #[arg(long, value_name = "SHARE")]
    sparsity: Option<f64>,
    /// Over which weights one ranking of magnitude or random runs: global or layer
    #[arg(long, default_value = "global", value_name = "SCOPE")]
    ranking: String,
    /// Seed of random masks
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A sparsity of their own for tensors with this in their name, PART=SHARE; the first that fits
    /// counts; may be repeated. Magnitude inside each tensor
    #[arg(long, value_name = "PART=SHARE")]
    rate: Vec<String>,
    /// Only tensors with this in their name; may be repeated
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Leave tensors with this in their name as they are; may be repeated
    #[arg(long, value_name = "TEXT")]
    exclude: Vec<String>,
    /// Values that are not a number: refuse, zero, or exclude their tensor
    #[arg(long, default_value = "refuse", value_name = "POLICY")]
    nan: String,
    /// GiB that the scores of lamp may take, 8 bytes a weight
    #[arg(long, default_value_t = 4.0, value_name = "GIB")]
    memory: f64,
    /// Write the masks, one byte a weight, as .safetensors
    #[arg(long, value_name = "FILE")]
    masks: Option<PathBuf>,
    /// Write counts and statistics of every pruned tensor
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    /// Write what was done as JSON
    #[arg(long, value_name = "FILE.json")]
    recipe: Option<PathBuf>,
    /// Only list the tensors
    #[arg(long)]
    list: bool,
    /// Only take the tensors apart: what the singular values of each say, and all of them as a table
    #[arg(long, value_name = "FILE.csv")]
    spectra: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct RouteArgs {
    /// Router logits, probabilities or chosen experts: .npy, .npz, .safetensors, or CSV layer,expert
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Layers, from 0: a number, several with commas, or all
    #[arg(long, default_value = "0", value_name = "LAYERS")]
    layer: String,
    /// Routers with commas, as in a setup: mixtral, switch, gshard, expert_choice, loss_free, …
    #[arg(long, value_name = "ROUTERS")]
    router: Option<String>,
    /// Any field of the setup: k=8, capacity_factor=1.25, overflow=reroute; may be repeated
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// A routing setup to start from
    #[arg(long, value_name = "FILE.json")]
    config: Option<PathBuf>,
    /// Write one row a (token, expert) pair
    #[arg(long, value_name = "FILE.csv")]
    assignments: Option<PathBuf>,
    /// Write one row an expert and batch
    #[arg(long, value_name = "FILE.csv")]
    loads: Option<PathBuf>,
    /// Write who is served as an array of 0 and 1: results × tokens × experts
    #[arg(long, value_name = "FILE.npy")]
    mask: Option<PathBuf>,
    /// Write setups and metrics as JSON
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ClaimsArgs {
    /// Print the stored results at once, run nothing
    #[arg(long)]
    list: bool,
    /// Only this lab: serving, lr, noise, routing or pruning
    #[arg(long, value_name = "LAB")]
    lab: Option<String>,
    /// Only this exhibit
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    /// Write the results into this file of stored results, replacing older ones of the same claims
    #[arg(long, value_name = "FILE.json", conflicts_with = "list")]
    store: Option<PathBuf>,
    /// More seeds and longer runs (minutes each)
    #[arg(long)]
    full: bool,
    /// Folder with measured curves that some experiments need (lr/mpl_curves_25M.csv …)
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct GpuArgs {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Measure every kernel next to the device's copies
    #[arg(long)]
    bench: bool,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            // Help and version are messages too. A closed pipe is no reason to complain.
            message.print().ok();
            return ExitCode::from(if message.use_stderr() { BAD_INPUT } else { OK });
        }
    };
    let code = match cli.command {
        None => window(),
        Some(Command::Verify(args)) => verify::verify(&args),
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Simulate(args)) => simulate::simulate(&args),
        Some(Command::Prune(args)) => prune::prune(&args),
        Some(Command::Noise(args)) => noise::noise(&args),
        Some(Command::Sweep(args)) => sweep::sweep(&args),
        Some(Command::Capacity(args)) => capacity::capacity(&args),
        Some(Command::Phase(args)) => phase::phase(&args),
        Some(Command::Placement(args)) => placement::placement(&args),
        Some(Command::Route(args)) => route::route(&args),
        Some(Command::Lr(command)) => lr::lr(&command),
        Some(Command::Claims(args)) => claims::claims(&args),
        Some(Command::Gpu(args)) => Ok(gpu::gpu(&args)),
        Some(Command::Bench(args)) => bench::bench(&args),
    };
    ExitCode::from(code.unwrap_or_else(|error| {
        complain(&format!("schedlab: {error}"));
        BAD_INPUT
    }))
}

/// Opens the window.
#[cfg(feature = "app")]
fn window() -> Result<u8> {
    crate::app::run_native().map(|()| OK)
}

/// There is none in this build.
#[cfg(not(feature = "app"))]
fn window() -> Result<u8> {
    Err(crate::core::Error::Unsupported(
        "the window (this build has none; see schedlab --help)".to_owned(),
    ))
}

/// Prints to the standard output. A reader that went away (`| head`) is not an error.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        complain(&format!("schedlab: standard output: {error}"));
    }
}

/// Prints one line to the standard error, if anybody listens.
fn complain(line: &str) {
    writeln!(std::io::stderr(), "{}", line.replace('\n', " ")).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_declaration_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
