//! A page as Markdown.

use crate::page::{Block, Page, Table};

impl Page {
    /// The page as Markdown, charts left out.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("# {}\n\n{}\n", self.title, self.lead);
        for note in &self.notes {
            out += &format!("\n{note}\n");
        }
        if !self.facts.is_empty() {
            out.push('\n');
        }
        for fact in &self.facts {
            out += &format!("- **{}** {}\n", fact.value, fact.label);
        }
        for section in &self.sections {
            out += &format!("\n## {}\n", section.title);
            for block in &section.blocks {
                match block {
                    Block::Text(text) => out += &format!("\n{text}\n"),
                    Block::Heading(text) => out += &format!("\n### {text}\n"),
                    Block::List(points) => {
                        out.push('\n');
                        points.iter().for_each(|point| out += &format!("- {point}\n"));
                    }
                    Block::Table(table) => out += &table_markdown(table),
                    Block::Charts(_) => {}
                }
            }
        }
        if !self.colophon.is_empty() {
            out += "\n---\n";
        }
        for line in &self.colophon {
            out += &format!("\n{line}\n");
        }
        out
    }
}

fn table_markdown(table: &Table) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut out = String::from("\n");
    if !table.caption.is_empty() {
        out += &format!("{}\n\n", table.caption);
    }
    out += &line(&table.header);
    let sides = (0..table.header.len()).map(|column| if column < table.left { "---" } else { "---:" });
    out += &format!("|{}|\n", sides.collect::<Vec<_>>().join("|"));
    table.rows.iter().for_each(|row| out += &line(&row.cells));
    out
}
