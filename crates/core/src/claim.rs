//! A paper's claim, tested here.

use serde::{Deserialize, Serialize};

/// What our experiment says about a paper's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Direction and size hold.
    Reproduced,
    /// The direction holds, the size or the range does not.
    Partly,
    /// It does not hold here.
    NotReproduced,
    /// It cannot be tested here.
    NotTestable,
}

impl Verdict {
    /// The words on the badge.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Partly => "partly reproduced",
            Self::NotReproduced => "not reproduced",
            Self::NotTestable => "not testable here",
        }
    }
}

/// Outcome of a claim experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimResult {
    /// What was measured: "P99 TBT, vLLM over Sarathi-512".
    pub quantity: String,
    /// Unit of the measured value, `"×"` for ratios.
    pub unit: String,
    /// The paired mean over seeds.
    #[serde(with = "any_float")]
    pub measured: f64,
    /// 95 % interval of the mean over seeds; infinite where one seed says nothing of the spread.
    #[serde(with = "any_floats")]
    pub interval: [f64; 2],
    /// Seeds used, in order.
    pub seeds: Vec<u64>,
    /// What follows.
    pub verdict: Verdict,
    /// Why, with the conditions under which it holds.
    pub why: String,
}

impl ClaimResult {
    /// The same with six digits a figure: what is stored and shipped.
    pub fn in_six_digits(mut self) -> Self {
        let [low, high] = self.interval;
        self.measured = six_digits(self.measured);
        self.interval = [six_digits(low), six_digits(high)];
        self
    }
}

fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// A number as JSON has it, or `"NaN"`, `"Infinity"`, `"-Infinity"`, which JSON lacks.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AnyFloat {
    Finite(f64),
    Other(String),
}

impl From<f64> for AnyFloat {
    fn from(v: f64) -> Self {
        if v.is_finite() {
            Self::Finite(v)
        } else if v.is_nan() {
            Self::Other("NaN".to_owned())
        } else if v > 0.0 {
            Self::Other("Infinity".to_owned())
        } else {
            Self::Other("-Infinity".to_owned())
        }
    }
}

impl TryFrom<AnyFloat> for f64 {
    type Error = String;

    fn try_from(value: AnyFloat) -> Result<Self, String> {
        match value {
            AnyFloat::Finite(v) => Ok(v),
            AnyFloat::Other(text) => match text.as_str() {
                "NaN" => Ok(Self::NAN),
                "Infinity" => Ok(Self::INFINITY),
                "-Infinity" => Ok(Self::NEG_INFINITY),
                _ => Err(format!("{text:?} is not a number")),
            },
        }
    }
}

mod any_float {
    use super::AnyFloat;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    #[cfg_attr(
        target_pointer_width = "64",
        expect(clippy::trivially_copy_pass_by_ref, reason = "the form serde calls")
    )]
    pub(super) fn serialize<S: Serializer>(v: &f64, s: S) -> Result<S::Ok, S::Error> {
        AnyFloat::from(*v).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        f64::try_from(AnyFloat::deserialize(d)?).map_err(D::Error::custom)
    }
}

mod any_floats {
    use super::AnyFloat;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(v: &[f64; 2], s: S) -> Result<S::Ok, S::Error> {
        v.map(AnyFloat::from).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[f64; 2], D::Error> {
        let [low, high] = <[AnyFloat; 2]>::deserialize(d)?;
        let read = |v| f64::try_from(v).map_err(D::Error::custom);
        Ok([read(low)?, read(high)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_survives_json_even_without_an_interval() {
        let result = ClaimResult {
            quantity: "loss".to_owned(),
            unit: String::new(),
            measured: 0.1 + 0.2,
            interval: [f64::NEG_INFINITY, f64::INFINITY],
            seeds: vec![1],
            verdict: Verdict::Partly,
            why: String::new(),
        };
        let json = serde_json::to_string(&result).unwrap();
        assert_eq!(serde_json::from_str::<ClaimResult>(&json).unwrap(), result);
        let stored = result.clone().in_six_digits();
        assert_eq!(stored.measured, 0.3);
        assert_eq!(stored.interval, result.interval, "infinite or not");
        assert_eq!(stored.clone().in_six_digits(), stored);
        let broken = json.replace("\"-Infinity\"", "\"none\"");
        assert!(
            serde_json::from_str::<ClaimResult>(&broken).is_err(),
            "{broken}"
        );
    }
}
