//! HEXGEN-TEXT2SQL: agentic workflows with deadlines on GPUs of several kinds (arXiv 2505.05286).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::aside::World;
use crate::labs::serving::aside::claim::{Trial, start};
use crate::labs::serving::aside::workflow::{CallOrder, Dispatch, WorkflowConfig};
use crate::labs::serving::config::Config;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static HEXGEN_TEXT2SQL: Exhibit = Exhibit {
    id: "hexgen-text2sql",
    lab: LabKind::Serving,
    title: "HEXGEN-TEXT2SQL (agentic workflows)",
    idea: "A question to a database becomes a chain of calls – link the schema, draft candidates, correct, evaluate – with one deadline for all of them. Send each call where speed and waiting work balance, give it its share of the time that is left, and run the most urgent first.",
    paper: Paper {
        title: "HEXGEN-TEXT2SQL: optimizing LLM inference request scheduling for agentic text-to-SQL workflow",
        authors: "Peng, Jiang, Wang, Yuan",
        year: 2025,
        arxiv: "2505.05286",
    },
    basis: Basis::Code,
    deviations: "Mean times of the seven calls are those of the repository's simulator on an A100, half on an H100; which call is which, the slow GPU, and the spread of times are our choice. An instance runs a few calls at once at full speed. W is the estimated work that waits and runs, over the largest. Calls and answers travel in no time.",
    equation: "to argmax_e α·t(fastest)/t(e) − (1 − α)·W_e/max W; budget of a call = time left·t_s/(t_s + Σ later t); next = max t_s(e) − (budget − elapsed)",
    symbols: &[
        (
            "t(e), t_s(e)",
            "time of a call on instance e, mean of its phase there",
        ),
        ("W_e", "estimated work that waits and runs on e"),
        (
            "α",
            "weight of speed, chosen by running the last window again",
        ),
    ],
    setup: || Setup::Serving(config(Dispatch::Score, CallOrder::Urgency, 120)),
    claim: Some(Claim {
        statement: "Deadlines 1.41 times tighter on average (1.67 at best), throughput 1.65 times higher, than with vLLM.",
        experiment: "One H100, two A100 and two A6000, 0.2 queries per second of three candidates: the shortest deadline that 95 % of the queries meet, calls in turns and first come over calls by score (α tuned every 120 s) and urgency.",
        start: deadlines,
    }),
};

fn config(dispatch: Dispatch, order: CallOrder, queries: u64) -> Config {
    Config {
        world: World::Workflow,
        workflow: Box::new(WorkflowConfig {
            dispatch,
            order,
            queries,
            ..WorkflowConfig::default()
        }),
        ..Config::default()
    }
}

fn deadlines(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let queries = if effort == Effort::Quick { 150 } else { 500 };
    let mut tuned = config(Dispatch::Score, CallOrder::Urgency, queries);
    tuned.workflow.tune = true;
    let trial = Trial {
        quantity: "shortest deadline that 95 % of the queries meet, in turns and first come over HEXGEN",
        sides: vec![
            config(Dispatch::RoundRobin, CallOrder::Fcfs, queries),
            tuned,
        ],
        ratio: |runs| runs[0].value("scale_p95") / runs[1].value("scale_p95"),
        claimed: [1.41, 1.67],
        claimed_where: "on average and at best in the paper",
        conditions: "In turns, the slowest instances get as many calls as the fastest and set the tail; the further their speeds lie apart and the higher the load, the more there is to gain. vLLM stands here for a dispatch that knows neither speed nor deadline; its batching is the same on both sides.",
    };
    start(trial, effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::serving::aside::start;

    #[test]
    fn on_equal_and_idle_instances_there_is_nothing_to_gain() {
        let run = |dispatch, order| {
            let mut config = config(dispatch, order, 20);
            config.workflow.rate = 0.001;
            config.workflow.fast = 0;
            config.workflow.slow = 0;
            config.workflow.slots = 4;
            finish(&mut *start(&config).unwrap()).unwrap()
        };
        let (plain, score) = (
            run(Dispatch::RoundRobin, CallOrder::Fcfs),
            run(Dispatch::Score, CallOrder::Urgency),
        );
        assert_eq!(plain.value("scale_p95"), score.value("scale_p95"));
        assert_eq!(plain.value("deadlines_met_percent"), 100.0);
    }
}
