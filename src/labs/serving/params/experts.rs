//! Parameters of experts as services.

use super::super::config::Config;
use crate::core::Param;

fn services(c: &Config) -> bool {
    c.experts.service
}

fn dies(c: &Config) -> bool {
    c.experts.fault.dies()
}

pub(super) const PARAMS: &[Param<Config>] = &[
    part_switch!(experts.service, "Experts as services", "Experts", "On: clients call stateless expert servers, nobody waits for anybody else. Off: all GPUs are one group in lockstep with the same copies. The picture shows the steps of this one; both are always computed."),
    part_int!(experts.copies, "Copies of an expert", [1, 8], "Experts", "Copies of every expert, each on another server. With one, the expert of a dead server has to be loaded elsewhere first."),
    part_int!(experts.extra, "Further copies", [0, 256], "Experts", "Copies beside those, each for the expert with most tokens per copy."),
    part_switch!(experts.two_choices, "Two choices", "Experts", "A call looks at the queues of two copies and goes to the shorter one. Off: to any copy.")
        .when(services),
    part_int!(experts.servers, "Expert servers", [1, 64], "GPUs", "Servers of experts, a GPU each."),
    part_int!(experts.clients, "Attention clients", [1, 32], "GPUs", "GPUs that run attention and call experts."),
    part_int!(experts.batch, "Batch of a client", [1, 512], "GPUs", "Sequences that a client decodes: it makes a token of each in a step.")
        .log(),
    part_int!(experts.experts, "Experts", [1, 256], "Model", "Experts of a layer.").log(),
    part_int!(experts.topk, "Experts of a token", [1, 16], "Model", "Experts that every token takes."),
    part_float!(experts.skew, "Skew", [0.0, 2.0], "Model", "Exponent of Zipf's law of the tokens of the experts; 0 for equally many."),
    part_int!(experts.layers, "Layers", [1, 128], "Model", "Layers with experts.").log(),
    part_int!(experts.rounds, "Rounds", [1, 32], "Model", "Rounds of a step that stand for the layers: tokens are routed anew in each, and times are those of its layers together. More are finer and take longer to compute.")
        .log()
        .advanced(),
    part_float!(experts.attention_micros, "Attention", [1.0, 100_000.0], "Times", "Time of attention in a layer.")
        .log()
        .unit("µs"),
    part_float!(experts.expert_micros, "Weights of an expert", [0.0, 10_000.0], "Times", "Time to read the weights of an expert in a layer, once for all calls that wait for it.")
        .unit("µs"),
    part_float!(experts.token_micros, "Token in an expert", [0.0, 1000.0], "Times", "Time of a token in an expert.")
        .unit("µs"),
    part_float!(experts.hop_micros, "Network, one way", [0.0, 10_000.0], "Times", "Time of a call to an expert server, and of its answer.")
        .unit("µs"),
    part_float!(experts.target_millis, "Target of a step", [0.1, 10_000.0], "Times", "Time in which a step is to be over; decides how many GPUs a load needs.")
        .log()
        .unit("ms"),
    part_float!(experts.secs, "Length of the run", [0.5, 120.0], "Times", "Simulated time.")
        .log()
        .unit("s"),
    part_float!(experts.detect_secs, "Detected after", [0.0, 60.0], "Fault costs", "Time until the clients know that a server is gone; until then they go on calling it.")
        .unit("s")
        .when(dies),
    part_float!(experts.load_secs, "Load an expert", [0.001, 600.0], "Fault costs", "Time to load an expert with all its layers onto a server.")
        .log()
        .unit("s")
        .when(dies),
    part_float!(experts.restart_secs, "Restart of a group", [0.0, 3600.0], "Fault costs", "Time in which a group in lockstep starts again without the dead server.")
        .unit("s")
        .when(dies),
];
