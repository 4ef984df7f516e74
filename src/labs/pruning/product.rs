//! The pruned checkpoint at a step of the sweep, as a file.

use super::config::{Method, Regime, Source};
use super::part::LEFT_OUT;
use super::plan::Layer;
use super::results::Results;
use super::rewrite::{Request, Rewrite, network_as_safetensors, npy_of_safetensors, read_header};
use crate::core::{Error, Job, Result, Step};
use crate::labs::Product;
use std::sync::Arc;

/// Starts the file of a step.
pub(super) fn product(r: &Results, step: usize) -> Result<Product> {
    let Some(point) = r.points.get(step) else {
        return Err(Error::Stuck("there is no such step".to_owned()));
    };
    if let (Some(_), Some(net)) = (&r.film, &r.net) {
        return Ok(Product {
            name: match r.config.regime {
                Regime::Data => "digits-trained.safetensors".to_owned(),
                _ => "digits-trained-sparse.safetensors".to_owned(),
            },
            job: Box::new(Ready(network_as_safetensors(net))),
        });
    }
    let by_hand = r.config.method == Method::Manual || r.config.mixes();
    if !r.config.method.from_weights() || by_hand && r.config.source == Source::Trained {
        return pruned_here(r, step);
    }
    let mut request = Request::of(&r.config);
    if r.config.method == Method::NOfM {
        request.keep_n = (r.config.group_m as usize).saturating_sub(step);
    } else {
        request.sparsity = point.asked / 100.0;
    }
    if by_hand {
        // The counts say all: inside a tensor the smallest go.
        request.method = Method::Manual;
        let gone = |(layer, kept): (&Layer, &Vec<u64>)| {
            let n = layer.values.len() as u64;
            (layer.name.clone(), n - kept.get(step).copied().unwrap_or(n))
        };
        request.counts = r.layers.iter().zip(&r.plan.kept).map(gone).collect();
    }
    let (file, raw) = match (&r.net, &r.config.file) {
        (Some(net), _) if r.config.source == Source::Trained => (
            "digits.safetensors".to_owned(),
            network_as_safetensors(net).into(),
        ),
        (_, Some(_)) if r.raw.is_empty() => {
            return Err(Error::Unsupported(
                "saving an .npz; `schedlab prune` writes .safetensors and .npy files".to_owned(),
            ));
        }
        (_, Some(key)) => (key.name.clone(), r.raw.clone()),
        _ => return Err(Error::Stuck("the network is not trained yet".to_owned())),
    };
    let (stem, ending) = file.rsplit_once('.').unwrap_or((&file, "safetensors"));
    let npy = ending.eq_ignore_ascii_case("npy");
    // Of a file that is open in part, the open tensors make a file of their own.
    let part =
        !npy && read_header(&file, &mut &*raw).is_ok_and(|h| h.metadata.contains_key(LEFT_OUT));
    let name = if part {
        format!("{stem}-part-pruned.{ending}")
    } else {
        format!("{stem}-pruned.{ending}")
    };
    let out = Vec::with_capacity(raw.len() + 1024);
    let work = Rewrite::new(&file, raw, out, None, request)?;
    Ok(Product {
        name,
        job: Box::new(FileJob {
            work: Some(work),
            npy: npy.then_some(file),
        }),
    })
}

/// A network trained here whose scores are not those of the file's weights alone.
fn pruned_here(r: &Results, step: usize) -> Result<Product> {
    let Some(net) = r.net.as_ref().filter(|_| !r.config.method.at_init()) else {
        return Err(Error::Unsupported(
            "saving a network that is trained after pruning".to_owned(),
        ));
    };
    let mut net = (**net).clone();
    for (l, at) in r.plan.pruned_at.iter().enumerate() {
        for (w, &gone) in net.weights_mut(l).iter_mut().zip(at.iter()) {
            if usize::from(gone) <= step {
                *w = 0.0;
            }
        }
    }
    Ok(Product {
        name: "digits-pruned.safetensors".to_owned(),
        job: Box::new(Ready(network_as_safetensors(&net))),
    })
}

