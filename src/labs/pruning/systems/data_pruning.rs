//! Data pruning: with many examples the hard ones are worth keeping, with few the easy ones.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Pick, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static DATA_PRUNING: Exhibit = Exhibit {
    id: "data-pruning",
    lab: LabKind::Pruning,
    title: "Data pruning",
    idea: "Not weights go, but training images. A first network ranks them by margin; a second one is trained on the hardest, the easiest or random ones.",
    paper: Paper {
        title: "Beyond neural scaling laws: beating power law scaling via data pruning",
        authors: "Sorscher and others",
        year: 2022,
        arxiv: "2206.14486",
    },
    basis: Basis::AbstractOnly,
    deviations: "Difficulty is the margin in a network trained on all images; the paper ranks ten metrics, among them distances to prototypes. Both networks train for as many steps.",
    equation: "m = z_y - max over c ≠ y of z_c; k = round_half_to_even(s n) images go, those with the largest m (hard ones stay) or the smallest (easy ones stay)",
    symbols: &[
        ("m", "margin of an image in the first network"),
        ("z_c", "its logit of class c, y the label"),
        ("s", "share of the n images that goes"),
    ],
    setup: || Setup::Pruning(config(Pick::Hard, 0)),
    claim: Some(Claim {
        statement: "Keep the hardest examples when data are many and the easiest when they are few.",
        experiment: "Digit readers 64-128-64-10, 400 steps; a quarter of 1,297 or of 160 training images stays. Test accuracy, hardest minus easiest with many images minus the same with few; fully reproduced only if hard is better with many and easy with few.",
        start: crossing,
    }),
};

/// Images there are when they are few.
const FEW: u64 = 160;

fn config(pick: Pick, pool: u64) -> Config {
    Config {
        regime: Regime::Data,
        images_cut: 75.0,
        pick,
        pool,
        ..Config::default()
    }
}

/// Points by which the hardest images beat the easiest, with many and with few.
fn gains(o: &[Outcome]) -> [f64; 2] {
    [
        o[0].accuracy() - o[1].accuracy(),
        o[3].accuracy() - o[4].accuracy(),
    ]
}

fn crossing(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let race = Race::new(
        effort,
        "gain of the hardest images over the easiest, many minus few images",
        "points",
        vec![
            ("many: hardest", config(Pick::Hard, 0)),
            ("many: easiest", config(Pick::Easy, 0)),
            ("many: random", config(Pick::Random, 0)),
            ("few: hardest", config(Pick::Hard, FEW)),
            ("few: easiest", config(Pick::Easy, FEW)),
            ("few: random", config(Pick::Random, FEW)),
        ],
        |o| {
            let [many, few] = gains(o);
            many - few
        },
    );
    Box::new(race.demanding(|all| {
        let values = |i: usize| all.iter().map(|o| gains(o)[i]).collect::<Vec<f64>>();
        let (many, [many_low, _]) = crate::core::stats::mean_interval(&values(0));
        let (few, [_, few_high]) = crate::core::stats::mean_interval(&values(1));
        let words = format!(
            "the hardest gain {many:.1} points over the easiest with many images and {few:.1} with few"
        );
        (many_low > 0.0 && few_high < 0.0, words)
    }))
}
