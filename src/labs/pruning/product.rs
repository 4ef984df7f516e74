//! The pruned checkpoint at a step of the sweep, as a file.

use super::config::{Method, Source};
use super::results::Results;
use super::rewrite::{Request, Rewrite, network_as_safetensors, npy_of_safetensors};
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
            name: "digits-trained-sparse.safetensors".to_owned(),
            job: Box::new(Ready(network_as_safetensors(net))),
        });
    }
    if !r.config.method.from_weights() {
        return pruned_here(r, step);
    }
    let mut request = Request::of(&r.config);
    if r.config.method == Method::NOfM {
        request.keep_n = (r.config.group_m as usize).saturating_sub(step);
    } else {
        request.sparsity = point.asked / 100.0;
    }
    let (file, raw) = match (&r.net, &r.config.file) {
        (Some(net), _) if r.config.source == Source::Trained => (
            "digits.safetensors".to_owned(),
            network_as_safetensors(net).into(),
        ),
        (_, Some(_)) if r.raw.is_empty() => {
            return Err(Error::Unsupported(
                "saving a file of which only a part is open, or an .npz; `schedlab prune` writes a .safetensors file whole".to_owned(),
            ));
        }
        (_, Some(key)) => (key.name.clone(), r.raw.clone()),
        _ => return Err(Error::Stuck("the network is not trained yet".to_owned())),
    };
    let (stem, ending) = file.rsplit_once('.').unwrap_or((&file, "safetensors"));
    let npy = ending.eq_ignore_ascii_case("npy");
    let name = format!("{stem}-pruned.{ending}");
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
}
