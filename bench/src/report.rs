use crate::study::Results;
/// x
pub fn page(_: &Results) -> xnc_page::Page { xnc_page::Page::default() }
