//! A schedule as Python code: the calls of the library whose convention it follows.

use super::{Dialect, Named};
use serde_json::Value;

/// Parameters that are rates, given here as shares of the peak.
const RATES: [&str; 10] = [
    "eta_min",
    "max_lr",
    "base_lr",
    "init_value",
    "end_value",
    "peak_value",
    "lr_end",
    "min_lr",
    "lr_min",
    "warmup_lr_init",
];

/// A value as Python writes it.
fn literal(name: &str, value: &Value, peak: f64) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(n) if RATES.contains(&name) => {
            format!("{:e}", n.as_f64().unwrap_or(f64::NAN) * peak)
        }
        Value::Number(n) => n.to_string(),
        Value::String(s) => format!("{s:?}"),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|v| literal(name, v, peak)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(k, v)| {
                    // Boundaries are whole numbers in Python, words are names.
                    let key = if k.parse::<u64>().is_ok() {
                        k.clone()
                    } else {
                        format!("{k:?}")
                    };
                    format!("{key}: {}", literal(k, v, peak))
                })
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

fn arguments(params: &Value, peak: f64) -> Vec<String> {
    params
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| *name != "lr" && !value.is_null())
        .map(|(name, value)| format!("{name}={}", literal(name, value, peak)))
        .collect()
}

/// The Python code of a schedule with this peak rate; `None` for the lab's own convention.
pub fn code(named: &Named, peak: f64) -> Option<String> {
    let call = |name: &str, mut first: Vec<String>, params: &Value| {
        first.extend(arguments(params, peak));
        format!("{name}({})", first.join(", "))
    };
    let starts: Vec<String> = named
        .calls
        .iter()
        .skip(1)
        .map(|c| c.start.to_string())
        .collect();
    let starts = starts.join(", ");
    let own = vec!["optimizer".to_owned()];
    let calls = |module: &str, first: &[String]| -> Vec<String> {
        named
            .calls
            .iter()
            .map(|c| {
                format!(
                    "    {},",
                    call(&format!("{module}{}", c.name), first.to_vec(), &c.params)
                )
            })
            .collect()
    };
    let single = match named.calls.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    Some(match named.dialect {
        Dialect::Lab => return None,
        Dialect::Pytorch => {
            let head = format!(
                "# the optimizer's lr is {peak:e}; call scheduler.step() once after every optimizer.step()\nfrom torch.optim import lr_scheduler\n\n"
            );
            match single {
                Some(c) => format!(
                    "{head}scheduler = {}\n",
                    call(&format!("lr_scheduler.{}", c.name), own, &c.params)
                ),
                None => format!(
                    "{head}scheduler = lr_scheduler.SequentialLR(optimizer, [\n{}\n], milestones=[{starts}])\n",
                    calls("lr_scheduler.", &own).join("\n")
                ),
            }
        }
        Dialect::Optax => match single {
            Some(c) => format!(
                "import optax\n\nschedule = {}\n",
                call(&format!("optax.{}", c.name), Vec::new(), &c.params)
            ),
            None => format!(
                "import optax\n\nschedule = optax.join_schedules([\n{}\n], boundaries=[{starts}])\n",
                calls("optax.", &[]).join("\n")
            ),
        },
        Dialect::Transformers => {
            let c = single?;
            format!(
                "# the optimizer's lr is {peak:e}\nfrom transformers import {}\n\nscheduler = {}\n",
                c.name,
                call(c.name, own, &c.params)
            )
        }
        Dialect::Timm => {
            let c = single?;
            let mut first = own;
            first.push("t_in_epochs=False".to_owned());
            format!(
                "# the optimizer's lr is {peak:e}; call scheduler.step_update(num_updates) after every update\nfrom timm.scheduler import {}\n\nscheduler = {}\n",
                c.name,
                call(c.name, first, &c.params)
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::named;
    use super::*;
    use crate::labs::lr::Config;
    use crate::labs::lr::schedule::Shape;

    fn written(shape: Shape, dialect: Dialect) -> String {
        let config = Config {
            shape,
            horizon: 100,
            peak: 0.5,
            floor: 0.1,
            dialect,
            ..Config::default()
        };
        let calls = named(&config.chosen(), &config.settings(), dialect);
        code(&calls.unwrap(), config.peak).unwrap()
    }

    #[test]
    fn rates_are_scaled_by_the_peak_and_factors_are_not() {
        let text = written(Shape::Cosine, Dialect::Pytorch);
        assert!(
            text.contains("eta_min=5e-2") && text.contains("T_max=90"),
            "{text}"
        );
        assert!(
            text.contains("start_factor=0.1") && text.contains("milestones=[10]"),
            "{text}"
        );
        let text = written(Shape::MultiStep, Dialect::Optax);
        assert!(text.contains("{40: 0.1, 65: 0.1}"), "{text}");
        assert!(text.contains("boundaries=[10]"), "{text}");
        let text = written(Shape::Wsd, Dialect::Transformers);
        assert!(
            text.contains("num_decay_steps=30") && !text.contains("lr="),
            "{text}"
        );
        let text = written(Shape::Cosine, Dialect::Timm);
        assert!(
            text.contains("lr_min=5e-2") && text.contains("t_in_epochs=False"),
            "{text}"
        );
    }
}
