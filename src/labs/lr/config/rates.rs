//! From the config to the rates of every update.

use super::{BETA2, Config, Problem, Resume, Rule};
use crate::core::mlp::LateDecay;
use crate::core::{Error, Result};
use crate::labs::lr::dialects::{Dialect, Settings, named};
use crate::labs::lr::extension::Extension;
use crate::labs::lr::optimal;
use crate::labs::lr::schedule::{Factors, Knobs, Schedule, Shape, Warmup};

impl Config {
    /// The schedule of `shape` with this config's other settings and a peak rate.
    pub fn schedule(&self, shape: Shape, peak: f64) -> Schedule {
        let mut schedule = self.plain(shape, peak);
        // A table that cannot be made is reported by `check`, which comes before every run.
        schedule.factors = self.factors(&schedule).unwrap_or_default();
        schedule
    }

    /// The schedule without its table.
    pub(super) fn plain(&self, shape: Shape, peak: f64) -> Schedule {
        let updates = self.horizon as usize;
        let share = |s: f64| (s * updates as f64).round() as usize;
        let warmup = if shape.rises_itself() {
            0
        } else {
            share(self.warmup).min(updates)
        };
        Schedule {
            shape,
            updates,
            peak,
            warmup,
            warmup_shape: self.warmup_shape,
            // Rounding both shares must not make them overlap by one update.
            cooldown: share(self.cooldown).min(updates - warmup),
            cooldown_shape: self.cooldown_shape,
            floor: self.floor,
            knobs: Knobs {
                phi: self.phi,
                knee: self.knee as usize,
                exponent: self.exponent,
            },
            factors: None,
        }
    }

    /// Whether there is a cooldown under `AdamW` whose second moment could decay at another pace.
    pub(super) fn may_raise_beta2(&self) -> bool {
        let trained = matches!(self.problem, Problem::Digits | Problem::Branches);
        trained && self.rule == Rule::AdamW && self.wsd()
    }

    /// Whether it does.
    pub fn raises_beta2(&self) -> bool {
        self.may_raise_beta2() && (self.cooldown_beta2 - BETA2).abs() > 0.0
    }

    /// That pace, from the start of a schedule's cooldown.
    pub(in crate::labs::lr) fn late_decay(&self, s: &Schedule) -> Option<LateDecay> {
        (self.raises_beta2() && s.shape.cools() && s.cooldown > 0).then(|| LateDecay {
            after: s.decay_start() as u32,
            beta2: self.cooldown_beta2 as f32,
        })
    }

    /// What libraries need to know beside the schedule.
    pub fn settings(&self) -> Settings {
        let at = |share: f64| (share * self.horizon as f64).round() as usize;
        Settings {
            gamma: self.gamma,
            drops: self.drops as usize,
            milestones: [at(self.first_drop), at(self.second_drop)],
            decay_to: self.decay_to,
            power: self.power,
            cycle: self.cycle,
            cycle_mul: self.cycle_mul as usize,
            base: self.base,
            rise: self.rise,
            div: self.div,
            final_div: self.final_div,
        }
    }

    /// The convention that `shape` follows: rivals keep the lab's.
    pub fn dialect_of(&self, shape: Shape) -> Dialect {
        if shape == self.shape {
            self.dialect
        } else {
            Dialect::Lab
        }
    }

    /// The table of a schedule that is not given by a closed form, or whose rates are held.
    pub(super) fn factors(&self, s: &Schedule) -> Result<Option<Factors>> {
        let every = self.hold as usize;
        let found = self.table(s)?;
        let open = s.shape.is_computed() || s.shape.is_guided();
        if every <= 1 || open || self.problem == Problem::Log {
            return Ok(found);
        }
        let plain = Schedule {
            factors: found,
            ..s.clone()
        };
        Ok(Some(Factors {
            values: (0..s.updates)
                .map(|i| plain.rate(i - i % every) / s.peak)
                .collect(),
            rule: format!("the rate of every {every}th update, held until the next").into(),
        }))
    }

