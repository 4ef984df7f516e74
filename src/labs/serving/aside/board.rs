//! The picture of an experiment as data: lanes over time with bars, dots and levels on them.

/// A colour by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Wrong or lost.
    Bad,
    /// In between.
    Warning,
    /// Nothing in particular.
    Muted,
    /// The n-th of several alike.
    Series(u8),
    /// The same, paler.
    Pale(u8),
}

/// A kind of thing on the board.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// Its name in the legend.
    pub name: &'static str,
    /// Its colour.
    pub tone: Tone,
    /// Whether the legend counts those so far.
    pub counted: bool,
}

impl Kind {
    /// A kind that the legend counts.
    pub const fn counted(name: &'static str, tone: Tone) -> Self {
        Self {
            name,
            tone,
            counted: true,
        }
    }

    /// A kind that is only named.
    pub const fn named(name: &'static str, tone: Tone) -> Self {
        Self {
            name,
            tone,
            counted: false,
        }
    }
}

/// A lane across the picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// What its height means, from bottom to top; empty where it means nothing.
    pub scale: [String; 2],
    /// Its height over that of the others.
    pub weight: f32,
}

impl Lane {
    /// A lane as high as the others.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            weight: 1.0,
            ..Self::default()
        }
    }

    /// The words at its bottom and top.
    pub fn scaled(mut self, low: impl Into<String>, high: impl Into<String>) -> Self {
        self.scale = [low.into(), high.into()];
        self
    }

    /// Another height.
    pub fn weighing(mut self, weight: f32) -> Self {
        self.weight = weight;
        self
    }
}

/// Something that lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Its lane.
    pub lane: u16,
    /// Index of its kind.
    pub kind: u8,
    /// First and last moment.
    pub span: [f64; 2],
    /// Lower and upper edge in the lane, 0 to 1.
    pub height: [f32; 2],
    /// Whose it is.
    pub entity: u32,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dot {
    /// Its lane.
    pub lane: u16,
    /// Index of its kind.
    pub kind: u8,
    /// When.
    pub at: f64,
    /// Its height in the lane, 0 to 1.
    pub height: f32,
    /// Whose it is.
    pub entity: u32,
}

/// A value over time, constant until its next point.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Its lane.
    pub lane: u16,
    /// Index of its kind.
    pub kind: u8,
    /// Moments and heights in the lane, 0 to 1.
    pub points: Vec<[f64; 2]>,
    /// Whether it is filled down to the bottom.
    pub filled: bool,
}

/// The whole picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Board {
    /// Name of the picture for assistive technology.
    pub name: &'static str,
    /// What is seen, in a line.
    pub caption: String,
    /// The kinds of things, in the order of the legend.
    pub kinds: Vec<Kind>,
    /// The lanes from top to bottom.
    pub lanes: Vec<Lane>,
    /// What lasts.
    pub bars: Vec<Bar>,
    /// What happens.
    pub dots: Vec<Dot>,
    /// Values over time.
    pub levels: Vec<Level>,
    /// Pairs of bars of which the second waits for the first.
    pub links: Vec<[u32; 2]>,
    /// Last moment shown.
    pub end: f64,
    /// Unit of time: "s".
    pub unit: &'static str,
}

impl Board {
    /// How many things of a kind have begun by a moment.
    pub fn count(&self, kind: usize, at: f64) -> usize {
        let bars = self.bars.iter();
        let dots = self.dots.iter();
        bars.filter(|b| usize::from(b.kind) == kind && b.span[0] <= at)
            .count()
            + dots
                .filter(|d| usize::from(d.kind) == kind && d.at <= at)
                .count()
    }

    /// The legend at a moment, in words.
    pub fn words(&self, at: f64) -> String {
        let counted = self.kinds.iter().enumerate().filter(|(_, k)| k.counted);
        let parts: Vec<String> = counted
            .map(|(i, k)| format!("{} {}", self.count(i, at), k.name))
            .collect();
        parts.join(", ")
    }

    /// Top and bottom of a lane as shares of the whole height.
    pub fn lane(&self, lane: usize) -> [f32; 2] {
        let sum = |lanes: &[Lane]| -> f32 { lanes.iter().map(|l| l.weight).sum() };
        let all = sum(&self.lanes).max(f32::MIN_POSITIVE);
        let upto = lane.min(self.lanes.len());
        let top = sum(&self.lanes[..upto]);
        let own = self.lanes.get(lane).map_or(0.0, |l| l.weight);
        [top / all, (top + own) / all]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_share_the_height_by_weight_and_kinds_are_counted_up_to_a_moment() {
        let dot = |at, kind| Dot {
            lane: 0,
            kind,
            at,
            height: 0.5,
            entity: 0,
        };
        let board = Board {
            kinds: vec![
                Kind::counted("hits", Tone::Good),
                Kind::counted("misses", Tone::Bad),
                Kind::named("level", Tone::Muted),
            ],
            lanes: vec![Lane::new("a"), Lane::new("b").weighing(3.0)],
            dots: vec![dot(1.0, 0), dot(2.0, 1), dot(3.0, 0)],
            ..Board::default()
        };
        assert_eq!(board.lane(0), [0.0, 0.25]);
        assert_eq!(board.lane(1), [0.25, 1.0]);
        assert_eq!(board.words(2.0), "1 hits, 1 misses");
    }
}
