//! Where widgets are: rows over a grid of 24 columns.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Content, Widget};

const COLUMNS: u32 = 24;
/// More are put into a next line: narrower graphs cannot be read.
const IN_LINE_MAX: usize = 4;
const HEIGHT_MAX: u32 = 1_000;
/// Of a heading.
const LINE: u32 = 2;

/// A part of the grid, in columns and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    pub x: u32,
    pub y: u32,
    /// 1 to 24.
    pub width: u32,
    /// 1 to 1000.
    pub height: u32,
}

impl Area {
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let apart = |a: u32, size: u32, b: u32| a + size <= b;
        !(apart(self.x, self.width, other.x)
            || apart(other.x, other.width, self.x)
            || apart(self.y, self.height, other.y)
            || apart(other.y, other.height, self.y))
    }

    pub(super) fn fits(&self) -> bool {
        let positive = self.width > 0 && self.height > 0;
        positive && self.x + self.width <= COLUMNS && self.height <= HEIGHT_MAX
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{} at {},{}", self.width, self.height, self.x, self.y)
    }
}

/// Widgets row by row, from the top.
///
/// ```
/// # use kinds::kinds::{alarm::MetricStat, dashboard::{Content, Graph, Line, Rows}};
/// let graph = |name: &str| Graph::of(name, [Line::of(MetricStat::sum("Mail", name))]);
/// let rows = Rows::default().heading("Mail").row(6, [graph("Sent"), graph("Bounced")].map(Content::Graph));
/// assert_eq!(rows.widgets().len(), 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    y: u32,
    widgets: Vec<Widget>,
}

impl Rows {
    /// A line of text over the whole width.
    #[must_use]
    pub fn heading(self, text: &str) -> Self {
        self.row(LINE, [Content::Text(format!("## {text}").into())])
    }

    /// Widgets side by side, as wide as each other, in lines of four at most.
    #[must_use]
    pub fn row(mut self, height: u32, contents: impl IntoIterator<Item = Content>) -> Self {
        let contents: Vec<Content> = contents.into_iter().collect();
        for line in contents.chunks(IN_LINE_MAX) {
            let width = COLUMNS / u32::try_from(line.len()).unwrap_or(COLUMNS);
            for (x, content) in (0..).step_by(width as usize).zip(line) {
                let area = Area { x, y: self.y, width, height };
                self.widgets.push(Widget { area: Some(area), content: content.clone() });
            }
            self.y += height;
        }
        self
    }

    #[must_use]
    pub fn widgets(self) -> Vec<Widget> {
        self.widgets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fill_the_width_and_break_after_four() {
        let text = || Content::Text("x".into());
        let rows =
            Rows::default().heading("Mail").row(6, (0..3).map(|_| text())).row(4, (0..6).map(|_| text()));
        let areas: Vec<String> = rows
            .widgets()
            .into_iter()
            .filter_map(|widget| widget.area)
            .map(|area| area.to_string())
            .collect();
        let wanted = [
            "24x2 at 0,0",
            "8x6 at 0,2",
            "8x6 at 8,2",
            "8x6 at 16,2",
            "6x4 at 0,8",
            "6x4 at 6,8",
            "6x4 at 12,8",
            "6x4 at 18,8",
            "12x4 at 0,12",
            "12x4 at 12,12",
        ];
        assert_eq!(areas, wanted);
    }

    #[test]
    fn areas_overlap_or_touch() {
        let area = |x, y| Area { x, y, width: 6, height: 6 };
        assert!(area(0, 0).overlaps(&area(5, 5)) && area(5, 5).overlaps(&area(0, 0)));
        assert!(!area(0, 0).overlaps(&area(6, 0)) && !area(0, 6).overlaps(&area(0, 0)));
        assert!(area(18, 0).fits() && !area(19, 0).fits());
        assert!(!Area { height: 0, ..area(0, 0) }.fits());
    }
}
