//! Capacity: the highest load at which targets are still met, found by bisection with the same
//! random numbers at every load.
//!
//! With attainment ≥ 90 % it is the goodput of DistServe (Zhong et al., arXiv 2401.09670), with
//! P99 TBT and a median queueing delay of at most 2 s the capacity of Sarathi-Serve (Agrawal et
//! al., arXiv 2403.02310). [`placement`] searches it over the degrees of parallelism of each phase.

mod bound;
mod bracket;
mod compare;
mod load;
mod phase;
pub mod placement;
mod search;

pub use bound::Bound;
pub use compare::{Capacity, Compared, Comparison};
pub use load::{Load, curve_loads};
pub use phase::{
    Grid, Ladder, Phases, goodput, latencies, together_and_apart, usual_loads, winner,
};
pub use search::{Found, Question, Search, Tried};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::Library;
    use crate::labs::serving::config::{Arrivals, Config};

    fn small() -> Config {
        Config {
            requests: 40,
            ..Config::default()
        }
    }

    #[test]
    fn the_capacity_meets_the_bounds_and_a_little_more_does_not() {
        let question = Question {
            bounds: vec![
                Bound::at_least("slo_attainment_percent", 90.0),
                Bound::at_most("ttft_p50_secs", 0.6),
            ],
            steps: 6,
        };
        let mut search = Search::new(&small(), &Library::default(), &question).unwrap();
        let found = finish(&mut search).unwrap();
        assert!(found.load > 0.05 && found.load < 50.0, "{found:?}");
        assert!(question.bounds.iter().all(|b| b.met(&found.metrics)));
        let above = found.tried.iter().find(|t| t.load > found.load).unwrap();
        assert!(!above.met, "the next load tried");
        // A factor of two halved six times on the logarithm.
        assert!(
            above.load / found.load < 1.02,
            "{} {}",
            above.load,
            found.load
        );
    }

    #[test]
    fn a_target_that_nothing_meets_has_no_capacity_and_one_that_all_meet_has_no_limit() {
        let ask = |bound| Question {
            bounds: vec![bound],
            steps: 2,
        };
        let run = |question: &Question| {
            let mut search = Search::new(&small(), &Library::default(), question).unwrap();
            finish(&mut search).unwrap()
        };
        let never = run(&ask(Bound::at_most("ttft_p50_secs", 1e-6)));
        assert_eq!((never.load, never.at_limit), (0.0, false));
        let always = run(&ask(Bound::at_least("ttft_p50_secs", 0.0)));
        assert_eq!((always.load, always.at_limit), (1000.0, true));
    }

    #[test]
    fn clients_are_whole() {
        let config = Config {
            arrivals: Arrivals::ClosedLoop,
            ..small()
        };
        let question = Question {
            bounds: vec![Bound::at_most("ttft_p50_secs", 0.5)],
            steps: 12,
        };
        let mut search = Search::new(&config, &Library::default(), &question).unwrap();
        let found = finish(&mut search).unwrap();
        assert_eq!(found.load.fract(), 0.0);
        let above = found.tried.iter().find(|t| t.load > found.load);
        assert!(
            above.is_none_or(|t| t.load == found.load + 1.0),
            "{found:?}"
        );
    }

    #[test]
    fn a_comparison_finds_what_each_search_finds_and_draws_the_way_there() {
        let configs = vec![
            small(),
            Config {
                scheduler: crate::labs::serving::Scheduler::Sarathi,
                ..small()
            },
        ];
        let question = Question {
            steps: 3,
            ..Question::default()
        };
        let data = Library::default();
        let mut all = Comparison::new(configs.clone(), 2, 4, &data, &question).unwrap();
        let compared = finish(&mut all).unwrap();
        for (config, capacity) in configs.iter().zip(&compared.capacities) {
            for (s, found) in capacity.found.iter().enumerate() {
                let own = Config {
                    seed: config.seed + s as u64,
                    ..config.clone()
                };
                let alone = finish(&mut Search::new(&own, &data, &question).unwrap()).unwrap();
                assert_eq!(alone, *found);
            }
        }
        assert_eq!((compared.loads.len(), compared.goodput.len()), (4, 2));
        for [mean, low, high] in compared.goodput.iter().flatten() {
            assert!(low <= mean && mean <= high, "{low} {mean} {high}");
        }
        let mixed = vec![
            small(),
            Config {
                arrivals: Arrivals::ClosedLoop,
                ..small()
            },
        ];
        assert!(Comparison::new(mixed, 1, 2, &data, &question).is_err());
    }

    #[test]
    fn bounds_are_read_as_they_are_written() {
        assert_eq!(
            Bound::parse("ttft_p99_secs<=0.5"),
            Ok(Bound::at_most("ttft_p99_secs", 0.5))
        );
        assert_eq!(Bound::parse("x >= 90").unwrap().words(), "x ≥ 90");
        assert!(Bound::parse("ttft<1").is_err(), "strict");
        let burst = Config {
            arrivals: Arrivals::Burst,
            ..small()
        };
        let error = Search::new(&burst, &Library::default(), &Question::default());
        assert!(error.is_err(), "no load");
    }
}
