//! Expert-as-a-Service: experts as independent stateless servers (arXiv 2509.17863).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::aside::World;
use crate::labs::serving::aside::claim::{Trial, start};
use crate::labs::serving::aside::experts::ExpertsConfig;
use crate::labs::serving::config::Config;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static EXPERT_AS_A_SERVICE: Exhibit = Exhibit {
    id: "expert-as-a-service",
    lab: LabKind::Serving,
    title: "Expert-as-a-Service (experts behind a network)",
    idea: "In a mixture of experts served by one group of GPUs, all run in lockstep and all stop when one fails. Make every expert a stateless service in several copies: attention clients call the copy with the shorter queue, calls of a dead server go to another, and servers come and go one by one.",
    paper: Paper {
        title: "Expert-as-a-Service: towards efficient, scalable, and robust large-scale MoE serving",
        authors: "Liu, Tian, Wang, et al.",
        year: 2025,
        arxiv: "2509.17863",
    },
    basis: Basis::AbstractOnly,
    deviations: "Times, placement and dispatch are our choice: a server works off its experts in the order of their first call and reads the weights once for all calls that wait; copies go where fewest are. Layers are simulated in rounds that stand for several. Clients decode a full batch all the time. The group beside it has the same GPUs and copies, spreads tokens evenly over them, and starts again without the dead server. A slow link delays the calls to its server and the answers of it alone; the group waits for it as a whole.",
    equation: "round = attention + max over experts (queue + w + c·tokens) + 2·hop; copy = argmin of 2 drawn queues; group: attention + max over servers Σ (w + c·tokens) + 2·hop",
    symbols: &[
        ("w", "time to read an expert's weights"),
        ("c", "time of a token in an expert"),
        ("hop", "network, one way"),
    ],
    setup: || Setup::Serving(config(16.0)),
    claim: Some(Claim {
        statement: "Less than 2 % of the throughput is lost when hardware fails; up to 37.5 % of the computing resources are saved.",
        experiment: "Four clients, eight servers, 32 experts in two copies each, one server dead for 7 s: share of the steps that are lost while it is dead, in one group of the same GPUs in lockstep over services. (The GPUs saved are among the figures of the setup.)",
        start: lost,
    }),
};

fn config(secs: f64) -> Config {
    Config {
        world: World::Experts,
        experts: Box::new(ExpertsConfig {
            secs,
            ..ExpertsConfig::default()
        }),
        ..Config::default()
    }
}

fn lost(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let trial = Trial {
        quantity: "throughput lost while a server is dead, one group in lockstep over services",
        sides: vec![config(if effort == Effort::Quick { 10.0 } else { 16.0 })],
        ratio: |runs| {
            let lost = |id| 100.0 - runs[0].value(id);
            lost("group_kept_percent") / lost("kept_percent").max(0.1)
        },
        claimed: [50.0, f64::INFINITY],
        claimed_where: "at least in the abstract (below 2 % where a monolithic system halts)",
        conditions: "A dead server takes its share of the expert work away from everybody: what services lose depends on how much of a step is spent at experts, and on how many servers share the rest of the work. With twice the servers the loss falls below the abstract's bound; with servers as the bottleneck it comes close to their share. The group stands still for its whole restart, which is longer than the fault here.",
    };
    start(trial, effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::serving::aside::{AsideRun, start};

    fn run(change: impl FnOnce(&mut ExpertsConfig)) -> AsideRun {
        let mut config = config(6.0);
        config.experts.fault.at_secs = 1.0;
        config.experts.fault.secs = 4.0;
        change(&mut config.experts);
        config.check().unwrap();
        finish(&mut *start(&config).unwrap()).unwrap()
    }

    #[test]
    fn services_lose_less_than_a_group_and_more_without_further_copies() {
        let two = run(|_| {});
        let one = run(|c| {
            c.copies = 1;
            c.load_secs = 1.5;
        });
        let kept = |run: &AsideRun| run.value("kept_percent");
        assert!(kept(&two) > 80.0, "{}", kept(&two));
        assert!(kept(&one) < kept(&two), "experts have to be loaded first");
        assert!(two.value("group_kept_percent") < 10.0);
        assert!(two.value("resent") > 0.0);
    }

    #[test]
    fn with_long_attention_hardly_anything_is_lost() {
        let run = run(|c| c.attention_micros = 2000.0);
        let kept = run.value("kept_percent");
        assert!(kept > 95.0, "{kept}");
    }
}
