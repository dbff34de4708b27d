//! A page as one HTML file.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::inline::{Piece, pieces};
use crate::page::{Accent, Block, Page, Section, Table, anchor};

pub(crate) const STYLE: &str = include_str!("style.css");

impl Page {
    /// The page as one self-contained HTML file.
    pub fn to_html(&self) -> String {
        let mut charts = 0;
        let sections: Vec<Markup> = self.sections.iter().map(|one| section(one, &mut charts)).collect();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { (self.title) }
                        p.lead { (text(&self.lead)) }
                        @for note in &self.notes { p { (text(note)) } }
                        @if !self.facts.is_empty() {
                            dl.facts {
                                @for fact in &self.facts {
                                    div class=(fact.accent.class()) {
                                        dt { (text(&fact.label)) }
                                        dd { (fact.value) }
                                    }
                                }
                            }
                        }
                        @if self.sections.len() > 2 {
                            nav aria-label="Sections" {
                                ol {
                                    @for one in &self.sections {
                                        li { a href={ "#" (anchor(&one.title)) } { (one.title) } }
                                    }
                                }
                            }
                        }
                    }
                    main { @for one in &sections { (one) } }
                    footer { @for line in &self.colophon { p { (text(line)) } } }
                }
            }
        };
        page.into_string() + "\n"
    }
}

fn section(section: &Section, charts: &mut usize) -> Markup {
    html! {
        section id=(anchor(&section.title)) {
            h2 { (section.title) }
            @for block in &section.blocks { (self::block(block, charts)) }
        }
    }
}

fn block(block: &Block, charts: &mut usize) -> Markup {
    match block {
        Block::Text(paragraph) => html! { p { (text(paragraph)) } },
        Block::Heading(heading) => html! { h3 id=(anchor(heading)) { (text(heading)) } },
        Block::List(points) => html! { ul { @for point in points { li { (text(point)) } } } },
        Block::Table(table) => self::table(table),
        Block::Charts(all) => html! {
            div.charts { @for chart in all { @let number = next(charts); (chart.figure(number)) } }
        },
    }
}

fn next(number: &mut usize) -> usize {
    *number += 1;
    *number
}

fn table(table: &Table) -> Markup {
    let side = |column: usize| if column < table.left { "text" } else { "number" };
    // Few columns stay close together; their numbers would be far from their names.
    let width = if table.header.len() < 5 { "few" } else { "many" };
    html! {
        @if !table.caption.is_empty() { p.caption { (text(&table.caption)) } }
        // A table that is too wide scrolls in its own box, which the keyboard can reach.
        div.scroll tabindex="0" role="region" aria-label=[label(table)] {
            table class=(width) {
                thead {
                    tr {
                        @for (column, name) in table.header.iter().enumerate() {
                            th scope="col" class=(side(column)) { (text(name)) }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (column, cell) in row.cells.iter().enumerate() {
                                td class=(side(column)) {
                                    @if column == 0 { (mark(row.accent)) }
                                    (text(cell))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn label(table: &Table) -> Option<&str> {
    Some(table.caption.as_str()).filter(|caption| !caption.is_empty())
}

/// A dot in the colour of whoever a number belongs to.
pub fn mark(accent: Accent) -> Markup {
    match accent {
        Accent::None => html! {},
        accent => html! { span class={ "dot " (accent.class()) } aria-hidden="true" {} },
    }
}

/// A text with its code, bold and links.
pub fn text(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Plain(text) => (text),
                Piece::Code(text) => code { (text) },
                Piece::Bold(text) => strong { (text) },
                Piece::Link { text, target } => a href=(target) { (text) },
            }
        }
    }
}
