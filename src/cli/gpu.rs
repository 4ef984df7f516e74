//! `schedlab gpu`: the device, the path in use, and every kernel against its CPU twin.

use super::{GpuArgs, say};

#[cfg(not(feature = "gpu"))]
pub(super) fn gpu(_args: &GpuArgs) -> u8 {
    say("this build has no GPU code; everything runs on the CPU\n");
    super::OK
}

#[cfg(feature = "gpu")]
pub(super) fn gpu(args: &GpuArgs) -> u8 {
    with_device::report(args)
}

#[cfg(feature = "gpu")]
mod with_device {
    use super::super::run::{float, number, pretty};
    use super::super::{FAILED, OK};
    use super::{GpuArgs, say};
    use crate::core::Result;
    use crate::gpu::{
        Choice, Gpu, KernelBench, KernelTiming, Pooling, Probe, Speeds, Trial, TrialReport, Tuned,
        Tuner, Wish, choose, kernels,
    };
    use serde_json::{Value, json};
    use std::fmt::Write as _;

    pub(super) fn report(args: &GpuArgs) -> u8 {
        let gpu = match Gpu::headless() {
            Ok(gpu) => gpu,
            Err(error) => {
                let choice = choose(None, Wish::Auto, None);
                if args.json {
                    say(&pretty(&json!({
                        "adapter": null,
                        "why": error.to_string(),
                        "path": "cpu",
                        "reason": choice.reason,
                    })));
                } else {
                    say(&format!(
                        "adapter  none ({error})\npath     CPU: {}\n",
                        choice.reason
                    ));
                }
                return OK;
            }
        };
        let speeds = Probe::start(&gpu).and_then(|probe| probe.wait(&gpu)).ok();
        let choice = choose(Some(&gpu), Wish::Auto, speeds);
        let tuned = Tuner::start(&gpu).and_then(|tuner| tuner.wait(&gpu));
        if let Ok(tuned) = &tuned {
            gpu.set_shape(tuned.shape);
        }
        let trials: Vec<_> = kernels::ALL
            .iter()
            .map(|listed| {
                let n = 4 * listed.spec.workgroup + 1;
                let done = Trial::start(&gpu, listed, n, 1).and_then(|trial| trial.wait(&gpu));
                (listed.spec.name, done)
            })
            .collect();
        let timings = if args.bench {
            let large = !gpu.caps().software;
            let n = [KernelBench::SMALL, KernelBench::LARGE][usize::from(large)];
            Some(KernelBench::new(n).wait(&gpu))
        } else {
            None
        };
        if args.json {
            let mut report = as_json(&gpu, &choice, speeds, &tuned, &trials);
            match &timings {
                Some(Ok(timings)) => {
                    report["bench"] = timings.iter().map(KernelTiming::to_json).collect();
                }
                Some(Err(error)) => report["bench"] = json!({"problem": error.to_string()}),
                None => {}
            }
            say(&pretty(&report));
        } else {
            say(&in_words(&gpu, &choice, &tuned, &trials));
            match &timings {
                Some(Ok(timings)) => say(&bench_in_words(timings)),
                Some(Err(error)) => say(&format!("throughput not measured: {error}\n")),
                None => {}
            }
        }
        let fine =
            |(_, done): &(_, Result<TrialReport>)| done.as_ref().is_ok_and(TrialReport::pass);
        if trials.iter().all(fine) { OK } else { FAILED }
    }

