//! The comparison of the noise lab's reference files can fail.

use schedlab::labs::golden::{GoldenFile, evaluate};
use std::path::Path;

/// A file whose expected values are changed must fail: the comparison is real.
#[test]
fn a_changed_value_is_noticed_in_every_kind() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/noise");
    for (name, pointer) in [
        ("train_tables", "/cases/0/betas_ref64/3"),
        ("continuous_families", "/cases/1/values/4"),
        ("sampling_schedules_closed", "/cases/2/values/5"),
        ("sampling_schedules_diffusers", "/cases/5/sigmas_f32/2"),
        ("published_lists", "/ays_resampled/SD15_8/2"),
        ("mixture_denoiser", "/cases/2/denoised/1/0"),
        ("empirical_denoiser", "/cases/1/logsumexp/0"),
        ("stochastic_steps", "/cases/1/euler_ancestral/0/1"),
        ("trajectories", "/cases/6/traj_ref64/5/0/0"),
        ("oss_dp", "/cases/0/dp/1/2"),
        ("optimal_schedules", "/gaussian/0/tan_law/3"),
        ("halton_order", "/cases/0/order_rc/7/0"),
        ("masked_orders", "/ising/0/kl/confidence"),
    ] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let mut file = GoldenFile::parse(&text).unwrap();
        let value = file
            .content
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("{name}{pointer}"));
        let changed = value.as_f64().unwrap() * 1.01 + 1.0;
        *value = serde_json::json!(changed.ceil());
        let cases = evaluate(&file, &|_| None).unwrap().unwrap();
        assert_eq!(
            cases.iter().filter(|c| !c.pass).count(),
            1,
            "{name}{pointer}"
        );
    }
}
