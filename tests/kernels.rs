//! Every kernel in `gpu::kernels::ALL`: valid WGSL under WebGPU's default capabilities, parameters
//! laid out as declared, and results that equal the CPU twin. Needs a Vulkan adapter (a software
//! one will do); `ALLOW_NO_GPU=1` skips what needs it, visibly.
#![cfg(feature = "gpu")]

#[path = "../src/gpu/test_device.rs"]
mod device;
#[path = "kernels/steady.rs"]
mod steady;
#[path = "../src/gpu/test_looks.rs"]
mod test_looks;

use device::test_device;
use naga::back::pipeline_constants::process_overrides;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ScalarKind, StorageAccess, TypeInner};
use schedlab::gpu::kernels::ALL;
use schedlab::gpu::{
    Access, Gpu, KernelSpec, Made, Pooling, Probe, Shape, Trial, Tuner, WIDTHS, Wish, choose,
    resolve,
};
use std::collections::BTreeSet;

/// The module as a pipeline gets it: with the number of invocations put in.
fn parsed(spec: &KernelSpec, shape: Shape) -> Result<naga::Module, String> {
    let source = resolve(spec.wgsl, shape.pooling).map_err(|e| e.to_string())?;
    let module = naga::front::wgsl::parse_str(&source).map_err(|e| e.emit_to_string(&source))?;
    let wanted = match shape.pooling {
        Pooling::Alone => Capabilities::empty(),
        Pooling::Subgroups => Capabilities::SUBGROUP,
    };
    let info = Validator::new(ValidationFlags::all(), wanted)
        .validate(&module)
        .map_err(|e| e.emit_to_string(&source))?;
    let width = ("WIDTH".to_owned(), f64::from(shape.width));
    let constants = spec.has_free_width().then_some(width).into_iter().collect();
    let (module, _) =
        process_overrides(&module, &info, None, &constants).map_err(|e| format!("{e:?}"))?;
    Ok(module.into_owned())
}

/// What a device may make of a kernel.
fn shapes(spec: &KernelSpec) -> Vec<Shape> {
    let mut out = Vec::new();
    for pooling in [Pooling::Alone, Pooling::Subgroups] {
        for width in WIDTHS {
            let shape = spec.shaped(Shape { width, pooling });
            if !out.contains(&shape) {
                out.push(shape);
            }
        }
    }
    out
}

/// What the module says about its entry point and bindings against the declaration.
fn disagreements(spec: &KernelSpec, shape: Shape, module: &naga::Module) -> Vec<String> {
    let mut out = Vec::new();
    let [entry] = &module.entry_points[..] else {
        return vec![format!("{} entry points", module.entry_points.len())];
    };
    if entry.workgroup_size != [shape.width, 1, 1] {
        out.push(format!("workgroup {:?}", entry.workgroup_size));
    }
    let mut bound = 0;
    for (_, variable) in module.global_variables.iter() {
        let Some(binding) = &variable.binding else {
            continue;
        };
        bound += 1;
        if binding.group != 0 {
            out.push(format!("group {}", binding.group));
        }
        match (variable.space, binding.binding as usize) {
            (AddressSpace::Uniform, 0) => out.extend(layout_differences(spec, module, variable.ty)),
            (AddressSpace::Storage { access }, at) if at > 0 => {
                let declared = spec.bindings.get(at - 1);
                let written = access.contains(StorageAccess::STORE);
                let agrees = declared.is_some_and(|b| {
                    Some(b.name) == variable.name.as_deref()
                        && (b.access == Access::Write) == written
                });
                if !agrees {
                    out.push(format!("binding {at}: {:?}, {declared:?}", variable.name));
                }
            }
            (space, at) => out.push(format!("binding {at} is in {space:?}")),
        }
    }
    if bound != spec.bindings.len() + 1 {
        out.push(format!(
            "{bound} bindings, declared {}",
            spec.bindings.len() + 1
        ));
    }
    out
}

fn layout_differences(
    spec: &KernelSpec,
    module: &naga::Module,
    ty: naga::Handle<naga::Type>,
) -> Vec<String> {
    let TypeInner::Struct { members, span } = &module.types[ty].inner else {
        return vec!["Params is not a struct".to_owned()];
    };
    let mut out = Vec::new();
    if *span as usize != spec.params_size || !spec.params_size.is_multiple_of(16) {
        out.push(format!(
            "Params has {span} bytes, declared {}",
            spec.params_size
        ));
    }
    let theirs: Vec<(&str, usize)> = members
        .iter()
        .map(|m| (m.name.as_deref().unwrap_or(""), m.offset as usize))
        .collect();
    if theirs != spec.fields {
        out.push(format!("Params {theirs:?}, declared {:?}", spec.fields));
    }
    for member in members {
        let wide = |kind: ScalarKind| kind == ScalarKind::Bool;
        if module.types[member.ty]
            .inner
            .scalar()
            .is_some_and(|s| wide(s.kind))
        {
            out.push(format!("{:?} is a bool", member.name));
        }
    }
    out
}

