//! Router logits and expert choices from a user's file, layer by layer.
//!
//! Read are arrays of two dimensions, tokens × experts (logits or probabilities) or tokens × k
//! (expert numbers), of three, layers × tokens × either; and rows `layer,expert` (or
//! `token,layer,expert`), one per activation, as llama.cpp's `moe-trace` example writes them: there a
//! token ends where the layer number falls.

use crate::core::{Error, Result, num};
use crate::labs::pruning::checkpoint::{Checkpoint, Tensor};
use std::ops::Range;
use std::sync::Arc;

/// Most experts a layer may have.
pub const MAX_EXPERTS: usize = 512;
/// Most experts per token in a file of choices.
const MAX_CHOICES: usize = 16;

/// What a file holds about one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Name of its tensor, with the index in it.
    pub name: String,
    /// Number of tokens.
    pub tokens: usize,
    /// Number of experts.
    pub experts: usize,
    /// Entries of a token's row: experts, or choices.
    pub width: usize,
    /// What the rows hold.
    pub content: Content,
    values: Arc<[f32]>,
    span: Range<usize>,
}

/// What the rows of a layer hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Scores before the softmax.
    Logits,
    /// Probabilities: rows sum to 1.
    Probabilities,
    /// Numbers of the experts chosen.
    Choices,
}

impl Content {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Logits => "router logits",
            Self::Probabilities => "router probabilities",
            Self::Choices => "chosen experts",
        }
    }
}

impl Layer {
    /// The row of a token as in the file.
    fn row(&self, token: usize) -> &[f32] {
        let start = self.span.start + token * self.width;
        self.values.get(start..start + self.width).unwrap_or(&[])
    }

    /// Logits of a token: as stored, or the logarithms of its probabilities.
    pub fn logits(&self, token: usize) -> Vec<f64> {
        let row = self.row(token).iter().map(|&v| f64::from(v));
        match self.content {
            Content::Probabilities => row
                .map(|p| f64::from(num::ln(p.max(1e-30)) as f32))
                .collect(),
            Content::Logits | Content::Choices => row.collect(),
        }
    }

    /// Experts of a token, in the order of the file.
    pub fn choices(&self, token: usize) -> Vec<usize> {
        self.row(token).iter().map(|&v| v as usize).collect()
    }

    /// What it is, in words.
    pub fn words(&self) -> String {
        let per_token = if self.content == Content::Choices {
            format!(", {} per token", self.width)
        } else {
            String::new()
        };
        format!(
            "{}: {} of {} tokens over {} experts{per_token}",
            self.name,
            self.content.words(),
            self.tokens,
            self.experts
        )
    }
}

/// Parts of a tensor's name that speak for routing.
const HINTS: [&str; 6] = ["router", "logit", "topk", "top_k", "expert", "moe"];

/// Whether a tensor can be read as one or more layers, by its shape.
fn fits(t: &Tensor) -> bool {
    let [tokens, width] = match t.shape.as_slice() {
        [n, e] | [_, n, e] => [*n, *e],
        _ => return false,
    };
    tokens > 0 && (1..=MAX_EXPERTS as u64).contains(&width) && !t.values.is_empty()
}

/// Whether a file can be read here, and whether its names say that it is meant to be.
pub fn recognise(checkpoint: &Checkpoint) -> (bool, bool) {
    let usable = || checkpoint.tensors.iter().filter(|t| fits(t));
    let named = usable().any(|t| {
        let name = t.name.to_lowercase();
        HINTS.iter().any(|h| name.contains(h)) && !name.ends_with("weight")
    });
    (usable().next().is_some(), named)
}

/// The layers of a file, in its order; three-dimensional tensors hold several. When some tensors are
/// named after routing, only those are taken.
///
/// # Errors
/// Which tensor cannot be read, and why.
pub fn layers(file: &str, checkpoint: &Checkpoint) -> Result<Vec<Layer>> {
    let mut scan = Scan::new(file, checkpoint)?;
    loop {
        if let Some(layers) = scan.step()? {
            return Ok(layers);
        }
    }
}

/// Values looked at in a step.
const VALUES: usize = 1 << 17;

/// Reads the layers of a file in short steps: every value is looked at once, and those of choices
/// once more.
#[derive(Debug)]
pub struct Scan {
    file: String,
    tensors: Vec<Tensor>,
    /// The tensor at hand, its next row, and what its values are so far.
    next: usize,
    row: usize,
    seen: Seen,
    /// What the rows of the tensor hold, once that is known.
    content: Option<Content>,
    out: Vec<Layer>,
    /// Values of a step.
    most: usize,
}

