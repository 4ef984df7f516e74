//! The pruning lab's masks by kernels against the same setups on the CPU: equal bit for bit.
//! `ALLOW_NO_GPU=1` skips, visibly.
#![cfg(feature = "gpu")]

#[path = "../src/gpu/test_device.rs"]
mod device;

use device::test_device;
use schedlab::core::finish;
use schedlab::gpu::{Gpu, GpuLab, finish_gpu};
use schedlab::labs::pruning::{Config, Granularity, Method, Pruning, Source};
use schedlab::labs::{DataKey, Lab, LabRun, Library, sniff};

fn small() -> Config {
    Config {
        hidden1: 20,
        hidden2: 12,
        train_steps: 30,
        ..Config::default()
    }
}

fn assert_equal_runs(gpu: &Gpu, config: &Config, data: &Library) {
    let cpu = finish(&mut *Pruning::start(config, data).expect("a config")).expect("a run");
    let job = Pruning::start_gpu(gpu, config, data).expect("a config");
    let mut job = job.expect("kernels for this config");
    let device = finish_gpu(&mut *job, gpu).expect("a run");
    let (a, b) = (cpu.results(), device.results());
    assert_eq!(a.plan.pruned_at, b.plan.pruned_at, "{}", config.label());
    assert_eq!(a.plan.cuts, b.plan.cuts, "{}", config.label());
    assert_eq!(a.points, b.points, "{}", config.label());
    assert_eq!(a.rivals, b.rivals, "{}", config.label());
    assert_eq!(cpu.summary(), device.summary(), "{}", config.label());
}

#[test]
fn masks_of_a_trained_network_are_the_same_bits_on_both_paths() {
    let Some(gpu) = test_device() else { return };
    for (method, granularity) in [
        (Method::Magnitude, Granularity::Global),
        (Method::Magnitude, Granularity::Layer),
        (Method::Random, Granularity::Global),
        (Method::Lamp, Granularity::Global),
        (Method::Erk, Granularity::Global),
    ] {
        let config = Config {
            method,
            granularity,
            ..small()
        };
        assert_equal_runs(&gpu, &config, &Library::default());
    }
}

/// Many ties, zeros of both signs, denormals, infinities, and a length that fills no word.
#[test]
fn ties_and_special_values_of_a_file_go_in_the_same_order_on_both_paths() {
    let Some(gpu) = test_device() else { return };
    let n = 5 * 41;
    let special = [0.0, -0.0, f32::INFINITY, -1.5, 1.5, 1e-42, -3e-42, 0.25];
    let values =
        |shift: usize| (0..n).flat_map(move |i| special[(i * 5 + i / 7 + shift) % 8].to_le_bytes());
    let header = format!(
        r#"{{"a.weight":{{"dtype":"F32","shape":[5,41],"data_offsets":[0,{0}]}},"b.weight":{{"dtype":"F32","shape":[41,5],"data_offsets":[{0},{1}]}}}}"#,
        4 * n,
        8 * n
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(values(0).chain(values(3)));
    let key = DataKey::of("ties.safetensors", &bytes);
    let mut library = Library::default();
    library.insert(key.clone(), sniff("ties.safetensors", &bytes).unwrap());
    for granularity in [Granularity::Global, Granularity::Layer] {
        let config = Config {
            source: Source::Imported,
            file: Some(key.clone()),
            granularity,
            ..Config::default()
        };
        assert_equal_runs(&gpu, &config, &library);
    }
}

#[test]
fn n_of_m_has_no_ranking_and_stays_on_the_cpu() {
    let Some(gpu) = test_device() else { return };
    let config = Config {
        method: Method::NOfM,
        ..small()
    };
    let job = Pruning::start_gpu(&gpu, &config, &Library::default()).unwrap();
    assert!(job.is_none());
}
