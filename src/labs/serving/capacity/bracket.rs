//! The highest load that does, enclosed between a load and its double and then bisected.

use super::Load;

/// Where a search stands: a load that does, one that does not, and the one to try next.
#[derive(Debug, Clone)]
pub(super) struct Bracket {
    load: Load,
    does: Option<f64>,
    fails: Option<f64>,
    next: f64,
    left: u32,
}

impl Bracket {
    /// Begins at a load; `steps` halvings on the logarithm follow once it is enclosed.
    pub(super) fn new(load: Load, start: f64, steps: u32) -> Self {
        let [least, most] = load.range();
        Self {
            load,
            does: None,
            fails: None,
            next: start.clamp(least, most),
            left: steps,
        }
    }

    /// The load to try.
    pub(super) fn next(&self) -> f64 {
        self.next
    }

    /// Highest load known to do.
    pub(super) fn best(&self) -> Option<f64> {
        self.does
    }

    /// Whether even the largest load allowed does.
    pub(super) fn at_limit(&self) -> bool {
        self.does.is_some() && self.fails.is_none()
    }

    /// Hears whether the load that was tried does; `true` when the search is over.
    pub(super) fn absorb(&mut self, met: bool) -> bool {
        if met {
            self.does = Some(self.next);
        } else {
            self.fails = Some(self.next);
        }
        let [least, most] = self.load.range();
        match (self.does, self.fails) {
            (Some(low), Some(high)) => {
                if self.left == 0 || (self.load == Load::Clients && high - low <= 1.0) {
                    return true;
                }
                self.left -= 1;
                self.next = (low * high).sqrt();
                if self.load == Load::Clients {
                    self.next = self.next.round().clamp(low + 1.0, high - 1.0);
                }
            }
            (Some(low), None) if low < most => self.next = (2.0 * low).min(most),
            (None, Some(high)) if high > least => self.next = (0.5 * high).max(least),
            _ => return true,
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_start_leads_to_the_edge_between_what_does_and_what_does_not() {
        for start in [0.02, 1.0, 7.3, 900.0] {
            let mut bracket = Bracket::new(Load::Rate, start, 12);
            while !bracket.absorb(bracket.next() <= 7.3) {}
            let best = bracket.best().unwrap();
            assert!(best <= 7.3 && best * 1.001 > 7.3, "{start}: {best}");
            assert!(!bracket.at_limit());
        }
        let mut all = Bracket::new(Load::Rate, 3.0, 4);
        while !all.absorb(true) {}
        assert_eq!((all.best(), all.at_limit()), (Some(1000.0), true));
        let mut none = Bracket::new(Load::Rate, 3.0, 4);
        while !none.absorb(false) {}
        assert_eq!((none.best(), none.at_limit()), (None, false));
    }
}