    fn limits(gpu: &Gpu) -> [(&'static str, u64); 6] {
        let l = &gpu.caps().limits;
        [
            (
                "invocations per workgroup",
                u64::from(l.max_compute_invocations_per_workgroup),
            ),
            (
                "workgroup memory, bytes",
                u64::from(l.max_compute_workgroup_storage_size),
            ),
            (
                "storage buffers per stage",
                u64::from(l.max_storage_buffers_per_shader_stage),
            ),
            ("storage binding, bytes", l.max_storage_buffer_binding_size),
            ("buffer, bytes", l.max_buffer_size),
            (
                "workgroups per dimension",
                u64::from(l.max_compute_workgroups_per_dimension),
            ),
        ]
    }

    fn in_words(
        gpu: &Gpu,
        choice: &Choice,
        tuned: &Result<Tuned>,
        trials: &[(&'static str, Result<TrialReport>)],
    ) -> String {
        let (info, caps) = (gpu.info(), gpu.caps());
        let mut out = format!(
            "adapter  {} ({:?}, {:?}; driver {} {})\n",
            gpu.name(),
            info.device_type,
            info.backend,
            info.driver,
            info.driver_info
        );
        writeln!(
            out,
            "tier     {:?}; timestamps {}; subgroups {}",
            caps.tier,
            yes_no(caps.timestamps),
            caps.subgroups.map_or_else(
                || "no".to_owned(),
                |[least, most]| format!("of {least} to {most}")
            )
        )
        .ok();
        writeln!(out, "path     {:?}: {}", choice.path, choice.reason).ok();
        writeln!(out, "shape    {}", shape_in_words(tuned)).ok();
        writeln!(out, "limits").ok();
        for (name, value) in limits(gpu) {
            writeln!(out, "  {name:<26} {value}").ok();
        }
        writeln!(out, "self-test (kernel against its CPU twin)").ok();
        for (name, done) in trials {
            let line = match done {
                Ok(r) if r.pass() => format!(
                    "ok      n = {}, largest deviation {} ({})",
                    r.n,
                    number(r.deviation.largest),
                    r.rule
                ),
                Ok(r) => format!("FAILED  n = {}, {}", r.n, r.problem()),
                Err(error) => format!("FAILED  {error}"),
            };
            writeln!(out, "  {name:<26} {line}").ok();
        }
        out
    }

    /// The shape in use and what was measured.
    fn shape_in_words(tuned: &Result<Tuned>) -> String {
        let tuned = match tuned {
            Ok(tuned) => tuned,
            Err(error) => return format!("the usual one, not measured: {error}"),
        };
        let giga = |speed: &f64| format!("{:.2}", speed / 1e9);
        let widths: Vec<String> = tuned
            .widths
            .iter()
            .map(|(width, speed)| format!("{width}: {}", giga(speed)))
            .collect();
        let mut out = format!("{} (GB/s by width {}", tuned.words(), widths.join(", "));
        if let Some([alone, together]) = &tuned.pooling {
            let (alone, together) = (giga(alone), giga(together));
            write!(
                out,
                "; reductions {alone} by atomics, {together} by subgroups"
            )
            .ok();
        }
        out + ")"
    }

    fn shape_as_json(tuned: &Result<Tuned>) -> Value {
        match tuned {
            Ok(tuned) => json!({
                "workgroup": tuned.shape.width,
                "reductions": match tuned.shape.pooling {
                    Pooling::Alone => "atomics",
                    Pooling::Subgroups => "subgroups",
                },
                "bytes_per_second_by_workgroup": tuned.widths,
                "reduction_bytes_per_second": tuned.pooling.map(|[alone, together]| {
                    json!({"atomics": alone, "subgroups": together})
                }),
            }),
            Err(error) => json!({"problem": error.to_string()}),
        }
    }

    fn bench_in_words(timings: &[KernelTiming]) -> String {
        let mut out = format!(
            "throughput\n  {:<58} {:>9} {:>12} {:>12}\n",
            "", "GB/s", "of copying", "Gflop/s"
        );
        for t in timings {
            let flops = if t.flops > 0.0 {
                format!("{:.2}", t.flops / 1e9)
            } else {
                "-".to_owned()
            };
            writeln!(
                out,
                "  {:<58} {:>9.2} {:>10.0} % {flops:>12}",
                format!("{}: {}", t.kernel, t.size),
                t.bytes_per_second / 1e9,
                100.0 * t.of_copy,
            )
            .ok();
        }
        out
    }

    fn yes_no(flag: bool) -> &'static str {
        if flag { "yes" } else { "no" }
    }

    fn as_json(
        gpu: &Gpu,
        choice: &Choice,
        speeds: Option<Speeds>,
        tuned: &Result<Tuned>,
        trials: &[(&'static str, Result<TrialReport>)],
    ) -> Value {
        let trials: Vec<Value> = trials
            .iter()
            .map(|(name, done)| match done {
                Ok(r) => json!({
                    "kernel": name,
                    "n": r.n,
                    "pass": r.pass(),
                    "largest_deviation": float(r.deviation.largest),
                    "rule": r.rule,
                    "problem": r.problem(),
                }),
                Err(error) => json!({"kernel": name, "pass": false, "problem": error.to_string()}),
            })
            .collect();
        json!({
            "adapter": gpu.name(),
            "device_type": format!("{:?}", gpu.info().device_type),
            "backend": format!("{:?}", gpu.info().backend),
            "tier": format!("{:?}", gpu.caps().tier),
            "path": format!("{:?}", choice.path).to_lowercase(),
            "reason": choice.reason,
            "million_words_per_second": speeds.map(|s| json!({"gpu": s.gpu, "cpu": s.cpu})),
            "subgroups": gpu.caps().subgroups,
            "shape": shape_as_json(tuned),
            "limits": limits(gpu).into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            "kernels": trials,
        })
    }
}
