//! The systems of this lab, one file each.

mod expert_choice;
mod granite;
mod gshard;
mod loss_free;
mod mixtral;
mod switch;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &mixtral::MIXTRAL,
    &granite::GRANITE,
    &switch::SWITCH,
    &gshard::GSHARD,
    &expert_choice::EXPERT_CHOICE,
    &loss_free::LOSS_FREE,
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
