//! Request traces: arrival times and lengths, read from the formats that serving research
//! publishes. The format is recognised by the header.
//!
//! Azure LLM inference 2023 and 2024 (Azure/AzurePublicDataset), processed traces of
//! microsoft/vidur, Mooncake (kvcache-ai/Mooncake, JSON lines), BurstGPT (HPMLL/BurstGPT), pairs of
//! lengths such as those taken from ShareGPT, and plain CSV:
//!
//! ```csv
//! arrival_secs,prompt_tokens,output_tokens,user,class,priority,session
//! 0.0,812,64,alice,0,0,c1
//! ```
//!
//! The first three columns are needed, the others may be missing. `user` and `session` are any
//! words, `class` is a whole number from 0 to 255, `priority` a whole number, lower is sooner.

mod csv_rows;
mod export;
mod import;
mod json_rows;
mod rows;
mod timestamp;

pub(super) use export::to_csv;
pub use import::Import;

use super::engine::Tags;
use crate::core::{Result, finish};
use std::borrow::Cow;

/// Requests in order of arrival.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// Name of the format.
    pub format: &'static str,
    /// Arrival times in seconds from the first, ascending.
    pub arrival: Vec<f64>,
    /// Whether many requests share the ticks of a coarse clock.
    pub coarse: bool,
    /// Prompt tokens, at least 1.
    pub prompt: Vec<u32>,
    /// Output tokens, at least 1.
    pub output: Vec<u32>,
    /// Users, classes, priorities, conversations and shared tokens, as far as the file tells.
    pub tags: Tags,
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

    /// Arrival times, those that share a tick of a coarse clock spread evenly up to the next one.
    pub fn spread_arrivals(&self) -> Cow<'_, [f64]> {
        if !self.coarse {
            return Cow::Borrowed(&self.arrival);
        }
        let mut out = self.arrival.clone();
        let n = out.len();
        let mut i = 0;
        while i < n {
            let at = out[i];
            let end = i + out[i..].partition_point(|&t| t <= at);
            if let Some(&next) = out.get(end) {
                let step = (next - at) / (end - i) as f64;
                for (k, t) in out[i..end].iter_mut().enumerate() {
                    *t = at + step * k as f64;
                }
            }
            i = end;
        }
        Cow::Owned(out)
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
        let mut columns = vec!["arrival, s", "prompt, tok", "output, tok"];
        let extra: [(&str, bool); 4] = [
            ("user", !self.tags.user.is_empty()),
            ("class", !self.tags.class.is_empty()),
            ("priority", !self.tags.priority.is_empty()),
            ("session", !self.tags.session.is_empty()),
        ];
        columns.extend(
            extra
                .iter()
                .filter(|(_, there)| *there)
                .map(|(name, _)| name),
        );
        let rows = (0..self.len().min(20))
            .map(|i| {
                let r = i as u32;
                let mut row = vec![
                    format!("{:.3}", self.arrival[i]),
                    self.prompt[i].to_string(),
                    self.output[i].to_string(),
                ];
                let values = [
                    self.tags.user(r).to_string(),
                    self.tags.class(r).to_string(),
                    self.tags.priority(r).to_string(),
                    self.tags.session(r).to_string(),
                ];
                for (value, (_, there)) in values.into_iter().zip(&extra) {
                    if *there {
                        row.push(value);
                    }
                }
                row
            })
            .collect();
        (columns.into_iter().map(str::to_owned).collect(), rows)
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

