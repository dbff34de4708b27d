//! Values of options that are more than text and numbers.

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use xnc::{Codec, Selection};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    Text,
    Npy,
    Raw,
}

/// The codecs of the library, a new one among them.
pub fn codec() -> impl TypedValueParser<Value = Codec> {
    let value = |codec: &Codec| {
        let value = PossibleValue::new(codec.name());
        match codec {
            Codec::Fast => value.help("Rows that decode alone at memory speed"),
            Codec::Tight => value.help("Fewer bytes than `fast`; products as quick where AVX-512 is"),
            Codec::Xnc => value.help("The published block scheme"),
            Codec::Dense => value
                .help("The smallest files: predicts rows from columns, from themselves and from each other"),
            _ => value,
        }
    };
    PossibleValuesParser::new(Codec::ALL.iter().map(value)).try_map(|name| name.parse::<Codec>())
}

/// Reads the value of `--tensors`.
pub fn selection(text: &str) -> Selection {
    match text {
        "embeddings" => Selection::Embeddings,
        "all" => Selection::All,
        names => Selection::Named(names.split(',').map(|name| name.trim().to_owned()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_and_trimmed() {
        let named = |names: &[&str]| Selection::Named(names.iter().map(|&name| name.into()).collect());
        let cases = [
            ("embeddings", Selection::Embeddings),
            ("all", Selection::All),
            ("a.weight, *embed* ,b", named(&["a.weight", "*embed*", "b"])),
            ("all,embeddings", named(&["all", "embeddings"])),
        ];
        for (text, expected) in cases {
            assert_eq!(selection(text), expected, "{text}");
        }
    }
}
