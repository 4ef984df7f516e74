//! Writes the two parts.

use crate::Result;
use crate::data::{self, Piece};
use crate::module::Module;
use crate::order::{self, Item};
use crate::plan::Plan;
use std::borrow::Cow;
use std::collections::BTreeMap;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    MemorySection, NameMap, NameSection, StartSection, TableSection, TypeSection, ValType,
};

/// The page's function that brings the second part, as `wasm-bindgen` names its import.
const ARRIVE: &str = "__wbg_arrive_";
/// Name of the imported module by which the second part knows the first.
const NEAR: &str = "near";
/// Name under which the first part exports the flag that says that the second is there.
const HERE: &str = "here";

/// Two modules that together do what one did.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The first. It exports what the second needs under short names, next to what it exported.
    pub(crate) near: Vec<u8>,
    /// The second. Its one imported module, `near`, is what the first exports.
    pub(crate) far: Vec<u8>,
}

/// Gives the functions of one part their indices there.
struct Renumber {
    functions: BTreeMap<u32, u32>,
    globals: BTreeMap<u32, u32>,
}

/// Something that a part names and does not have.
#[derive(Debug)]
struct Absent(&'static str, u32);

impl std::fmt::Display for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} is not in this part", self.0, self.1)
    }
}

impl std::error::Error for Absent {}

impl Reencode for Renumber {
    type Error = Absent;

    fn function_index(&mut self, index: u32) -> std::result::Result<u32, Error<Absent>> {
        let found = self.functions.get(&index).copied();
        found.ok_or(Error::UserError(Absent("function", index)))
    }

    fn global_index(&mut self, index: u32) -> std::result::Result<u32, Error<Absent>> {
        let found = self.globals.get(&index).copied();
        found.ok_or(Error::UserError(Absent("global", index)))
    }
}

/// Parts a module as planned, with the data of the first part and that of the second.
///
/// A function that went and is still named in the first part leaves a door there: it asks the page for
/// the second part where that is not there yet, and calls through the table. When the second part is
/// instantiated, it puts its functions into the table, so that calls through it no longer see the door.
///
/// # Errors
/// Sections that cannot be read, or no import by which the second part could be asked for.
pub(crate) fn split(
    module: &Module<'_>,
    plan: &Plan,
    (first, later): &(Vec<Piece<'_>>, Vec<Piece<'_>>),
    names: bool,
) -> Result<Parts> {
    Ok(Parts {
        near: near(module, plan, first, names)?,
        far: far(module, plan, later, names)?,
    })
}

fn near(module: &Module<'_>, plan: &Plan, data: &[Piece<'_>], names: bool) -> Result<Vec<u8>> {
    let (_, arrive) = (module.imports.iter().zip(0..))
        .find(|(import, _)| import.name.starts_with(ARRIVE))
        .ok_or("the module does not ask the page for its second part")?;
    // Doors are like each other and like nothing else.
    let mut doors: Vec<(u32, u32, u32)> = Vec::new();
    for (&function, &entry) in &plan.doors {
        doors.push((type_of(module, function)?, entry, function));
    }
    doors.sort_unstable();
    let mut functions = own(module, |f| plan.is_near(f))?;
    functions.extend(doors.iter().map(|&(.., function)| function));
    let mut new = Renumber {
        functions: (0..module.imported())
            .chain(functions.iter().copied())
            .zip(0..)
            .collect(),
        globals: (0..module.globals.len() as u32).map(|i| (i, i)).collect(),
    };
    let here = module.globals.len() as u32;

    let mut out = wasm_encoder::Module::new();
    out.section(&types(module, &mut new)?);
    let mut imports = ImportSection::new();
    for import in &module.imports {
        imports.import(import.module, import.name, new.entity_type(import.ty)?);
    }
    out.section(&imports);
    let mut signatures = FunctionSection::new();
    for &function in &functions {
        signatures.function(type_of(module, function)?);
    }
    out.section(&signatures);
    let mut tables = TableSection::new();
    for table in tables_of(module, plan, &mut new)? {
        tables.table(table);
    }
    out.section(&tables);
    let mut memories = MemorySection::new();
    if let Some(memory) = module.memory {
        memories.memory(new.memory_type(memory)?);
    }
    out.section(&memories);
    let mut globals = GlobalSection::new();
    for global in &module.globals {
        let value = new.const_expr(global.init_expr.clone())?;
        globals.global(new.global_type(global.ty)?, &value);
    }
    globals.global(FLAG, &ConstExpr::i32_const(0));
    out.section(&globals);

    let mut exports = ExportSection::new();
    for export in &module.exports {
        let kind = new.export_kind(export.kind)?;
        let index = new.external_index(export.kind, export.index)?;
        exports.export(export.name, kind, index);
    }
    for shared in shared(module, plan) {
        let (kind, index) = match shared {
            Shared::Memory => (ExportKind::Memory, 0),
            Shared::Table(index) => (ExportKind::Table, index),
            Shared::Global(index) => (ExportKind::Global, new.global_index(index)?),
            Shared::Function(index) => (ExportKind::Func, new.function_index(index)?),
        };
        exports.export(&shared.name(), kind, index);
    }
    exports.export(HERE, ExportKind::Global, here);
    out.section(&exports);
    if let Some(function) = module.start {
        let function_index = new.function_index(function)?;
        out.section(&StartSection { function_index });
    }
    let mut elements = ElementSection::new();
    for segment in &module.segments {
        let functions = segment.functions.iter().map(|&f| new.function_index(f));
        let functions = functions.collect::<std::result::Result<Vec<_>, _>>()?;
        put(&mut elements, segment.offset, functions);
    }
    out.section(&elements);

    let mut code = CodeSection::new();
    for &function in &functions {
        match plan.doors.get(&function) {
            None => new.parse_function_body(&mut code, body_of(module, function)?)?,
            Some(&entry) => {
                code.function(&door(module, function, entry, here, arrive)?);
            }
        }
    }
    out.section(&code);
    out.section(&data::section(data));
    if names {
        out.section(&names_of(module, &new));
    }
    Ok(out.finish())
}

