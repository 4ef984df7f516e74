//! What each library is asked for: the calls behind a schedule's common name.

use super::named::{Call, Dialect, Named, Settings};
use crate::labs::lr::schedule::{Cooldown, Schedule, Shape, Warmup};
use serde_json::{Value, json};

/// The lengths a call needs.
struct Plan<'a> {
    s: &'a Schedule,
    set: &'a Settings,
    /// Updates after the warmup, at least 1.
    span: usize,
    /// Length of a cycle in updates.
    cycle: usize,
    /// Updates between drops.
    every: usize,
}

/// How `dialect` would be asked for this schedule with peak 1; `None` when it has no such one.
pub fn named(s: &Schedule, set: &Settings, dialect: Dialect) -> Option<Named> {
    let span = (s.updates - s.warmup.min(s.updates)).max(1);
    let plan = Plan {
        s,
        set,
        span,
        cycle: ((set.cycle * span as f64).round() as usize).clamp(1, span),
        every: span.div_ceil(set.drops + 1).max(1),
    };
    let calls = match dialect {
        Dialect::Lab => plan.lab(),
        Dialect::Pytorch => plan.pytorch(),
        Dialect::Optax => plan.optax(),
        Dialect::Transformers => plan.transformers(),
        Dialect::Timm => plan.timm(),
    }?;
    Some(Named { dialect, calls })
}

