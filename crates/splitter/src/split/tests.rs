//! Modules parted, read back and checked.

use super::*;
use wasm_encoder::{MemoryType, RefType, TableType};
use wasmparser::{ExternalKind, Payload, Validator};

/// A page in little: `app::start` is exported and calls `labs::run`, which uses what the rest has.
fn whole() -> Vec<u8> {
    let mut out = wasm_encoder::Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types
        .ty()
        .function([ValType::I32, ValType::F64], [ValType::I32]);
    out.section(&types);
    let mut imports = ImportSection::new();
    imports.import("./glue.js", "__wbg_log_0", EntityType::Function(0));
    imports.import("./glue.js", "__wbg_arrive_0", EntityType::Function(0));
    out.section(&imports);
    let mut functions = FunctionSection::new();
    for signature in [1, 1, 1, 1, 1, 0] {
        functions.function(signature);
    }
    out.section(&functions);
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 4,
        maximum: Some(4),
        shared: false,
    });
    out.section(&tables);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    out.section(&memories);
    let mut globals = GlobalSection::new();
    globals.global(FLAG, &ConstExpr::i32_const(7));
    globals.global(FLAG, &ConstExpr::i32_const(8));
    out.section(&globals);
    let mut exports = ExportSection::new();
    exports.export("start", ExportKind::Func, 2);
    exports.export("memory", ExportKind::Memory, 0);
    out.section(&exports);
    let mut elements = ElementSection::new();
    put(&mut elements, 1, vec![5, 4, 5]);
    out.section(&elements);
    let mut code = CodeSection::new();
    let calls = |callees: &[u32]| {
        let mut function = Function::new([]);
        for &callee in callees {
            function
                .instructions()
                .local_get(0)
                .local_get(1)
                .call(callee)
                .drop();
        }
        function.instructions().i32_const(1).end();
        function
    };
    code.function(&calls(&[3])); // 2, app::start
    let mut run = Function::new([]); // 3, labs::run
    run.instructions()
        .call(0)
        .global_get(1)
        .drop()
        .local_get(0)
        .local_get(1)
        .call(6)
        .end();
    code.function(&run);
    code.function(&calls(&[6])); // 4, std::sort
    code.function(&calls(&[])); // 5, labs::draw
    code.function(&calls(&[])); // 6, std::log
    let mut helper = Function::new([]); // 7, nobody calls it
    helper.instructions().end();
    code.function(&helper);
    out.section(&code);
    let mut names = NameMap::new();
    let all = [
        "log",
        "arrive",
        "app::start",
        "labs::run",
        "std::sort",
        "labs::draw",
        "std::log",
        "lost",
    ];
    for (i, name) in (0..).zip(all) {
        names.append(i, name);
    }
    let mut section = NameSection::new();
    section.functions(&names);
    out.section(&section);
    out.finish()
}

fn parts(bytes: &[u8], names: bool) -> (Plan, Parts) {
    let module = Module::read(bytes).unwrap();
    let plan = Plan::new(&module, |name| name.contains("labs::"));
    let parts = split(&module, &plan, &Default::default(), names).unwrap();
    (plan, parts)
}

#[test]
fn both_parts_are_valid_and_the_second_asks_for_what_the_first_exports() {
    let whole = whole();
    Validator::new().validate_all(&whole).unwrap();
    let (_, parts) = parts(&whole, true);
    Validator::new().validate_all(&parts.near).unwrap();
    Validator::new().validate_all(&parts.far).unwrap();
    let near = Module::read(&parts.near).unwrap();
    let exported: Vec<_> = near.exports.iter().map(|e| (e.name, e.kind)).collect();
    assert!(exported.contains(&("start", ExternalKind::Func)));
    let mut asked = 0;
    for payload in wasmparser::Parser::new(0).parse_all(&parts.far) {
        if let Payload::ImportSection(imports) = payload.unwrap() {
            for import in imports.into_imports() {
                let import = import.unwrap();
                assert_eq!(import.module, NEAR);
                assert!(
                    exported.iter().any(|(name, _)| *name == import.name),
                    "{} is not exported",
                    import.name
                );
                asked += 1;
            }
        }
    }
    // The memory, the table, a global, the log of the page, the logarithm, the flag.
    assert_eq!(asked, 6);
}

