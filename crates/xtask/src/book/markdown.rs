//! Links and headings of a page.

use std::collections::HashSet;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A link, or an image.
#[derive(Debug, PartialEq)]
pub struct Link {
    /// All of it in the page's text.
    pub place: Range<usize>,
    /// What is shown of it, as the page has it.
    pub shown: String,
    pub target: String,
    pub is_image: bool,
}

/// What other pages may ask of a page.
pub struct Page {
    pub links: Vec<Link>,
    /// The anchors of its headings, as code hosts and mdBook name them.
    pub anchors: HashSet<String>,
}

/// Reads a page.
pub fn read(text: &str) -> Page {
    let mut page = Page { links: Vec::new(), anchors: HashSet::new() };
    let mut open: Option<(Link, Range<usize>)> = None;
    let mut heading: Option<String> = None;
    for (event, place) in Parser::new_ext(text, options()).into_offset_iter() {
        match &event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let is_image = matches!(event, Event::Start(Tag::Image { .. }));
                let link = Link { place, shown: String::new(), target: dest_url.to_string(), is_image };
                let shown = link.place.end..link.place.start;
                open = Some((link, shown));
                continue;
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some((mut link, shown)) = open.take() {
                    link.shown = text.get(shown).unwrap_or_default().to_owned();
                    page.links.push(link);
                }
                continue;
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let name = anchor(&heading.take().unwrap_or_default());
                let again = (1..).map(|number| format!("{name}-{number}"));
                let free =
                    std::iter::once(name.clone()).chain(again).find(|name| !page.anchors.contains(name));
                page.anchors.extend(free);
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(part);
                }
            }
            _ => {}
        }
        if let Some((_, shown)) = &mut open {
            *shown = shown.start.min(place.start)..shown.end.max(place.end);
        }
    }
    page
}

/// The dialect of code hosts and of mdBook, as far as the pages use it.
fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES
}

/// The anchor of a heading: small letters, hyphens for blanks, without other signs.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|&sign| sign.is_alphanumeric() || "-_ ".contains(sign));
    kept.flat_map(char::to_lowercase).map(|sign| if sign == ' ' { '-' } else { sign }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_headings_are_read() {
        let text = "# 1. `fast`, and *more*\n\nSee [`a` b](a.md#x) ![p](p.svg).\n\n# Twice\n\n# Twice\n\n\
            | a |\n|---|\n| [c](c.md) |\n\n`[no](no.md)`\n\n```\n[no](no.md)\n```\n\n[ref]\n\n[ref]: d.md\n";
        let page = read(text);
        let told: Vec<_> = page.links.iter().map(|link| (&*link.shown, &*link.target)).collect();
        assert_eq!(told, [("`a` b", "a.md#x"), ("p", "p.svg"), ("c", "c.md"), ("ref", "d.md")]);
        assert_eq!(&text[page.links[0].place.clone()], "[`a` b](a.md#x)");
        assert!(page.links[1].is_image && !page.links[0].is_image);
        assert_eq!(page.anchors, ["1-fast-and-more", "twice", "twice-1"].map(String::from).into());
    }
}
