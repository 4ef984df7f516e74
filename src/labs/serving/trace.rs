//! Request traces: arrival times and lengths, read from the formats that serving research
//! publishes. The format is recognised by the header.
//!
//! Azure LLM inference 2023 (Azure/AzurePublicDataset), processed traces of microsoft/vidur,
//! Mooncake (kvcache-ai/Mooncake, JSON lines), BurstGPT (HPMLL/BurstGPT), and plain CSV.

mod csv_rows;
mod json_rows;
mod timestamp;

use crate::core::{Error, Result};

/// Requests in order of arrival.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// Name of the format.
    pub format: &'static str,
    /// Arrival times in seconds from the first, ascending.
    pub arrival: Vec<f64>,
    /// Prompt tokens, at least 1.
    pub prompt: Vec<u32>,
    /// Output tokens, at least 1.
    pub output: Vec<u32>,
    /// Remarks of the import.
    pub remarks: Vec<String>,
}

impl Trace {
    /// Number of requests.
    pub fn len(&self) -> usize {
        self.arrival.len()
    }

    /// Whether there are none; [`read`] never gives such a trace.
    pub fn is_empty(&self) -> bool {
        self.arrival.is_empty()
    }

    /// Seconds from the first to the last arrival.
    pub fn duration(&self) -> f64 {
        self.arrival.last().copied().unwrap_or(0.0)
    }

    /// What it is, with its size.
    pub fn words(&self) -> String {
        format!(
            "request trace ({}), {} requests over {} s",
            self.format,
            thousands(self.len() as u64),
            thousands(self.duration().round() as u64)
        )
    }

    /// First rows: column names and cells.
    pub fn preview(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let columns = ["arrival, s", "prompt, tok", "output, tok"];
        let rows = (0..self.len().min(20))
            .map(|i| {
                vec![
                    format!("{:.3}", self.arrival[i]),
                    self.prompt[i].to_string(),
                    self.output[i].to_string(),
                ]
            })
            .collect();
        (columns.map(str::to_owned).to_vec(), rows)
    }
}

/// A whole number with separators: 19,366.
pub(super) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Rows as they stand in a file, before they are ordered.
#[derive(Debug, Default)]
struct Rows {
    format: &'static str,
    /// Arrival in seconds, prompt, output.
    requests: Vec<(f64, u32, u32)>,
    /// Lines without prompt tokens, without output tokens.
    dropped: [Dropped; 2],
    /// Arrival times were missing and are one second apart.
    lengths_only: bool,
    /// Other remarks.
    remarks: Vec<String>,
}

#[derive(Debug, Default)]
struct Dropped {
    count: usize,
    first_line: u64,
}

impl Rows {
    /// Takes a row; one without tokens is dropped and counted.
    fn push(&mut self, line: u64, arrival: f64, prompt: u32, output: u32) {
        let empty = if prompt == 0 {
            Some(0)
        } else if output == 0 {
            Some(1)
        } else {
            None
        };
        match empty {
            Some(i) => {
                let dropped = &mut self.dropped[i];
                if dropped.count == 0 {
                    dropped.first_line = line;
                }
                dropped.count += 1;
            }
            None => self.requests.push((arrival, prompt, output)),
        }
    }
}

/// Reads a trace, recognising its format by its content.
///
/// # Errors
/// Line, column, found and expected.
pub fn read(name: &str, text: &str) -> Result<Trace> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rows = if text.trim_start().starts_with('{') {
        json_rows::read(name, text)?
    } else {
        csv_rows::read(name, text)?
    };
    ordered(name, rows)
}