#[test]
fn functions_go_by_their_names_and_with_them_what_only_they_call() {
    let whole = whole();
    let (plan, parts) = parts(&whole, true);
    // `std::log` stays: `std::sort`, which is in the table, calls it too. Nobody calls `lost`.
    let near: Vec<u32> = (0..8).filter(|&f| plan.is_near(f)).collect();
    assert_eq!(near, [0, 1, 2, 4, 6]);
    // One door behind the table for `run`, which is called; that of `draw` is its entry.
    assert_eq!(plan.doors, BTreeMap::from([(3, 4), (5, 1)]));
    let near = Module::read(&parts.near).unwrap();
    assert_eq!(near.tables[0].initial, 5);
    assert_eq!(near.functions(), 7);
    // The doors are the last, in the order of their entries, and have the names of what went.
    assert_eq!(
        [near.names[&5], near.names[&6]],
        ["labs::draw", "labs::run"]
    );
    for door in [5, 6] {
        let uses = near.uses_of(door).unwrap();
        assert!(uses.functions.contains(&1), "it asks the page");
    }
}

#[test]
fn the_second_part_puts_its_functions_into_every_entry_that_was_theirs() {
    let whole = whole();
    let (_, parts) = parts(&whole, true);
    let mut entries = BTreeMap::new();
    let mut names = BTreeMap::new();
    for payload in wasmparser::Parser::new(0).parse_all(&parts.far) {
        match payload.unwrap() {
            Payload::ElementSection(elements) => {
                for element in elements {
                    let element = element.unwrap();
                    let wasmparser::ElementKind::Active { offset_expr, .. } = element.kind else {
                        panic!("elements of another kind");
                    };
                    let wasmparser::Operator::I32Const { value } =
                        offset_expr.get_operators_reader().read().unwrap()
                    else {
                        panic!("an offset of another kind");
                    };
                    let wasmparser::ElementItems::Functions(functions) = element.items else {
                        panic!("items of another kind");
                    };
                    for (entry, function) in (value..).zip(functions) {
                        entries.insert(entry, function.unwrap());
                    }
                }
            }
            Payload::CustomSection(custom) => {
                if let wasmparser::KnownCustom::Name(sections) = custom.as_known() {
                    for section in sections {
                        if let wasmparser::Name::Function(functions) = section.unwrap() {
                            for function in functions {
                                let function = function.unwrap();
                                names.insert(function.index, function.name);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let named: Vec<_> = entries.iter().map(|(e, f)| (*e, names[f])).collect();
    assert_eq!(
        named,
        [(1, "labs::draw"), (3, "labs::draw"), (4, "labs::run")]
    );
}

#[test]
fn a_module_that_cannot_ask_for_its_second_part_is_refused() {
    let mut bytes = whole();
    let at = bytes
        .windows(12)
        .position(|w| w == b"__wbg_arrive")
        .unwrap();
    bytes[at + 6] = b'd';
    let module = Module::read(&bytes).unwrap();
    let plan = Plan::new(&module, |name| name.contains("labs::"));
    let error = split(&module, &plan, &Default::default(), false).unwrap_err();
    assert!(error.to_string().contains("second part"), "{error}");
}

#[test]
fn a_broken_module_is_refused_in_words() {
    let bytes = whole();
    for length in [0, 3, 12, bytes.len() / 2] {
        assert!(Module::read(&bytes[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn short_names_are_unlike_each_other() {
    let names: std::collections::BTreeSet<_> = (0..5000).map(base_36).collect();
    assert_eq!(names.len(), 5000);
    assert_eq!(base_36(0), "0");
    assert_eq!(base_36(36), "10");
}
