//! Reference files of this lab: reads the inputs, calls the rules, compares. One module per topic.

mod adaptive;
mod balance;
mod capacity;
mod families;
mod layout;
mod metrics;
mod read;
mod transport;

use crate::core::Result;
use crate::core::golden::Case;
use crate::labs::golden::ReadData;
use serde_json::Value;

/// Evaluates a reference file of this lab; `None` when the kind is not supported.
///
/// # Errors
/// When the file's inputs are malformed.
pub fn evaluate(kind: &str, file: &Value, _read: ReadData<'_>) -> Result<Option<Vec<Case>>> {
    let cases = match kind {
        "softmax_topk" => families::softmax_topk(file),
        "grouped_biased" => families::grouped_biased(file),
        "switch_top1" => capacity::switch_top1(file),
        "gshard_top2" => capacity::gshard_top2(file),
        "capacity_topk" => capacity::capacity_topk(file),
        "lossfree_bias" => balance::lossfree_bias(file),
        "sinkhorn" => balance::sinkhorn(file),
        "base_assignment" => balance::base_assignment(file),
        "expert_choice_soft_mod" => adaptive::expert_choice_soft_mod(file),
        "entropy_dynmole" => adaptive::entropy_dynmole(file),
        "halting" => adaptive::halting(file),
        "blockffn" => adaptive::blockffn(file),
        "erc" => metrics::erc(file),
        "sparse_ot" => transport::sparse_ot(file),
        "graph_of_tokens" => metrics::graph_of_tokens(file),
        "losses_metrics" => metrics::losses_metrics(file),
        "expert_cache" => layout::expert_cache(file),
        "other_routers" => transport::other_routers(file),
        "permute_combine" => layout::permute_combine(file),
        "edge_cases" => layout::edge_cases(file),
        "expert_placement" => layout::expert_placement(file),
        _ => return Ok(None),
    };
    cases.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::golden::GoldenFile;

    /// Evaluates one of our copies of the reference files.
    fn check(name: &str, text: &str) {
        let file = GoldenFile::parse(text).unwrap();
        let cases = evaluate(&file.kind, &file.content, &|_| None)
            .unwrap()
            .unwrap();
        assert!(!cases.is_empty(), "{name} has no cases");
        let failed: Vec<&Case> = cases.iter().filter(|c| !c.pass).collect();
        assert!(failed.is_empty(), "{name}: {failed:#?}");
    }

    macro_rules! reference {
        ($($test:ident = $file:literal),* $(,)?) => {$(
            #[test]
            fn $test() {
                check($file, include_str!(concat!("../../../../tests/golden/routing/", $file)));
            }
        )*};
    }

    reference! {
        softmax_top_k_families = "01_softmax_topk.json",
        grouped_and_biased_routers = "02_grouped_biased.json",
        switch_routing = "03_switch_top1.json",
        gshard_routing = "04_gshard_top2.json",
        capacity_rules = "05_capacity_topk.json",
        bias_trajectories = "06_lossfree_bias.json",
        sinkhorn_plans = "07_sinkhorn.json",
        base_assignments = "07b_base_assignment.json",
        expert_choice_and_soft_routing = "08_expert_choice_soft_mod.json",
        entropies_and_dynmole = "09_entropy_dynmole.json",
        halting_rules = "10_halting.json",
        blockffn_sparsity = "11_blockffn.json",
        coupling_loss = "12_erc.json",
        sparse_transport = "13_sparse_ot.json",
        token_graphs = "14_graph_of_tokens.json",
        losses_and_metrics = "15_losses_metrics.json",
        expert_caches = "16_expert_cache.json",
        other_routers = "17_other_routers.json",
        permutation_and_combination = "18_permute_combine.json",
        ties_and_edge_cases = "19_edge_cases.json",
        expert_placement = "20_expert_placement.json",
    }

    #[test]
    fn a_wrong_expectation_fails_and_other_kinds_are_unsupported() {
        let text = include_str!("../../../../tests/golden/routing/16_expert_cache.json");
        let mut file = GoldenFile::parse(text).unwrap();
        file.content["hits"][0]["lru"] = serde_json::json!(1);
        let cases = evaluate(&file.kind, &file.content, &|_| None)
            .unwrap()
            .unwrap();
        assert!(cases.iter().any(|c| !c.pass), "a wrong count must be seen");
        assert_eq!(evaluate("unheard_of", &file.content, &|_| None), Ok(None));
    }

    #[test]
    fn broken_inputs_are_errors_not_panics() {
        let text = include_str!("../../../../tests/golden/routing/01_softmax_topk.json");
        let mut file = GoldenFile::parse(text).unwrap();
        file.content["W"] = serde_json::json!([[1.0, 2.0], [3.0]]);
        let error = evaluate(&file.kind, &file.content, &|_| None).unwrap_err();
        assert!(error.to_string().contains('W'), "{error}");
    }
}