fn ordered(name: &str, mut rows: Rows) -> Result<Trace> {
    let mut remarks = std::mem::take(&mut rows.remarks);
    for (dropped, what) in rows.dropped.iter().zip(["prompt", "output"]) {
        if dropped.count > 0 {
            let hint = if what == "output" {
                " (a failed request)"
            } else {
                ""
            };
            remarks.push(format!(
                "{} rows dropped: no {what} tokens{hint}, first on line {}",
                thousands(dropped.count as u64),
                dropped.first_line
            ));
        }
    }
    if rows.requests.is_empty() {
        return Err(Error::import(
            name,
            "line 2",
            "no request with prompt and output tokens; want at least one row",
        ));
    }
    if rows.lengths_only {
        remarks.push(
            "no arrival times in this file: requests are one second apart, scale the rate as you like"
                .to_owned(),
        );
    }
    if !rows.requests.is_sorted_by(|a, b| a.0 <= b.0) {
        rows.requests.sort_by(|a, b| a.0.total_cmp(&b.0));
        remarks.push(
            "arrival times were not in order: sorted, equal times keep their order".to_owned(),
        );
    }
    let start = rows.requests[0].0;
    let mut arrival: Vec<f64> = rows.requests.iter().map(|r| r.0 - start).collect();
    if let Some(remark) = spread_coarse_times(&mut arrival) {
        remarks.push(remark);
    }
    Ok(Trace {
        format: rows.format,
        arrival,
        prompt: rows.requests.iter().map(|r| r.1).collect(),
        output: rows.requests.iter().map(|r| r.2).collect(),
        remarks,
    })
}

