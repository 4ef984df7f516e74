//! What was done to a file, and the texts that go into it.

use super::super::config::{Granularity, Method};
use super::super::header::{Entry, Header};
use super::Request;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// How a file was pruned: enough to do it again.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe(Value);

impl Recipe {
    pub(super) fn of(request: &Request) -> Self {
        let mut out = json!({
            "app": "schedlab",
            "version": env!("CARGO_PKG_VERSION"),
            "method": request.method,
        });
        if request.method == Method::NOfM {
            out["keep_n"] = request.keep_n.into();
            out["group_m"] = request.group_m.into();
        } else {
            out["sparsity"] = request.sparsity.into();
        }
        if matches!(request.method, Method::Magnitude | Method::Random) {
            out["ranking"] = match request.granularity {
                Granularity::Global => "global".into(),
                Granularity::Layer => "per layer".into(),
            };
        }
        if request.method == Method::Random {
            out["seed"] = request.seed.into();
        }
        for (key, parts) in [("only", &request.only), ("exclude", &request.exclude)] {
            if !parts.is_empty() {
                out[key] = parts.clone().into();
            }
        }
        Self(out)
    }

    /// On one line, as it stands in the file.
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }
}

/// What happened to one tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorReport {
    /// Its name.
    pub name: String,
    /// Its number format.
    pub dtype: String,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// Number of weights.
    pub weights: u64,
    /// Weights set to 0.
    pub pruned: u64,
    /// Largest pruned magnitude at which the ranking was cut; none without a ranking by size.
    pub threshold: Option<f32>,
    /// Weights that were 0 before.
    pub zeros: u64,
    /// Values that were not a number.
    pub nan: u64,
    /// Infinite values.
    pub infinite: u64,
    /// Mean magnitude of the finite values before.
    pub mean: f64,
    /// Root of their mean square.
    pub rms: f64,
    /// Largest finite magnitude.
    pub largest: f32,
    /// Share of the sum of squares that went.
    pub lost: f64,
}

/// What happened to a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The file's name.
    pub file: String,
    /// How it was pruned.
    pub recipe: Recipe,
    /// The pruned tensors, in file order.
    pub tensors: Vec<TensorReport>,
    /// Tensors that stayed as they were.
    pub untouched: usize,
    /// Remarks.
    pub remarks: Vec<String>,
}

impl Report {
    /// Prunable weights.
    pub fn weights(&self) -> u64 {
        self.tensors.iter().map(|t| t.weights).sum()
    }

    /// Weights set to 0.
    pub fn pruned(&self) -> u64 {
        self.tensors.iter().map(|t| t.pruned).sum()
    }

    /// One line a tensor, with a head.
    pub fn to_csv(&self) -> String {
        let mut out = "tensor,dtype,shape,weights,pruned,kept,density,threshold,squares_lost_share,mean_magnitude,rms,largest_magnitude,zeros_before,nan,infinite\n".to_owned();
        for t in &self.tensors {
            let name = format!("\"{}\"", t.name.replace('"', "\"\""));
            let dims: Vec<String> = t.shape.iter().map(u64::to_string).collect();
            let kept = t.weights - t.pruned;
            let density = kept as f64 / t.weights.max(1) as f64;
            let threshold = t.threshold.map_or(String::new(), |v| v.to_string());
            writeln!(
                out,
                "{name},{},{},{},{},{kept},{density},{threshold},{},{},{},{},{},{},{}",
                t.dtype,
                dims.join("x"),
                t.weights,
                t.pruned,
                t.lost,
                t.mean,
                t.rms,
                t.largest,
                t.zeros,
                t.nan,
                t.infinite
            )
            .ok();
        }
        out
    }

    /// Recipe and counts of every tensor as JSON.
    pub fn to_json(&self) -> Value {
        let tensor =
            |t: &TensorReport| json!({"name": t.name, "weights": t.weights, "pruned": t.pruned});
        json!({
            "schema": "schedlab-pruning/1",
            "file": self.file,
            "recipe": self.recipe.0,
            "weights": self.weights(),
            "pruned": self.pruned(),
            "tensors": self.tensors.iter().map(tensor).collect::<Vec<_>>(),
            "remarks": self.remarks,
        })
    }

    /// The code that does the same to a model in PyTorch, from the exported masks.
    pub fn torch_snippet() -> &'static str {
        "from safetensors.torch import load_file\n\
         masks = load_file(\"masks.safetensors\")\n\
         for name, p in model.named_parameters():\n    \
             if name + \".mask\" in masks:\n        \
                 p.data *= masks[name + \".mask\"].to(p.dtype)\n"
    }
}

/// Length and JSON of a header, padded with blanks to 8 bytes.
pub(super) fn framed(object: &[(String, Value)]) -> Vec<u8> {
    // Written entry by entry: a map of the JSON library would sort the names.
    let entry = |(name, value): &(String, Value)| format!("{}:{value}", json!(name));
    let entries: Vec<String> = object.iter().map(entry).collect();
    let mut text = format!("{{{}}}", entries.join(",")).into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.append(&mut text);
    out
}

/// The start of the pruned file: the same tensors at the same places, and the recipe.
pub(super) fn header_bytes(header: &Header, recipe: &str) -> Vec<u8> {
    let mut texts: Map<String, Value> = Map::new();
    for (key, text) in &header.metadata {
        texts.insert(key.clone(), text.clone().into());
    }
    texts.insert("pruning".to_owned(), recipe.into());
    let mut object = vec![("__metadata__".to_owned(), Value::Object(texts))];
    for e in &header.entries {
        let info = json!({"dtype": e.dtype, "shape": e.shape, "data_offsets": e.span});
        object.push((e.name.clone(), info));
    }
    framed(&object)
}

/// The start of a file of masks: one byte a weight, 1 = kept.
pub(super) fn mask_header<'a>(tensors: impl Iterator<Item = &'a Entry>) -> Vec<u8> {
    let mut at = 0;
    let mut object = Vec::new();
    for e in tensors {
        let end = at + e.elements();
        let info = json!({"dtype": "U8", "shape": e.shape, "data_offsets": [at, end]});
        object.push((format!("{}.mask", e.name), info));
        at = end;
    }
    framed(&object)
}