/// Bytes that are there at once: a network of the app is small.
struct Ready(Vec<u8>);

impl Job for Ready {
    type Out = Vec<u8>;

    fn step(&mut self) -> Result<Step<Vec<u8>>> {
        Ok(Step::Done(std::mem::take(&mut self.0)))
    }

    fn progress(&self) -> f64 {
        1.0
    }
}

struct FileJob {
    work: Option<Rewrite<Arc<[u8]>, Vec<u8>>>,
    /// Name of the array that is to be unwrapped.
    npy: Option<String>,
}

impl Job for FileJob {
    type Out = Vec<u8>;

    fn step(&mut self) -> Result<Step<Vec<u8>>> {
        let Some(work) = &mut self.work else {
            return Err(Error::Stuck("the file is made already".to_owned()));
        };
        if let Step::Working = work.step()? {
            return Ok(Step::Working);
        }
        let made = self.work.take().map(|w| w.into_sinks().0);
        let made = made.unwrap_or_default();
        Ok(Step::Done(match &self.npy {
            Some(name) => npy_of_safetensors(name, &made)?,
            None => made,
        }))
    }

    fn progress(&self) -> f64 {
        self.work.as_ref().map_or(1.0, Rewrite::progress)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Pruning};
    use super::*;
    use crate::core::finish;
    use crate::labs::{DataKey, Lab as _, LabRun as _, Library, sniff};

    #[test]
    fn a_saved_network_opens_again_with_the_weights_on_screen() {
        let config = Config {
            hidden1: 12,
            hidden2: 8,
            train_steps: 20,
            ..Config::default()
        };
        let run = finish(&mut *Pruning::start(&config, &Library::default()).unwrap()).unwrap();
        for at in [0.0, 50.0, 99.0] {
            let mut product = run.product(at).unwrap();
            assert_eq!(product.name, "digits-pruned.safetensors");
            let bytes = finish(&mut *product.job).unwrap();
            let key = DataKey::of("b.safetensors", &bytes);
            let mut library = Library::default();
            library.insert(key.clone(), sniff("b.safetensors", &bytes).unwrap());
            let again = Config {
                source: Source::Imported,
                file: Some(key),
                ..config.clone()
            };
            let again = finish(&mut *Pruning::start(&again, &library).unwrap()).unwrap();
            let (a, b) = (run.results(), again.results());
            let step = a.points.iter().position(|p| p.asked == at).unwrap();
            assert_eq!(a.layers.len(), b.layers.len());
            for (l, (x, y)) in a.layers.iter().zip(b.layers.iter()).enumerate() {
                for i in 0..x.values.len() {
                    let kept = usize::from(a.plan.pruned_at[l][i]) > step;
                    let want = if kept { x.values[i] } else { 0.0 };
                    assert_eq!(y.values[i].to_bits(), want.to_bits(), "layer {l}, {i}");
                }
            }
        }
    }

    /// A run of an opened file, and its file.
    fn opened(name: &str, bytes: &[u8], config: &Config) -> (crate::labs::pruning::Run, Library) {
        let key = DataKey::of(name, bytes);
        let mut library = Library::default();
        library.insert(key.clone(), sniff(name, bytes).unwrap());
        let config = Config {
            source: Source::Imported,
            file: Some(key),
            ..config.clone()
        };
        let run = finish(&mut *Pruning::start(&config, &library).unwrap()).unwrap();
        (run, library)
    }

    fn two_tensors(free: &str) -> Vec<u8> {
        let text = format!(
            r#"{{"__metadata__":{{{free}}},"a.weight":{{"dtype":"F32","shape":[2,10],"data_offsets":[0,80]}},"b.weight":{{"dtype":"F32","shape":[4,5],"data_offsets":[80,160]}}}}"#
        );
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes.extend((1..=40_u8).flat_map(|i| f32::from(i).to_le_bytes()));
        bytes
    }

