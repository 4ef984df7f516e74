//! Parameters as data: one declaration gives the widget, its range, default, unit and tooltip,
//! the validation of configs from files and links, and the axes of a sweep.

use super::{Error, Result};

/// A group of parameters under one heading.
pub type Group = &'static str;

/// Kind and accessors of a parameter of config `C`.
#[derive(Debug)]
pub enum ParamKind<C> {
    /// A real number.
    Float {
        /// Reads it.
        get: fn(&C) -> f64,
        /// Writes it.
        set: fn(&mut C, f64),
        /// Smallest value allowed.
        min: f64,
        /// Largest value allowed.
        max: f64,
        /// Whether the slider is logarithmic.
        log: bool,
    },
    /// A whole number.
    Int {
        /// Reads it.
        get: fn(&C) -> u64,
        /// Writes it.
        set: fn(&mut C, u64),
        /// Smallest value allowed.
        min: u64,
        /// Largest value allowed.
        max: u64,
        /// Whether the slider is logarithmic.
        log: bool,
    },
    /// One of a few named alternatives.
    Choice {
        /// Labels in order.
        options: &'static [&'static str],
        /// Reads the index.
        get: fn(&C) -> usize,
        /// Writes the index.
        set: fn(&mut C, usize),
    },
    /// On or off.
    Toggle {
        /// Reads it.
        get: fn(&C) -> bool,
        /// Writes it.
        set: fn(&mut C, bool),
    },
}

/// What a value of a parameter can be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// A number.
    Number {
        /// Smallest value allowed.
        min: f64,
        /// Largest value allowed.
        max: f64,
        /// Whether the slider is logarithmic.
        log: bool,
        /// Whether it is whole.
        whole: bool,
    },
    /// The index of one of a few named alternatives.
    Choice(&'static [&'static str]),
    /// 0 for off, 1 for on.
    Toggle,
}

/// A parameter apart from the config it belongs to: all that a widget, an axis or a message needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// Key, the field's name in the JSON config.
    pub id: &'static str,
    /// Label on screen.
    pub label: &'static str,
    /// Unit; empty for a pure number.
    pub unit: &'static str,
    /// Definition in a sentence or two.
    pub doc: &'static str,
    /// Heading it stands under.
    pub group: Group,
    /// What its value can be.
    pub form: Form,
    /// Whether it is shown only under "more".
    pub advanced: bool,
}

impl Field {
    /// A value as text with its unit, for "what differs" lines and tooltips.
    pub fn text(&self, value: f64) -> String {
        let number = match self.form {
            Form::Number { whole: false, .. } => short(value),
            Form::Number { whole: true, .. } => format!("{value:.0}"),
            Form::Choice(options) => {
                return (*options.get(value as usize).unwrap_or(&"?")).to_owned();
            }
            Form::Toggle => return if value == 0.0 { "off" } else { "on" }.to_owned(),
        };
        self.with_unit(number)
    }

    fn with_unit(&self, number: String) -> String {
        if self.unit.is_empty() {
            number
        } else {
            format!("{number} {}", self.unit)
        }
    }

    /// Range of a number and whether its slider is logarithmic; `None` for choices and toggles.
    pub fn range(&self) -> Option<([f64; 2], bool)> {
        match self.form {
            Form::Number { min, max, log, .. } => Some(([min, max], log)),
            Form::Choice(_) | Form::Toggle => None,
        }
    }

    /// `count` values from `low` to `high`, evenly spaced on the parameter's slider; whole numbers
    /// without repetition.
    pub fn grid(&self, [low, high]: [f64; 2], count: usize) -> Vec<f64> {
        let log = self.range().is_some_and(|(_, log)| log) && low > 0.0;
        let mut values = if log {
            // Rounding must not carry the ends out of the range.
            super::num::logspace(low, high, count)
                .into_iter()
                .map(|v| v.clamp(low, high))
                .collect()
        } else {
            super::num::linspace(low, high, count)
        };
        if matches!(self.form, Form::Number { whole: true, .. }) {
            for value in &mut values {
                *value = value.round();
            }
            values.dedup();
        }
        values
    }

    /// The error of a value out of range.
    fn refusal(&self, got: &str) -> Error {
        let allowed = match self.form {
            Form::Number { min, max, .. } => format!("{min} to {max} {}", self.unit),
            Form::Choice(options) => options.join(", "),
            Form::Toggle => "on, off".to_owned(),
        };
        Error::out_of_range(self.id, got, allowed.trim_end())
    }
}

// By hand: only functions of the config are kept, so it need not be `Copy` itself.
impl<C> Clone for ParamKind<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for ParamKind<C> {}

/// One parameter of config `C`.
#[derive(Debug)]
pub struct Param<C> {
    /// Key, the field's name in the JSON config.
    pub id: &'static str,
    /// Label on screen.
    pub label: &'static str,
    /// Unit; empty for a pure number.
    pub unit: &'static str,
    /// Definition in a sentence or two.
    pub doc: &'static str,
    /// Heading it stands under.
    pub group: Group,
    /// Kind and accessors.
    pub kind: ParamKind<C>,
    /// Whether it has an effect where its group has one; hidden and not checked otherwise.
    pub active: fn(&C) -> bool,
    /// Whether its whole group has an effect in this config.
    pub scope: fn(&C) -> bool,
    /// Whether it is shown only under "more".
    pub advanced: bool,
}

