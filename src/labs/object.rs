//! Configs and their parts out of JSON objects.
//!
//! Out of objects and nothing else: serde would also take a list of the fields in their order, which
//! nobody writes and which made the page's module larger.

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::{Error, Map, Value};

/// Reads a config.
///
/// # Errors
/// What is wrong, with the name of the field it stands in.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    let Value::Object(object) = value else {
        return Err(Error::custom("not an object {…}"));
    };
    let problem = |object: Map<String, Value>| T::deserialize(object).err();
    T::deserialize(object.clone()).map_err(|whole| placed(object, whole, &problem))
}

/// Reads a part of a config: what a field with `#[serde(deserialize_with = "object::part")]` holds.
pub(crate) fn part<'de, T, D>(from: D) -> Result<Box<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    use serde::Deserialize as _;
    let value = Value::deserialize(from)?;
    read(value).map(Box::new).map_err(D::Error::custom)
}

/// The problem with the field it stands in: every field has a default, so that each can be read alone.
fn placed(
    object: Map<String, Value>,
    whole: Error,
    problem: &dyn Fn(Map<String, Value>) -> Option<Error>,
) -> Error {
    for (name, value) in object {
        let Some(error) = problem(Map::from_iter([(name.clone(), value)])) else {
            continue;
        };
        // A field that does not exist is named already.
        return if error.to_string().contains(&format!("`{name}`")) {
            error
        } else {
            Error::custom(format!("{name}: {error}"))
        };
    }
    whole
}

#[cfg(test)]
mod tests {
    use crate::labs::Setup;

    fn refused(config: &str) -> String {
        let text = format!(r#"{{"lab":"serving","config":{config}}}"#);
        Setup::from_json(&text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named_with_its_field() {
        let of_a_field = refused(r#"{"seed":1,"rate":"fast"}"#);
        assert!(of_a_field.contains("rate: invalid type"), "{of_a_field}");
        let of_a_part = refused(r#"{"cache":{"threshold":[]}}"#);
        assert!(
            of_a_part.contains("cache: threshold: invalid type"),
            "{of_a_part}"
        );
        let unknown = refused(r#"{"sede":1}"#);
        assert!(!unknown.contains("sede: "), "named twice: {unknown}");
        assert!(refused("[1, 2]").contains("not an object"));
        assert!(refused(r#"{"cache":3}"#).contains("cache: not an object"));
    }
}