/// Traces whose clock is coarse (Mooncake's conversations tick every 3 s) have many requests at
/// the same time; those are spread evenly up to the next tick.
fn spread_coarse_times(arrival: &mut [f64]) -> Option<String> {
    let n = arrival.len();
    let distinct = 1 + arrival.windows(2).filter(|w| w[0] < w[1]).count();
    // A few coincidences are real; a burst at a single time is meant.
    if n < 20 || distinct < 2 || distinct * 2 > n {
        return None;
    }
    let mut i = 0;
    while i < n {
        let at = arrival[i];
        let end = i + arrival[i..].partition_point(|&t| t <= at);
        if let Some(&next) = arrival.get(end) {
            let step = (next - at) / (end - i) as f64;
            for (k, t) in arrival[i..end].iter_mut().enumerate() {
                *t = at + step * k as f64;
            }
        }
        i = end;
    }
    Some(format!(
        "{} requests share {} distinct times: spread evenly inside each step",
        thousands(n as u64),
        thousands(distinct as u64)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azure_rows_have_seven_digits_and_carriage_returns() {
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0319600,3180,8\r\n";
        let trace = read("conv.csv", text).unwrap();
        assert_eq!(trace.prompt, [4808, 3180]);
        assert_eq!(trace.output, [10, 8]);
        assert!(
            (trace.arrival[1] - 0.052).abs() < 1e-12,
            "{:?}",
            trace.arrival
        );
        assert_eq!(
            trace.words(),
            "request trace (Azure LLM inference), 2 requests over 0 s"
        );
    }

    #[test]
    fn the_other_formats_are_recognised_by_their_headers() {
        let vidur = read(
            "v.csv",
            "arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,10,2\n1.5,11,3\n",
        )
        .unwrap();
        assert_eq!(vidur.arrival, [0.0, 1.0]);
        let lengths = read("l.csv", "num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio\n3772,54,3826,69.85\n2015,156,2171,12.9\n").unwrap();
        assert_eq!(lengths.arrival, [0.0, 1.0]);
        assert!(
            lengths.remarks[0].contains("no arrival times"),
            "{:?}",
            lengths.remarks
        );
        let burst = read("b.csv", "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,a,1,ChatGPT,472,18,490,Conversation log\n45,a,1,ChatGPT,1087,0,1087,Conversation log\n118,b,1,GPT-4,417,276,693,API log\n").unwrap();
        assert_eq!((burst.len(), burst.arrival[1]), (2, 113.0));
        assert!(
            burst.remarks[0].starts_with("1 rows dropped: no output tokens"),
            "{:?}",
            burst.remarks
        );
        let mooncake = read("m.jsonl", "{\"timestamp\": 0, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, 1]}\n{\"timestamp\": 3000, \"input_length\": 7322, \"output_length\": 490, \"hash_ids\": [0]}\n").unwrap();
        assert_eq!((mooncake.arrival[1], mooncake.prompt[1]), (3.0, 7322));
        let plain = read("p.csv", "arrival_secs,prompt_tokens,output_tokens\n0,1,1\n").unwrap();
        assert_eq!(plain.len(), 1);
    }

    #[test]
    fn errors_name_line_column_found_and_expected() {
        let refused = |text: &str| read("t.csv", text).unwrap_err().to_string();
        assert_eq!(
            refused("arrival_secs,prompt_tokens,output_tokens\n0,5,1\n1,many,1\n"),
            "t.csv, line 3, column prompt_tokens: found \"many\", want a whole number"
        );
        assert_eq!(
            refused("arrival_secs,prompt_tokens,output_tokens\n-1,5,1\n"),
            "t.csv, line 2, column arrival_secs: found \"-1\", want seconds from 0"
        );
        assert!(
            refused("arrival_secs,prompt_tokens,output_tokens\nNaN,5,1\n").contains("want seconds"),
            "NaN"
        );
        assert!(
            refused("a,b\n1,2\n").starts_with("t.csv, line 1: found columns a, b; want"),
            "{}",
            refused("a,b\n1,2\n")
        );
        assert!(
            refused("arrival_secs,prompt_tokens,output_tokens\n0,5\n").contains("line 2"),
            "short row"
        );
        let cut = "{\"timestamp\": 0, \"input_length\": 6758, \"output_length\": 500}\n{\"timestamp\": 30, \"inp";
        assert!(
            refused(cut).starts_with("t.csv, line 2"),
            "{}",
            refused(cut)
        );
        assert!(
            refused("arrival_secs,prompt_tokens,output_tokens\n").contains("at least one row"),
            "no rows"
        );
        assert!(
            refused("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-13-16 18:17:03,1,1\n")
                .contains("column TIMESTAMP"),
            "month 13"
        );
    }

    #[test]
    fn unsorted_arrivals_are_sorted_stably_with_a_remark() {
        let trace = read(
            "t.csv",
            "arrival_secs,prompt_tokens,output_tokens\n2,1,1\n1,2,1\n1,3,1\n",
        )
        .unwrap();
        assert_eq!(trace.prompt, [2, 3, 1]);
        assert!(
            trace.remarks[0].contains("not in order"),
            "{:?}",
            trace.remarks
        );
    }

    #[test]
    fn coarse_clocks_are_spread_inside_their_steps() {
        let mut text = "arrival_secs,prompt_tokens,output_tokens\n".to_owned();
        for i in 0..30 {
            text.push_str(&(i / 3 * 3).to_string());
            text.push_str(",1,1\n");
        }
        let trace = read("t.csv", &text).unwrap();
        assert_eq!(trace.arrival[..6], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(
            trace.remarks[0].contains("30 requests share 10"),
            "{:?}",
            trace.remarks
        );
    }

    #[test]
    fn real_traces_have_their_published_statistics() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../shared/data/serving/azure_llm_2023_conv.csv"
        );
        let near = path.replace("/../../", "/../");
        let Ok(text) = std::fs::read_to_string(path).or_else(|_| std::fs::read_to_string(near))
        else {
            println!("skipped: {path} is not there");
            return;
        };
        let trace = read("conv.csv", &text).unwrap();
        assert_eq!(trace.len(), 19_366);
        assert_eq!(trace.duration().round(), 3502.0);
        let mut prompts: Vec<f64> = trace.prompt.iter().map(|&p| f64::from(p)).collect();
        prompts.sort_by(f64::total_cmp);
        assert_eq!(
            crate::core::stats::percentile_sorted(&prompts, 50.0),
            1020.0
        );
        assert!(trace.remarks.is_empty(), "{:?}", trace.remarks);
    }
}
