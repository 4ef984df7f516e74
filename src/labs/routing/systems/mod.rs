//! The systems of this lab, one file each.

mod base_layers;
mod blockffn;
mod capacity_aware;
mod deepseek_v3;
mod dynmole;
mod expert_choice;
mod granite;
mod graph_of_tokens;
mod gshard;
mod hash_layers;
mod loss_free;
mod mixtral;
mod openmoe;
mod primal_dual;
mod s_base;
mod soft_moe;
mod sparse_transport;
mod switch;
mod x_moe;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &mixtral::MIXTRAL,
    &granite::GRANITE,
    &switch::SWITCH,
    &openmoe::OPENMOE,
    &gshard::GSHARD,
    &expert_choice::EXPERT_CHOICE,
    &loss_free::LOSS_FREE,
    &primal_dual::PRIMAL_DUAL,
    &deepseek_v3::DEEPSEEK_V3,
    &capacity_aware::CAPACITY_AWARE,
    &s_base::S_BASE,
    &base_layers::BASE_LAYERS,
    &sparse_transport::SPARSE_TRANSPORT,
    &soft_moe::SOFT_MOE,
    &x_moe::X_MOE,
    &hash_layers::HASH_LAYERS,
    &dynmole::DYNMOLE,
    &blockffn::BLOCKFFN,
    &graph_of_tokens::GRAPH_OF_TOKENS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::Effort;

    #[test]
    fn every_claim_runs_and_its_interval_holds_the_mean() {
        for exhibit in EXHIBITS {
            let claim = exhibit
                .claim
                .expect("every exhibit of this lab has a claim");
            let result = finish(&mut *(claim.start)(Effort::Quick)).unwrap();
            assert!(
                result.interval[0] <= result.measured && result.measured <= result.interval[1],
                "{}: {result:?}",
                exhibit.id
            );
            assert!(
                result.seeds.len() >= 5 && !result.why.is_empty(),
                "{}: {result:?}",
                exhibit.id
            );
            println!(
                "{}: {} {} {:?} {:?}: {}",
                exhibit.id,
                result.measured,
                result.unit,
                result.interval,
                result.verdict,
                result.why
            );
        }
    }
}
