//! Section: what does not work.

use xnc::Codec;
use xnc_page::number::ratio;
use xnc_page::{Accent, Block, Section, Table};

use super::or_dash;
use crate::study::limits::Limits;

pub fn section(found: &Limits) -> Section {
    let mut section = Section::new("What does not work");
    section.text(
        "A tensor that does not shrink by 1 % stays plain, so nothing grows; `plain` below is such a tensor.",
    );
    let mut header = vec!["table", "type and shape", "paper's count"];
    header.extend(Codec::ALL.iter().map(|codec| codec.name()));
    header.push("order-0 entropy");
    let mut table = Table::new(
        "Ratios. The entropy of a small table leaves out its own statistics, which someone would have to send.",
        2,
        &header,
    );
    for row in &found.rows {
        let mut cells = vec![row.table.clone(), row.shape.clone(), or_dash(row.published, ratio)];
        cells.extend(Codec::ALL.iter().map(|codec| {
            let one = row.ratios.iter().find(|(name, _)| name == codec.name());
            one.and_then(|(_, value)| *value).map_or("plain".into(), ratio)
        }));
        cells.push(or_dash(row.order0, ratio));
        table.row(Accent::None, cells);
    }
    section.push(Block::Table(table));
    section.push(Block::List(vec![
        "**Native FP16 under `xnc`**: without the three zeros of the cast the paper's scheme has nothing \
         to drop, and its flags make the table larger."
            .into(),
        "**Tables without structure**: random words shrink under nothing (the paper's count says \
         otherwise only because the cast turns many of them into zero and infinity). On normal noise \
         `dense` finds no rows or columns to predict from and gives what the exponents give."
            .into(),
        "**Small tables**: what is shared by all rows (columns' statistics, index, record) has to be paid \
         for by the rows there are."
            .into(),
        "**`dense` is for storage**: it decodes much slower than `fast` (sections on peers and scaling) \
         and has no products."
            .into(),
        "**Products from compressed rows** are faster than plain ones only where a core reads little: \
         `xnc bench` measures both, docs/notes/fast.md, section 6, gives the bound."
            .into(),
    ]));
    section
}