    fn table(&self, s: &Schedule) -> Result<Option<Factors>> {
        if s.shape == Shape::Drawn {
            return self.drawn().map(Some);
        }
        if s.shape.is_computed() {
            return Ok(Some(optimal::pending(s.updates)));
        }
        if s.shape.is_guided() {
            return Ok(None);
        }
        if s.shape == Shape::Extended {
            let extension = self.extension();
            let rho = extension.rho()?;
            return Ok(Some(Factors {
                values: extension.factors(rho).into(),
                rule: format!("the short run's rate, then {rho:.3} times it").into(),
            }));
        }
        let dialect = self.dialect_of(s.shape);
        let Some(named) = named(s, &self.settings(), dialect) else {
            if dialect == Dialect::Lab {
                return Ok(None);
            }
            return Err(Error::out_of_range(
                "dialect",
                dialect.name(),
                format!(
                    "a library that has the {} schedule with this warmup, cooldown and floor",
                    s.shape.name()
                ),
            ));
        };
        let calls = if dialect == Dialect::Lab {
            1
        } else {
            self.calls as usize
        };
        let seam = if dialect == Dialect::Lab {
            0
        } else {
            (self.resume_at * s.updates as f64).round() as usize
        };
        let steps: Vec<usize> = (0..s.updates)
            .map(|i| self.resume.step(i, seam) * calls)
            .collect();
        let most = steps.iter().max().map_or(0, |m| m + 1);
        let all = named.values(most.max(s.updates * calls))?;
        let mut values: Vec<f64> = steps.iter().map(|k| all[*k]).collect();
        if dialect == Dialect::Lab && s.warmup_shape != Warmup::Linear {
            for (i, v) in values.iter_mut().take(s.warmup).enumerate() {
                *v = s.warmup_shape.factor((i + 1) as f64 / s.warmup as f64);
            }
        }
        let mut rule = if dialect == Dialect::Lab {
            format!("as {}", named.words())
        } else if calls == 1 {
            format!("{}: {}", dialect.name(), named.words())
        } else {
            format!(
                "{}: {}, called {calls} times an update",
                dialect.name(),
                named.words()
            )
        };
        if seam > 0 && seam < s.updates {
            let word = Resume::NAMES[self.resume.index()];
            rule = format!("{rule}; resumed at update {seam}, where the scheduler {word}");
        }
        Ok(Some(Factors {
            values: values.into(),
            rule: rule.into(),
        }))
    }

    /// The extension of a shorter run.
    pub(in crate::labs::lr) fn extension(&self) -> Extension {
        Extension {
            short: ((self.short * self.horizon as f64).round() as usize).max(1),
            updates: self.horizon as usize,
            cooldown: self.cooldown,
            floor: self.floor,
            norm_decay: self.norm_decay,
        }
    }

    /// The line through the drawn points.
    fn drawn(&self) -> Result<Factors> {
        let k = &self.knots;
        let inside = |v: f64| (0.0..=1.0).contains(&v);
        if !(2..=64).contains(&k.len())
            || k.iter().any(|p| !inside(p[0]) || !inside(p[1]))
            || k.windows(2).any(|w| w[0][0] > w[1][0])
        {
            return Err(Error::out_of_range(
                "knots",
                format!("{k:?}"),
                "2 to 64 points with shares from 0 to 1, from left to right",
            ));
        }
        let values = (0..self.horizon)
            .map(|i| {
                let x = i as f64 / (self.horizon.max(2) - 1) as f64;
                let after = k.partition_point(|p| p[0] <= x).clamp(1, k.len() - 1);
                let ([x0, y0], [x1, y1]) = (k[after - 1], k[after]);
                let t = if x1 > x0 {
                    ((x - x0) / (x1 - x0)).clamp(0.0, 1.0)
                } else {
                    1.0
                };
                y0 + (y1 - y0) * t
            })
            .collect();
        Ok(Factors {
            values,
            rule: "the line through the drawn points".into(),
        })
    }

    /// The schedule that was chosen.
    pub fn chosen(&self) -> Schedule {
        self.schedule(self.shape, self.peak)
    }

    /// The peak rate `offset` half octaves from the set one.
    pub fn peak_at(&self, offset: i64) -> f64 {
        // Whole octaves are exact, so offset 0 is the set rate to the bit.
        let half = if offset.rem_euclid(2) == 1 {
            std::f64::consts::SQRT_2
        } else {
            1.0
        };
        self.peak * half * 2_f64.powi(offset.div_euclid(2) as i32)
    }

    /// Returns to the lab's convention when the library has no such schedule.
    pub(super) fn forget_foreign_dialect(&mut self) {
        let plain = self.plain(self.shape, self.peak);
        if named(&plain, &self.settings(), self.dialect).is_none() {
            self.dialect = Dialect::Lab;
        }
    }
}
