//! The header as the source makes it.

use std::path::Path;

/// In the order in which a reader meets them.
const SOURCES: [&str; 6] = ["status.rs", "version.rs", "info.rs", "model.rs", "store.rs", "table.rs"];

/// What `include/xnc.h` has to be.
pub fn header() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).expect("a configuration");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(folder.join("src").join(source));
    }
    let mut made = Vec::new();
    builder.generate().expect("bindings").write(&mut made);
    String::from_utf8(made).expect("UTF-8")
}
