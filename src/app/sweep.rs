//! A sweep: every setup run over a range of one or two of its parameters, for several seeds.

use crate::core::Arrange as _;
use crate::core::{Error, Field, Job, Metric, Result, Step};
use crate::labs::{Lab, LabRun as _, Library};

/// One swept parameter: its place in `Lab::params` and the values it takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) param: usize,
    pub(crate) values: Vec<f64>,
}

/// What was found so far over the grid, whatever lab it is of.
pub(crate) struct Grid {
    /// One axis for a curve, two for a map.
    pub(crate) axes: Vec<Axis>,
    /// Number of setups compared.
    pub(crate) setups: usize,
    pub(crate) seeds: usize,
    /// Metrics of the runs finished, in the order of [`Grid::place`]; empty where a config is
    /// refused.
    done: Vec<Vec<Metric>>,
}

/// A sweep under way or done.
pub(crate) struct Sweep<L: Lab> {
    configs: Vec<L::Config>,
    pub(crate) grid: Grid,
    job: Option<Box<dyn Job<Out = L::Run>>>,
}

/// Mean and range over the seeds at one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) mean: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Where a run stands in the sweep.
struct Place {
    setup: usize,
    point: usize,
    seed: usize,
}

impl Grid {
    pub(crate) fn new(axes: Vec<Axis>, setups: usize, seeds: usize) -> Self {
        Self {
            axes,
            setups,
            seeds: seeds.max(1),
            done: Vec::new(),
        }
    }

    /// Number of points of the grid.
    pub(crate) fn points(&self) -> usize {
        self.axes.iter().map(|a| a.values.len()).product()
    }

    /// Number of runs finished and wanted.
    pub(crate) fn progress(&self) -> (usize, usize) {
        (self.done.len(), self.setups * self.points() * self.seeds)
    }

    /// Whether all runs are finished.
    pub(crate) fn is_done(&self) -> bool {
        let (done, wanted) = self.progress();
        done >= wanted
    }

    /// One seed of every point before the next seed, so that a rough picture comes first.
    fn place(&self, run: usize) -> Place {
        let points = self.points();
        Place {
            setup: run % self.setups,
            point: run / self.setups % points,
            seed: run / self.setups / points,
        }
    }

    fn run_at(&self, setup: usize, point: usize, seed: usize) -> usize {
        (seed * self.points() + point) * self.setups + setup
    }

    /// The parameter values of a point, one per axis.
    pub(crate) fn values(&self, point: usize) -> Vec<f64> {
        let mut rest = point;
        self.axes
            .iter()
            .map(|axis| {
                let value = axis.values[rest % axis.values.len()];
                rest /= axis.values.len();
                value
            })
            .collect()
    }

    /// Number of runs left out because their config is out of range.
    pub(crate) fn refused(&self) -> usize {
        self.done.iter().filter(|m| m.is_empty()).count()
    }

    /// The metrics that can be plotted.
    pub(crate) fn metrics(&self) -> &[Metric] {
        self.done
            .iter()
            .find(|m| !m.is_empty())
            .map_or(&[], Vec::as_slice)
    }

