//! Parameters of the system that runs the experts: how it is predicted and measured.

use super::super::config::Config;
use super::routes;
use crate::core::Param;

pub(super) static PARAMS: &[Param<Config>] = &[
    Param::float("accuracy", "Accuracy of the predictor", [0.0, 1.0], |c: &Config| c.accuracy, |c, v| {
        c.accuracy = v;
    })
    .group("System")
    .advanced()
    .when(routes)
    .doc("Chance that each expert of the next token is named rightly before it runs; else a random other one is fetched (predictive cache)."),
    Param::float("link_gbs", "Link to the experts", [0.1, 1000.0], |c: &Config| c.link_gbs, |c, v| {
        c.link_gbs = v;
    })
    .log()
    .unit("GB/s")
    .group("System")
    .advanced()
    .when(routes)
    .doc("Bandwidth over which experts that are not held come in, and tokens go to another device's: some 25 GB/s of 16 lanes of PCIe 4."),
    Param::float("layer_ms", "Computing of a layer", [0.001, 1000.0], |c: &Config| c.layer_ms, |c, v| {
        c.layer_ms = v;
    })
    .log()
    .unit("ms")
    .group("System")
    .advanced()
    .when(routes)
    .doc("Time that a layer computes on a token when its experts are there: what is fetched ahead can hide behind it."),
    Param::int("lookahead", "Layers ahead", [1, 64], |c: &Config| c.lookahead, |c, v| c.lookahead = v)
        .group("System")
        .advanced()
        .when(routes)
        .doc("Layers that are computed between the moment in which the predictor names a token's experts and the one in which this layer needs them."),
    Param::int("together", "Tokens decoded together", [1, 256], |c: &Config| c.together, |c, v| {
        c.together = v;
    })
    .log()
    .group("System")
    .advanced()
    .when(routes)
    .doc("Consecutive tokens that stand for the requests of one decoding step."),
    Param::float("step_ms", "Time of a step", [0.01, 10_000.0], |c: &Config| c.step_ms, |c, v| {
        c.step_ms = v;
    })
    .log()
    .unit("ms")
    .group("System")
    .advanced()
    .when(routes)
    .doc("Time of a decoding step as you measured it: utilisation is what it implies."),
    Param::int("model_layers", "Layers", [1, 200], |c: &Config| c.model_layers, |c, v| c.model_layers = v)
        .group("System")
        .advanced()
        .when(routes)
        .doc("Layers with experts; each is taken to touch as many as the one that is routed here."),
    Param::float("other_mib", "Other weights of a layer", [0.0, 4096.0], |c: &Config| c.other_mib, |c, v| {
        c.other_mib = v;
    })
    .unit("MiB")
    .group("System")
    .advanced()
    .when(routes)
    .doc("Attention and shared experts of a layer, read by every step: about 187 million parameters of 16 bits are 356 MiB."),
    Param::float("kv_gib", "KV cache of a step", [0.0, 1024.0], |c: &Config| c.kv_gib, |c, v| c.kv_gib = v)
        .unit("GiB")
        .group("System")
        .advanced()
        .when(routes)
        .doc("Keys and values that the requests of a step read, over all layers."),
    Param::int("weight_bits", "Bits of a weight", [2, 32], |c: &Config| c.weight_bits, |c, v| {
        c.weight_bits = v;
    })
    .group("System")
    .advanced()
    .when(routes)
    .doc("From bytes to parameters, for operations."),
    Param::float("bandwidth_gbs", "Peak bandwidth", [1.0, 100_000.0], |c: &Config| c.bandwidth_gbs, |c, v| {
        c.bandwidth_gbs = v;
    })
    .log()
    .unit("GB/s")
    .group("System")
    .advanced()
    .when(routes)
    .doc("Of the memory of one device; 3,350 GB/s for an H100."),
    Param::float("peak_tflops", "Peak throughput", [0.1, 100_000.0], |c: &Config| c.peak_tflops, |c, v| {
        c.peak_tflops = v;
    })
    .log()
    .unit("Tflop/s")
    .group("System")
    .advanced()
    .when(routes)
    .doc("Of one device without sparsity; 989 for an H100 in 16 bits."),
    Param::float("device_eur", "Price of a device", [0.01, 1000.0], |c: &Config| c.device_eur, |c, v| {
        c.device_eur = v;
    })
    .log()
    .unit("€/h")
    .group("System")
    .advanced()
    .when(routes)
    .doc("What an hour of one device costs: for the cost in the tab CAP."),
];
