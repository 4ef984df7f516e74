//! A module taken apart, as far as parting it needs.

use crate::Result;
use std::collections::{BTreeSet, HashMap};
use wasmparser::{
    DataSectionReader, ElementItems, ElementKind, Export, FuncType, FunctionBody, Global, Import,
    KnownCustom, MemoryType, Name, Operator, Parser, Payload, TableType, TypeRef,
    TypeSectionReader,
};

/// What a function's code names.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// Functions that it calls directly.
    pub(crate) functions: BTreeSet<u32>,
    /// Globals that it reads or writes.
    pub(crate) globals: BTreeSet<u32>,
}

/// A run of functions that the module puts into its first table.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Index of the first in the table.
    pub(crate) offset: u32,
    /// Indices of the functions.
    pub(crate) functions: Vec<u32>,
}

/// The sections of a module. Only functions are imported.
pub(crate) struct Module<'a> {
    pub(crate) types: Option<TypeSectionReader<'a>>,
    /// Parameters and results by type index.
    pub(crate) signatures: Vec<FuncType>,
    pub(crate) imports: Vec<Import<'a>>,
    /// Type index of each function, imported ones first.
    pub(crate) function_types: Vec<u32>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memory: Option<MemoryType>,
    pub(crate) globals: Vec<Global<'a>>,
    pub(crate) exports: Vec<Export<'a>>,
    pub(crate) start: Option<u32>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) data: Option<DataSectionReader<'a>>,
    /// Code of the functions that are not imported.
    pub(crate) bodies: Vec<FunctionBody<'a>>,
    /// What the code of each names.
    pub(crate) uses: Vec<Uses>,
    pub(crate) names: HashMap<u32, &'a str>,
}

impl<'a> Module<'a> {
    /// Reads a module.
    ///
    /// # Errors
    /// Bytes that are not WebAssembly, or something that `wasm-bindgen` and `wasm-opt` do not make of
    /// a Rust program and that this program does not know how to part.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut module = Self {
            types: None,
            signatures: Vec::new(),
            imports: Vec::new(),
            function_types: Vec::new(),
            tables: Vec::new(),
            memory: None,
            globals: Vec::new(),
            exports: Vec::new(),
            start: None,
            segments: Vec::new(),
            data: None,
            bodies: Vec::new(),
            uses: Vec::new(),
            names: HashMap::new(),
        };
        for payload in Parser::new(0).parse_all(bytes) {
            module.take(payload?)?;
        }
        Ok(module)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(types) => {
                for signature in types.clone().into_iter_err_on_gc_types() {
                    self.signatures.push(signature?);
                }
                self.types = Some(types);
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    let TypeRef::Func(signature) = import.ty else {
                        return Err(format!("{} is imported and no function", import.name).into());
                    };
                    self.function_types.push(signature);
                    self.imports.push(import);
                }
            }
            Payload::FunctionSection(functions) => {
                for signature in functions {
                    self.function_types.push(signature?);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    if self.memory.replace(memory?).is_some() {
                        return Err("the module has more than one memory".into());
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                self.globals = globals.into_iter().collect::<std::result::Result<_, _>>()?;
            }
            Payload::ExportSection(exports) => {
                self.exports = exports.into_iter().collect::<std::result::Result<_, _>>()?;
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(elements) => {
                for element in elements {
                    self.segments.push(segment(&element?)?);
                }
            }
            Payload::DataSection(data) => self.data = Some(data),
            Payload::CodeSectionEntry(body) => {
                self.uses.push(uses(&body)?);
                self.bodies.push(body);
            }
            Payload::CustomSection(custom) => {
                if let KnownCustom::Name(names) = custom.as_known() {
                    for name in names {
                        if let Name::Function(functions) = name? {
                            for function in functions {
                                let function = function?;
                                self.names.insert(function.index, function.name);
                            }
                        }
                    }
                }
            }
            Payload::TagSection(_) => return Err("the module has tags".into()),
            _ => {}
        }
        Ok(())
    }

    /// How many functions are imported: the index of the first that is not.
    pub(crate) fn imported(&self) -> u32 {
        self.imports.len() as u32
    }

    /// How many functions there are, imported ones too.
    pub(crate) fn functions(&self) -> u32 {
        self.function_types.len() as u32
    }

    /// The signature of a function.
    pub(crate) fn signature(&self, function: u32) -> Result<&FuncType> {
        self.function_types
            .get(function as usize)
            .and_then(|&index| self.signatures.get(index as usize))
            .ok_or_else(|| format!("function {function} has no type").into())
    }

    /// What the code of a function names; `None` for an imported one.
    pub(crate) fn uses_of(&self, function: u32) -> Option<&Uses> {
        self.uses
            .get(function.checked_sub(self.imported())? as usize)
    }

    /// Bytes of the code of a function.
    pub(crate) fn size_of(&self, function: u32) -> usize {
        function
            .checked_sub(self.imported())
            .and_then(|own| self.bodies.get(own as usize))
            .map_or(0, |body| body.range().len())
    }
}

fn segment(element: &wasmparser::Element<'_>) -> Result<Segment> {
    let ElementKind::Active {
        table_index: None | Some(0),
        offset_expr,
    } = &element.kind
    else {
        return Err("elements outside of the first table".into());
    };
    let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
        return Err("elements at an offset that is not a constant".into());
    };
    let ElementItems::Functions(functions) = &element.items else {
        return Err("elements that are expressions".into());
    };
    Ok(Segment {
        offset: value.cast_unsigned(),
        functions: functions
            .clone()
            .into_iter()
            .collect::<std::result::Result<_, _>>()?,
    })
}

fn uses(body: &FunctionBody<'_>) -> Result<Uses> {
    let mut uses = Uses::default();
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                uses.functions.insert(function_index);
            }
            Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                uses.globals.insert(global_index);
            }
            Operator::RefFunc { .. }
            | Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. } => {
                return Err("code that names functions, data or elements as values".into());
            }
            _ => {}
        }
    }
    Ok(uses)
}
