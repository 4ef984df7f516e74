//! The one error type: what is wrong, where, and what is allowed, in plain words.

/// Result of anything that can be refused.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong, in words a user can act on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A parameter has a value outside its range.
    #[error("{field} is {got}; allowed: {allowed}")]
    OutOfRange {
        /// Parameter id, as in the JSON config.
        field: String,
        /// The value found.
        got: String,
        /// The values allowed.
        allowed: String,
    },
    /// A config, link or reference file does not have the expected form.
    #[error("{what}: {problem}")]
    Malformed {
        /// What was read (a field, a file, a link).
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A user's file cannot be used.
    #[error("{file}, {place}: {problem}")]
    Import {
        /// File name as the user knows it.
        file: String,
        /// Line, column, tensor or byte.
        place: String,
        /// Found against expected.
        problem: String,
    },
    /// A setup needs data that is not loaded.
    #[error("this setup uses {name}; open that file first")]
    MissingData {
        /// Name of the data set.
        name: String,
    },
    /// The thing asked for is not supported here.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// A run cannot go on (deadlock, divergence, saturation).
    #[error("{0}")]
    Stuck(String),
    /// The graphics device refused or was lost.
    #[error("GPU: {0}")]
    Gpu(String),
    /// A file could not be read or written.
    #[error("{path}: {problem}")]
    Io {
        /// Path as given.
        path: String,
        /// The system's reason.
        problem: String,
    },
}

impl Error {
    /// A parameter out of range.
    pub fn out_of_range(
        field: impl Into<String>,
        got: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self::OutOfRange {
            field: field.into(),
            got: got.to_string(),
            allowed: allowed.into(),
        }
    }

    /// A malformed input.
    pub fn malformed(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Malformed {
            what: what.into(),
            problem: problem.into(),
        }
    }

    /// A user's file that cannot be used.
    pub fn import(
        file: impl Into<String>,
        place: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Import {
            file: file.into(),
            place: place.into(),
            problem: problem.into(),
        }
    }

    /// The parameter at fault, where there is one: the message is shown under its widget.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::OutOfRange { field, .. } => Some(field),
            _ => None,
        }
    }
}
