use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::ConfigError;

/// Reader of variables. It collects every fault and goes on.
pub(super) struct Reader<'a> {
    var: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    /// Returns a reader of the variables that `var` gives by name.
    pub fn new(var: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { var, faults: Vec::new() }
    }

    /// Returns the text of a variable that is set.
    pub fn text(&self, variable: &str) -> Option<String> {
        (self.var)(variable)
    }

    /// Returns the value, or `None` if there is a fault, which it stores.
    pub fn take<T>(&mut self, value: Result<T, ConfigError>) -> Option<T> {
        value.map_err(|fault| self.faults.push(fault)).ok()
    }

    /// Returns the value, or `None` if there are faults, which it stores.
    pub fn take_all<T>(&mut self, value: Result<T, Vec<ConfigError>>) -> Option<T> {
        value.map_err(|faults| self.faults.extend(faults)).ok()
    }

    /// Returns the parsed value of a variable, or `None` if the variable is not set or has a fault. `fix` is the hint for that
    /// fault.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, variable: &'static str, fix: &str) -> Option<T> {
        let fault = |error: T::Err| ConfigError::new(variable, error.to_string(), fix);
        let value = self.text(variable)?.parse().map_err(fault);
        self.take(value)
    }

    /// Returns the number of a variable, or `default` if it is not set or has a fault.
    pub fn number(&mut self, variable: &'static str, default: u16, range: RangeInclusive<u16>) -> u16 {
        let Some(text) = self.text(variable) else { return default };
        let number = text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            ConfigError::new(
                variable,
                format!("`{text}` is out of range"),
                format!("use a whole number from {} to {}", range.start(), range.end()),
            )
        });
        self.take(number).unwrap_or(default)
    }

    /// Returns all faults.
    pub fn into_faults(self) -> Vec<ConfigError> {
        self.faults
    }
}
