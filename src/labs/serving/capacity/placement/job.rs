//! The search in steps: every placement of every part, then the wholes.

use super::plan::{
    Apart, Cell, Instances, Part, Placement, Placements, Rate, Unfit, Whole, apart_within,
    together_within,
};
use super::trial::{Party, Trial, for_gpus, placed};
use crate::core::{Error, Job, Result, Step};
use crate::labs::Library;
use crate::labs::serving::capacity::Load;
use crate::labs::serving::capacity::bracket::Bracket;
use crate::labs::serving::config::{Arrivals, Config};
use crate::labs::serving::cost::CostKind;
use crate::labs::serving::policies::Feature;
use crate::labs::serving::workload::Making;

/// What to search for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// Share of the requests that have to keep their targets, above 0 to 1.
    pub share: f64,
    /// Most GPUs of an instance.
    pub per_instance: u64,
    /// GPUs of the wholes.
    pub gpus: u64,
    /// Seeds, pooled.
    pub seeds: u64,
    /// Halvings of the load after it is enclosed between a load and its double.
    pub steps: u32,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            share: 0.9,
            per_instance: 8,
            gpus: 16,
            seeds: 1,
            steps: 6,
        }
    }
}

/// The climb of one party to its highest load.
struct Climb {
    party: Party,
    bracket: Bracket,
    trial: Option<Trial>,
    /// Share at the best load so far, and the last one tried with its load.
    best: f64,
    last: [f64; 2],
}

/// How a climb ends: the goodput, or the lowest load tried with the share it reached.
type Ended = std::result::Result<Rate, [f64; 2]>;

/// The search in steps.
pub struct Placing {
    config: Config,
    load: Load,
    wish: Wish,
    data: Library,
    placements: Vec<Placement>,
    /// Tokens of KV of the longest request by part.
    longest: Option<[u32; 3]>,
    making: Option<Making>,
    climb: Option<Climb>,
    cells: [Vec<Cell>; 3],
    apart: Option<Whole<Apart>>,
    together: Option<Whole<Instances>>,
    /// Wholes that are over, 0 to 2.
    wholes: usize,
}

impl std::fmt::Debug for Placing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Placing {{ {:.0} % }}", 100.0 * self.progress())
    }
}

impl Placing {
    /// Before the first run. A preset of fitted coefficients becomes the roofline of the same model
    /// and GPU: coefficients hold for one degree of tensor parallelism only.
    ///
    /// # Errors
    /// A setup that cannot run, with coefficients of its own, with a scheduler that cannot split
    /// its instances, or whose requests do not arrive by the clock; a wish out of range.
    pub fn new(config: &Config, wish: Wish, data: &Library) -> Result<Self> {
        let config = config.on_roofline();
        // Whether the weights fit is asked of every placement.
        let unsized_pool = Config {
            blocks_from_memory: false,
            ..config.clone()
        };
        unsized_pool.check()?;
        let load = Load::of(&config)?;
        refuse(&config, load, &wish)?;
        let stages = if config.scheduler.has(Feature::Stages) {
            wish.per_instance
        } else {
            1
        };
        let most = for_gpus(&config, wish.per_instance.max(wish.gpus));
        let making = Making::new(&most, data)?;
        Ok(Self {
            placements: Placement::all(wish.per_instance, stages),
            config,
            load,
            wish,
            data: data.clone(),
            longest: None,
            making: Some(making),
            climb: None,
            cells: Default::default(),
            apart: None,
            together: None,
            wholes: 0,
        })
    }

    fn climb(&self, party: Party, start: f64) -> Climb {
        Climb {
            party,
            bracket: Bracket::new(self.load, start, self.wish.steps),
            trial: None,
            best: 0.0,
            last: [0.0; 2],
        }
    }

    /// The part and the placement that come next.
    fn due(&self) -> Option<(Part, Placement)> {
        let part = Part::ALL
            .into_iter()
            .find(|p| self.cells[*p as usize].len() < self.placements.len())?;
        let place = self.cells[part as usize].len();
        Some((part, self.placements[place]))
    }

    /// Why a placement has no room.
    fn unfit(&self, config: &Config, part: Part) -> Option<Unfit> {
        const GB: f64 = 1e9;
        if config.blocks_beside_weights().is_none() {
            return Some(Unfit::Weights {
                need: 2.0 * config.shape().params[0] / GB,
                have: config.usable_memory() / GB,
            });
        }
        let need = self.longest.unwrap_or_default()[part as usize];
        let limits = config.limits();
        let watermark = limits.num_blocks.saturating_sub(limits.watermark_blocks);
        (!limits.holds(need)).then(|| Unfit::Kv {
            need: u64::from(need),
            have: u64::from(watermark) * u64::from(limits.block_size),
        })
    }

    /// Steps a climb; its end is the highest load, or the lowest one with the share it reached.
    fn step_climb(&self, climb: &mut Climb) -> Result<Step<Ended>> {
        let at = climb.bracket.next();
        let trial = if let Some(trial) = &mut climb.trial {
            trial
        } else {
            let party = climb.party.clone();
            let trial = Trial::new(party, self.load, at, self.wish.seeds, &self.data)?;
            climb.trial.insert(trial)
        };
        let Step::Done(share) = trial.step()? else {
            return Ok(Step::Working);
        };
        climb.trial = None;
        climb.last = [at, share];
        let met = share >= self.wish.share;
        if met {
            climb.best = share;
        }
        if !climb.bracket.absorb(met) {
            return Ok(Step::Working);
        }
        Ok(Step::Done(match climb.bracket.best() {
            Some(load) => Ok(Rate {
                load,
                share: climb.best,
                at_limit: climb.bracket.at_limit(),
            }),
            None => Err(climb.last),
        }))
    }