fn far(module: &Module<'_>, plan: &Plan, data: &[Piece<'_>], names: bool) -> Result<Vec<u8>> {
    let own = own(module, |f| !plan.is_near(f))?;
    let called_back = plan.called_back.iter().copied();
    let mut new = Renumber {
        functions: called_back.chain(own.iter().copied()).zip(0..).collect(),
        globals: plan.globals.iter().copied().zip(0..).collect(),
    };
    let here = plan.globals.len() as u32;
    let start_type = module.signatures.len() as u32;

    let mut out = wasm_encoder::Module::new();
    let mut all_types = types(module, &mut new)?;
    all_types.ty().function([], []);
    out.section(&all_types);
    let tables = tables_of(module, plan, &mut new)?;
    let mut imports = ImportSection::new();
    for shared in shared(module, plan) {
        let kind: Option<EntityType> = match shared {
            Shared::Memory => match module.memory {
                Some(memory) => Some(new.memory_type(memory)?.into()),
                None => None,
            },
            Shared::Table(index) => tables.get(index as usize).copied().map(Into::into),
            Shared::Global(index) => match module.globals.get(index as usize) {
                Some(global) => Some(new.global_type(global.ty)?.into()),
                None => None,
            },
            Shared::Function(index) => Some(EntityType::Function(type_of(module, index)?)),
        };
        let kind = kind.ok_or("an export without a type")?;
        imports.import(NEAR, &shared.name(), kind);
    }
    imports.import(NEAR, HERE, FLAG);
    out.section(&imports);
    let mut signatures = FunctionSection::new();
    for &function in &own {
        signatures.function(type_of(module, function)?);
    }
    signatures.function(start_type);
    out.section(&signatures);
    out.section(&StartSection {
        function_index: (plan.called_back.len() + own.len()) as u32,
    });

    let mut entries = BTreeMap::new();
    for segment in &module.segments {
        for (i, function) in (segment.offset..).zip(&segment.functions) {
            if !plan.is_near(*function) {
                entries.insert(i, new.function_index(*function)?);
            }
        }
    }
    for (&function, &entry) in &plan.doors {
        entries.insert(entry, new.function_index(function)?);
    }
    let mut elements = ElementSection::new();
    for (offset, functions) in runs(&entries) {
        put(&mut elements, offset, functions);
    }
    out.section(&elements);

    let mut code = CodeSection::new();
    for &function in &own {
        new.parse_function_body(&mut code, body_of(module, function)?)?;
    }
    let mut start = Function::new([]);
    start.instructions().i32_const(1).global_set(here).end();
    code.function(&start);
    out.section(&code);
    out.section(&data::section(data));
    if names {
        out.section(&names_of(module, &new));
    }
    Ok(out.finish())
}

/// The functions of a part that have code, in the order that it has them.
fn own(module: &Module<'_>, belongs: impl Fn(u32) -> bool) -> Result<Vec<u32>> {
    let mut items = Vec::new();
    for function in (module.imported()..module.functions()).filter(|&f| belongs(f)) {
        items.push(Item {
            function,
            signature: type_of(module, function)?,
            code: body_of(module, function)?.as_bytes(),
        });
    }
    Ok(order::by_likeness(items))
}

