//! Phase diagram: which of several setups serves most within a pair of targets, for every pair.
//! Targets change no run, so a ladder of loads is simulated once per setup, and every pair of
//! targets is judged on the same requests.
//!
//! The picture that decides between serving both phases together and apart: DistServe (Zhong et
//! al., arXiv 2401.09670) and TaiChi (arXiv 2508.01989).

use super::Load;
use crate::core::{Error, Job, Result, Step, finish, num};
use crate::labs::Library;
use crate::labs::serving::config::Config;
use crate::labs::serving::policies::Feature;
use crate::labs::serving::results::Ending;
use crate::labs::serving::{Run, Serving};

/// Latencies at ascending loads.
pub type Ladder = Vec<(f64, Vec<[f64; 2]>)>;

/// Time to the first token and mean time per further token of every arrival; infinite where it
/// never came, 0 per further token where there is none.
///
/// # Errors
/// A config that cannot run.
pub fn latencies(config: &Config, load: Load, at: f64, data: &Library) -> Result<Vec<[f64; 2]>> {
    let run = finish(&mut *Serving::simulate(&load.put(config, at), data)?)?;
    Ok(latencies_of(&run))
}

fn latencies_of(run: &Run) -> Vec<[f64; 2]> {
    let r = run.results();
    (0..r.len())
        .map(|i| match (r.ending[i], r.tpot[i]) {
            (Ending::Finished, tpot) if tpot.is_nan() => [r.ttft[i], 0.0],
            (Ending::Finished, tpot) => [r.ttft[i], tpot],
            _ => [f64::INFINITY; 2],
        })
        .collect()
}

/// The axes of a phase diagram.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Targets for the first token in seconds, ascending.
    pub ttft: Vec<f64>,
    /// Targets for the mean time per further token in seconds, ascending.
    pub tpot: Vec<f64>,
    /// Share of the requests that has to keep both, 0 to 1.
    pub share: f64,
}

impl Grid {
    /// The load per GPU that every setup serves within every pair of targets: by row of the first
    /// token, column of further tokens, setup.
    pub fn per_gpu(&self, ladders: &[Ladder], gpus: &[u64]) -> Vec<Vec<Vec<f64>>> {
        let cell = |first: f64, further: f64| -> Vec<f64> {
            (ladders.iter().zip(gpus))
                .map(|(ladder, gpus)| {
                    goodput(ladder, [first, further], self.share) / (*gpus).max(1) as f64
                })
                .collect()
        };
        (self.ttft.iter())
            .map(|&first| {
                self.tpot
                    .iter()
                    .map(|&further| cell(first, further))
                    .collect()
            })
            .collect()
    }
}

/// The setup with its instances together, and split in every way into prefill and decode; a single
/// instance becomes two.
///
/// # Errors
/// A scheduler that cannot split its instances.
pub fn together_and_apart(config: &Config) -> Result<Vec<Config>> {
    if !config.scheduler.has(Feature::Pools) {
        return Err(Error::out_of_range(
            "scheduler",
            config.scheduler.name(),
            "one that can split its instances into prefill and decode, such as vLLM v0",
        ));
    }
    let replicas = config.replicas.max(2);
    Ok((0..replicas.min(4))
        .map(|prefill_instances| Config {
            replicas,
            prefill_instances,
            ..config.clone()
        })
        .collect())
}

/// Loads of a ladder from a tenth of a setup's load to three times it.
pub fn usual_loads(config: &Config, steps: usize) -> Result<Vec<f64>> {
    let load = Load::of(config)?.get(config);
    Ok(num::logspace(0.1 * load, 3.0 * load, steps))
}

/// Runs every setup at every load, for all targets at once.
pub struct Phases {
    setups: Vec<Config>,
    load: Load,
    loads: Vec<f64>,
    seeds: u64,
    data: Library,
    work: Option<Box<dyn Job<Out = Run>>>,
    /// Latencies of the runs that are over: by setup, load, seed.
    done: Vec<Vec<[f64; 2]>>,
}

impl std::fmt::Debug for Phases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Phases {{ {} of {} }}", self.done.len(), self.all())
    }
}

impl Phases {
    /// Before the first run. All setups have the loads of the first.
    ///
    /// # Errors
    /// Setups without a load, with loads of different kinds, or that cannot run.
    pub fn new(setups: Vec<Config>, loads: Vec<f64>, seeds: u64, data: &Library) -> Result<Self> {
        let Some(first) = setups.first() else {
            return Err(Error::malformed("setups", "nothing to compare"));
        };
        let load = Load::of(first)?;
        for config in &setups {
            config.check()?;
            if Load::of(config)? != load {
                return Err(Error::malformed(
                    "setups",
                    "their loads are of different kinds; choose the same kind of arrivals",
                ));
            }
        }
        Ok(Self {
            setups,
            load,
            loads,
            seeds: seeds.max(1),
            data: data.clone(),
            work: None,
            done: Vec::new(),
        })
    }

    fn all(&self) -> usize {
        self.setups.len() * self.loads.len() * self.seeds as usize
    }
}

impl Job for Phases {
    type Out = Vec<Ladder>;

