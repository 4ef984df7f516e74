use super::super::super::fault::{Fault, ServerFault};
use super::*;
use crate::labs::serving::aside::experts::group::Group;
use crate::labs::serving::aside::experts::served::WINDOWS;

fn run(config: &ExpertsConfig) -> Served {
    config.check().unwrap();
    let mut sim = Sim::new(config, 1);
    while !sim.advance(1000) {}
    sim.finish()
}

fn in_group(config: &ExpertsConfig) -> Served {
    let mut group = Group::new(config, 1);
    while !group.advance(100) {}
    group.finish()
}

/// One client whose tokens all take both experts, in two rounds, and nothing goes wrong.
fn alone(servers: u64) -> ExpertsConfig {
    ExpertsConfig {
        clients: 1,
        servers,
        copies: 1,
        experts: 2,
        topk: 2,
        rounds: 2,
        fault: Fault::default(),
        secs: 1.0,
        ..ExpertsConfig::default()
    }
}

/// Every step takes so many seconds.
fn assert_steps(served: &Served, want: f64) {
    assert!(served.steps.len() > 10, "{}", served.steps.len());
    for step in &served.steps {
        let took = step.span[1] - step.span[0];
        assert!((took - want).abs() < 1e-12, "{took} {want}");
    }
}

#[test]
fn alone_a_step_is_attention_the_expert_and_the_network_twice() {
    let served = run(&alone(2));
    // Both experts of every token work side by side.
    let want = 32.0 * 1e-6 * (300.0 + 2.0 * 15.0 + 20.0 + 0.5 * 32.0);
    assert_steps(&served, want);
    assert_eq!(served.steps.len(), (1.0 / want) as usize);
}

#[test]
fn in_a_group_a_step_is_attention_the_slowest_server_and_the_network_twice() {
    let want = 32.0 * 1e-6 * (300.0 + 2.0 * 15.0 + 2.0 * (20.0 + 0.5 * 32.0));
    assert_steps(&in_group(&alone(1)), want);
}

#[test]
fn over_a_slow_link_calls_and_answers_take_longer_with_services_and_in_a_group() {
    let config = ExpertsConfig {
        fault: Fault {
            what: ServerFault::LinkSlows,
            server: 0,
            at_secs: 0.0,
            secs: 10.0,
            factor: 4.0,
        },
        ..alone(1)
    };
    let want = 32.0 * 1e-6 * (300.0 + 4.0 * 2.0 * 15.0 + 2.0 * (20.0 + 0.5 * 32.0));
    for served in [run(&config), in_group(&config)] {
        assert_steps(&served, want);
    }
}

#[test]
fn calls_that_wait_for_one_expert_read_its_weights_once() {
    let config = ExpertsConfig {
        clients: 8,
        servers: 1,
        copies: 1,
        experts: 1,
        topk: 1,
        rounds: 1,
        layers: 1,
        attention_micros: 1.0,
        hop_micros: 1.0,
        expert_micros: 1000.0,
        token_micros: 0.0,
        fault: Fault::default(),
        secs: 1.0,
        ..ExpertsConfig::default()
    };
    let served = run(&config);
    let busy: f64 = served.busy[0].iter().sum();
    let reads = busy / 1e-3;
    assert!((served.steps.len() as f64) > 3.9 * reads, "{reads} reads");
}

#[test]
fn whatever_happens_to_a_server_every_client_goes_on_in_order() {
    for (copies, what, secs, detect_secs) in [
        (1, ServerFault::Dies, 2.0, 0.1),
        (2, ServerFault::Dies, 2.0, 0.1),
        (2, ServerFault::Dies, 0.05, 0.2),
        (2, ServerFault::Dies, 50.0, 0.1),
        (3, ServerFault::Slows, 2.0, 0.1),
        (1, ServerFault::LinkSlows, 2.0, 0.1),
        (2, ServerFault::LinkSlows, 50.0, 0.1),
    ] {
        for at_secs in [0.0, 0.7, 1.003] {
            let config = ExpertsConfig {
                copies,
                fault: Fault {
                    what,
                    server: 2,
                    at_secs,
                    secs,
                    ..Fault::default()
                },
                detect_secs,
                secs: 6.0,
                ..ExpertsConfig::default()
            };
            let served = run(&config);
            for c in 0..4 {
                let own = served.steps.iter().filter(|s| s.client == c);
                let own: Vec<_> = own.collect();
                for pair in own.windows(2) {
                    let gap = pair[1].span[0] - pair[0].span[1];
                    assert!(gap.abs() < 1e-9, "{c} {pair:?}");
                }
                let last = own.last().map_or(0.0, |s| s.span[1]);
                assert!(last > 5.9, "{c} stops at {last}: {config:?}");
            }
            let died = what == ServerFault::Dies;
            assert_eq!(served.calls[1] > 0, died, "{:?} {config:?}", served.calls);
            for busy in served.busy.iter().flatten() {
                assert!(*busy <= 6.0 / WINDOWS as f64 + 1e-9, "{busy}");
            }
        }
    }
}

#[test]
fn of_two_copies_the_slow_one_is_called_less() {
    let share = |two_choices| {
        let config = ExpertsConfig {
            two_choices,
            fault: Fault {
                what: ServerFault::Slows,
                at_secs: 0.0,
                ..Fault::default()
            },
            secs: 4.0,
            ..ExpertsConfig::default()
        };
        run(&config).steps.len() as f64
    };
    assert!(share(true) > 1.1 * share(false), "{}", share(true));
}
