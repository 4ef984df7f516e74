//! Data the user brought: recognised by content, kept by name and fingerprint. A config refers to
//! it by [`DataKey`]; the data itself never travels in a link.

use super::{LabKind, lr, noise, pruning, routing, serving};
use crate::core::Arrange as _;
use crate::core::{Error, Job, Reading, Result, Step, finish};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name and fingerprint of a data set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataKey {
    /// File name.
    pub name: String,
    /// FNV-1a of the bytes, 16 hexadecimal digits.
    pub hash: String,
}

impl DataKey {
    /// Key of a file's bytes.
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        let mut hash = Fingerprint::default();
        hash.add(bytes);
        Self {
            name: name.to_owned(),
            hash: hash.text(),
        }
    }
}

/// FNV-1a, piece by piece.
#[derive(Debug)]
struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    fn add(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |h, &b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
    }

    fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}

/// A data set the labs can use.
#[derive(Debug, Clone, PartialEq)]
pub enum Dataset {
    /// Requests with arrival times and lengths.
    Trace(Arc<serving::trace::Trace>),
    /// Measured iterations, fitted.
    Profile(Arc<serving::cost::Profile>),
    /// Named weight tensors.
    Tensors(Arc<pruning::checkpoint::Checkpoint>),
    /// Losses of training runs, with their rates.
    LossLog(Arc<lr::log::LossLog>),
    /// Noise levels, or a scheduler's config.
    Schedule(Arc<noise::exchange::Brought>),
    /// Small grey pictures.
    Images(Arc<noise::images::Folder>),
}

impl Dataset {
    /// Labs that can read it, the best first.
    pub fn labs(&self) -> &'static [LabKind] {
        match self {
            Self::Trace(_) | Self::Profile(_) => &[LabKind::Serving],
            Self::Tensors(checkpoint) => {
                let prunable = checkpoint
                    .tensors
                    .iter()
                    .any(pruning::checkpoint::Tensor::is_prunable);
                match (routing::dump::recognise(checkpoint), prunable) {
                    ((true, _), false) => &[LabKind::Routing],
                    ((true, true), true) => &[LabKind::Routing, LabKind::Pruning],
                    ((true, false), true) => &[LabKind::Pruning, LabKind::Routing],
                    _ => &[LabKind::Pruning],
                }
            }
            Self::LossLog(_) => &[LabKind::Lr],
            Self::Schedule(_) | Self::Images(_) => &[LabKind::Noise],
        }
    }

    /// What it is, with its size: "request trace, 19,366 requests over 3,502 s".
    pub fn words(&self) -> String {
        match self {
            Self::Trace(trace) => trace.words(),
            Self::Profile(profile) => profile.words(),
            Self::Tensors(checkpoint) => checkpoint.words(),
            Self::LossLog(log) => log.words(),
            Self::Schedule(brought) => brought.words(),
            Self::Images(folder) => folder.words(),
        }
    }

    /// First rows for the preview: column names and cells.
    pub fn preview(&self) -> (Vec<String>, Vec<Vec<String>>) {
        match self {
            Self::Trace(trace) => trace.preview(),
            Self::Profile(profile) => profile.preview(),
            Self::Tensors(checkpoint) => checkpoint.preview(),
            Self::LossLog(log) => log.preview(),
            Self::Schedule(brought) => brought.preview(),
            Self::Images(folder) => folder.preview(),
        }
    }

    /// Remarks of the import (rows dropped and why), empty if there are none.
    pub fn remarks(&self) -> Vec<String> {
        match self {
            Self::Trace(trace) => trace.remarks.clone(),
            Self::Profile(_) => Vec::new(),
            Self::Tensors(checkpoint) => checkpoint.remarks.clone(),
            Self::LossLog(log) => log.remarks.clone(),
            Self::Schedule(brought) => brought.remarks(),
            Self::Images(folder) => folder.remarks.clone(),
        }
    }
}

/// Largest file that is read whole, in bytes.
const MOST_WHOLE: u64 = 1 << 29;
/// Tensors kept of a larger one, in bytes.
const MOST_OF_PART: u64 = 1 << 28;

