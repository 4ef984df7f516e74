use super::super::super::fault::{Fault, ServerFault};
use super::super::requests::requests;
use super::*;

fn run(config: &FunctionsConfig) -> (Requests, Sim) {
    let requests = requests(config, 1);
    let mut sim = Sim::begin(config, &requests);
    while !sim.advance(&requests, 64) {}
    (requests, sim)
}

fn all() -> Vec<FunctionsConfig> {
    let mut out = Vec::new();
    for i in 0..8 {
        out.push(FunctionsConfig {
            share: i & 1 > 0,
            preload: i & 2 > 0,
            delay: i & 4 > 0,
            requests: 150,
            gpus: 1,
            ..FunctionsConfig::default()
        });
    }
    out
}

#[test]
fn everybody_is_served_and_memory_is_never_shared_by_two() {
    for config in all() {
        let (requests, sim) = run(&config);
        for (r, got) in sim.got.iter().enumerate() {
            let got = got.unwrap_or_else(|| panic!("{r} was lost: {config:?}"));
            assert!(got.first > requests.arrival[r] && got.end >= got.first);
            assert!(got.cold <= got.first - requests.arrival[r]);
            let copy = &sim.copies[got.copy as usize];
            assert_eq!(copy.key, config.key(requests.function[r]));
            assert!(copy.born <= got.first && got.end <= copy.gone);
        }
        for (i, a) in sim.copies.iter().enumerate() {
            assert!(a.place[0] >= 0.0 && a.place[0] + a.place[1] <= config.gpu_gb);
            for b in &sim.copies[i + 1..] {
                let at_once = a.born < b.gone && b.born < a.gone && a.gpu == b.gpu;
                let apart =
                    a.place[0] + a.place[1] <= b.place[0] || b.place[0] + b.place[1] <= a.place[0];
                assert!(!at_once || apart, "{a:?} {b:?}");
            }
        }
    }
}

#[test]
fn nobody_is_lost_with_a_gpu_and_nothing_runs_on_a_dead_one() {
    let mut losses = 0;
    for config in all() {
        for (gpus, at_secs, secs) in [(2, 40.0, 60.0), (1, 25.0, 30.0), (2, 90.0, 1e5)] {
            let config = FunctionsConfig {
                gpus,
                fault: Fault {
                    what: ServerFault::Dies,
                    at_secs,
                    secs,
                    ..Fault::default()
                },
                ..config.clone()
            };
            let (requests, sim) = run(&config);
            for (r, got) in sim.got.iter().enumerate() {
                let got = got.unwrap_or_else(|| panic!("{r} was lost: {config:?}"));
                assert!(got.first > requests.arrival[r] && got.end >= got.first);
                assert!(got.end <= sim.copies[got.copy as usize].gone, "{r} {got:?}");
                losses += got.losses;
            }
            let down = at_secs..at_secs + secs;
            for copy in sim.copies.iter().filter(|c| c.gpu == 0) {
                assert!(!down.contains(&copy.born), "{copy:?}");
                assert!(copy.born >= down.end || copy.gone <= at_secs, "{copy:?}");
            }
        }
    }
    assert!(losses > 5, "{losses}");
}

#[test]
fn a_slow_gpu_takes_longer() {
    let mean = |what| {
        let config = FunctionsConfig {
            gpus: 1,
            fault: Fault {
                what,
                at_secs: 0.0,
                secs: 1e5,
                ..Fault::default()
            },
            ..FunctionsConfig::default()
        };
        let (requests, sim) = run(&config);
        let each = sim.got.iter().zip(&requests.arrival);
        each.map(|(g, at)| g.map_or(0.0, |g| g.end - at))
            .sum::<f64>()
    };
    assert!(mean(ServerFault::Slows) > 2.0 * mean(ServerFault::None));
}

#[test]
fn a_lone_request_waits_for_every_stage_that_is_not_there() {
    let lone = FunctionsConfig {
        requests: 1,
        burst: 1.0,
        delay: false,
        ..FunctionsConfig::default()
    };
    let ttft = |share, preload| {
        let config = FunctionsConfig {
            share,
            preload,
            ..lone.clone()
        };
        let (requests, sim) = run(&config);
        let prefill = PREFILL[0] + PREFILL[1] * requests.prompt[0];
        sim.got[0].unwrap().first - requests.arrival[0] - prefill
    };
    let whole = 1.5 + 2.5 + 16.0 / 3.0 + 0.1 / 3.0 + 0.8;
    assert!((ttft(false, false) - whole).abs() < 1e-9);
    assert!(
        (ttft(true, false) - whole).abs() < 1e-9,
        "nothing to share yet"
    );
    assert!(ttft(true, true).abs() < 1e-9);
    // Weights come over the link, nothing else does.
    let slow = FunctionsConfig {
        share: false,
        preload: false,
        gpus: 1,
        fault: Fault {
            what: ServerFault::LinkSlows,
            server: 0,
            at_secs: 0.0,
            secs: 1e5,
            factor: 4.0,
        },
        ..lone.clone()
    };
    let (asked, sim) = run(&slow);
    let prefill = PREFILL[0] + PREFILL[1] * asked.prompt[0];
    let took = sim.got[0].unwrap().first - asked.arrival[0] - prefill;
    assert!((took - whole - 3.0 * 16.1 / 3.0).abs() < 1e-9, "{took}");
    // The second function of a backbone that is there loads its adapter and kernels alone.
    let config = FunctionsConfig {
        preload: false,
        requests: 2,
        functions: 2,
        backbones: 1,
        skew: 0.0,
        burst: 1.0,
        rate: 0.05,
        keep_secs: 1e4,
        ..lone
    };
    let second = (1..200).find_map(|seed| {
        let requests = requests(&config, seed);
        let apart = requests.arrival[1] - requests.arrival[0] > 20.0;
        (apart && requests.function[0] != requests.function[1]).then_some(requests)
    });
    let requests = second.unwrap();
    let mut sim = Sim::begin(&config, &requests);
    while !sim.advance(&requests, 64) {}
    let cold = sim.got[1].unwrap().cold;
    assert!((cold - (0.1 / 3.0 + 0.8)).abs() < 1e-9, "{cold}");
}

#[test]
fn the_plan_takes_what_saves_most_per_byte() {
    let config = FunctionsConfig {
        share: false,
        ..FunctionsConfig::default()
    };
    assert_eq!(plan(&config), (0..12).collect::<Vec<_>>(), "by rate");
    let shared = FunctionsConfig::default();
    assert_eq!(plan(&shared), [0, 1]);
}
