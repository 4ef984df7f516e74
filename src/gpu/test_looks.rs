//! What the looks at a job on the device cost. Tests outside the crate include this file by its path.

use super::{Gpu, Made};

/// Looks at a job until `look` says that it is done. From its first submission on, a look hands
/// commands over once at most, maps one staging buffer at most, and makes no buffer. A job runs once
/// before, to compile and to fill the pool of staging buffers.
///
/// # Panics
/// When a look costs more, when the job needs one look alone, or when it does not end.
pub(crate) fn steady_looks(gpu: &Gpu, name: &str, mut look: impl FnMut() -> bool) {
    let mut submitted = 0;
    for _ in 0..20_000 {
        let before = gpu.made();
        let done = look();
        let after = gpu.made();
        let made = Made {
            buffers: after.buffers - before.buffers,
            pipelines: after.pipelines - before.pipelines,
            submissions: after.submissions - before.submissions,
            mapped: after.mapped - before.mapped,
        };
        assert!(made.submissions <= 1, "{name}: {made:?}");
        assert!(made.mapped <= made.submissions, "{name}: {made:?}");
        assert_eq!(made.pipelines, 0, "{name}: a second run compiles nothing");
        assert!(submitted == 0 || made.buffers == 0, "{name}: {made:?}");
        submitted += made.submissions;
        if done {
            assert!(submitted > 1, "{name}: more than one submission");
            return;
        }
        gpu.wait().expect("a device");
    }
    panic!("{name}: it does not end");
}