impl<C> Clone for Param<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Param<C> {}

impl<C> Param<C> {
    /// A real number in `[min, max]`.
    pub const fn float(
        id: &'static str,
        label: &'static str,
        [min, max]: [f64; 2],
        get: fn(&C) -> f64,
        set: fn(&mut C, f64),
    ) -> Self {
        Self::new(
            id,
            label,
            ParamKind::Float {
                get,
                set,
                min,
                max,
                log: false,
            },
        )
    }

    /// A whole number in `[min, max]`.
    pub const fn int(
        id: &'static str,
        label: &'static str,
        [min, max]: [u64; 2],
        get: fn(&C) -> u64,
        set: fn(&mut C, u64),
    ) -> Self {
        Self::new(
            id,
            label,
            ParamKind::Int {
                get,
                set,
                min,
                max,
                log: false,
            },
        )
    }

    /// One of `options`.
    pub const fn choice(
        id: &'static str,
        label: &'static str,
        options: &'static [&'static str],
        get: fn(&C) -> usize,
        set: fn(&mut C, usize),
    ) -> Self {
        Self::new(id, label, ParamKind::Choice { options, get, set })
    }

    /// On or off.
    pub const fn toggle(
        id: &'static str,
        label: &'static str,
        get: fn(&C) -> bool,
        set: fn(&mut C, bool),
    ) -> Self {
        Self::new(id, label, ParamKind::Toggle { get, set })
    }

    const fn new(id: &'static str, label: &'static str, kind: ParamKind<C>) -> Self {
        Self {
            id,
            label,
            unit: "",
            doc: "",
            group: "",
            kind,
            active: |_| true,
            scope: |_| true,
            advanced: false,
        }
    }

    /// Makes the slider logarithmic (the range must be positive).
    pub const fn log(mut self) -> Self {
        match &mut self.kind {
            ParamKind::Float { log, .. } | ParamKind::Int { log, .. } => *log = true,
            _ => {}
        }
        self
    }

    /// Sets the unit.
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// Sets the definition.
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Sets the heading.
    pub const fn group(mut self, group: Group) -> Self {
        self.group = group;
        self
    }

    /// Sets when it has an effect.
    pub const fn when(mut self, active: fn(&C) -> bool) -> Self {
        self.active = active;
        self
    }

    /// Sets when its group has an effect, beside [`Self::when`].
    pub const fn within(mut self, scope: fn(&C) -> bool) -> Self {
        self.scope = scope;
        self
    }

    /// Whether it has an effect in a config.
    pub fn is_active(&self, config: &C) -> bool {
        (self.scope)(config) && (self.active)(config)
    }

    /// Shows it only under "more".
    pub const fn advanced(mut self) -> Self {
        self.advanced = true;
        self
    }

    /// The value as a number (index of a choice, 0 or 1 of a toggle).
    pub fn value(&self, config: &C) -> f64 {
        match self.kind {
            ParamKind::Float { get, .. } => get(config),
            ParamKind::Int { get, .. } => get(config) as f64,
            ParamKind::Choice { get, .. } => get(config) as f64,
            ParamKind::Toggle { get, .. } => f64::from(u8::from(get(config))),
        }
    }

    /// The parameter apart from its config.
    pub fn field(&self) -> Field {
        let form = match self.kind {
            ParamKind::Float { min, max, log, .. } => Form::Number {
                min,
                max,
                log,
                whole: false,
            },
            ParamKind::Int { min, max, log, .. } => Form::Number {
                min: min as f64,
                max: max as f64,
                log,
                whole: true,
            },
            ParamKind::Choice { options, .. } => Form::Choice(options),
            ParamKind::Toggle { .. } => Form::Toggle,
        };
        Field {
            id: self.id,
            label: self.label,
            unit: self.unit,
            doc: self.doc,
            group: self.group,
            form,
            advanced: self.advanced,
        }
    }

    /// [`Field::range`].
    pub fn range(&self) -> Option<([f64; 2], bool)> {
        self.field().range()
    }

    /// Sets a number, rounded where the parameter is whole. Choices take their index, toggles 0 or
    /// 1. The range is not checked here.
    pub fn set_value(&self, config: &mut C, value: f64) {
        match self.kind {
            ParamKind::Float { set, .. } => set(config, value),
            ParamKind::Int { set, .. } => set(config, value.round().max(0.0) as u64),
            ParamKind::Choice { set, .. } => set(config, value.round().max(0.0) as usize),
            ParamKind::Toggle { set, .. } => set(config, value >= 0.5),
        }
    }

    /// Copies the value from `source`.
    pub fn copy(&self, target: &mut C, source: &C) {
        match self.kind {
            ParamKind::Float { get, set, .. } => set(target, get(source)),
            ParamKind::Int { get, set, .. } => set(target, get(source)),
            ParamKind::Choice { get, set, .. } => set(target, get(source)),
            ParamKind::Toggle { get, set } => set(target, get(source)),
        }
    }

    /// The value as text with its unit.
    pub fn text(&self, config: &C) -> String {
        match self.kind {
            // Seeds have more digits than a real number can hold.
            ParamKind::Int { get, .. } => self.field().with_unit(get(config).to_string()),
            _ => self.field().text(self.value(config)),
        }
    }

    /// Checks the value against its range.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] with this parameter's id.
    pub fn check(&self, config: &C) -> Result<()> {
        let got = match self.kind {
            ParamKind::Float { get, min, max, .. } => {
                let v = get(config);
                (!(v >= min && v <= max)).then(|| v.to_string())
            }
            ParamKind::Int { get, min, max, .. } => {
                let v = get(config);
                (v < min || v > max).then(|| v.to_string())
            }
            ParamKind::Choice { options, get, .. } => {
                let v = get(config);
                (v >= options.len()).then(|| v.to_string())
            }
            ParamKind::Toggle { .. } => None,
        };
        got.map_or(Ok(()), |got| Err(self.field().refusal(&got)))
    }
}

