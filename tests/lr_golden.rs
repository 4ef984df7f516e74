//! The reference files of the learning-rate lab, one test each.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, with the value in its message"
)]

use schedlab::labs::golden::{GoldenFile, evaluate};
use std::path::Path;

/// The shared data folder beside the repository, where it exists.
fn read_data(path: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join("../shared").join(path)).ok()
}

fn check(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("tests/golden/lr").join(name)).unwrap();
    let file = GoldenFile::parse(&text).unwrap();
    let cases = evaluate(&file, &read_data)
        .unwrap()
        .unwrap_or_else(|| panic!("{name}: kind {} is not supported", file.kind));
    assert!(!cases.is_empty(), "{name}: no cases");
    let mut failed = Vec::new();
    for case in &cases {
        if case.detail.starts_with("skipped") {
            println!("{name}: {} {}", case.name, case.detail);
        }
        assert!(
            !case.detail.starts_with("unsupported"),
            "{name}: {}",
            case.name
        );
        if !case.pass {
            failed.push(format!(
                "{}: {} (allowed {})",
                case.name, case.detail, case.tolerance
            ));
        }
    }
    assert!(
        failed.is_empty(),
        "{name}: {} of {} cases differ\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
    println!("{name}: {} cases agree", cases.len());
}

macro_rules! golden {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            check(concat!(stringify!($name), ".json"));
        })*
    };
}

golden!(
    annealing_law,
    convex_bound,
    convex_bound_curve,
    convex_bound_optimum,
    hf_warmup_family,
    hf_wsd,
    mpl_prediction,
    mpl_reference_fit,
    nqm_expected_loss,
    optax_exp_piecewise,
    optax_onecycle_sgdr,
    optax_poly_cosine,
    optim_schedulefree,
    optim_torch,
    paper_formulas,
    refined_schedule,
    rex,
    timm_classic,
    timm_wsd,
    torch_cosine,
    torch_cyclic,
    torch_exponential,
    torch_linear_constant,
    torch_multistep,
    torch_onecycle,
    torch_plateau,
    torch_polynomial,
    torch_sequential_warmup_cosine,
    torch_sgdr,
    torch_step,
);