#[test]
fn every_kernel_is_valid_with_default_capabilities_and_declared_truly() {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for listed in ALL {
        let spec = &listed.spec;
        assert!(names.insert(spec.name), "{} is listed twice", spec.name);
        for shape in shapes(spec) {
            let found = match parsed(spec, shape) {
                Err(error) => vec![error],
                Ok(module) => disagreements(spec, shape, &module),
            };
            let named = |what| format!("{} {shape:?}: {what}", spec.name);
            problems.extend(found.into_iter().map(named));
        }
        if spec.workgroup > 256 || spec.bindings.len() > 8 {
            problems.push(format!("{}: above WebGPU's default limits", spec.name));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_kernel_equals_its_twin_at_every_edge_size() {
    let Some(gpu) = test_device() else { return };
    let mut problems = Vec::new();
    for listed in ALL {
        let mut sizes = (listed.sizes)();
        if listed.folds {
            sizes.push(listed.folded_size());
        }
        for (i, n) in sizes.into_iter().enumerate() {
            let report =
                Trial::start(&gpu, listed, n, 17 + i as u64).and_then(|trial| trial.wait(&gpu));
            match report {
                Ok(report) if report.pass() => println!(
                    "{} n = {n}: largest deviation {:.2e}, {}",
                    report.kernel, report.deviation.largest, report.rule
                ),
                Ok(report) => {
                    problems.push(format!("{} n = {n}: {}", report.kernel, report.problem()));
                }
                Err(error) => problems.push(format!("{} n = {n}: {error}", listed.spec.name)),
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn no_shape_of_a_kernel_changes_a_bit() {
    let Some(gpu) = test_device() else { return };
    let (mut widths, mut variants) = (0, 0);
    for listed in ALL {
        let spec = &listed.spec;
        let many = if listed.folds { 70_001 } else { 5_003 };
        for (n, seed) in [(0, 1), (1, 2), (65, 3), (1_000, 4), (many, 5), (many, 6)] {
            let mut prints = BTreeSet::new();
            for shape in shapes(spec) {
                gpu.set_shape(shape);
                if spec.shaped(gpu.shape()) != shape {
                    // The device has no subgroups.
                    continue;
                }
                widths += usize::from(spec.has_free_width());
                variants += usize::from(shape.pooling == Pooling::Subgroups);
                let report = Trial::start(&gpu, listed, n, seed)
                    .and_then(|trial| trial.wait(&gpu))
                    .unwrap_or_else(|e| panic!("{} {shape:?} n = {n}: {e}", spec.name));
                let problem = report.problem();
                assert!(report.pass(), "{} {shape:?} n = {n}: {problem}", spec.name);
                prints.insert(report.fingerprint);
            }
            assert_eq!(prints.len(), 1, "{} n = {n}: shapes differ", spec.name);
        }
    }
    assert!(widths > 50, "{widths} trials of kernels with a free width");
    assert!(
        variants > 0 || gpu.caps().subgroups.is_none(),
        "the device has subgroups"
    );
}

#[test]
fn the_shape_is_chosen_by_measuring() {
    let Some(gpu) = test_device() else { return };
    let tuned = Tuner::start(&gpu)
        .and_then(|tuner| tuner.wait(&gpu))
        .expect("a shape");
    println!("{}: {tuned:?}", tuned.words());
    assert_eq!(tuned.widths.len(), WIDTHS.len(), "{tuned:?}");
    let speeds = tuned.widths.iter().map(|(_, speed)| *speed);
    let all = speeds.chain(tuned.pooling.into_iter().flatten());
    assert!(
        all.into_iter().all(|v| v > 0.0 && v.is_finite()),
        "{tuned:?}"
    );
    assert!(WIDTHS.contains(&tuned.shape.width), "{tuned:?}");
    assert_eq!(tuned.pooling.is_some(), gpu.caps().subgroups.is_some());
    gpu.set_shape(tuned.shape);
    assert_eq!(gpu.shape(), tuned.shape, "the device allows it");
}

#[test]
fn the_path_is_chosen_with_a_reason() {
    let Some(gpu) = test_device() else { return };
    let speeds = Probe::start(&gpu)
        .and_then(|p| p.wait(&gpu))
        .expect("speeds");
    assert!(speeds.gpu > 0.0 && speeds.cpu > 0.0, "{speeds:?}");
    let choice = choose(Some(&gpu), Wish::Auto, Some(speeds));
    assert!(choice.reason.contains("million"), "{choice:?}");
    println!("{choice:?}");
}

mod select {
    use super::test_device;
    use schedlab::core::rng::{Stream, StreamId};
    use schedlab::core::select::{MAGNITUDE_BITS, magnitude_key, masks, radix_select};
    use schedlab::gpu::Selector;

    fn same_as_the_cpu(gpu: &schedlab::gpu::Gpu, words: &[u32], bits: u32, ranks: &[u64]) {
        let found = Selector::new(gpu, words, bits, ranks)
            .and_then(|selector| selector.wait(gpu))
            .expect("selections");
        assert_eq!(found.len(), ranks.len(), "one for each rank");
        for (&k, got) in ranks.iter().zip(found) {
            let cut = radix_select(&[words], bits, k);
            let want = masks(&[words], bits, &cut);
            let state = got.state;
            assert_eq!(
                (state.prefix, u64::from(state.below), u64::from(state.ties)),
                (cut.key, cut.below, cut.ties),
                "k = {k} of {}",
                words.len()
            );
            assert_eq!(got.mask, want[0].words(), "k = {k} of {}", words.len());
        }
    }

    #[test]
    fn the_selection_equals_the_cpu_at_every_edge() {
        let Some(gpu) = test_device() else { return };
        let mut stream = Stream::new(5, StreamId::Test);
        for n in [0, 1, 31, 33, 2047, 2049, 4097, 70_000_u64] {
            let words: Vec<u32> = (0..n).map(|_| stream.normal_f32().to_bits()).collect();
            let ranks = [0, 1, n / 3, n.saturating_sub(1), n, n + 5];
            same_as_the_cpu(&gpu, &words, MAGNITUDE_BITS, &ranks);
        }
    }

    #[test]
    fn the_buffers_of_a_select_serve_other_keys_and_no_more_than_fit() {
        let Some(gpu) = test_device() else { return };
        let mut stream = Stream::new(7, StreamId::Test);
        let mut selector = Selector::with_room(&gpu, [9_001, 4], u32::MAX).expect("room");
        for n in [9_001, 40, 0, 5_000, 9_001_usize] {
            // Few values: ties at every cut.
            let words: Vec<u32> = (0..n).map(|_| stream.below(60) << 22).collect();
            let ranks = [n / 3, n / 2, n - n / 4].map(|k| k as u64);
            selector.load(&gpu, &words, &ranks).expect("room");
            let mut found = Vec::new();
            while found.len() < ranks.len() {
                found.extend(selector.poll(&gpu).expect("a device"));
                gpu.wait().expect("a device");
            }
            for (&k, got) in ranks.iter().zip(found) {
                let cut = radix_select(&[&words], u32::MAX, k);
                let want = masks(&[&words], u32::MAX, &cut);
                assert_eq!(got.mask, want[0].words(), "k = {k} of {n}");
            }
        }
        let error = selector
            .load(&gpu, &vec![0; 9_100], &[1])
            .expect_err("no room");
        assert!(error.to_string().contains("9100 keys"), "{error}");
        assert!(selector.load(&gpu, &[0; 9], &[1; 9]).is_err());
    }

    #[test]
    fn ties_go_by_index_and_special_values_keep_their_order() {
        let Some(gpu) = test_device() else { return };
        let mut stream = Stream::new(6, StreamId::Test);
        // Seven distinct magnitudes with both signs: zero, denormals, infinity.
        let values = [0.0, 1e-45, 1e-40, 0.5, 1.0, f32::MAX, f32::INFINITY];
        let words: Vec<u32> = (0..9000)
            .map(|_| {
                let sign = stream.word() & 0x8000_0000;
                values[stream.below(7) as usize].to_bits() | sign
            })
            .collect();
        assert!(
            words.iter().any(|w| magnitude_key(f32::from_bits(*w)) == 1),
            "a denormal"
        );
        let ranks: Vec<u64> = (0..=9000).step_by(450).chain([1, 8999]).collect();
        same_as_the_cpu(&gpu, &words, MAGNITUDE_BITS, &ranks);
        same_as_the_cpu(&gpu, &words, u32::MAX, &ranks);
    }
}

mod faults {
    use super::test_device;
    use bytemuck::{Pod, Zeroable};
    use schedlab::gpu::kernels::{Axpb, AxpbParams};
    use schedlab::gpu::{Binding, Gpu, Kernel, Path, Wish, choose};

    const PARAMS: AxpbParams = AxpbParams {
        a: 2.0,
        b: 1.0,
        quads: 1,
        pad0: 0,
    };

    #[derive(Debug, Clone, Copy, Pod, Zeroable)]
    #[repr(C)]
    struct Nothing {
        pad: [u32; 4],
    }

    struct Broken;
    impl Kernel for Broken {
        const NAME: &'static str = "broken";
        const WGSL: &'static str = "@compute @workgroup_size(64) fn main() { let x: u32 = 1.5; }";
        const WORKGROUP: u32 = 64;
        type Params = Nothing;
        const BINDINGS: &'static [Binding] = &[];
        const FIELDS: &'static [(&'static str, usize)] = &[];
    }

    fn compute(gpu: &Gpu) -> schedlab::core::Result<Vec<f32>> {
        let x = gpu.storage("x", &[1.0_f32, 2.0, 3.0, 4.0])?;
        let y = gpu.empty::<f32>("y", 4)?;
        let mut batch = gpu.batch("test");
        batch.run::<Axpb>(&PARAMS, 1, &[&x, &y])?;
        let ticket = batch.read(&y, 0..4)?;
        batch.submit()?;
        ticket.wait()
    }

    #[test]
    fn a_ticket_brings_the_values_by_polling_alone() {
        let Some(gpu) = test_device() else { return };
        let x = gpu.storage("x", &[1.0_f32, 2.0, 3.0, 4.0]).expect("buffer");
        let y = gpu.empty::<f32>("y", 4).expect("buffer");
        let mut batch = gpu.batch("test");
        batch.run::<Axpb>(&PARAMS, 1, &[&x, &y]).expect("dispatch");
        let mut ticket = batch.read::<f32>(&y, 0..4).expect("in range");
        assert!(ticket.poll().is_none(), "nothing was submitted yet");
        batch.submit().expect("submit");
        let values = loop {
            if let Some(values) = ticket.poll() {
                break values.expect("values");
            }
            std::thread::yield_now();
        };
        assert_eq!(values, [3.0, 5.0, 7.0, 9.0]);
        assert!(ticket.poll().is_none(), "a ticket brings its values once");
    }

    #[test]
    fn a_bad_shader_is_an_error_with_its_name_and_not_a_crash() {
        let Some(gpu) = test_device() else { return };
        let error = gpu.prepare::<Broken>().unwrap_err().to_string();
        assert!(error.contains("kernel broken"), "{error}");
        assert!(gpu.fault().is_some(), "the fault is remembered");
        assert_eq!(choose(Some(&gpu), Wish::Auto, None).path, Path::Cpu);
        gpu.forgive();
        assert_eq!(compute(&gpu), Ok(vec![3.0, 5.0, 7.0, 9.0]));
    }

    #[test]
    fn wrong_buffers_and_sizes_are_refused_by_name() {
        let Some(gpu) = test_device() else { return };
        let x = gpu.storage("x", &[1.0_f32]).expect("buffer");
        let mut batch = gpu.batch("test");
        let error = batch.run::<Axpb>(&PARAMS, 1, &[&x]).err().expect("refused");
        assert!(
            error.to_string().contains("takes 2 buffers, got 1"),
            "{error}"
        );
        let error = batch.read::<f32>(&x, 0..100).err().expect("refused");
        assert!(error.to_string().contains("read-back"), "{error}");
        let huge = gpu.empty::<f32>("huge", 1 << 40).unwrap_err();
        assert!(huge.to_string().contains("buffer huge needs"), "{huge}");
        assert!(gpu.fault().is_none(), "refused before the device saw it");
    }

    #[test]
    fn a_lost_device_is_noticed_and_means_the_cpu() {
        let Some(gpu) = test_device() else { return };
        assert_eq!(compute(&gpu), Ok(vec![3.0, 5.0, 7.0, 9.0]));
        gpu.device().destroy();
        gpu.device().poll(wgpu::PollType::Poll).ok();
        assert!(gpu.lost(), "the callback came");
        let error = compute(&gpu).unwrap_err().to_string();
        assert!(error.contains("GPU"), "{error}");
        let choice = choose(Some(&gpu), Wish::Gpu, None);
        assert_eq!(choice.path, Path::Cpu);
        assert!(choice.reason.contains("lost"), "{choice:?}");
    }
}
