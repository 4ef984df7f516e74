//! The memory that an admission rule sees coming, as a curve over time: everybody decodes one
//! token per iteration, and whoever is done gives all back.

use super::engine::{Limits, Work};
use super::policies::Forecast;

/// Corners of the curve, [seconds, tokens], from the moment of the forecast on: up while everybody
/// grows, straight down where somebody ends. Its highest corner is the peak that admission looks at.
pub(super) fn curve(forecast: &Forecast, limits: &Limits) -> Vec<[f64; 2]> {
    let mut left = forecast.now_and_to_come.clone();
    left.sort_by_key(|&(_, to_come)| to_come);
    let mut now: f64 = left.iter().map(|&(tokens, _)| f64::from(tokens)).sum();
    let (mut at, mut steps) = (forecast.at, 0);
    let mut corners = vec![[at, now]];
    let mut first = 0;
    while first < left.len() {
        let running = left.len() - first;
        let to_go = left[first].1 - steps;
        let grown = running as f64 * f64::from(to_go);
        if to_go > 0 {
            let work = Work {
                decodes: running as u64,
                kv_read: (now + 0.5 * grown) as u64,
                ..Work::default()
            };
            at += f64::from(to_go) * limits.cost.stage_seconds(&work, limits.stages);
            now += grown;
            corners.push([at, now]);
        }
        steps += to_go;
        while first < left.len() && left[first].1 == steps {
            now -= f64::from(left[first].0) + f64::from(steps);
            first += 1;
        }
        corners.push([at, now]);
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::Config;
    use crate::labs::serving::policies::peak_tokens;

    #[test]
    fn the_highest_corner_is_the_peak_and_all_is_free_at_the_end() {
        let limits = Config::default().limits();
        for pairs in [
            vec![(10, 3), (4, 8)],
            vec![(100, 0), (50, 7), (50, 7), (1, 90)],
            vec![(5, 0)],
            vec![],
        ] {
            let mut sorted = pairs.clone();
            let forecast = Forecast {
                at: 2.0,
                now_and_to_come: pairs,
            };
            let corners = curve(&forecast, &limits);
            let highest = corners.iter().map(|c| c[1]).fold(0.0, f64::max);
            assert_eq!(highest as u64, peak_tokens(&mut sorted), "{sorted:?}");
            assert_eq!(corners.last().map(|c| c[1]), Some(0.0), "{sorted:?}");
            assert!(
                corners.windows(2).all(|w| w[0][0] <= w[1][0]),
                "{corners:?}"
            );
        }
    }
}
