//! A page of text, tables and charts, shown as one self-contained HTML file or as Markdown.
//!
//! Both come from the same [`Page`], so they cannot disagree. The HTML fetches nothing, runs nothing, follows
//! the reader's light or dark setting, and fits a phone. Markdown leaves out charts: whoever draws one also
//! gives its numbers in a table.
//!
//! Text may hold `` `code` ``, `**bold**` and `[links](target)`; everything else in it is shown as it is.

mod chart;
mod html;
mod inline;
mod markdown;
pub mod number;
mod page;
pub mod picture;

pub use chart::{Axis, Bar, Bars, Chart, Histogram, Lines, Mark, Series};
pub use page::{Accent, Block, Fact, Page, Row, Section, Table};
