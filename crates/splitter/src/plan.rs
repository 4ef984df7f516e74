//! Which function goes where.

use crate::module::Module;
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::ExternalKind;

/// Where the functions of a module go.
pub(crate) struct Plan {
    /// By function index: whether its code stays in the first part.
    pub(crate) near: Vec<bool>,
    /// Functions that went and are named in the first part, with their index in the table.
    pub(crate) doors: BTreeMap<u32, u32>,
    /// Functions of the first part that the second calls.
    pub(crate) called_back: BTreeSet<u32>,
    /// Globals that the second part uses.
    pub(crate) globals: BTreeSet<u32>,
    /// Entries that the table has for functions called directly, behind those it had.
    pub(crate) added_entries: u32,
}

impl Plan {
    /// Sends away the functions whose name `waits` and all that nobody else calls. What is exported
    /// stays: the page's script calls it.
    pub(crate) fn new(module: &Module<'_>, waits: impl Fn(&str) -> bool) -> Self {
        let exported = module
            .exports
            .iter()
            .filter(|e| e.kind == ExternalKind::Func);
        let mut stays_anyway: BTreeSet<u32> = exported.map(|e| e.index).collect();
        stays_anyway.extend(module.start);
        let leaves = |function: u32| {
            function >= module.imported()
                && !stays_anyway.contains(&function)
                && module.names.get(&function).is_some_and(|name| waits(name))
        };
        let in_table = || module.segments.iter().flat_map(|s| &s.functions).copied();

        let mut near = vec![false; module.functions() as usize];
        let mut todo: Vec<u32> = (0..module.imported()).collect();
        todo.extend(
            stays_anyway
                .iter()
                .copied()
                .filter(|&f| f < module.functions()),
        );
        todo.extend(in_table().filter(|&f| !leaves(f)));
        while let Some(function) = todo.pop() {
            let Some(seen) = near.get_mut(function as usize) else {
                continue;
            };
            if !std::mem::replace(seen, true)
                && let Some(uses) = module.uses_of(function)
            {
                todo.extend(uses.functions.iter().copied().filter(|&f| !leaves(f)));
            }
        }

        let mut plan = Self {
            near,
            doors: BTreeMap::new(),
            called_back: BTreeSet::new(),
            globals: BTreeSet::new(),
            added_entries: 0,
        };
        for segment in &module.segments {
            for (i, &function) in (0..).zip(&segment.functions) {
                if !plan.is_near(function) {
                    plan.doors.entry(function).or_insert(segment.offset + i);
                }
            }
        }
        let entries = module.tables.first().map_or(0, |t| t.initial as u32);
        for function in 0..module.functions() {
            let Some(uses) = module.uses_of(function) else {
                continue;
            };
            for &callee in &uses.functions {
                match (plan.is_near(function), plan.is_near(callee)) {
                    (true, false) if !plan.doors.contains_key(&callee) => {
                        plan.doors.insert(callee, entries + plan.added_entries);
                        plan.added_entries += 1;
                    }
                    (false, true) => {
                        plan.called_back.insert(callee);
                    }
                    _ => {}
                }
            }
            if !plan.is_near(function) {
                plan.globals.extend(&uses.globals);
            }
        }
        plan
    }

    /// Whether the code of a function stays in the first part.
    pub(crate) fn is_near(&self, function: u32) -> bool {
        self.near.get(function as usize).copied().unwrap_or(false)
    }

    /// How much goes where.
    pub(crate) fn words(&self, module: &Module<'_>) -> String {
        let mut sums = [(0, 0); 2];
        for function in module.imported()..module.functions() {
            let (count, bytes) = &mut sums[usize::from(self.is_near(function))];
            *count += 1;
            *bytes += module.size_of(function);
        }
        let [(far, far_bytes), (near, near_bytes)] = sums;
        format!(
            "{near} functions ({near_bytes} bytes) at first, {far} ({far_bytes} bytes) later; \
             {} doors to the later ones, {} called back",
            self.doors.len(),
            self.called_back.len(),
        )
    }
}