/// What all values of a tensor have in common so far.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    /// Whole numbers that may count experts.
    whole: bool,
    /// Rows of numbers from 0 to 1 that sum to 1.
    sums: bool,
    /// The largest; 0 at least.
    most: f32,
}

impl Seen {
    const NOTHING: Self = Self {
        whole: true,
        sums: true,
        most: 0.0,
    };

    fn add(&mut self, row: &[f32]) {
        let counts = |v: &f32| v.fract() == 0.0 && (0.0..MAX_EXPERTS as f32).contains(v);
        self.whole &= row.iter().all(counts);
        self.sums &= row.iter().all(|v| (0.0..=1.0).contains(v))
            && (row.iter().sum::<f32>() - 1.0).abs() < 0.02;
        self.most = row.iter().copied().fold(self.most, f32::max);
    }

    /// Numbers below a limit that differ within each row are choices; rows that sum to 1
    /// probabilities.
    fn content(self, dtype: &str, width: usize) -> Content {
        if width <= MAX_CHOICES && self.whole && (!dtype.contains('F') || self.most > 1.0) {
            Content::Choices
        } else if self.sums && width > 1 {
            Content::Probabilities
        } else {
            Content::Logits
        }
    }
}

impl Scan {
    /// Starts on a file.
    ///
    /// # Errors
    /// No tensor has a shape that holds routing.
    pub fn new(file: &str, checkpoint: &Checkpoint) -> Result<Self> {
        let (_, named) = recognise(checkpoint);
        let hinted = |t: &&Tensor| {
            let name = t.name.to_lowercase();
            !named || HINTS.iter().any(|h| name.contains(h))
        };
        let all = checkpoint.tensors.iter();
        let tensors: Vec<Tensor> = all.filter(|t| fits(t)).filter(hinted).cloned().collect();
        if tensors.is_empty() {
            let all = checkpoint.tensors.iter().take(4);
            let shapes: Vec<String> = all
                .map(|t| format!("{} {}", t.name, t.shape_words()))
                .collect();
            return Err(Error::import(
                file,
                "shape",
                format!(
                    "no tensor of tokens × experts, tokens × choices or layers × tokens × either with up to {MAX_EXPERTS} experts; found {}",
                    shapes.join(", ")
                ),
            ));
        }
        Ok(Self {
            file: file.to_owned(),
            tensors,
            next: 0,
            row: 0,
            seen: Seen::NOTHING,
            content: None,
            out: Vec::new(),
            most: VALUES,
        })
    }

    /// The next values; the layers when all were looked at.
    ///
    /// # Errors
    /// Which tensor cannot be read, and why.
    pub fn step(&mut self) -> Result<Option<Vec<Layer>>> {
        let Some(t) = self.tensors.get(self.next) else {
            return Ok(Some(std::mem::take(&mut self.out)));
        };
        let (count, tokens, width) = match t.shape[..] {
            [n, e] => (1, n as usize, e as usize),
            [l, n, e] => (l as usize, n as usize, e as usize),
            _ => (0, 0, 1),
        };
        let rows = t.values.len() / width;
        let until = rows.min(self.row + (self.most / width).max(1));
        for row in self.row..until {
            let values = &t.values[row * width..(row + 1) * width];
            let bad = match self.content {
                None => {
                    self.seen.add(values);
                    not_finite(values)
                }
                Some(_) => twice(values),
            };
            if let Some(words) = bad {
                let place = format!("tensor {:?}, row {row}", t.name);
                return Err(Error::import(&self.file, place, words));
            }
        }
        self.row = until;
        if until < rows {
            return Ok(None);
        }
        self.row = 0;
        let content = match self.content.take() {
            Some(known) => known,
            None => match self.seen.content(&t.dtype, width) {
                Content::Choices => {
                    // Its rows are looked at once more.
                    self.content = Some(Content::Choices);
                    return Ok(None);
                }
                other => other,
            },
        };
        let experts = match content {
            Content::Choices => self.seen.most as usize + 1,
            Content::Logits | Content::Probabilities => width,
        };
        self.out.extend((0..count).map(|l| Layer {
            name: if count == 1 {
                t.name.clone()
            } else {
                format!("{}[{l}]", t.name)
            },
            tokens,
            experts,
            width,
            content,
            values: Arc::clone(&t.values),
            span: l * tokens * width..(l + 1) * tokens * width,
        }));
        self.seen = Seen::NOTHING;
        self.next += 1;
        Ok(None)
    }
}

/// The first of a row that is not finite, in words.
fn not_finite(row: &[f32]) -> Option<String> {
    let at = row.iter().position(|v| !v.is_finite())?;
    Some(format!("entry {at} is {}; want finite numbers", row[at]))
}

