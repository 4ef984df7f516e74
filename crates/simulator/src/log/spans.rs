//! What the members of a cohort have in common: when it ran, and the gaps between its tokens.

/// The cohort of one instance.
#[derive(Debug, Clone, Default)]
pub(super) struct Together {
    /// Stretches of time in which it ran without a pause.
    spans: Vec<[f64; 2]>,
    /// When its members had their last token.
    last: f64,
    /// Ends and lengths of gaps, each followed by shorter ones or equal ones only.
    gaps: Vec<(f64, f64)>,
}

impl Together {
    /// Somebody joined who had a token at `at`, as all members had. Returns where its spans begin.
    pub(super) fn join(&mut self, at: f64) -> u32 {
        self.last = at;
        self.spans.len().saturating_sub(1) as u32
    }

    /// It ran; returns the gap of all members.
    pub(super) fn ran(&mut self, started: f64, at: f64) -> f64 {
        match self.spans.last_mut() {
            Some(span) if span[1] == started => span[1] = at,
            _ => self.spans.push([started, at]),
        }
        let gap = at - self.last;
        self.last = at;
        while self.gaps.last().is_some_and(|&(_, other)| other < gap) {
            self.gaps.pop();
        }
        self.gaps.push((at, gap));
        gap
    }

    /// When it ran last, or somebody joined.
    pub(super) fn last(&self) -> f64 {
        self.last
    }

    /// Spans from a place on.
    pub(super) fn spans(&self, from: u32) -> &[[f64; 2]] {
        &self.spans[from as usize..]
    }

    /// The longest gap that ended after `at`, and when it ended; 0 without any.
    pub(super) fn longest_since(&self, at: f64) -> (f64, f64) {
        let place = self.gaps.partition_point(|&(end, _)| end <= at);
        self.gaps
            .get(place)
            .map_or((0.0, f64::NAN), |&(end, gap)| (gap, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_since_a_moment_is_found() {
        let mut together = Together::default();
        assert_eq!(together.join(1.0), 0);
        for (started, at) in [(1.0, 2.0), (2.0, 5.0), (5.0, 6.0), (7.0, 9.0), (9.0, 10.0)] {
            together.ran(started, at);
        }
        assert_eq!(together.longest_since(1.0), (3.0, 5.0));
        assert_eq!(together.longest_since(2.0), (3.0, 5.0));
        assert_eq!(
            together.longest_since(5.0),
            (3.0, 9.0),
            "a pause of 1 and 2"
        );
        assert_eq!(together.longest_since(9.0), (1.0, 10.0));
        assert_eq!(together.longest_since(10.0).0, 0.0);
        assert_eq!(together.spans(0), [[1.0, 6.0], [7.0, 10.0]]);
    }
}
