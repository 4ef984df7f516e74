//! Parts a WebAssembly module as `wasm-bindgen` leaves it in two: the first is enough for the first
//! picture of the page, the second brings the rest into the memory and the table of the first. See
//! [`split`](split::split) for how a call finds its way.
//!
//! `schedlab-splitter WHOLE NEAR FAR [--names] --later TEXT... [--first TEXT...] [--data FILE...]`:
//! functions with one of the later texts in their names, and none of the first, go to FAR, and with
//! them all that only they call, and the contents of the files, which only they may read. Names are
//! written where `--names` asks for them.

mod data;
mod module;
mod order;
mod plan;
mod split;

use module::Module;
use plan::Plan;
use std::fs;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What the command line asks for.
#[derive(Default)]
struct Request {
    files: Vec<String>,
    later: Vec<String>,
    first: Vec<String>,
    /// Files whose contents only the later functions read.
    data: Vec<String>,
    names: bool,
}

impl Request {
    fn read(arguments: impl Iterator<Item = String>) -> Self {
        let mut request = Self::default();
        let mut list = &mut request.files;
        for argument in arguments {
            match argument.as_str() {
                "--names" => request.names = true,
                "--later" => list = &mut request.later,
                "--first" => list = &mut request.first,
                "--data" => list = &mut request.data,
                _ => list.push(argument),
            }
        }
        request
    }

    /// Whether a function of this name can wait until after the first picture.
    fn waits(&self, name: &str) -> bool {
        let any = |list: &[String]| list.iter().any(|text| name.contains(text.as_str()));
        any(&self.later) && !any(&self.first)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a tool of the build: it reads and writes the files that it is told"
)]
fn run() -> Result<()> {
    let request = Request::read(std::env::args().skip(1));
    let [whole, near, far] = request.files.as_slice() else {
        return Err(
            "usage: WHOLE NEAR FAR --later TEXT... [--first TEXT...] [--data FILE...]".into(),
        );
    };
    let read = |file: &String| fs::read(file).map_err(|e| format!("{file}: {e}"));
    let bytes = read(whole)?;
    let module = Module::read(&bytes)?;
    let plan = Plan::new(&module, |name| request.waits(name));
    let pieces = data::pieces(&module)?;
    let mut later = Vec::new();
    for file in &request.data {
        let range = data::find(&pieces, &read(file)?);
        later.push(range.ok_or_else(|| format!("the contents of {file} are not in {whole}"))?);
    }
    let data = data::divide(&pieces, &later);
    let parts = split::split(&module, &plan, &data, request.names)?;
    fs::write(near, parts.near).map_err(|e| format!("{near}: {e}"))?;
    fs::write(far, parts.far).map_err(|e| format!("{far}: {e}"))?;
    println!("{}", plan.words(&module));
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
