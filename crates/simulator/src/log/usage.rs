//! Blocks in use on every instance over time, in stretches that get longer with the run.

/// Most stretches.
const MOST: usize = 2048;

/// Blocks in use over time, instance by instance.
#[derive(Debug, Clone)]
pub struct Usage {
    width: f64,
    /// For each instance and stretch the most blocks in use and those at its end.
    stretches: Vec<Vec<Option<(u32, u32)>>>,
}

impl Usage {
    /// For so many instances.
    pub(super) fn new(instances: usize) -> Self {
        Self {
            width: 1.0 / 64.0,
            stretches: vec![Vec::new(); instances],
        }
    }

    pub(super) fn record(&mut self, at: f64, instance: usize, used: u32) {
        let mut place = (at / self.width) as usize;
        while place >= MOST {
            self.widen();
            place = (at / self.width) as usize;
        }
        let Some(line) = self.stretches.get_mut(instance) else {
            return;
        };
        if line.len() <= place {
            line.resize(place + 1, None);
        }
        let most = line[place].map_or(used, |(most, _)| most.max(used));
        line[place] = Some((most, used));
    }

    /// Stretches of twice the length.
    fn widen(&mut self) {
        self.width *= 2.0;
        for line in &mut self.stretches {
            let pairs = line.chunks(2).map(|pair| match *pair {
                [Some((a, _)), Some((b, last))] => Some((a.max(b), last)),
                [first, second] => first.or(second),
                [only] => only,
                _ => None,
            });
            *line = pairs.collect();
        }
    }

    /// The course of an instance up to `end`: corners of [seconds, most blocks in use].
    pub fn course(&self, instance: usize, end: f64) -> Vec<[f64; 2]> {
        let line = self.stretches.get(instance).map_or(&[][..], Vec::as_slice);
        let (mut out, mut last) = (Vec::new(), 0);
        for (i, stretch) in line.iter().enumerate() {
            let (most, after) = stretch.unwrap_or((last, last));
            out.push([i as f64 * self.width, f64::from(most)]);
            last = after;
        }
        out.push([end, f64::from(last)]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_stretches_keep_the_most_and_the_last() {
        let mut usage = Usage::new(2);
        for i in 0..1000_u32 {
            usage.record(f64::from(i), 1, i % 10);
        }
        let course = usage.course(1, 1000.0);
        assert!(course.len() <= MOST + 1, "{}", course.len());
        assert_eq!(course.last(), Some(&[1000.0, 9.0]));
        let most = course.iter().map(|c| c[1]).fold(0.0, f64::max);
        assert_eq!(most, 9.0);
        assert_eq!(usage.course(0, 5.0), [[5.0, 0.0]]);
    }
}