/// The first expert that stands in a row twice, in words.
fn twice(row: &[f32]) -> Option<String> {
    let at = (1..row.len()).find(|&j| row[..j].contains(&row[j]))?;
    Some(format!("expert {} stands there twice", row[at]))
}

/// Whether a text is a table of activations.
pub fn is_table(text: &str) -> bool {
    let header = text.lines().next().unwrap_or("").to_lowercase();
    let names: Vec<&str> = header.split(',').map(str::trim).collect();
    names.contains(&"layer") && names.contains(&"expert")
}

/// Reads a table of activations into one tensor of choices per layer.
///
/// # Errors
/// The line, and what was expected there.
pub fn read_table(file: &str, text: &str) -> Result<Checkpoint> {
    let mut lines = text.lines().enumerate();
    let (_, header) = lines.next().unwrap_or((0, ""));
    let header = header.to_lowercase();
    let names: Vec<&str> = header.split(',').map(str::trim).collect();
    let column = |name: &str| names.iter().position(|n| *n == name);
    let (Some(layer_at), Some(expert_at)) = (column("layer"), column("expert")) else {
        return Err(Error::import(
            file,
            "line 1",
            "want columns layer and expert",
        ));
    };
    let token_at = column("token");
    // Rows of each layer: experts by token.
    let mut rows: Vec<Vec<Vec<f32>>> = Vec::new();
    let (mut last, mut token): (usize, Option<usize>) = (0, None);
    let mut fresh = true;
    for (i, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let number = |at: usize, name: &str, limit: usize| {
            let cell = cells.get(at).copied().unwrap_or("");
            cell.parse::<usize>()
                .ok()
                .filter(|&v| v < limit)
                .ok_or_else(|| {
                    Error::import(
                        file,
                        format!("line {}", i + 1),
                        format!("{name} is {cell:?}; want a whole number below {limit}"),
                    )
                })
        };
        let layer = number(layer_at, "layer", 4096)?;
        let expert = number(expert_at, "expert", MAX_EXPERTS)?;
        let id = token_at
            .map(|at| number(at, "token", usize::MAX))
            .transpose()?;
        if rows.len() <= layer {
            rows.resize_with(layer + 1, Vec::new);
        }
        let new_token = fresh
            || if id.is_some() {
                id != token
            } else {
                layer < last
            };
        let starts = new_token || layer != last;
        if starts {
            rows[layer].push(Vec::new());
        }
        if let Some(row) = rows[layer].last_mut() {
            row.push(expert as f32);
        }
        (last, token, fresh) = (layer, id, false);
    }
    let mut out = Checkpoint::default();
    for (layer, tokens) in rows.iter().enumerate().filter(|(_, t)| !t.is_empty()) {
        let k = tokens[0].len();
        if let Some(t) = tokens.iter().position(|row| row.len() != k) {
            return Err(Error::import(
                file,
                format!("layer {layer}, token {t}"),
                format!(
                    "{} experts, but {k} at token 0: every token of a layer must have as many",
                    tokens[t].len()
                ),
            ));
        }
        out.tensors.push(Tensor {
            name: format!("experts of layer {layer}"),
            dtype: "I32".to_owned(),
            shape: vec![tokens.len() as u64, k as u64],
            values: tokens.concat().into(),
            bytes: 4 * (tokens.len() * k) as u64,
            nan: 0,
            inf: 0,
        });
    }
    if out.tensors.is_empty() {
        return Err(Error::import(
            file,
            "line 2",
            "no activation follows the header",
        ));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, shape: &[u64], values: Vec<f32>) -> Checkpoint {
        Checkpoint {
            tensors: vec![Tensor {
                name: name.to_owned(),
                dtype: "F32".to_owned(),
                shape: shape.to_vec(),
                bytes: 4 * values.len() as u64,
                nan: 0,
                inf: 0,
                values: values.into(),
            }],
            ..Checkpoint::default()
        }
    }

    #[test]
    fn a_step_looks_at_only_so_many_values_and_slices_find_the_same_layers() {
        let choices: Vec<f32> = (0..600).map(|i| (7 * i % 12) as f32).collect();
        let logits: Vec<f32> = (0..2400).map(|i| (i % 37) as f32 / 8.0 - 2.0).collect();
        let mut file = tensor("router", &[3, 100, 8], logits);
        file.tensors
            .extend(tensor("topk", &[2, 100, 3], choices).tensors);
        let read = |most: usize| {
            let mut scan = Scan::new("f", &file).expect("layers");
            scan.most = most;
            let mut before = (0, false, 0);
            loop {
                if let Some(layers) = scan.step().expect("whole values") {
                    return layers;
                }
                let now = (scan.next, scan.content.is_some(), scan.row);
                let from = if (before.0, before.1) == (now.0, now.1) {
                    before.2
                } else {
                    0
                };
                assert!((now.2 - from) * 3 <= most, "{before:?} to {now:?}");
                before = now;
            }
        };
        let whole = layers("f", &file).expect("layers");
        assert_eq!(whole.len(), 5);
        assert_eq!((whole[4].content, whole[4].experts), (Content::Choices, 12));
        assert_eq!(whole, read(usize::MAX));
        assert_eq!(whole, read(64));
    }

    #[test]
    fn shapes_and_values_tell_logits_probabilities_and_choices_apart() {
        let read = |shape: &[u64], values: Vec<f32>| {
            layers("f", &tensor("x", shape, values)).map(|l| (l.len(), l[0].content, l[0].experts))
        };
        assert_eq!(
            read(&[2, 3], vec![0.5, -1.0, 2.0, 0.1, 0.2, 0.3]),
            Ok((1, Content::Logits, 3))
        );
        assert_eq!(
            read(&[1, 2], vec![0.25, 0.75]),
            Ok((1, Content::Probabilities, 2))
        );
        assert_eq!(
            read(&[2, 2, 2], vec![0.0, 5.0, 3.0, 1.0, 2.0, 0.0, 4.0, 7.0]),
            Ok((2, Content::Choices, 8))
        );
    }

    #[test]
    fn layers_of_a_three_dimensional_tensor_are_told_apart() {
        let all = layers(
            "f",
            &tensor("router", &[2, 1, 2], vec![0.5, 1.5, -2.0, 3.0]),
        )
        .unwrap();
        assert_eq!(all[1].logits(0), [-2.0, 3.0]);
        assert_eq!(all[1].name, "router[1]");
    }

    #[test]
    fn bad_values_are_named_with_their_row() {
        let error = layers(
            "f.npy",
            &tensor("x", &[2, 2], vec![0.5, 1.0, f32::NAN, 0.0]),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "f.npy, tensor \"x\", row 1: entry 0 is NaN; want finite numbers"
        );
        let error = layers("f.npy", &tensor("x", &[1, 2], vec![3.0, 3.0])).unwrap_err();
        assert!(
            error.to_string().contains("expert 3 stands there twice"),
            "{error}"
        );
        let error = layers("f.npy", &tensor("x", &[7], vec![0.0; 7])).unwrap_err();
        assert!(error.to_string().contains("found x 7"), "{error}");
    }

    #[test]
    fn shapes_that_hold_no_routing_are_refused_with_what_was_found() {
        for (shape, values, found) in [
            (&[0, 8][..], Vec::new(), "found x 0 × 8"),
            (&[4, 0], Vec::new(), "found x 4 × 0"),
            (&[2, 0, 4], Vec::new(), "found x 2 × 0 × 4"),
            (&[2, 2, 2, 2], vec![0.5; 16], "found x 2 × 2 × 2 × 2"),
            (&[1, 600], vec![0.5; 600], "found x 1 × 600"),
        ] {
            let error = layers("f.npy", &tensor("x", shape, values)).unwrap_err();
            let words = error.to_string();
            assert!(words.contains(found), "{words}");
            assert!(words.contains("tokens × experts"), "{words}");
        }
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_with_its_layer_counted_in_rows() {
        let mut values = vec![0.5; 12];
        values[9] = f32::INFINITY;
        let error = layers("f.npy", &tensor("x", &[3, 2, 2], values)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "f.npy, tensor \"x\", row 4: entry 1 is inf; want finite numbers"
        );
    }

    #[test]
    fn rows_of_a_trace_become_tokens_where_the_layer_falls() {
        let text = "layer,expert\n0,3\n0,1\n1,2\n1,0\n0,5\n0,4\n1,1\n1,6\n";
        let all = layers("t.csv", &read_table("t.csv", text).unwrap()).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].tokens, all[0].experts, all[0].width), (2, 6, 2));
        assert_eq!(all[0].choices(1), [5, 4]);
        assert_eq!(all[1].choices(0), [2, 0]);
        let error = read_table("t.csv", "layer,expert\n0,1\n0,x\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "t.csv, line 3: expert is \"x\"; want a whole number below 512"
        );
        let error = read_table("t.csv", "layer,expert\n0,1\n1,1\n0,1\n0,2\n").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("layer 0, token 1: 2 experts, but 1"),
            "{error}"
        );
    }

    #[test]
    fn a_single_layer_with_token_numbers_is_split_by_them() {
        let text = "token,layer,expert\n0,0,1\n0,0,2\n1,0,3\n1,0,0\n";
        let all = layers("t.csv", &read_table("t.csv", text).unwrap()).unwrap();
        assert_eq!((all[0].tokens, all[0].width), (2, 2));
    }
}
