//! Where the layers come from, and whether a config can run.

use super::super::checkpoint::{Checkpoint, Tensor, nan_error};
use super::super::config::{Config, Fade, Method, NanPolicy, Regime, Shape, Source};
use super::super::kinds::{Aid, Pattern};
use super::super::plan::Layer;
use crate::core::mlp::Mlp;
use crate::core::{Error, Result};
use crate::labs::{Dataset, Library};

/// Checks that go beyond one parameter.
pub(in super::super) fn check(config: &Config) -> Result<()> {
    if config.regime != Regime::Cut {
        return check_training(config);
    }
    if config.method == Method::Movement {
        return Err(Error::out_of_range(
            "method",
            "movement",
            "any other for one cut; movement is measured while the network trains along a schedule",
        ));
    }
    if config.source == Source::Imported && !config.method.from_weights() {
        return Err(Error::out_of_range(
            "method",
            config.method_words(),
            "magnitude, random, LAMP, ERK, N:M or own rates for an opened file; this one needs the network and its images",
        ));
    }
    if let Some((name, rate)) = config
        .own_rates
        .iter()
        .find(|(_, rate)| !(0.0..=99.9).contains(rate))
    {
        return Err(Error::out_of_range(
            "own_rates",
            format!("{rate} for {name:?}"),
            "0 to 99.9 %",
        ));
    }
    if config.method == Method::NOfM && config.keep_n > config.group_m {
        return Err(too_many(config));
    }
    Ok(())
}

fn too_many(config: &Config) -> Error {
    Error::out_of_range(
        "keep_n",
        config.keep_n,
        format!("1 to {} (the group size M)", config.group_m),
    )
}

/// Masks that change while the network trains.
fn check_training(config: &Config) -> Result<()> {
    if config.source == Source::Imported {
        return Err(Error::out_of_range(
            "source",
            "opened file",
            "a network trained here: a file has no task to train on",
        ));
    }
    let usable = matches!(
        config.method,
        Method::Magnitude | Method::Random | Method::Lamp | Method::Erk
    );
    match config.regime {
        Regime::Gradual if !usable && config.method != Method::Movement => {
            return Err(Error::out_of_range(
                "method",
                config.cut_words(),
                "magnitude, random, LAMP, ERK or movement along a schedule",
            ));
        }
        Regime::Flicker | Regime::Tune if !usable => {
            return Err(Error::out_of_range(
                "method",
                config.cut_words(),
                "magnitude, random, LAMP or ERK",
            ));
        }
        _ => {}
    }
    if matches!(config.regime, Regime::Gradual | Regime::Tune) {
        if config.aid == Aid::Flow && (config.hidden2 == 0 || config.hidden1 != config.hidden2) {
            return Err(Error::out_of_range(
                "hidden2",
                config.hidden2,
                format!(
                    "{}, as wide as the first hidden layer, for feature flow",
                    config.hidden1
                ),
            ));
        }
        if config.aid == Aid::Balance && config.regime == Regime::Gradual {
            return Err(Error::out_of_range(
                "aid",
                "class weights",
                "any other along a schedule; class weights need one cut with fine-tuning",
            ));
        }
        if config.aid != Aid::Plain && config.fade != Fade::Hard && config.regime == Regime::Gradual
        {
            return Err(Error::out_of_range(
                "aid",
                "help with annealed gradients",
                "one of the two",
            ));
        }
    }
    if config.regime == Regime::Surgery
        && config.pattern == Pattern::Groups
        && config.keep_n > config.group_m
    {
        return Err(too_many(config));
    }
    if config.regime == Regime::Gradual && config.shape != Shape::OneShot {
        if config.begin >= config.finish {
            return Err(Error::out_of_range(
                "finish",
                config.finish,
                format!("above the begin of {} %", config.begin),
            ));
        }
        if config.initial > config.sparsity {
            return Err(Error::out_of_range(
                "initial",
                config.initial,
                format!("0 to the final sparsity of {} %", config.sparsity),
            ));
        }
        super::super::training::schedule_of(config, config.shape, config.train_steps)
            .check(config.train_steps)?;
    }
    Ok(())
}

/// The layers of a trained network.
pub(in super::super) fn layers_of(net: &Mlp) -> Vec<Layer> {
    let tensor = |l: usize| {
        let (cols, rows) = (net.sizes()[l], net.sizes()[l + 1]);
        Tensor {
            name: format!("layer {}", l + 1),
            dtype: "F32".to_owned(),
            shape: vec![rows as u64, cols as u64],
            values: net.weights(l).into(),
            bytes: 4 * (rows * cols) as u64,
            nan: 0,
            inf: 0,
        }
    };
    Layer::chain((0..net.layers()).map(tensor))
}

/// The opened file.
pub(in super::super) fn opened<'a>(config: &Config, data: &'a Library) -> Result<&'a Checkpoint> {
    let Some(key) = &config.file else {
        return Err(Error::MissingData {
            name: "a .safetensors or .npy file".to_owned(),
        });
    };
    match data.get(key)? {
        Dataset::Tensors(checkpoint) => Ok(checkpoint),
        Dataset::Trace(_)
        | Dataset::Profile(_)
        | Dataset::LossLog(_)
        | Dataset::Schedule(_)
        | Dataset::Images(_) => Err(Error::Unsupported(format!("{} as weights", key.name))),
    }
}

/// The prunable layers of the opened file, and remarks.
pub(super) fn imported(
    config: &Config,
    checkpoint: &Checkpoint,
) -> Result<(Vec<Layer>, Vec<String>)> {
    let name = config.file.as_ref().map_or("", |key| &key.name);
    let mut remarks = checkpoint.remarks.clone();
    let mut chosen: Vec<Tensor> = Vec::new();
    for t in checkpoint.tensors.iter().filter(|t| t.is_prunable()) {
        let mut t = t.clone();
        if t.nan > 0 {
            match config.nan_policy {
                NanPolicy::Refuse => return Err(nan_error(name, &t)),
                NanPolicy::Exclude => {
                    remarks.push(format!("tensor {:?} is left out: {} NaN", t.name, t.nan));
                    continue;
                }
                NanPolicy::Zero => {
                    let clean = |&w: &f32| if w.is_nan() { 0.0 } else { w };
                    t.values = t.values.iter().map(clean).collect();
                }
            }
        }
        chosen.push(t);
    }
    if chosen.is_empty() {
        return Err(Error::import(
            name,
            "all tensors",
            "none can be pruned; that needs floating point, two dimensions, and a name without embed, norm or bias",
        ));
    }
    Ok((Layer::chain(chosen.into_iter()), remarks))
}
