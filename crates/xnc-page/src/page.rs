//! What a page is made of.

use crate::chart::Chart;

/// One page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Heading, and the title of the window.
    pub title: String,
    /// The reader's question and its answer, in a sentence or two.
    pub lead: String,
    /// What has to be known before any number: on what it was measured, when, what is out of date.
    pub notes: Vec<String>,
    /// The few numbers that say most.
    pub facts: Vec<Fact>,
    /// The rest, in order.
    pub sections: Vec<Section>,
    /// Where it comes from: machine, date, versions.
    pub colophon: Vec<String>,
}

/// A number that is shown large.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The number with its unit.
    pub value: String,
    /// What it is.
    pub label: String,
    /// Whose it is.
    pub accent: Accent,
}

/// A part of the page under a heading.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// What is in it.
    pub blocks: Vec<Block>,
}

/// What stands in a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A smaller heading.
    Heading(String),
    /// Points of a list.
    List(Vec<String>),
    /// A table.
    Table(Table),
    /// Charts side by side where there is room.
    Charts(Vec<Chart>),
}

/// A table. Columns but the first `left` are numbers and stand at the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What it shows, and how it was obtained.
    pub caption: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// How many columns from the left are text.
    pub left: usize,
    /// The rest.
    pub rows: Vec<Row>,
}

/// A row of a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whose numbers these are; shown as a mark of that colour, none for [`Accent::None`].
    pub accent: Accent,
    /// As many as the table has columns.
    pub cells: Vec<String>,
}

/// Who a number belongs to. One colour each, the same everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Accent {
    /// Nobody's.
    #[default]
    None,
    /// Codec `fast`.
    Fast,
    /// Codec `tight`.
    Tight,
    /// Codec `dense`.
    Dense,
    /// Codec `xnc`.
    Xnc,
    /// Words as they are.
    Plain,
    /// Somebody else's compressor.
    Peer,
    /// A bound that is computed, not a compressor.
    Bound,
}

impl Accent {
    /// The accent of a codec's name; [`Accent::Peer`] for names that are none.
    pub fn of(name: &str) -> Accent {
        match name {
            "fast" => Accent::Fast,
            "tight" => Accent::Tight,
            "dense" => Accent::Dense,
            "xnc" => Accent::Xnc,
            "plain" => Accent::Plain,
            _ => Accent::Peer,
        }
    }

    /// Name of its colour in the style sheet.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Accent::None => "none",
            Accent::Fast => "fast",
            Accent::Tight => "tight",
            Accent::Dense => "dense",
            Accent::Xnc => "xnc",
            Accent::Plain => "plain",
            Accent::Peer => "peer",
            Accent::Bound => "bound",
        }
    }
}

impl Section {
    /// An empty section.
    pub fn new(title: impl Into<String>) -> Section {
        Section { title: title.into(), blocks: Vec::new() }
    }

    /// Adds a block.
    pub fn push(&mut self, block: Block) -> &mut Section {
        self.blocks.push(block);
        self
    }

    /// Adds a paragraph.
    pub fn text(&mut self, text: impl Into<String>) -> &mut Section {
        self.push(Block::Text(text.into()))
    }

    /// Adds a smaller heading.
    pub fn heading(&mut self, text: impl Into<String>) -> &mut Section {
        self.push(Block::Heading(text.into()))
    }
}

/// Name by which a link finds a heading: that of the usual readers of Markdown.
pub(crate) fn anchor(heading: &str) -> String {
    let letters = heading.chars().filter_map(|c| match c {
        ' ' | '-' => Some('-'),
        c if c.is_alphanumeric() || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    letters.collect()
}

impl Table {
    /// A table without rows.
    pub fn new(caption: impl Into<String>, left: usize, header: &[&str]) -> Table {
        let header = header.iter().map(|&name| name.to_owned()).collect();
        Table { caption: caption.into(), header, left, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If it has another number of cells than the header.
    pub fn row(&mut self, accent: Accent, cells: Vec<String>) {
        assert_eq!(cells.len(), self.header.len(), "a cell a column: {cells:?}");
        self.rows.push(Row { accent, cells });
    }
}
