//! `schedlab bench`: the hot paths of the labs beside a yardstick, as the page's `#bench` does.

use super::run::{number, pretty};
use super::{OK, say};
use crate::core::Result;
use crate::labs::bench::{Benching, Timing};
use serde_json::json;
use std::fmt::Write as _;
use std::time::Instant;

#[derive(Debug, clap::Args)]
pub(super) struct BenchArgs {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn bench(args: &BenchArgs) -> Result<u8> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this command measures time; nothing else depends on it"
    )]
    let start = Instant::now();
    let clock = || start.elapsed().as_secs_f64();
    let mut bench = Benching::default();
    while bench.advance(&clock)? {}
    let timings = bench.timings();
    if args.json {
        say(&pretty(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "target": std::env::consts::ARCH,
            "hot_paths": timings.iter().map(Timing::to_json).collect::<Vec<_>>(),
        })));
    } else {
        say(&in_words(timings));
    }
    Ok(OK)
}

fn in_words(timings: &[Timing]) -> String {
    let mut out = format!(
        "{:<70} {:>12}  {:>7}  {:>20}\n",
        "", "a second", "spread", "cost, multiply-adds"
    );
    for t in timings {
        let spread = 50.0 * (t.quartiles[1] - t.quartiles[0]) / t.per_second;
        writeln!(
            out,
            "{:<70} {:>12}  {:>5.1} %  {:>20}",
            format!("{} ({})", t.title, t.unit),
            number(t.per_second),
            spread,
            number(t.cost)
        )
        .ok();
    }
    out
}