/// What to read of a file of `total` bytes, of which `start` is known so far. Large checkpoints are
/// opened in part.
///
/// # Errors
/// A file that is too large, or whose header is broken.
pub fn reading(name: &str, total: u64, start: &[u8]) -> Result<Reading> {
    if total <= MOST_WHOLE {
        return Ok(Reading::whole(total));
    }
    let path = std::path::Path::new(name);
    if path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("safetensors"))
    {
        return pruning::part::reading(name, total, start, MOST_OF_PART);
    }
    Err(Error::import(
        name,
        "size",
        format!(
            "{total} bytes; at most {MOST_WHOLE} are read, and of a larger file only .safetensors in part"
        ),
    ))
}

/// Recognises a file by its content and reads it.
///
/// # Errors
/// What was found, where, and what was expected.
pub fn sniff(name: &str, bytes: &[u8]) -> Result<Dataset> {
    finish(&mut Opening::new(name, bytes.to_vec())).map(|(_, data)| data)
}

/// A file on its way in, in short steps: fingerprint, then content.
#[derive(Debug)]
pub struct Opening {
    name: String,
    bytes: Vec<u8>,
    hash: Fingerprint,
    hashed: usize,
    trace: Option<serving::trace::Import>,
    /// Pictures still to be read, the next one last, and those that are.
    pictures: Vec<(String, Vec<u8>)>,
    folder: noise::images::Folder,
}

/// Bytes fingerprinted per step: about a millisecond.
const BYTES_PER_STEP: usize = 1 << 20;

impl Opening {
    /// Starts with a file's bytes.
    pub fn new(name: &str, bytes: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            bytes,
            hash: Fingerprint::default(),
            hashed: 0,
            trace: None,
            pictures: Vec::new(),
            folder: noise::images::Folder::new(),
        }
    }

    /// Starts with pictures that came together: one data set of all.
    pub fn pictures(mut files: Vec<(String, Vec<u8>)>) -> Self {
        files.arrange_by(|a, b| a.0.cmp(&b.0));
        let name = match files.as_slice() {
            [(name, _)] => name.clone(),
            all => format!("{} pictures", all.len()),
        };
        files.reverse();
        Self {
            pictures: files,
            ..Self::new(&name, Vec::new())
        }
    }

    /// Whether a file is a picture, to be read with those beside it.
    pub fn is_picture(bytes: &[u8]) -> bool {
        noise::images::looks_like(bytes)
    }

    /// Reads one picture; the folder after the last.
    fn picture(&mut self) -> Result<Option<Dataset>> {
        if let Some((name, bytes)) = self.pictures.pop() {
            self.hash.add(&bytes);
            self.folder.add(&name, &bytes);
        }
        if !self.pictures.is_empty() {
            return Ok(None);
        }
        let folder = std::mem::take(&mut self.folder);
        if folder.is_empty() {
            let why = folder.remarks.first().cloned().unwrap_or_default();
            return Err(Error::import(&self.name, "pictures", why));
        }
        Ok(Some(Dataset::Images(Arc::new(folder))))
    }

    /// File name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn key(&self) -> DataKey {
        DataKey {
            name: self.name.clone(),
            hash: self.hash.text(),
        }
    }

    /// What the file is; tensors are read at once, traces row by row.
    fn recognise(&mut self) -> Result<Option<Dataset>> {
        let (name, bytes) = (&self.name, &self.bytes);
        if bytes.is_empty() {
            return Err(Error::import(name, "byte 0", "the file is empty"));
        }
        if Self::is_picture(bytes) {
            let mut folder = noise::images::Folder::new();
            folder.add(name, bytes);
            if let (true, Some(why)) = (folder.is_empty(), folder.remarks.first()) {
                return Err(Error::import(name, "picture", why.clone()));
            }
            return Ok(Some(Dataset::Images(Arc::new(folder))));
        }
        if pruning::checkpoint::looks_like(name, bytes) {
            let checkpoint = pruning::checkpoint::read(name, bytes)?;
            return Ok(Some(Dataset::Tensors(Arc::new(checkpoint))));
        }
        let text = std::str::from_utf8(bytes).map_err(|e| {
            Error::import(
                name,
                format!("byte {}", e.valid_up_to()),
                "neither text nor a safetensors, .npy or .npz file",
            )
        })?;
        if let Some(brought) = noise::exchange::Brought::recognise(text) {
            return Ok(Some(Dataset::Schedule(Arc::new(brought))));
        }
        if routing::dump::is_table(text) {
            let choices = routing::dump::read_table(name, text)?;
            return Ok(Some(Dataset::Tensors(Arc::new(choices))));
        }
        if lr::log::looks_like(text) {
            let log = lr::log::read(name, text)?;
            return Ok(Some(Dataset::LossLog(Arc::new(log))));
        }
        if serving::cost::looks_like_profile(text) {
            let profile = serving::cost::Profile::read(name, text)?;
            return Ok(Some(Dataset::Profile(Arc::new(profile))));
        }
        let content = std::mem::take(&mut self.bytes);
        self.trace = Some(serving::trace::Import::new(&self.name, content)?);
        Ok(None)
    }
}