/// Reads a trace, recognising its format by its content.
///
/// # Errors
/// Line, column, found and expected.
pub fn read(name: &str, text: &str) -> Result<Trace> {
    finish(&mut Import::new(name, text.as_bytes().to_vec())?)
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
        let mooncake = read("m.jsonl", "{\"timestamp\": 0, \"input_length\": 1000, \"output_length\": 500, \"hash_ids\": [0, 1]}\n{\"timestamp\": 3000, \"input_length\": 322, \"output_length\": 490, \"hash_ids\": [0]}\n").unwrap();
        assert_eq!((mooncake.arrival[1], mooncake.prompt[1]), (3.0, 322));
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
        assert_eq!(trace.arrival[..6], [0.0, 0.0, 0.0, 3.0, 3.0, 3.0]);
        assert_eq!(trace.spread_arrivals()[..6], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
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
            println!("SKIPPED: {path} is not there");
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

    #[test]
    fn users_classes_priorities_and_sessions_of_a_plain_table_are_read_and_written_back() {
        let text = "session,arrival_secs,prompt_tokens,output_tokens,class,user,priority\nc2,0,10,1,0,bob,2\nc1,0.5,20,2,1,ann,-1\nc2,1,30,3,0,bob,2\n";
        let trace = read("t.csv", text).unwrap();
        assert_eq!(trace.tags.user, [0, 1, 0]);
        assert_eq!(trace.tags.session, [0, 1, 0]);
        assert_eq!(trace.tags.class, [0, 1, 0]);
        assert_eq!(trace.tags.priority, [2, -1, 2]);
        let again = read("again.csv", &trace.to_csv()).unwrap();
        assert_eq!(again, trace);
        let refused = read("t.csv", &text.replace(",1,ann", ",300,ann")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "t.csv, line 3, column class: found \"300\", want a whole number from 0 to 255"
        );
    }

    #[test]
    fn mooncake_hashes_become_shared_tokens() {
        let line = |at: u32, tokens: u32, ids: &str| {
            format!(
                "{{\"timestamp\": {at}, \"input_length\": {tokens}, \"output_length\": 5, \"hash_ids\": [{ids}]}}\n"
            )
        };
        let text = line(0, 1100, "46, 47, 2000") + &line(10, 1500, "46, 47, 48");
        let trace = read("m.jsonl", &text).unwrap();
        let tokens: Vec<u32> = trace.tags.pieces(0).iter().map(|p| p.tokens).collect();
        assert_eq!(tokens, [512, 512, 76], "the last block is not full");
        let keys = |r| trace.tags.block_keys(r, 16, 1100).collect::<Vec<u64>>();
        let same = keys(0)
            .iter()
            .zip(keys(1))
            .filter(|(a, b)| **a == *b)
            .count();
        assert_eq!(same, 64, "two blocks of 512 are shared");
        let odd = read("m.jsonl", &line(0, 1100, "46, 47"))
            .unwrap_err()
            .to_string();
        assert!(
            odd.contains("line 1, field hash_ids") && odd.contains('3'),
            "{odd}"
        );
    }

    #[test]
    fn pairs_of_lengths_are_recognised_by_many_names() {
        for header in [
            "input_tokens,output_tokens",
            "prompt_len,output_len",
            "prompt_tokens,completion_tokens",
            "input_length,output_length",
        ] {
            let trace = read("p.csv", &format!("{header}\n5,6\n7,8\n")).unwrap();
            assert_eq!(
                (trace.prompt, trace.output),
                (vec![5, 7], vec![6, 8]),
                "{header}"
            );
        }
        let lines =
            "{\"prompt_len\": 5, \"output_len\": 6}\n{\"prompt_len\": 7, \"output_len\": 8}\n";
        let trace = read("p.jsonl", lines).unwrap();
        assert_eq!((trace.prompt, trace.arrival), (vec![5, 7], vec![0.0, 1.0]));
        let array = "[{\"prompt_len\": 5, \"output_len\": 6}]";
        assert!(
            read("p.json", array)
                .unwrap_err()
                .to_string()
                .contains("one JSON object per line")
        );
    }

    #[test]
    fn a_long_trace_is_read_in_many_short_steps() {
        use crate::core::{Job as _, Step};
        let mut text = "arrival_secs,prompt_tokens,output_tokens\n".to_owned();
        text.extend((0..50_000).map(|i| format!("{i},{},7\n", i % 900 + 1)));
        let mut import = Import::new("long.csv", text.into_bytes()).unwrap();
        let mut steps = 0;
        let trace = loop {
            steps += 1;
            let before = import.progress();
            match import.step().unwrap() {
                Step::Done(trace) => break trace,
                Step::Working => assert!(import.progress() >= before),
            }
        };
        assert_eq!(trace.len(), 50_000);
        assert!(steps > 20, "{steps}");
    }
}