impl Plan<'_> {
    /// What a library without its own warmup puts in front.
    fn after(&self, warmup: Call, main: (&'static str, Value)) -> Vec<Call> {
        let (name, params) = main;
        let start = self.s.warmup;
        let main = Call {
            start,
            name,
            params,
        };
        if start == 0 {
            vec![main]
        } else {
            vec![warmup, main]
        }
    }

    fn alone(name: &'static str, params: Value) -> Vec<Call> {
        vec![Call {
            start: 0,
            name,
            params,
        }]
    }

    /// The shapes whose only definition is a library's. The warmup is the lab's own.
    fn lab(&self) -> Option<Vec<Call>> {
        let main = match self.s.shape {
            Shape::Step | Shape::MultiStep | Shape::Exponential | Shape::Restarts => {
                self.torch_main()?
            }
            Shape::Polynomial => (
                "polynomial_schedule",
                json!({"init_value": 1.0, "end_value": self.s.floor, "power": self.set.power,
                    "transition_steps": self.span, "transition_begin": 0}),
            ),
            Shape::OneCycle | Shape::Cyclic => return self.pytorch(),
            _ => return None,
        };
        let w = self.s.warmup;
        // Values (i + 1) / W, as in closed-form schedules.
        let warmup = Call {
            start: 0,
            name: "LinearLR",
            params: json!({"lr": 1.0, "start_factor": 1.0 / w.max(1) as f64, "end_factor": 1.0,
                "total_iters": w.saturating_sub(1).max(1)}),
        };
        Some(self.after(warmup, main))
    }

    fn torch_main(&self) -> Option<(&'static str, Value)> {
        let (s, set) = (self.s, self.set);
        Some(match s.shape {
            Shape::Constant => (
                "ConstantLR",
                json!({"lr": 1.0, "factor": 1.0, "total_iters": 0}),
            ),
            Shape::Linear => (
                "LinearLR",
                json!({"lr": 1.0, "start_factor": 1.0, "end_factor": s.floor,
                    "total_iters": self.span}),
            ),
            Shape::Cosine => (
                "CosineAnnealingLR",
                json!({"lr": 1.0, "eta_min": s.floor, "T_max": self.span}),
            ),
            Shape::Step => (
                "StepLR",
                json!({"lr": 1.0, "gamma": set.gamma, "step_size": self.every}),
            ),
            Shape::MultiStep => {
                let at = set.milestones.map(|m| m.saturating_sub(s.warmup));
                (
                    "MultiStepLR",
                    json!({"lr": 1.0, "gamma": set.gamma, "milestones": at}),
                )
            }
            Shape::Exponential => (
                "ExponentialLR",
                json!({"lr": 1.0,
                    "gamma": crate::core::num::pow(set.decay_to, 1.0 / self.span as f64)}),
            ),
            Shape::Polynomial if s.floor == 0.0 => (
                "PolynomialLR",
                json!({"lr": 1.0, "total_iters": self.span, "power": set.power}),
            ),
            Shape::Restarts => (
                "CosineAnnealingWarmRestarts",
                json!({"lr": 1.0, "eta_min": s.floor, "T_0": self.cycle, "T_mult": set.cycle_mul}),
            ),
            _ => return None,
        })
    }

    fn pytorch(&self) -> Option<Vec<Call>> {
        let (s, set) = (self.s, self.set);
        let w = s.warmup;
        let (start_factor, length) = match s.warmup_shape {
            Warmup::Linear => (1.0 / w.max(1) as f64, w),
            Warmup::Constant => (0.1, w),
            _ if w > 0 => return None,
            _ => (1.0, 0),
        };
        let mut warmup = Call {
            start: 0,
            name: "LinearLR",
            params: json!({"lr": 1.0, "start_factor": start_factor, "end_factor": 1.0,
                "total_iters": length.max(1)}),
        };
        if s.warmup_shape == Warmup::Constant {
            warmup.name = "ConstantLR";
            warmup.params = json!({"lr": 1.0, "factor": 0.1, "total_iters": w});
        }
        match s.shape {
            Shape::OneCycle => Some(Self::alone(
                "OneCycleLR",
                json!({"max_lr": 1.0, "total_steps": s.updates, "pct_start": set.rise,
                    "anneal_strategy": "cos", "div_factor": set.div,
                    "final_div_factor": set.final_div, "three_phase": false}),
            )),
            Shape::Cyclic => Some(Self::alone(
                "CyclicLR",
                json!({"base_lr": set.base, "max_lr": 1.0, "mode": "triangular",
                    "step_size_up": (self.cycle as f64 / 2.0).max(1.0)}),
            )),
            Shape::Wsd | Shape::Trapezoid if self.linear_cooldown() && s.cooldown > 0 => {
                let flat = (
                    "ConstantLR",
                    json!({"lr": 1.0, "factor": 1.0, "total_iters": 0}),
                );
                let mut calls = self.after(warmup, flat);
                calls.push(Call {
                    start: s.decay_start(),
                    name: "LinearLR",
                    params: json!({"lr": 1.0, "start_factor": 1.0, "end_factor": s.floor,
                        "total_iters": s.cooldown}),
                });
                Some(calls)
            }
            _ => Some(self.after(warmup, self.torch_main()?)),
        }
    }

    fn linear_cooldown(&self) -> bool {
        self.s.shape == Shape::Trapezoid || self.s.cooldown_shape == Cooldown::Linear
    }

    fn optax(&self) -> Option<Vec<Call>> {
        let (s, set) = (self.s, self.set);
        if s.warmup > 0 && s.warmup_shape != Warmup::Linear {
            return None;
        }
        let line = |from: f64, to: f64, steps: usize, power: f64| {
            json!({"init_value": from, "end_value": to, "power": power,
                "transition_steps": steps.max(1), "transition_begin": 0})
        };
        let warmup = Call {
            start: 0,
            name: "polynomial_schedule",
            params: line(0.0, 1.0, s.warmup, 1.0),
        };
        let main = match s.shape {
            Shape::Cosine if s.warmup < s.updates => {
                return Some(Self::alone(
                    "warmup_cosine_decay_schedule",
                    json!({"init_value": 0.0, "peak_value": 1.0, "end_value": s.floor,
                        "warmup_steps": s.warmup, "decay_steps": s.updates}),
                ));
            }
            Shape::OneCycle => {
                return Some(Self::alone(
                    "cosine_onecycle_schedule",
                    json!({"transition_steps": s.updates, "peak_value": 1.0,
                        "pct_start": set.rise, "div_factor": set.div,
                        "final_div_factor": set.final_div}),
                ));
            }
            Shape::Constant => ("polynomial_schedule", line(1.0, 1.0, 1, 1.0)),
            Shape::Linear => ("polynomial_schedule", line(1.0, s.floor, self.span, 1.0)),
            Shape::Polynomial => (
                "polynomial_schedule",
                line(1.0, s.floor, self.span, set.power),
            ),
            Shape::Step => (
                "exponential_decay",
                json!({"init_value": 1.0, "decay_rate": set.gamma, "transition_steps": self.every,
                    "transition_begin": 0, "staircase": true}),
            ),
            Shape::Exponential => (
                "exponential_decay",
                json!({"init_value": 1.0, "decay_rate": set.decay_to,
                    "transition_steps": self.span, "transition_begin": 0, "staircase": false}),
            ),
            Shape::MultiStep => {
                let mut scales = serde_json::Map::new();
                for m in set.milestones.map(|m| m.saturating_sub(s.warmup)) {
                    let scale = scales.get(&m.to_string()).and_then(Value::as_f64);
                    scales.insert(m.to_string(), json!(scale.unwrap_or(1.0) * set.gamma));
                }
                (
                    "piecewise_constant_schedule",
                    json!({"init_value": 1.0, "boundaries_and_scales": scales}),
                )
            }
            Shape::Restarts => ("sgdr_schedule", json!({"cosine_kwargs": self.cycles()})),
            Shape::Wsd | Shape::Trapezoid if self.linear_cooldown() && s.cooldown > 0 => {
                let mut calls = self.after(warmup, ("polynomial_schedule", line(1.0, 1.0, 1, 1.0)));
                calls.push(Call {
                    start: s.decay_start(),
                    name: "polynomial_schedule",
                    params: line(1.0, s.floor, s.cooldown, 1.0),
                });
                return Some(calls);
            }
            _ => return None,
        };
        Some(self.after(warmup, main))
    }

    /// The cycles that fit the run, for optax.
    fn cycles(&self) -> Vec<Value> {
        let (mut length, mut used, mut out) = (self.cycle, 0, Vec::new());
        while used < self.span && out.len() < 64 {
            out.push(
                json!({"init_value": 1.0, "peak_value": 1.0, "end_value": self.s.floor,
                "warmup_steps": 0, "decay_steps": length}),
            );
            used += length;
            length *= self.set.cycle_mul;
        }
        out
    }

    fn transformers(&self) -> Option<Vec<Call>> {
        let (s, set) = (self.s, self.set);
        if s.warmup > 0 && s.warmup_shape != Warmup::Linear && !s.shape.cools() {
            return None;
        }
        let common = |extra: Value| {
            let mut v = json!({"lr": 1.0, "num_warmup_steps": s.warmup,
                "num_training_steps": s.updates});
            if let (Some(v), Value::Object(extra)) = (v.as_object_mut(), extra) {
                v.extend(extra);
            }
            v
        };
        let (name, params) = match s.shape {
            Shape::Constant => (
                "get_constant_schedule_with_warmup",
                json!({"lr": 1.0, "num_warmup_steps": s.warmup}),
            ),
            Shape::Linear if s.floor == 0.0 => {
                ("get_linear_schedule_with_warmup", common(json!({})))
            }
            Shape::Cosine if s.floor == 0.0 => {
                ("get_cosine_schedule_with_warmup", common(json!({})))
            }
            Shape::Cosine => (
                "get_cosine_with_min_lr_schedule_with_warmup",
                common(json!({"min_lr_rate": s.floor})),
            ),
            Shape::Linear => (
                "get_polynomial_decay_schedule_with_warmup",
                common(json!({"lr_end": s.floor, "power": 1.0})),
            ),
            Shape::Polynomial => (
                "get_polynomial_decay_schedule_with_warmup",
                common(json!({"lr_end": s.floor, "power": set.power})),
            ),
            Shape::InverseSqrt => (
                "get_inverse_sqrt_schedule",
                json!({"lr": 1.0, "num_warmup_steps": s.warmup, "timescale": s.warmup.max(1)}),
            ),
            Shape::Restarts if set.cycle_mul == 1 && s.floor == 0.0 => (
                "get_cosine_with_hard_restarts_schedule_with_warmup",
                common(json!({"num_cycles": self.span as f64 / self.cycle as f64})),
            ),
            Shape::Wsd | Shape::Trapezoid => {
                let up = match s.warmup_shape {
                    Warmup::Linear => "linear",
                    Warmup::Cosine => "cosine",
                    Warmup::OneMinusSqrt => "1-sqrt",
                    Warmup::Constant => return None,
                };
                (
                    "get_wsd_schedule",
                    json!({"lr": 1.0, "num_warmup_steps": s.warmup,
                        "num_stable_steps": s.decay_start() - s.warmup,
                        "num_decay_steps": s.cooldown, "warmup_type": up,
                        "decay_type": self.common_cooldown()?, "min_lr_ratio": s.floor}),
                )
            }
            _ => return None,
        };
        Some(Self::alone(name, params))
    }

    /// The cooldown shapes that transformers and timm both know.
    fn common_cooldown(&self) -> Option<&'static str> {
        if self.linear_cooldown() {
            return Some("linear");
        }
        match self.s.cooldown_shape {
            Cooldown::OneMinusSqrt => Some("1-sqrt"),
            Cooldown::Cosine => Some("cosine"),
            _ => None,
        }
    }

    fn timm(&self) -> Option<Vec<Call>> {
        let (s, set) = (self.s, self.set);
        if s.warmup > 0 && s.warmup_shape != Warmup::Linear {
            return None;
        }
        let common = |extra: Value| {
            let mut v = json!({"lr": 1.0, "lr_min": s.floor, "warmup_t": s.warmup,
                "warmup_lr_init": 0.0, "t_initial": s.updates});
            if let (Some(v), Value::Object(extra)) = (v.as_object_mut(), extra) {
                v.extend(extra);
            }
            v
        };
        let (name, params) = match s.shape {
            Shape::Linear => ("PolyLRScheduler", common(json!({"power": 1.0}))),
            Shape::Polynomial => ("PolyLRScheduler", common(json!({"power": set.power}))),
            Shape::Cosine => ("CosineLRScheduler", common(json!({}))),
            Shape::Restarts => (
                "CosineLRScheduler",
                common(json!({"t_initial": self.cycle, "warmup_prefix": true,
                    "cycle_mul": set.cycle_mul, "cycle_limit": 64})),
            ),
            Shape::Step => (
                // The one that knows neither a floor nor a length.
                "StepLRScheduler",
                json!({"lr": 1.0, "warmup_t": s.warmup, "warmup_lr_init": 0.0,
                    "decay_t": self.every, "decay_rate": set.gamma}),
            ),
            Shape::Wsd | Shape::Trapezoid if s.cooldown > 0 => (
                "WSDLRScheduler",
                common(json!({"t_initial": self.span, "decay_t": s.cooldown,
                    "decay_fn": self.common_cooldown()?})),
            ),
            Shape::InverseSqrt => (
                "WSDLRScheduler",
                // There must be a cooldown; this one begins when the run is over.
                common(
                    json!({"t_initial": self.span + 1, "decay_t": 1, "stable_fn": "rsqrt",
                    "lr_min": 0.0, "stable_timescale": s.warmup.max(1)}),
                ),
            ),
            _ => return None,
        };
        Some(Self::alone(name, params))
    }
}