impl Job for Opening {
    type Out = (DataKey, Dataset);

    fn step(&mut self) -> Result<Step<Self::Out>> {
        if let Some(trace) = &mut self.trace {
            return Ok(match trace.step()? {
                Step::Working => Step::Working,
                Step::Done(trace) => Step::Done((self.key(), Dataset::Trace(Arc::new(trace)))),
            });
        }
        if !self.pictures.is_empty() {
            return Ok(match self.picture()? {
                Some(data) => Step::Done((self.key(), data)),
                None => Step::Working,
            });
        }
        let next = (self.hashed + BYTES_PER_STEP).min(self.bytes.len());
        self.hash.add(&self.bytes[self.hashed..next]);
        self.hashed = next;
        if next < self.bytes.len() {
            return Ok(Step::Working);
        }
        Ok(match self.recognise()? {
            Some(data) => Step::Done((self.key(), data)),
            None => Step::Working,
        })
    }

    fn progress(&self) -> f64 {
        // Fingerprinting takes a small part of the time that reading a trace takes.
        match &self.trace {
            Some(trace) => 0.1 + 0.9 * trace.progress(),
            None => 0.1 * self.hashed as f64 / self.bytes.len().max(1) as f64,
        }
    }
}

/// The data sets of a session.
#[derive(Debug, Clone, Default)]
pub struct Library {
    items: BTreeMap<DataKey, Dataset>,
}

impl Library {
    /// Adds a data set.
    pub fn insert(&mut self, key: DataKey, data: Dataset) {
        self.items.insert(key, data);
    }

    /// The data set with this key.
    ///
    /// # Errors
    /// [`Error::MissingData`] when it was not opened in this session.
    pub fn get(&self, key: &DataKey) -> Result<&Dataset> {
        self.items.get(key).ok_or_else(|| Error::MissingData {
            name: key.name.clone(),
        })
    }

    /// All data sets by name.
    pub fn iter(&self) -> impl Iterator<Item = (&DataKey, &Dataset)> {
        self.items.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_opened_in_steps_has_the_key_of_its_bytes() {
        let mut text = "arrival_secs,prompt_tokens,output_tokens\n".to_owned();
        text.extend((0..120_000).map(|i| format!("{i}.5,{},7\n", i % 900 + 1)));
        assert!(text.len() > BYTES_PER_STEP, "more than one step");
        let (key, data) = finish(&mut Opening::new("t.csv", text.clone().into_bytes())).unwrap();
        assert_eq!(key, DataKey::of("t.csv", text.as_bytes()));
        assert!(
            data.words().contains("120,000 requests"),
            "{}",
            data.words()
        );
    }

    #[test]
    fn large_files_are_read_in_part_or_refused() {
        assert_eq!(reading("t.csv", 100, &[]), Ok(Reading::whole(100)));
        let error = reading("t.csv", MOST_WHOLE + 1, &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("t.csv") && error.contains("in part"),
            "{error}"
        );
        let first = reading("a.SafeTensors", 20 << 30, &[]);
        assert_eq!(first, Ok(Reading::Start(8)));
    }

    #[test]
    fn a_pasted_schedule_is_told_from_a_trace_of_lengths() {
        let words = |text: &str| sniff("x.txt", text.as_bytes()).map(|d| d.labs()[0]);
        assert_eq!(words("14.6, 6.5, 0.03, 0"), Ok(LabKind::Noise));
        assert_eq!(words("999 850 736 645"), Ok(LabKind::Noise));
        let config = r#"{"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}"#;
        assert_eq!(words(config), Ok(LabKind::Noise));
        assert_eq!(
            words("prompt_len,output_len\n100,20\n80,7\n"),
            Ok(LabKind::Serving)
        );
    }

    #[test]
    fn what_is_neither_text_nor_tensors_is_refused() {
        let error = sniff("x.bin", &[0xff, 0xfe, 0, 1]).unwrap_err().to_string();
        assert!(error.contains("neither text nor"), "{error}");
        assert!(
            sniff("x.csv", b"")
                .unwrap_err()
                .to_string()
                .contains("empty")
        );
    }
}
