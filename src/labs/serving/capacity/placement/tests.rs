use super::plan::{apart_within, together_within};
use super::trial::{Party, Trial, for_gpus, placed};
use super::*;
use crate::core::{Job as _, finish};
use crate::labs::Library;
use crate::labs::serving::capacity::Load;
use crate::labs::serving::config::{Arrivals, Config, Lengths, Scheduler};
use crate::labs::serving::cost::{CostKind, Gpu, Model};
use crate::labs::serving::engine::Work;

fn small() -> Config {
    Config {
        requests: 40,
        prompt_median: 800.0,
        prompt_max: 2000,
        output_median: 60.0,
        output_max: 200,
        ..Config::default()
    }
}

fn wish(per_instance: u64, steps: u32) -> Wish {
    Wish {
        per_instance,
        steps,
        gpus: 4,
        ..Wish::default()
    }
}

fn search(config: &Config, wish: Wish) -> Placements {
    finish(&mut Placing::new(config, wish, &Library::default()).unwrap()).unwrap()
}

fn share(config: &Config, part: Part, placement: Placement, at: f64) -> f64 {
    let party = Party::One(part, Box::new(placed(config, placement, 1)));
    finish(&mut Trial::new(party, Load::Rate, at, 1, &Library::default()).unwrap()).unwrap()
}

/// Requests of one length at equal gaps, prompts one at a time.
fn steady() -> Config {
    Config {
        cost_kind: CostKind::Roofline,
        arrivals: Arrivals::Steady,
        lengths: Lengths::Fixed,
        requests: 100,
        prompt_median: 2000.0,
        output_median: 9.0,
        max_tokens_per_sequence: 2400,
        max_tokens_in_batch: 2400,
        transfer_gbps: 10.0,
        ..Config::default()
    }
}

#[test]
fn a_prefill_instance_serves_what_the_growth_of_its_queue_allows() {
    let prompt = Work {
        prefill: 2000,
        quad: 2000 * 2000,
        ..Work::default()
    };
    for tensor in [1, 2, 4] {
        let placement = Placement {
            tensor,
            pipeline: 1,
        };
        let secs = (placed(&steady(), placement, 1).cost_model()).stage_seconds(&prompt, 1);
        let config = Config {
            slo_ttft_secs: 3.0 * secs,
            ..steady()
        };
        let found = search(&config, wish(tensor, 6));
        let cell = found.cells[0]
            .iter()
            .find(|c| c.placement == placement)
            .unwrap();
        // The k-th prompt waits k·(S − 1/λ): the 90th of 100 for every GPU is the last that has to
        // be in time.
        let want = 1.0 / (secs * (1.0 - 2.0 / (90.0 * tensor as f64 - 1.0)));
        let ratio = cell.load() / want;
        assert!(
            (0.988..=1.0 + 1e-9).contains(&ratio),
            "TP {tensor}: {ratio}"
        );
        assert!(cell.found.is_ok_and(|r| r.share >= 0.9), "TP {tensor}");
    }
}

#[test]
fn a_decode_instance_pays_for_the_transfer_in_its_time_per_token() {
    let placement = Placement {
        tensor: 2,
        pipeline: 1,
    };
    let cost = placed(&steady(), placement, 1).cost_model();
    let decodes = (0..8).map(|j| {
        let work = Work {
            decodes: 1,
            kv_read: 2001 + j,
            ..Work::default()
        };
        cost.stage_seconds(&work, 1)
    });
    let transfer = 1e-3 + 2000.0 * 131_072.0 / 10e9;
    let per_token = (transfer + decodes.sum::<f64>()) / 8.0;
    let of = |tpot: f64| {
        let config = Config {
            slo_tpot_secs: tpot,
            ..steady()
        };
        share(&config, Part::Decode, placement, 0.5)
    };
    assert_eq!((of(per_token * 1.0001), of(per_token * 0.9999)), (1.0, 0.0));
    let free = Config {
        transfer_gbps: 1e6,
        transfer_millis: 0.0,
        slo_tpot_secs: per_token * 0.9,
        ..steady()
    };
    assert_eq!(
        share(&free, Part::Decode, placement, 0.5),
        1.0,
        "no transfer"
    );
}

