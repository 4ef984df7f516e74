//! DefensiveKV: entries of the KV cache kept for their worst case (arXiv 2510.13334).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::aside::World;
use crate::labs::serving::aside::claim::{Trial, start};
use crate::labs::serving::config::Config;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static DEFENSIVE_KV: Exhibit = Exhibit {
    id: "defensivekv",
    lab: LabKind::Serving,
    title: "DefensiveKV (worst-case eviction)",
    idea: "Which entries of the cache will later queries need? Their mean importance so far forgets the key that mattered only once. Score by the worst case instead, with a floor under all scores, so that a key that looked useless for a while is not gone for ever.",
    paper: Paper {
        title: "Taming the fragility of KV cache eviction in LLM inference",
        authors: "Feng, Guo, Lv, et al.",
        year: 2025,
        arxiv: "2510.13334",
    },
    basis: Basis::Code,
    deviations: "The scores are those of the repository; the attention is drawn from a law of ours with lasting keys in clusters, intermittent keys, noise and a topic that moves, so that what later queries need is known exactly. Quality is the attention kept, not the output of a model. Budgets are shared by the heads of one layer; the paper's layer variant shares them among layers too. The mass of the window is taken from its own keys.",
    equation: "s_k = max(max_{q, h} Ã_{qhk}, mean_k max_{q, h} Ã_{qhk}); Ã = 5-wide mean of A, rescaled to its sum; keep the window and the top of s; mean rule: s_k = mean_{q, h} Ã_{qhk}",
    symbols: &[
        ("A_{qhk}", "attention of query q in query head h on key k"),
        ("q", "the last 32 queries of the prompt"),
        ("h", "query heads that share the keys"),
    ],
    setup: || Setup::Serving(config()),
    claim: Some(Claim {
        statement: "2.3 times less loss of quality than the best earlier method at a fifth of the cache, 4.3 times with budgets shared among layers.",
        experiment: "384 keys in four KV heads, a fifth kept after a window of 32 queries, then 200 queries whose importance has moved by 0.2; 5 % of the keys matter for one query in ten: attention lost when keys are chosen by the mean of the window over that with the defence.",
        start: loss,
    }),
};

fn config() -> Config {
    Config {
        world: World::Eviction,
        ..Config::default()
    }
}

fn loss(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let mut config = config();
    if effort == Effort::Quick {
        config.eviction.later = 100;
    }
    let trial = Trial {
        quantity: "attention lost, mean of the window over DefensiveKV",
        sides: vec![config],
        ratio: |runs| {
            let lost = |id| 100.0 - runs[0].value(id);
            lost("kept_mean_rule_percent") / lost("kept_percent")
        },
        claimed: [2.3, 4.3],
        claimed_where: "in the paper",
        conditions: "Drawn attention, not that of a model: where noise is stationary the mean of 32 queries is the better estimate of what comes, and the maximum only draws level where keys that matter rarely carry much of the attention. The paper's gain comes from the attention of real texts, which is not at hand here; move the sliders to see on which side a law lies.",
    };
    start(trial, effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::serving::aside::eviction::EvictionConfig;
    use crate::labs::serving::aside::{AsideRun, start};

    fn run(change: impl FnOnce(&mut EvictionConfig)) -> AsideRun {
        let mut config = config();
        config.eviction.later = 60;
        config.eviction.keys = 192;
        change(&mut config.eviction);
        config.check().unwrap();
        finish(&mut *start(&config).unwrap()).unwrap()
    }

    #[test]
    fn where_nothing_changes_the_first_stage_finds_what_hindsight_finds() {
        let run = run(|c| {
            c.noise = 0.0;
            c.shift = 0.0;
            c.intermittent = 0.0;
            c.shared_budget = false;
            c.two_stages = true;
            c.spread = 0.5;
            c.keep = 0.5;
        });
        let (own, best) = (run.value("kept_percent"), run.value("kept_best_percent"));
        assert!((own - best).abs() < 1e-9, "{own} {best}");
        assert!(own > 60.0 && own < 90.0, "{own}");
    }

    #[test]
    fn more_cache_keeps_more_and_fits_fewer() {
        let (small, large) = (run(|c| c.keep = 0.25), run(|c| c.keep = 0.6));
        assert!(small.value("kept_percent") < large.value("kept_percent"));
        assert!(small.value("room_factor") > large.value("room_factor"));
        assert!((small.value("room_factor") - 4.0).abs() < 1e-9);
    }
}