/// Type of the flag that says whether the second part is there: 0 or 1.
const FLAG: GlobalType = GlobalType {
    val_type: ValType::I32,
    mutable: true,
    shared: false,
};

/// What the first part exports for the second.
#[derive(Clone, Copy)]
enum Shared {
    Memory,
    Table(u32),
    Global(u32),
    Function(u32),
}

impl Shared {
    /// A short name. `wasm-bindgen` has none with a sign at its beginning.
    fn name(self) -> String {
        match self {
            Self::Memory => "+".to_owned(),
            Self::Table(index) => format!("*{index}"),
            Self::Global(index) => format!("={index}"),
            Self::Function(index) => format!("-{}", base_36(index)),
        }
    }
}

fn base_36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.extend(char::from_digit(number % 36, 36));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

fn shared(module: &Module<'_>, plan: &Plan) -> impl Iterator<Item = Shared> {
    let memory = module.memory.map(|_| Shared::Memory);
    let tables = (0..module.tables.len() as u32).map(Shared::Table);
    let globals = plan.globals.iter().copied().map(Shared::Global);
    let functions = plan.called_back.iter().copied().map(Shared::Function);
    memory
        .into_iter()
        .chain(tables)
        .chain(globals)
        .chain(functions)
}

/// What stands for a function that went: its arguments are passed on through the table.
fn door(
    module: &Module<'_>,
    function: u32,
    entry: u32,
    here: u32,
    arrive: u32,
) -> Result<Function> {
    let parameters = module.signature(function)?.params().len() as u32;
    let mut door = Function::new([]);
    let mut code = door.instructions();
    code.global_get(here)
        .i32_eqz()
        .if_(BlockType::Empty)
        .call(arrive)
        .end();
    for parameter in 0..parameters {
        code.local_get(parameter);
    }
    code.i32_const(entry.cast_signed())
        .call_indirect(0, type_of(module, function)?)
        .end();
    Ok(door)
}

fn types(module: &Module<'_>, new: &mut Renumber) -> Result<TypeSection> {
    let mut section = TypeSection::new();
    if let Some(types) = &module.types {
        new.parse_type_section(&mut section, types.clone())?;
    }
    Ok(section)
}

fn tables_of(
    module: &Module<'_>,
    plan: &Plan,
    new: &mut Renumber,
) -> Result<Vec<wasm_encoder::TableType>> {
    let mut tables = Vec::new();
    for table in &module.tables {
        tables.push(new.table_type(*table)?);
    }
    if let Some(first) = tables.first_mut() {
        first.minimum += u64::from(plan.added_entries);
        first.maximum = first.maximum.map(|m| m + u64::from(plan.added_entries));
    }
    Ok(tables)
}

fn type_of(module: &Module<'_>, function: u32) -> Result<u32> {
    let found = module.function_types.get(function as usize).copied();
    found.ok_or_else(|| format!("function {function} has no type").into())
}

fn body_of<'a>(module: &Module<'a>, function: u32) -> Result<wasmparser::FunctionBody<'a>> {
    let own = function.checked_sub(module.imported());
    let found = own.and_then(|own| module.bodies.get(own as usize)).cloned();
    found.ok_or_else(|| format!("function {function} has no code").into())
}

fn put(elements: &mut ElementSection, offset: u32, functions: Vec<u32>) {
    elements.active(
        None,
        &ConstExpr::i32_const(offset.cast_signed()),
        Elements::Functions(Cow::Owned(functions)),
    );
}

/// Entries of the table as runs of neighbours.
fn runs(entries: &BTreeMap<u32, u32>) -> Vec<(u32, Vec<u32>)> {
    let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
    for (&entry, &function) in entries {
        match runs.last_mut() {
            Some((offset, functions)) if *offset + functions.len() as u32 == entry => {
                functions.push(function);
            }
            _ => runs.push((entry, vec![function])),
        }
    }
    runs
}

fn names_of(module: &Module<'_>, new: &Renumber) -> NameSection {
    let named = new
        .functions
        .iter()
        .filter_map(|(old, &new)| Some((new, *module.names.get(old)?)));
    let mut functions = NameMap::new();
    for (index, name) in named.collect::<BTreeMap<_, _>>() {
        functions.append(index, name);
    }
    let mut section = NameSection::new();
    section.functions(&functions);
    section
}

#[cfg(test)]
mod tests;