#[test]
fn the_search_finds_what_brute_force_finds_and_chooses_the_largest() {
    let config = Config {
        slo_tpot_secs: 0.015,
        output_median: 100.0,
        output_max: 300,
        requests: 80,
        ..small()
    };
    let found = search(&config, wish(2, 5));
    let config = config.on_roofline();
    for part in Part::ALL {
        let cells = &found.cells[part as usize];
        assert_eq!(cells.len(), 3, "TP 1, TP 2, PP 2");
        let mut brute = Vec::new();
        for cell in cells {
            let config = for_gpus(&config, cell.placement.gpus());
            let mut rate = 0.1;
            while rate < 800.0 && share(&config, part, cell.placement, rate * 1.2) >= 0.9 {
                rate *= 1.2;
            }
            let ratio = cell.load() / rate;
            assert!((0.8..1.3).contains(&ratio), "{part:?} {cell:?}: {rate}");
            brute.push(rate / cell.placement.gpus() as f64);
        }
        let chosen = found.best(part).unwrap();
        for (cell, rough) in cells.iter().zip(&brute) {
            assert!(cells[chosen].per_gpu() >= cell.per_gpu(), "{part:?}");
            assert!(brute[chosen] * 1.3 >= *rough, "{part:?} {brute:?}");
        }
    }
    let (apart, together) = (found.apart.unwrap(), found.together.unwrap());
    assert!(apart.plan.gpus() <= 4 && together.plan.gpus() <= 4);
    for (whole, planned) in [
        (apart.found.unwrap(), apart.plan.load()),
        (together.found.unwrap(), together.plan.load),
    ] {
        assert!(whole.share >= 0.9, "{whole:?}");
        let ratio = whole.load / planned;
        // Both targets have to hold for the same request, and prompts end in clumps.
        assert!((0.25..1.3).contains(&ratio), "{whole:?} {planned}");
    }
}

#[test]
fn more_memory_never_leaves_fewer_placements_and_what_does_not_fit_says_why() {
    let mut last = 0;
    for gib in [8.0, 9.1, 18.2, 24.0, 80.0] {
        let mut config = small().on_roofline();
        config.adopt_gpu();
        let config = Config {
            roofline_gpu: Gpu::Own,
            own_gpu_gib: gib,
            // What is in place on screen may fit or not.
            blocks_from_memory: false,
            requests: 8,
            ..config
        };
        let found = search(&config, wish(4, 0));
        let cells = || found.cells.iter().flatten();
        let fits = |c: &&Cell| !c.found.is_err_and(|e| e.is_memory());
        let fit = cells().filter(fits).count();
        assert!(fit >= last, "{gib} GiB: {fit} after {last}");
        last = fit;
        for cell in cells() {
            let have = cell.placement.gpus() as f64 * gib * 0.9 * 1.073_741_824;
            match cell.found {
                Err(Unfit::Weights { need, have: told }) => {
                    assert!((need - 16.06).abs() < 1e-9 && told < need);
                    assert!((told - have).abs() < 1e-9, "{told} {have}");
                }
                Err(Unfit::Kv { need, have: told }) => assert!(told < need && have > 16.06),
                _ => assert!(have > 16.06, "{cell:?}"),
            }
        }
    }
    assert_eq!(last, 18, "six placements, three parts");
}

#[test]
fn nobody_is_lost_between_the_phases() {
    let mut config = small().on_roofline();
    config.adopt_gpu();
    let config = Config {
        roofline_gpu: Gpu::Own,
        // About a dozen requests at a time.
        own_gpu_gib: 18.5,
        slo_ttft_secs: 1e9,
        slo_tpot_secs: 1e9,
        requests: 80,
        ..config
    };
    let placement = Placement {
        tensor: 1,
        pipeline: 1,
    };
    for (prefill, decode) in [(1, 1), (3, 2), (1, 4)] {
        for at in [0.5, 50.0] {
            let sides = [prefill, decode].map(|n| placed(&config, placement, n));
            let party = Party::Two(Box::new(sides));
            let data = Library::default();
            let kept = finish(&mut Trial::new(party, Load::Rate, at, 2, &data).unwrap());
            assert_eq!(kept, Ok(1.0), "{prefill}:{decode} at {at}");
        }
    }
}

