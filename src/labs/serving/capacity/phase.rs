//! Phase diagram: which of several setups serves most within a pair of targets, for every pair.
//! Targets change no run, so a ladder of loads is simulated once per setup, and every pair of
//! targets is judged on the same requests.
//!
//! The picture that decides between serving both phases together and apart: DistServe (Zhong et
//! al., arXiv 2401.09670) and TaiChi (arXiv 2508.01989).

use super::Load;
use crate::core::{Result, finish};
use crate::labs::serving::Serving;
use crate::labs::serving::config::Config;
use crate::labs::serving::results::Ending;
use crate::labs::{Lab as _, Library};

/// Time to the first token and mean time per further token of every arrival; infinite where it
/// never came, 0 per further token where there is none.
///
/// # Errors
/// A config that cannot run.
pub fn latencies(config: &Config, load: Load, at: f64, data: &Library) -> Result<Vec<[f64; 2]>> {
    let run = finish(&mut *Serving::start(&load.put(config, at), data)?)?;
    let r = run.results();
    Ok((0..r.len())
        .map(|i| match (r.ending[i], r.tpot[i]) {
            (Ending::Finished, tpot) if tpot.is_nan() => [r.ttft[i], 0.0],
            (Ending::Finished, tpot) => [r.ttft[i], tpot],
            _ => [f64::INFINITY; 2],
        })
        .collect())
}

/// The highest load at which a `share` of the requests keeps both targets, from the latencies at
/// ascending loads: between the last load that does and the first that does not, by the line
/// through their shares. 0 if the first does not; the last load if all do.
pub fn goodput(ladder: &[(f64, Vec<[f64; 2]>)], targets: [f64; 2], share: f64) -> f64 {
    let kept = |latencies: &[[f64; 2]]| {
        let kept = (latencies.iter()).filter(|l| l[0] <= targets[0] && l[1] <= targets[1]);
        kept.count() as f64 / latencies.len().max(1) as f64
    };
    let mut last: Option<(f64, f64)> = None;
    for (load, latencies) in ladder {
        let now = kept(latencies);
        if now < share {
            return last.map_or(0.0, |(below, then)| {
                below + (load - below) * (then - share) / (then - now)
            });
        }
        last = Some((*load, now));
    }
    last.map_or(0.0, |(load, _)| load)
}

/// The setup with the largest value; `None` where no value is above 0, or the second is within a
/// twentieth of the first.
pub fn winner(values: &[f64]) -> Option<usize> {
    let best = (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]))?;
    let second = (values.iter().enumerate())
        .filter(|(i, _)| *i != best)
        .map(|(_, v)| *v)
        .fold(0.0, f64::max);
    (values[best] > 0.0 && second < 0.95 * values[best]).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goodput_lies_where_the_share_crosses_the_line() {
        let slow = |n: usize| -> Vec<[f64; 2]> {
            (0..10)
                .map(|i| [if i < n { 9.0 } else { 1.0 }, 0.1])
                .collect()
        };
        let ladder = vec![(1.0, slow(0)), (2.0, slow(0)), (4.0, slow(2))];
        // 100 % at 2, 80 % at 4: 90 % half way.
        assert!((goodput(&ladder, [2.0, 0.2], 0.9) - 3.0).abs() < 1e-12);
        assert_eq!(goodput(&ladder, [2.0, 0.05], 0.9), 0.0, "nobody keeps it");
        assert_eq!(goodput(&ladder, [10.0, 0.2], 0.9), 4.0, "all do");
        assert_eq!(goodput(&[], [1.0, 1.0], 0.9), 0.0);
    }

    #[test]
    fn a_winner_is_clear_or_there_is_none() {
        assert_eq!(winner(&[1.0, 2.0]), Some(1));
        assert_eq!(winner(&[2.0, 1.95]), None);
        assert_eq!(winner(&[0.0, 0.0]), None);
        assert_eq!(winner(&[3.0]), Some(0));
        assert_eq!(winner(&[]), None);
    }

    #[test]
    fn looser_targets_never_serve_less() {
        let config = Config {
            requests: 60,
            ..Config::default()
        };
        let ladder: Vec<(f64, Vec<[f64; 2]>)> = [0.5, 1.0, 2.0, 4.0]
            .map(|at| {
                let all = latencies(&config, Load::Rate, at, &Library::default()).unwrap();
                assert_eq!(all.len(), 60);
                (at, all)
            })
            .to_vec();
        let row = [0.02, 0.05, 0.2].map(|tpot| goodput(&ladder, [1.0, tpot], 0.9));
        assert!(row.is_sorted(), "{row:?}");
        assert!(row[2] > 0.0, "{row:?}");
    }
}
