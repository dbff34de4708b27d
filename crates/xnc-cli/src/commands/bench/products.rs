//! Products from compressed rows beside plain ones. Both go the same way: rows of mapped files, the same pool,
//! the same pieces, taken one by one, the calling thread working too.

use std::cell::RefCell;

use serde_json::{Value, json};
use xnc::{Codec, Dtype, Table};

use super::measure::Cases;

/// Vectors of a batch.
const BATCH: usize = 8;

/// The share of reading's speed that a plain product with one vector has to reach to be a fair opponent.
const FAIR: f64 = 0.9;

/// What is multiplied with a table, on how many threads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub bf16: bool,
    pub threads: usize,
    pub vectors: usize,
}

impl Kind {
    /// Those that a table is measured with, F32 on all threads first. Products are what `fast` is for; the
    /// other codecs would first have to decode every row.
    pub fn all(coded: &Table, threads: usize) -> Vec<Kind> {
        if !matches!(coded.codec(), Some(Codec::Fast | Codec::Tight)) {
            return Vec::new();
        }
        let mut all = Vec::new();
        for (threads, vectors) in [(threads, 1), (1, 1), (threads, BATCH)] {
            for bf16 in [false, true] {
                all.push(Kind { bf16, threads, vectors });
            }
        }
        all.retain(|kind| !kind.bf16 || coded.dtype() == Dtype::Bf16);
        // On one thread, all threads are that one.
        let mut seen = Vec::new();
        all.retain(|kind| {
            !seen.contains(kind) && {
                seen.push(*kind);
                true
            }
        });
        all
    }

    fn activation(self) -> &'static str {
        if self.bf16 { "bf16" } else { "f32" }
    }

    fn name(self) -> String {
        format!("{} x {} on {}", self.activation(), self.vectors, self.threads)
    }
}

/// Activations, and room for results.
pub struct Inputs {
    x: Vec<f32>,
    x_bf16: Vec<u16>,
    out: RefCell<Vec<f32>>,
}

impl Inputs {
    pub fn new(rows: usize, dim: usize) -> Inputs {
        let mut random = fastrand::Rng::with_seed(2);
        let x: Vec<f32> = (0..BATCH * dim).map(|_| 2.0 * random.f32() - 1.0).collect();
        let x_bf16 = x.iter().map(|x| (x.to_bits() >> 16) as u16).collect();
        Inputs { x, x_bf16, out: RefCell::new(vec![1.0; BATCH * rows]) }
    }

    /// All products of a table, into a room that the next ones overwrite.
    pub fn multiply(&self, table: &Table, kind: Kind) {
        let values = kind.vectors * table.dim();
        let out = &mut self.out.borrow_mut()[..kind.vectors * table.rows()];
        let done = if kind.bf16 {
            table.product_bf16(&self.x_bf16[..values], kind.threads, out)
        } else {
            table.product(&self.x[..values], kind.threads, out)
        };
        done.expect("all words were read before");
    }
}

/// Adds reading on all threads and on one, as products that only read.
pub fn add_reads<'a>(
    cases: &mut Cases<'a>,
    readers: &'a [(String, Table)],
    threads: usize,
    inputs: &'a Inputs,
) {
    for threads in if threads == 1 { vec![1] } else { vec![threads, 1] } {
        for (name, table) in readers {
            let kind = Kind { bf16: false, threads, vectors: 1 };
            cases.add(format!("read on {threads}, {name}"), move || inputs.multiply(table, kind));
        }
    }
}

/// Seconds of the fastest way to read on so many threads.
pub fn read(cases: &Cases<'_>, threads: usize) -> Option<f64> {
    Some(cases.all(&format!("read on {threads}, ")).first()?.1)
}

/// Adds products of the compressed table and of its plain twins, mapped ones and those in huge pages.
pub fn add<'a>(
    cases: &mut Cases<'a>,
    kinds: &[Kind],
    coded: &'a Table,
    [plain, huge]: [&'a [(String, Table)]; 2],
    inputs: &'a Inputs,
) {
    for &kind in kinds {
        cases.add(kind.name(), move || inputs.multiply(coded, kind));
        for (what, tables) in [("plain", plain), ("huge", huge)] {
            for (name, table) in tables {
                cases.add(format!("{what} {}, {name}", kind.name()), move || inputs.multiply(table, kind));
            }
        }
    }
}

/// A product's numbers.
pub struct Product {
    pub kind: Kind,
    ms: f64,
    plain_ms: f64,
    plain_variant: String,
    plain_gb_s: f64,
    plain_to_read: f64,
    plain_huge_ms: Option<f64>,
    backend: String,
    variants: Vec<(String, f64)>,
}

impl Product {
    /// From the cases that [`add`] and [`add_reads`] added; `bytes` are those of the plain words.
    pub fn of(cases: &Cases<'_>, kind: Kind, coded: &Table, bytes: usize) -> Option<Product> {
        let variants = cases.all(&format!("plain {}, ", kind.name()));
        let (plain_variant, plain) = variants.first()?.clone();
        Some(Product {
            kind,
            ms: cases.median(&kind.name())? * 1e3,
            plain_ms: plain * 1e3,
            plain_variant,
            plain_gb_s: bytes as f64 * 1e-9 / plain,
            plain_to_read: read(cases, kind.threads)? / plain,
            plain_huge_ms: cases.all(&format!("huge {}, ", kind.name())).first().map(|(_, s)| s * 1e3),
            backend: coded.backend().to_string(),
            variants: variants.into_iter().map(|(name, seconds)| (name, seconds * 1e3)).collect(),
        })
    }

    /// Whether the plain product is a fair opponent: with one vector it has only to read, with more also to
    /// multiply.
    pub fn holds(&self) -> bool {
        self.kind.vectors > 1 || self.plain_to_read >= FAIR
    }

    pub fn json(&self) -> Value {
        let variants = self.variants.iter().map(|(name, ms)| (name.clone(), Value::from(*ms)));
        let mut all = json!({
            "activation": self.kind.activation(),
            "threads": self.kind.threads,
            "ms": self.ms,
            "plain_ms": self.plain_ms,
            "speedup": self.plain_ms / self.ms,
            "backend": self.backend,
            "plain_variant": self.plain_variant,
            "plain_gb_s": self.plain_gb_s,
            "plain_to_read": self.plain_to_read,
            "comparison_holds": self.holds(),
            "plain_ms_by_variant": variants.collect::<serde_json::Map<_, _>>(),
        });
        if let Some(ms) = self.plain_huge_ms {
            all["plain_huge_ms"] = ms.into();
        }
        all
    }

    pub fn text(&self) -> String {
        let Kind { threads, vectors, .. } = self.kind;
        let unfair = format!("; the comparison does not hold: less than {FAIR} of reading");
        format!(
            "product  {} activations{}, {threads} thread(s): {:.2} ms; plain {:.2} ms ({}, {:.1} GB/s, {:.2} of \
             reading{}); {:.2} times as fast, {}{}",
            self.kind.activation(),
            if vectors > 1 { format!(" x {vectors}") } else { String::new() },
            self.ms,
            self.plain_ms,
            self.plain_variant,
            self.plain_gb_s,
            self.plain_to_read,
            self.plain_huge_ms.map_or_else(String::new, |ms| format!(", {ms:.2} ms in huge pages")),
            self.plain_ms / self.ms,
            self.backend,
            if self.holds() { "" } else { &unfair },
        )
    }
}