#[test]
fn the_search_repeats_bit_for_bit_whatever_the_steps() {
    let data = Library::default();
    let mut job = Placing::new(&small(), wish(2, 2), &data).unwrap();
    let mut seen = 0.0;
    let once = loop {
        match job.step().unwrap() {
            crate::core::Step::Done(out) => break out,
            crate::core::Step::Working => {}
        }
        assert!(job.progress() >= seen && job.progress() <= 1.0);
        seen = job.progress();
    };
    assert_eq!(once, search(&small(), wish(2, 2)));
}

#[test]
fn a_load_and_a_number_of_gpus_give_the_copies_of_either_side() {
    let cell = |tensor, load| Cell {
        placement: Placement {
            tensor,
            pipeline: 1,
        },
        found: Ok(Rate {
            load,
            share: 0.9,
            at_limit: false,
        }),
    };
    let none = Cell {
        found: Err(Unfit::Targets {
            rate: 0.01,
            share: 0.2,
        }),
        ..cell(8, 1.0)
    };
    let prefill = vec![cell(1, 3.0), cell(2, 7.0), none];
    let decode = vec![cell(1, 1.0), cell(2, 4.0), none];
    for gpus in 1..=12 {
        let mut most = 0.0_f64;
        for p in &prefill[..2] {
            for d in &decode[..2] {
                for i in 1..=gpus {
                    for j in 1..=gpus {
                        if i * p.placement.gpus() + j * d.placement.gpus() <= gpus {
                            most = most.max((i as f64 * p.load()).min(j as f64 * d.load()));
                        }
                    }
                }
            }
        }
        match apart_within(&prefill, &decode, gpus) {
            Some(apart) => {
                assert_eq!(apart.load(), most, "{gpus}");
                assert!(apart.gpus() <= gpus);
            }
            None => assert_eq!(most, 0.0, "{gpus}"),
        }
        let together = together_within(&decode, gpus).unwrap();
        let want = (gpus as f64).max((gpus / 2) as f64 * 4.0);
        assert_eq!(together.load, want, "{gpus}");
    }
    let found = Placements {
        config: Config::default(),
        load: Load::Rate,
        share: 0.9,
        gpus: 8,
        cells: [prefill.clone(), decode.clone(), decode],
        apart: None,
        together: None,
    };
    let for_ten = found.apart_for(10.0).unwrap();
    assert_eq!((for_ten.prefill.count, for_ten.decode.count), (2, 3));
    assert_eq!((for_ten.gpus(), for_ten.load()), (10, 12.0));
    assert_eq!(found.together_for(10.0).unwrap().gpus(), 6);
}

#[test]
fn what_has_no_placement_to_search_for_is_refused() {
    let refused = |config: Config, wish: Wish| {
        let error = Placing::new(&config, wish, &Library::default()).unwrap_err();
        error.to_string()
    };
    let own = Config {
        cost_kind: CostKind::Linear,
        ..small()
    };
    assert!(refused(own, Wish::default()).contains("cost_kind"));
    let orca = Config {
        scheduler: Scheduler::Orca,
        ..small()
    };
    assert!(refused(orca, Wish::default()).contains("scheduler"));
    for arrivals in [Arrivals::ClosedLoop, Arrivals::Sessions, Arrivals::Burst] {
        let config = Config {
            arrivals,
            ..small()
        };
        assert!(refused(config, Wish::default()).contains("arrivals"));
    }
    let none = Wish {
        gpus: 0,
        ..Wish::default()
    };
    assert!(refused(small(), none).contains("gpus"));
    let large = Config {
        model: Model::DeepseekV3,
        cost_kind: CostKind::Roofline,
        blocks_from_memory: false,
        requests: 5,
        ..small()
    };
    let found = search(&large, wish(2, 0));
    assert!((found.apart.is_none()) && found.together.is_none());
    let words = (found.cells.iter().flatten()).map(|c| c.found.unwrap_err().words());
    assert!(
        words
            .into_iter()
            .all(|w| w.contains("does not fit in memory"))
    );
}
