//! The stored results of the claim experiments are what the experiments give.
#![cfg(not(target_arch = "wasm32"))]

use schedlab::core::{Verdict, finish};
use schedlab::labs::{Effort, LabKind, exhibit, stored_claims};

/// Experiments that take a second or less even unoptimised, at least one a lab.
const SAMPLE: &[&str] = &[
    "sjf",
    "bound-optimum",
    "halton-scheduler",
    "gshard",
    "random-pruning",
];

#[test]
fn a_sample_of_the_stored_results_comes_out_again() {
    for id in SAMPLE {
        let stored = stored_claims()
            .iter()
            .find(|c| c.id == *id)
            .unwrap_or_else(|| panic!("{id} is not stored"));
        assert_eq!(stored.effort, Effort::Quick, "{id}");
        let claim = exhibit(id).and_then(|e| e.claim).expect("a claim");
        let result = finish(&mut *(claim.start)(stored.effort)).expect(id);
        assert_eq!(result.in_six_digits(), stored.result, "{id}");
    }
}

#[test]
fn every_lab_is_in_the_sample_and_every_claim_is_stored() {
    for kind in LabKind::ALL {
        assert!(
            SAMPLE
                .iter()
                .any(|id| exhibit(id).is_some_and(|e| e.lab == kind)),
            "{kind:?}"
        );
    }
    let missing: Vec<&str> = schedlab::labs::exhibits()
        .filter(|e| e.claim.is_some() && stored_claims().iter().all(|c| c.id != e.id))
        .map(|e| e.id)
        .collect();
    assert!(
        missing.is_empty(),
        "run `schedlab claims --store assets/claims.json`: {missing:?}"
    );
}

#[test]
fn the_readme_has_the_stored_verdicts_of_the_serving_lab() {
    let readme = include_str!("../README.md");
    for claim in stored_claims() {
        let Some(exhibit) = exhibit(&claim.id).filter(|e| e.lab == LabKind::Serving) else {
            continue;
        };
        let begins = match claim.result.verdict {
            Verdict::Reproduced => "- **Reproduced**: ",
            Verdict::Partly => "- **In part**: ",
            Verdict::NotReproduced => "- **Not reproduced**: ",
            Verdict::NotTestable => "- **Not testable**: ",
        };
        let line = readme.lines().find_map(|l| l.strip_prefix(begins));
        let named = line.is_some_and(|l| {
            l.trim_end_matches('.')
                .split("; ")
                .any(|t| t == exhibit.title)
        });
        assert!(named, "no {:?} in {begins:?}", exhibit.title);
    }
}