    #[test]
    fn own_rates_of_a_file_are_met_on_screen_and_in_the_saved_file() {
        let mut config = Config {
            method: Method::Manual,
            sparsity: 50.0,
            ..Config::default()
        };
        config.set_rate("b.weight", 20.0);
        assert_eq!(config.rate_of("a.weight"), 50.0);
        let (run, _) = opened("w.safetensors", &two_tensors(""), &config);
        let r = run.results();
        let kept: Vec<u64> = r.plan.kept.iter().map(|k| k[r.chosen]).collect();
        assert_eq!(kept, [10, 16], "half of a, a fifth of b");
        assert_eq!(r.points[r.chosen].asked, 35.0);
        let mut product = run.product(35.0).unwrap();
        assert_eq!(product.name, "w-pruned.safetensors");
        let saved = finish(&mut *product.job).unwrap();
        let (again, _) = opened("w.safetensors", &saved, &Config::default());
        for (layer, kept) in again.results().layers.iter().zip(kept) {
            let left = layer.values.iter().filter(|w| **w != 0.0).count() as u64;
            assert_eq!(left, kept, "{}", layer.name);
        }
        config.set_rate("b.weight", 50.0);
        assert!(
            config.own_rates.is_empty(),
            "the common rate needs no entry"
        );
        config.set_rate("b.weight", 200.0);
        assert!(Pruning::check(&config).is_err());
    }

    #[test]
    fn a_method_spreads_the_rest_beside_rates_of_ones_own() {
        for method in [Method::Magnitude, Method::Lamp, Method::Erk] {
            let mut config = Config {
                method,
                sparsity: 50.0,
                ..Config::default()
            };
            let (plain, _) = opened("w.safetensors", &two_tensors(""), &config);
            config.source = Source::Imported;
            config.set_rate("b.weight", 20.0);
            assert!(config.mixes());
            let (run, _) = opened("w.safetensors", &two_tensors(""), &config);
            let r = run.results();
            let kept: Vec<u64> = r.plan.kept.iter().map(|k| k[r.chosen]).collect();
            // Alone with the method, a loses half of its own; b keeps four fifths.
            assert_eq!(kept, [10, 16], "{method:?}");
            if method == Method::Magnitude {
                // All of a is smaller than all of b: together a would lose everything.
                let together: Vec<u64> = plain
                    .results()
                    .plan
                    .kept
                    .iter()
                    .map(|k| k[plain.results().chosen])
                    .collect();
                assert_eq!(together, [0, 20]);
            }
            let at = r.points[r.chosen].asked;
            let saved = finish(&mut *run.product(at).unwrap().job).unwrap();
            let (again, _) = opened("w.safetensors", &saved, &Config::default());
            for (layer, kept) in again.results().layers.iter().zip(kept) {
                let left = layer.values.iter().filter(|w| **w != 0.0).count() as u64;
                assert_eq!(left, kept, "{}", layer.name);
            }
            config.clear_rate("b.weight");
            assert!(!config.mixes());
        }
    }

    #[test]
    fn the_open_part_of_a_large_file_is_saved_as_one_of_its_own() {
        let free = format!("\"{LEFT_OUT}\":\"a part of a file\"");
        let config = Config {
            sparsity: 50.0,
            ..Config::default()
        };
        let (run, _) = opened("big.safetensors", &two_tensors(&free), &config);
        let mut product = run.product(50.0).unwrap();
        assert_eq!(product.name, "big-part-pruned.safetensors");
        let saved = finish(&mut *product.job).unwrap();
        let (again, _) = opened("p.safetensors", &saved, &config);
        let remarks = &again.results().remarks;
        assert!(remarks.iter().any(|r| r.contains("a part")), "{remarks:?}");
        assert_eq!(again.results().layers.len(), 2);
    }
}
