//! Requests written as the plain table.

use super::Trace;
use crate::labs::serving::engine::Tags;
use std::fmt::Write as _;

impl Trace {
    /// The trace as plain CSV that [`super::read`] reads back. Tokens shared with other requests
    /// are not written.
    pub fn to_csv(&self) -> String {
        to_csv(&self.arrival, &self.prompt, &self.output, &self.tags)
    }
}

/// Requests as plain CSV; columns that would be the same for all are left out.
pub(crate) fn to_csv(arrival: &[f64], prompt: &[u32], output: &[u32], tags: &Tags) -> String {
    let mut out = "arrival_secs,prompt_tokens,output_tokens".to_owned();
    let columns = [
        ("user", tags.user.is_empty()),
        ("class", tags.class.is_empty()),
        ("priority", tags.priority.is_empty()),
        ("session", tags.session.is_empty()),
    ];
    for (name, absent) in columns {
        if !absent {
            out.push(',');
            out.push_str(name);
        }
    }
    out.push('\n');
    for (i, at) in arrival.iter().enumerate() {
        let r = i as u32;
        let values = [
            i64::from(tags.user(r)),
            i64::from(tags.class(r)),
            i64::from(tags.priority(r)),
            i64::from(tags.session(r)),
        ];
        // Writing to a string cannot fail.
        write!(out, "{at},{},{}", prompt[i], output[i]).ok();
        for (value, (_, absent)) in values.iter().zip(columns) {
            if !absent {
                write!(out, ",{value}").ok();
            }
        }
        out.push('\n');
    }
    out
}
