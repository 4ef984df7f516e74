//! Config of the serverless functions.

use super::super::fault::Fault;
use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Every input of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionsConfig {
    /// Whether functions of one backbone share its copy on a GPU.
    pub share: bool,
    /// Whether what is expected to pay is loaded in advance.
    pub preload: bool,
    /// Whether a batch waits for a busy GPU within its slack.
    pub delay: bool,
    /// Functions.
    pub functions: u64,
    /// Backbones among them, dealt out in turns.
    pub backbones: u64,
    /// GPUs.
    pub gpus: u64,
    /// Memory of a GPU in GB.
    pub gpu_gb: f64,
    /// Weights of a backbone in GB.
    pub backbone_gb: f64,
    /// Weights of an adapter in GB.
    pub adapter_gb: f64,
    /// Memory of a copy for KV and activations in GB.
    pub room_gb: f64,
    /// Time to start a container in seconds.
    pub container_secs: f64,
    /// Time to load libraries in seconds.
    pub library_secs: f64,
    /// Bandwidth of loading weights in GB/s.
    pub load_gbps: f64,
    /// Time to build or load kernels in seconds.
    pub kernel_secs: f64,
    /// Time after the last use at which memory is given back, in seconds.
    pub keep_secs: f64,
    /// Requests in a batch at most.
    pub batch: u64,
    /// Requests.
    pub requests: u64,
    /// Requests per second, all functions together.
    pub rate: f64,
    /// Exponent of Zipf's law of the functions' rates.
    pub skew: f64,
    /// Mean number of requests that come together.
    pub burst: f64,
    /// Typical prompt in tokens.
    pub prompt: f64,
    /// Typical output in tokens.
    pub output: f64,
    /// Target for the time to the first token in seconds.
    pub target_secs: f64,
    /// Price of a GB of GPU memory for an hour.
    pub price: f64,
    /// What goes wrong with a GPU.
    pub fault: Fault,
}

impl Default for FunctionsConfig {
    /// Load times are own choice, a backbone of 16 GB at 3 GB/s.
    fn default() -> Self {
        Self {
            share: true,
            preload: true,
            delay: true,
            functions: 12,
            backbones: 2,
            gpus: 2,
            gpu_gb: 80.0,
            backbone_gb: 16.0,
            adapter_gb: 0.1,
            room_gb: 6.0,
            container_secs: 1.5,
            library_secs: 2.5,
            load_gbps: 3.0,
            kernel_secs: 0.8,
            keep_secs: 30.0,
            batch: 8,
            requests: 400,
            rate: 0.6,
            skew: 0.9,
            burst: 2.0,
            prompt: 500.0,
            output: 120.0,
            target_secs: 2.0,
            price: 0.05,
            fault: Fault {
                at_secs: 150.0,
                secs: 120.0,
                ..Fault::default()
            },
        }
    }
}

impl FunctionsConfig {
    /// Functions that share a copy: all of a backbone, or one alone.
    pub(super) fn key(&self, function: usize) -> usize {
        if self.share {
            function % self.backbones.max(1) as usize
        } else {
            function
        }
    }

    /// Functions of a key.
    pub(super) fn members(&self, key: usize) -> Vec<usize> {
        (0..self.functions as usize)
            .filter(|f| self.key(*f) == key)
            .collect()
    }

    /// Memory of a copy in GB: weights, adapters, and room for the work.
    pub(super) fn size(&self, key: usize) -> f64 {
        self.backbone_gb + self.room_gb + self.adapter_gb * self.members(key).len() as f64
    }

    /// Seconds to load a backbone, an adapter.
    pub(super) fn load_secs(&self) -> [f64; 2] {
        [self.backbone_gb, self.adapter_gb].map(|gb| gb / self.load_gbps)
    }

    /// Share of the requests that go to each function.
    pub(super) fn shares(&self) -> Vec<f64> {
        let each: Vec<f64> = (1..=self.functions)
            .map(|k| crate::core::num::pow(k as f64, -self.skew))
            .collect();
        let sum: f64 = each.iter().sum();
        each.into_iter().map(|w| w / sum).collect()
    }

    /// What it runs, in a few words.
    pub(in super::super) fn label(&self) -> String {
        let mut label = if self.share {
            "shared backbones".to_owned()
        } else {
            "a backbone each".to_owned()
        };
        for (on, words) in [
            (self.preload, ", loaded in advance"),
            (self.delay, ", batches wait"),
        ] {
            if on {
                label.push_str(words);
            }
        }
        format!("{} functions, {label}", self.functions)
    }

    /// Refuses copies that fit nowhere.
    pub(in super::super) fn check(&self) -> Result<()> {
        if self.backbones > self.functions {
            return Err(Error::out_of_range(
                "functions.backbones",
                self.backbones,
                format!("at most the {} functions", self.functions),
            ));
        }
        let largest = (0..self.functions as usize)
            .map(|f| self.size(self.key(f)))
            .fold(0.0, f64::max);
        if largest > self.gpu_gb {
            return Err(Error::out_of_range(
                "functions.gpu_gb",
                self.gpu_gb,
                format!("at least the {largest:.1} GB of a copy with its adapters"),
            ));
        }
        self.fault.check("functions.fault.server", self.gpus)
    }
}