    /// A metric at a point over the seeds finished so far; `None` without any.
    pub(crate) fn spread(&self, setup: usize, point: usize, metric: &str) -> Option<Spread> {
        let values: Vec<f64> = (0..self.seeds)
            .filter_map(|seed| self.done.get(self.run_at(setup, point, seed)))
            .filter_map(|metrics| metrics.iter().find(|m| m.id == metric))
            .map(|m| m.value)
            .filter(|v| v.is_finite())
            .collect();
        (!values.is_empty()).then(|| Spread {
            mean: crate::core::stats::mean(&values),
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

impl<L: Lab> Sweep<L> {
    /// Starts on a grid of as many setups.
    pub(crate) fn new(configs: Vec<L::Config>, grid: Grid) -> Self {
        Self {
            grid: Grid {
                setups: configs.len(),
                ..grid
            },
            configs,
            job: None,
        }
    }

    /// The config of a setup at a point of the grid.
    pub(crate) fn config(&self, setup: usize, point: usize) -> L::Config {
        let mut config = self.configs[setup].clone();
        for (axis, value) in self.grid.axes.iter().zip(self.grid.values(point)) {
            L::params()[axis.param].set_value(&mut config, value);
        }
        config
    }

    /// Takes one step. A point whose config is out of range is left out, not an error.
    ///
    /// # Errors
    /// Why a run failed; the sweep is then of no use.
    pub(crate) fn step(&mut self, data: &Library) -> Result<()> {
        if self.grid.is_done() {
            return Ok(());
        }
        let Place { setup, point, seed } = self.grid.place(self.grid.done.len());
        if self.job.is_none() {
            let mut config = self.config(setup, point);
            let first = L::seed(&config);
            L::set_seed(&mut config, first.wrapping_add(seed as u64));
            match L::start(&config, data) {
                Ok(job) => self.job = Some(job),
                Err(Error::OutOfRange { .. }) => {
                    self.grid.done.push(Vec::new());
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        let Some(job) = &mut self.job else {
            return Err(Error::Stuck("no run to step".to_owned()));
        };
        if let Step::Done(run) = job.step()? {
            self.job = None;
            self.grid.done.push(run.metrics());
        }
        Ok(())
    }
}

/// The range a sweep of a parameter starts with: a factor of four around the value on a
/// logarithmic slider, else up to twice the value, within what is allowed.
pub(crate) fn first_range(field: &Field, value: f64) -> [f64; 2] {
    let Some(([min, max], log)) = field.range() else {
        return [0.0, 1.0];
    };
    let [low, high] = if log {
        [value / 4.0, value * 4.0]
    } else if max <= 4.0 * value.abs() || value == 0.0 {
        [min, max]
    } else {
        [0.0, 2.0 * value]
    };
    [low.max(min), high.min(max)]
}

/// Indices of the points that no other beats in both goals (larger is better in both).
pub(crate) fn frontier(points: &[[f64; 2]]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len())
        .filter(|&i| points[i].iter().all(|v| v.is_finite()))
        .collect();
    order.arrange_by(|&a, &b| {
        points[b][0]
            .total_cmp(&points[a][0])
            .then(points[b][1].total_cmp(&points[a][1]))
    });
    let mut best = f64::NEG_INFINITY;
    order.retain(|&i| {
        let keeps = points[i][1] > best;
        best = best.max(points[i][1]);
        keeps
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::{Config, Serving};

    fn param(id: &str) -> usize {
        Serving::params().iter().position(|p| p.id == id).unwrap()
    }

    fn small() -> Config {
        let mut config = (Serving::presets()[0].config)();
        Serving::params()[param("requests")].set_value(&mut config, 12.0);
        config
    }

    #[test]
    fn every_point_equals_a_run_of_its_own_config() {
        let axes = vec![
            Axis {
                param: param("rate"),
                values: vec![1.0, 4.0],
            },
            Axis {
                param: param("requests"),
                values: vec![8.0, 12.0, 16.0],
            },
        ];
        let data = Library::default();
        let mut sweep = Sweep::<Serving>::new(vec![small()], Grid::new(axes, 1, 2));
        while !sweep.grid.is_done() {
            sweep.step(&data).unwrap();
        }
        assert_eq!(sweep.grid.progress(), (12, 12));
        assert_eq!(sweep.grid.values(3), [4.0, 12.0]);
        let metric = sweep.grid.metrics()[0].id;
        let own: Vec<f64> = (0..2)
            .map(|seed| {
                let mut config = sweep.config(0, 3);
                let first = Serving::seed(&config);
                Serving::set_seed(&mut config, first + seed);
                let mut job = Serving::start(&config, &data).unwrap();
                crate::core::finish(&mut *job).unwrap().metrics()[0].value
            })
            .collect();
        let spread = sweep.grid.spread(0, 3, metric).unwrap();
        assert_eq!(spread.low, own[0].min(own[1]));
        assert_eq!(spread.high, own[0].max(own[1]));
    }

    #[test]
    fn a_point_out_of_range_is_left_out() {
        let axes = vec![Axis {
            param: param("rate"),
            values: vec![-1.0, 2.0],
        }];
        let mut sweep = Sweep::<Serving>::new(vec![small()], Grid::new(axes, 1, 1));
        while !sweep.grid.is_done() {
            sweep.step(&Library::default()).unwrap();
        }
        let metric = sweep.grid.metrics()[0].id;
        assert_eq!(sweep.grid.refused(), 1);
        assert_eq!(sweep.grid.spread(0, 0, metric), None);
        assert!(sweep.grid.spread(0, 1, metric).is_some(), "the good point");
    }

    #[test]
    fn the_frontier_holds_what_nothing_beats_in_both_goals() {
        let points = [
            [1.0, 5.0],
            [2.0, 4.0],
            [2.0, 3.0],
            [3.0, 1.0],
            [0.5, 5.0],
            [f64::NAN, 9.0],
        ];
        assert_eq!(frontier(&points), [3, 1, 0]);
    }
}