/// Checks every active parameter of a config.
///
/// # Errors
/// The first parameter out of range.
pub fn validate<C>(params: &[Param<C>], config: &C) -> Result<()> {
    params
        .iter()
        .filter(|p| p.is_active(config))
        .try_for_each(|p| p.check(config))
}

/// A number in the shortest form with at most 4 significant digits, for labels.
fn short(v: f64) -> String {
    if v == 0.0 {
        return "0".to_owned();
    }
    let magnitude = v.abs();
    if !(1e-3..1e6).contains(&magnitude) {
        return format!("{v:.3e}");
    }
    let digits = (3 - magnitude.log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{v:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Reads a number the way people type it: `3e-4`, `1/3`, `2k`, `1.5M`, `90%`.
pub fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim().replace(['_', ' '], "");
    if let Some((a, b)) = text.split_once('/') {
        let (a, b) = (parse_number(a)?, parse_number(b)?);
        return (b != 0.0).then_some(a / b);
    }
    let (body, factor) = match text.chars().last()? {
        'k' => (&text[..text.len() - 1], 1e3),
        'M' => (&text[..text.len() - 1], 1e6),
        'G' => (&text[..text.len() - 1], 1e9),
        '%' => (&text[..text.len() - 1], 1e-2),
        _ => (text.as_str(), 1.0),
    };
    let value: f64 = body.parse().ok()?;
    (value * factor).is_finite().then_some(value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Config {
        rate: f64,
        layers: u64,
    }

    const PARAMS: &[Param<Config>] = &[
        Param::float(
            "rate",
            "Rate",
            [1e-5, 1.0],
            |c: &Config| c.rate,
            |c, v| c.rate = v,
        )
        .log()
        .unit("1/s"),
        Param::int(
            "layers",
            "Layers",
            [1, 8],
            |c: &Config| c.layers,
            |c, v| c.layers = v,
        )
        .when(|c| c.rate > 0.5),
    ];

    #[test]
    fn out_of_range_names_the_field_and_the_range() {
        let config = Config {
            rate: f64::NAN,
            layers: 1,
        };
        let error = validate(PARAMS, &config).unwrap_err();
        assert_eq!(error.field(), Some("rate"));
        assert_eq!(error.to_string(), "rate is NaN; allowed: 0.00001 to 1 1/s");
    }

    #[test]
    fn inactive_parameters_are_not_checked() {
        let mut config = Config {
            rate: 0.1,
            layers: 99,
        };
        assert_eq!(validate(PARAMS, &config), Ok(()));
        config.rate = 0.9;
        assert_eq!(
            validate(PARAMS, &config).unwrap_err().field(),
            Some("layers")
        );
        let elsewhere = PARAMS[1].within(|c| c.layers < 9);
        assert_eq!(
            validate(&[elsewhere], &config),
            Ok(()),
            "outside of its group"
        );
    }

    #[test]
    fn grids_follow_the_slider_and_whole_numbers_do_not_repeat() {
        let rates = PARAMS[0].field().grid([1e-4, 1e-2], 3);
        for (got, want) in rates.iter().zip([1e-4, 1e-3, 1e-2]) {
            assert!((got / want - 1.0).abs() < 1e-12, "{got} is not {want}");
        }
        assert_eq!(PARAMS[1].field().grid([1.0, 4.0], 9), [1.0, 2.0, 3.0, 4.0]);
        let mut config = Config {
            rate: 0.1,
            layers: 1,
        };
        PARAMS[1].set_value(&mut config, 2.6);
        assert_eq!(config.layers, 3);
    }

    #[test]
    fn numbers_are_read_as_people_type_them() {
        assert_eq!(parse_number("3e-4"), Some(3e-4));
        assert_eq!(parse_number(" 1/4 "), Some(0.25));
        assert_eq!(parse_number("2k"), Some(2000.0));
        assert_eq!(parse_number("90%"), Some(0.9));
        assert_eq!(parse_number("1/0"), None);
        assert_eq!(parse_number("fast"), None);
        assert_eq!(parse_number(""), None);
    }
}
