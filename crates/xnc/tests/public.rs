//! The library's face: every public item that a user can name, held in `public.txt`, and fewer than eighty of
//! them.
//!
//! `XNC_BLESS=1 cargo test -p xnc --test public` writes the list after a change that is meant.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, Fields, ImplItem, Item, Lit, Meta, Type, UseTree, Visibility};

/// As many items as this are too many to learn. Hidden ones are not counted: nobody has to learn them.
const LIMIT: usize = 80;

/// Items of the crate by the path of their module, which is empty for the root. Modules of tests are left
/// out.
struct Source(BTreeMap<Vec<String>, Vec<Item>>);

/// A definition: its module, and its name there.
type Place = (Vec<String>, String);

impl Source {
    fn read(root: &Path) -> Source {
        let mut source = Source(BTreeMap::new());
        source.add_file(&root.join("lib.rs"), root, Vec::new());
        source
    }

    fn add_file(&mut self, file: &Path, folder: &Path, module: Vec<String>) {
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        self.add(parsed.items, folder, module);
    }

    fn add(&mut self, mut items: Vec<Item>, folder: &Path, module: Vec<String>) {
        for item in &mut items {
            let Item::Mod(inner) = item else { continue };
            if is_test(&inner.attrs) {
                continue;
            }
            let name = inner.ident.to_string();
            let (path, below) = ([&module[..], std::slice::from_ref(&name)].concat(), folder.join(&name));
            match inner.content.take() {
                Some((_, items)) => self.add(items, &below, path),
                None => {
                    let candidates: [PathBuf; 2] = [below.with_extension("rs"), below.join("mod.rs")];
                    let file = candidates.into_iter().find(|file| file.exists());
                    self.add_file(
                        &file.unwrap_or_else(|| panic!("no file of module {path:?}")),
                        &below,
                        path,
                    );
                }
            }
        }
        assert!(self.0.insert(module.clone(), items).is_none(), "module {module:?} stands twice");
    }

    /// Where what is called `name` in `module` is defined; none for what comes from other crates.
    fn find(&self, module: &[String], name: &str) -> Option<(Place, &Item)> {
        let items = self.0.get(module)?;
        if let Some(item) = items.iter().find(|item| name_of(item).is_some_and(|found| found == name)) {
            return Some(((module.to_vec(), name.to_owned()), item));
        }
        items.iter().find_map(|item| {
            let Item::Use(one) = item else { return None };
            let leaves = leaves(&one.tree);
            let (path, _) = leaves.iter().find(|(_, alias)| alias == name)?;
            self.follow(module, path)
        })
    }

    /// What a `use` in `module` leads to.
    fn follow(&self, module: &[String], path: &[String]) -> Option<(Place, &Item)> {
        let (last, before) = path.split_last()?;
        let mut at = module.to_vec();
        for (depth, step) in before.iter().enumerate() {
            match step.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                _ => {
                    let inner = [&at[..], std::slice::from_ref(step)].concat();
                    // A type that is imported by the name of its crate is not ours.
                    at = self.0.contains_key(&inner).then_some(inner).filter(|_| depth < path.len())?;
                }
            }
        }
        self.find(&at, last)
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// The paths that a `use` brings in, and their names here.
fn leaves(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    match tree {
        UseTree::Path(path) => {
            let first = path.ident.to_string();
            let inner = leaves(&path.tree).into_iter();
            inner.map(|(rest, alias)| ([vec![first.clone()], rest].concat(), alias)).collect()
        }
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(name) => vec![(vec![name.ident.to_string()], name.rename.to_string())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
        other => {
            // Of a module's own file, `super::*` in tests; nothing public comes that way.
            assert!(matches!(other, UseTree::Glob(_)), "a kind of `use` that this test does not know");
            Vec::new()
        }
    }
}

fn name_of(item: &Item) -> Option<String> {
    Some(match item {
        Item::Struct(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Const(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        _ => return None,
    })
}

/// What an attribute list says in comments.
fn comment(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect()
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("hidden"))
    })
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The list as it is written.
struct Face<'a> {
    source: &'a Source,
    text: String,
    counted: usize,
    /// Hidden items whose comments do not say for which of our tools they are.
    unexplained: Vec<String>,
}

impl Face<'_> {
    fn line(&mut self, depth: usize, what: &str, hidden: bool, attributes: &[&[Attribute]]) {
        let mark = if hidden { "  (hidden)" } else { "" };
        writeln!(self.text, "{}{what}{mark}", "    ".repeat(depth)).expect("memory takes text");
        let told = attributes.iter().any(|one| comment(one).to_lowercase().contains("for `x"));
        if hidden && !told {
            self.unexplained.push(what.to_owned());
        }
    }

    fn counted(&mut self, depth: usize, what: &str, hidden: bool, attributes: &[&[Attribute]]) {
        self.counted += usize::from(!hidden);
        self.line(depth, what, hidden, attributes);
    }