    fn step(&mut self) -> Result<Step<Vec<Ladder>>> {
        let mut work = if let Some(work) = self.work.take() {
            work
        } else {
            let place = self.done.len() as u64;
            let per_setup = self.loads.len() as u64 * self.seeds;
            let setup = &self.setups[(place / per_setup) as usize];
            let at = self.loads[(place % per_setup / self.seeds) as usize];
            let mut config = self.load.put(setup, at);
            config.seed = setup.seed.wrapping_add(place % self.seeds);
            Serving::simulate(&config, &self.data)?
        };
        match work.step()? {
            Step::Working => self.work = Some(work),
            Step::Done(run) => self.done.push(latencies_of(&run)),
        }
        if self.done.len() < self.all() {
            return Ok(Step::Working);
        }
        let mut pooled = (self.done.chunks(self.seeds as usize)).map(<[_]>::concat);
        let ladders =
            (self.setups.iter()).map(|_| self.loads.iter().copied().zip(pooled.by_ref()).collect());
        Ok(Step::Done(ladders.collect()))
    }

    fn progress(&self) -> f64 {
        let under_way = self.work.as_ref().map_or(0.0, |w| w.progress());
        (self.done.len() as f64 + under_way) / self.all().max(1) as f64
    }
}

/// The highest load at which a `share` of the requests keeps both targets, from the latencies at
/// ascending loads: between the last load that does and the first that does not, by the line
/// through their shares. 0 if the first does not; the last load if all do.
pub fn goodput(ladder: &[(f64, Vec<[f64; 2]>)], targets: [f64; 2], share: f64) -> f64 {
    let kept = |latencies: &[[f64; 2]]| {
        let kept = (latencies.iter()).filter(|l| l[0] <= targets[0] && l[1] <= targets[1]);
        kept.count() as f64 / latencies.len().max(1) as f64
    };
    let mut last: Option<(f64, f64)> = None;
    for (load, latencies) in ladder {
        let now = kept(latencies);
        if now < share {
            return last.map_or(0.0, |(below, then)| {
                below + (load - below) * (then - share) / (then - now)
            });
        }
        last = Some((*load, now));
    }
    last.map_or(0.0, |(load, _)| load)
}

/// The setup with the largest value; `None` where no value is above 0, or the second is within a
/// twentieth of the first.
pub fn winner(values: &[f64]) -> Option<usize> {
    let best = (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]))?;
    let second = (values.iter().enumerate())
        .filter(|(i, _)| *i != best)
        .map(|(_, v)| *v)
        .fold(0.0, f64::max);
    (values[best] > 0.0 && second < 0.95 * values[best]).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goodput_lies_where_the_share_crosses_the_line() {
        let slow = |n: usize| -> Vec<[f64; 2]> {
            (0..10)
                .map(|i| [if i < n { 9.0 } else { 1.0 }, 0.1])
                .collect()
        };
        let ladder = vec![(1.0, slow(0)), (2.0, slow(0)), (4.0, slow(2))];
        // 100 % at 2, 80 % at 4: 90 % half way.
        assert!((goodput(&ladder, [2.0, 0.2], 0.9) - 3.0).abs() < 1e-12);
        assert_eq!(goodput(&ladder, [2.0, 0.05], 0.9), 0.0, "nobody keeps it");
        assert_eq!(goodput(&ladder, [10.0, 0.2], 0.9), 4.0, "all do");
        assert_eq!(goodput(&[], [1.0, 1.0], 0.9), 0.0);
    }

    #[test]
    fn a_winner_is_clear_or_there_is_none() {
        assert_eq!(winner(&[1.0, 2.0]), Some(1));
        assert_eq!(winner(&[2.0, 1.95]), None);
        assert_eq!(winner(&[0.0, 0.0]), None);
        assert_eq!(winner(&[3.0]), Some(0));
        assert_eq!(winner(&[]), None);
    }

    #[test]
    fn the_job_finds_what_single_runs_find() {
        let config = Config {
            requests: 30,
            ..Config::default()
        };
        let sides = together_and_apart(&config).unwrap();
        let splits: Vec<_> = sides
            .iter()
            .map(|c| (c.replicas, c.prefill_instances))
            .collect();
        assert_eq!(splits, [(2, 0), (2, 1)]);
        let (loads, data) = (vec![1.0, 3.0], Library::default());
        let mut job = Phases::new(sides.clone(), loads.clone(), 2, &data).unwrap();
        let ladders = finish(&mut job).unwrap();
        for (side, ladder) in sides.iter().zip(&ladders) {
            for (at, found) in ladder {
                let of = |seed| {
                    let config = Config {
                        seed: side.seed + seed,
                        ..side.clone()
                    };
                    latencies(&config, Load::Rate, *at, &data).unwrap()
                };
                assert_eq!(*found, [of(0), of(1)].concat());
            }
        }
        let grid = Grid {
            ttft: vec![0.5, 5.0],
            tpot: vec![0.05, 0.5],
            share: 0.9,
        };
        let cells = grid.per_gpu(&ladders, &[2, 2]);
        for side in 0..2 {
            assert!(cells[1][1][side] >= cells[0][0][side]);
            assert!(cells[1][1][side] > 0.0);
        }
        let odd = Config {
            scheduler: crate::labs::serving::Scheduler::Orca,
            ..config
        };
        assert!(together_and_apart(&odd).is_err());
    }

    #[test]
    fn looser_targets_never_serve_less() {
        let config = Config {
            requests: 60,
            ..Config::default()
        };
        let ladder: Vec<(f64, Vec<[f64; 2]>)> = [0.5, 1.0, 2.0, 4.0]
            .map(|at| {
                let all = latencies(&config, Load::Rate, at, &Library::default()).unwrap();
                assert_eq!(all.len(), 60);
                (at, all)
            })
            .to_vec();
        let row = [0.02, 0.05, 0.2].map(|tpot| goodput(&ladder, [1.0, tpot], 0.9));
        assert!(row.is_sorted(), "{row:?}");
        assert!(row[2] > 0.0, "{row:?}");
    }
}