    /// The longest request decides what fits.
    fn measure(&mut self, mut making: Making) -> Result<()> {
        let Step::Done(workload) = making.step()? else {
            self.making = Some(making);
            return Ok(());
        };
        let prompt = workload.prefill.iter().copied().max().unwrap_or(1);
        let both = workload.prefill.iter().zip(&workload.decode);
        let whole = both.map(|(p, d)| p + d - 1).max().unwrap_or(1);
        self.longest = Some([prompt, whole, whole]);
        Ok(())
    }

    /// Steps the cell that is due.
    fn step_cell(&mut self, part: Part, placement: Placement) -> Result<()> {
        let mut climb = if let Some(climb) = self.climb.take() {
            climb
        } else {
            let config = placed(&for_gpus(&self.config, placement.gpus()), placement, 1);
            if let Some(unfit) = self.unfit(&config, part) {
                self.cells[part as usize].push(Cell {
                    placement,
                    found: Err(unfit),
                });
                return Ok(());
            }
            config.check()?;
            self.climb(
                Party::One(part, Box::new(config)),
                self.load.get(&self.config),
            )
        };
        match self.step_climb(&mut climb)? {
            Step::Working => self.climb = Some(climb),
            Step::Done(found) => self.cells[part as usize].push(Cell {
                placement,
                found: found.map_err(|[rate, share]| Unfit::Targets { rate, share }),
            }),
        }
        Ok(())
    }

    /// Steps the whole that is due: apart, then together.
    fn step_whole(&mut self) -> Result<()> {
        if let Some(mut climb) = self.climb.take() {
            match self.step_climb(&mut climb)? {
                Step::Working => self.climb = Some(climb),
                Step::Done(found) => {
                    let found = found.ok();
                    match (self.wholes, &mut self.apart, &mut self.together) {
                        (0, Some(apart), _) => apart.found = found,
                        (1, _, Some(together)) => together.found = found,
                        _ => {}
                    }
                    self.wholes += 1;
                }
            }
            return Ok(());
        }
        let [prefill, decode, both] = &self.cells;
        let of = |i: Instances, gpus| placed(&for_gpus(&self.config, gpus), i.placement, i.count);
        let next = if self.wholes == 0 {
            self.apart = apart_within(prefill, decode, self.wish.gpus)
                .map(|plan| Whole { plan, found: None });
            self.apart.map(|Whole { plan, .. }| {
                let sides = [plan.prefill, plan.decode].map(|side| of(side, plan.gpus()));
                let party = Party::Two(Box::new(sides));
                (party, plan.load())
            })
        } else {
            self.together =
                together_within(both, self.wish.gpus).map(|plan| Whole { plan, found: None });
            self.together.map(|Whole { plan, .. }| {
                let party = Party::One(Part::Together, Box::new(of(plan, plan.gpus())));
                (party, plan.load)
            })
        };
        match next {
            Some((party, start)) => self.climb = Some(self.climb(party, start)),
            None => self.wholes += 1,
        }
        Ok(())
    }
}

impl Job for Placing {
    type Out = Placements;

    fn step(&mut self) -> Result<Step<Placements>> {
        if let Some(making) = self.making.take() {
            self.measure(making)?;
        } else if let Some((part, placement)) = self.due() {
            self.step_cell(part, placement)?;
        } else if self.wholes < 2 {
            self.step_whole()?;
        }
        if self.due().is_some() || self.wholes < 2 {
            return Ok(Step::Working);
        }
        Ok(Step::Done(Placements {
            config: self.config.clone(),
            load: self.load,
            share: self.wish.share,
            gpus: self.wish.gpus,
            cells: std::mem::take(&mut self.cells),
            apart: self.apart,
            together: self.together,
        }))
    }

    fn progress(&self) -> f64 {
        let cells: usize = self.cells.iter().map(Vec::len).sum();
        // A whole is about as much work as all cells of a part.
        let whole = self.placements.len();
        let done = cells + whole * self.wholes;
        (done as f64 / (5 * whole).max(1) as f64).min(1.0)
    }
}

/// Refuses what has no placement to search for.
fn refuse(config: &Config, load: Load, wish: &Wish) -> Result<()> {
    let kind = config.cost_kind;
    if kind != CostKind::Roofline {
        return Err(Error::out_of_range(
            "cost_kind",
            CostKind::NAMES[kind as usize],
            "Roofline or a preset: own coefficients hold for one degree of tensor parallelism",
        ));
    }
    if !config.scheduler.has(Feature::Pools) {
        return Err(Error::out_of_range(
            "scheduler",
            config.scheduler.name(),
            "one that can split its instances into prefill and decode, such as vLLM v0",
        ));
    }
    if load == Load::Clients || config.arrivals == Arrivals::Sessions {
        return Err(Error::out_of_range(
            "arrivals",
            "after the end of others",
            "arrivals by the clock: a phase alone ends no request",
        ));
    }
    if config.promises() {
        return Err(Error::out_of_range(
            "deadline_share",
            config.deadline_share + config.compound_share,
            "0: the two phases share targets for tokens, not deadlines",
        ));
    }
    if !(wish.share > 0.0 && wish.share <= 1.0) {
        let percent = 100.0 * wish.share;
        return Err(Error::out_of_range(
            "attainment",
            percent,
            "above 0, at most 100 %",
        ));
    }
    for (field, value, most) in [
        ("per_instance", wish.per_instance, 64),
        ("gpus", wish.gpus, 1024),
        ("seeds", wish.seeds, 100),
    ] {
        if !(1..=most).contains(&value) {
            return Err(Error::out_of_range(field, value, format!("1 to {most}")));
        }
    }
    Ok(())
}