    /// Everything public in a module that is itself public, or the root.
    fn module(&mut self, path: &[String], depth: usize, hidden: bool) {
        let source = self.source;
        let mut found: Vec<(String, Place, &Item, &[Attribute])> = Vec::new();
        for item in &source.0[path] {
            match item {
                Item::Use(one) if is_public(&one.vis) => {
                    for (way, alias) in leaves(&one.tree) {
                        let (place, item) =
                            source.follow(path, &way).unwrap_or_else(|| panic!("{way:?} leads nowhere"));
                        found.push((alias, place, item, &one.attrs));
                    }
                }
                Item::Mod(inner) if is_public(&inner.vis) => {
                    let name = inner.ident.to_string();
                    let hidden = hidden || is_hidden(&inner.attrs);
                    self.counted += usize::from(!hidden);
                    self.text += &format!("mod {name}{}\n", if hidden { "  (hidden)" } else { "" });
                    self.module(&[path, &[name]].concat(), depth + 1, hidden);
                }
                _ => {
                    let Some(name) = name_of(item).filter(|_| is_public(visibility(item))) else { continue };
                    found.push((name.clone(), (path.to_vec(), name), item, &[]));
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, place, item, way) in found {
            self.item(&name, &place, item, way, (depth, hidden));
        }
    }

    fn item(&mut self, name: &str, place: &Place, item: &Item, way: &[Attribute], at: (usize, bool)) {
        let (depth, hidden) = at;
        let own = attributes(item);
        let hidden = hidden || is_hidden(own) || is_hidden(way);
        let kind = match item {
            Item::Struct(_) => "struct",
            Item::Enum(_) => "enum",
            Item::Type(_) => "type",
            Item::Trait(_) => "trait",
            Item::Const(_) => "const",
            _ => "fn",
        };
        self.counted(depth, &format!("{kind} {name}"), hidden, &[own, way]);
        match item {
            Item::Struct(item) => {
                for field in item.fields.iter().filter(|field| is_public(&field.vis)) {
                    let name = field.ident.as_ref().map_or("0".into(), ToString::to_string);
                    self.line(depth + 1, &format!(".{name}"), is_hidden(&field.attrs), &[&field.attrs]);
                }
            }
            Item::Enum(item) => {
                for variant in &item.variants {
                    let fields: Vec<String> = variant
                        .fields
                        .iter()
                        .filter_map(|field| Some(field.ident.as_ref()?.to_string()))
                        .collect();
                    let fields = match &variant.fields {
                        Fields::Unit => String::new(),
                        Fields::Named(_) => format!(" {{ {} }}", fields.join(", ")),
                        Fields::Unnamed(fields) => {
                            format!("({})", vec!["_"; fields.unnamed.len()].join(", "))
                        }
                    };
                    let text = format!("{}{fields}", variant.ident);
                    self.line(depth + 1, &text, is_hidden(&variant.attrs), &[&variant.attrs]);
                }
            }
            _ => {}
        }
        self.methods(place, depth + 1, hidden);
    }

    /// The methods and constants that a type has of its own, wherever they stand.
    fn methods(&mut self, of: &Place, depth: usize, hidden: bool) {
        let mut all: Vec<(String, bool, &[Attribute])> = Vec::new();
        for (module, items) in &self.source.0 {
            for item in items {
                let Item::Impl(block) = item else { continue };
                let (None, Type::Path(kind)) = (&block.trait_, &*block.self_ty) else { continue };
                let Some(name) = kind.path.segments.last() else { continue };
                let found = self.source.find(module, &name.ident.to_string());
                if found.is_none_or(|(place, _)| place != *of) {
                    continue;
                }
                for item in &block.items {
                    match item {
                        ImplItem::Fn(item) if is_public(&item.vis) => {
                            all.push((format!("fn {}", item.sig.ident), is_hidden(&item.attrs), &item.attrs));
                        }
                        ImplItem::Const(item) if is_public(&item.vis) => {
                            all.push((format!("const {}", item.ident), is_hidden(&item.attrs), &item.attrs));
                        }
                        _ => {}
                    }
                }
            }
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        for (what, own, attributes) in all {
            // What is hidden as a whole says for whom it is.
            match hidden {
                true => writeln!(self.text, "{}{what}  (hidden)", "    ".repeat(depth))
                    .expect("memory takes text"),
                false => self.counted(depth, &what, own, &[attributes]),
            }
        }
    }
}

fn visibility(item: &Item) -> &Visibility {
    match item {
        Item::Struct(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Const(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        _ => &Visibility::Inherited,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        _ => &[],
    }
}

#[test]
fn the_public_face_is_what_the_list_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = Source::read(&here.join("src"));
    let mut face = Face { source: &source, text: String::new(), counted: 0, unexplained: Vec::new() };
    face.module(&[], 0, false);
    // What the test must find at least, or it looks in the wrong places.
    for known in ["struct Table\n", "    fn gather\n", "    .codec\n", "    RowOutOfRange { row, rows }\n"] {
        assert!(face.text.contains(known), "{known} is missing from\n{}", face.text);
    }
    let text = format!("{} items, fields and variants not counted.\n\n{}", face.counted, face.text);
    let path = here.join("public.txt");
    if std::env::var_os("XNC_BLESS").is_some() {
        std::fs::write(&path, &text).expect("writes");
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        held == text,
        "the public face changed; it is now\n{text}\nXNC_BLESS=1 keeps it, if that is meant"
    );
    let Face { counted, unexplained, .. } = face;
    assert!(
        unexplained.is_empty() && counted < LIMIT,
        "{counted} public items, {LIMIT} are too many; hidden ones that do not say `For ...`: {unexplained:?}"
    );
}
