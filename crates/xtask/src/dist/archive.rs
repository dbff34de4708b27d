//! A folder as `.tar.gz`, the same bytes from the same files wherever it is made.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::sorted;

/// Writes what `folder` holds into `archive`, under the folder's own name; everything bears `time`.
pub fn pack(folder: &Path, archive: &Path, time: u64) -> Result<()> {
    let name = folder.file_name().context("a folder without a name")?;
    let file = File::create(archive).with_context(|| archive.display().to_string())?;
    // Neither the time nor the name of a file in gzip's own header.
    let packed = GzBuilder::new().mtime(0).write(file, Compression::best());
    let mut builder = Builder::new(packed);
    add(&mut builder, folder, Path::new(name), time)?;
    builder.into_inner()?.finish()?.flush()?;
    Ok(())
}

fn add(builder: &mut Builder<impl Write>, path: &Path, name: &Path, time: u64) -> Result<()> {
    let data = fs::symlink_metadata(path)?;
    let mut header = Header::new_gnu();
    header.set_mtime(time);
    header.set_size(0);
    // Owners are left at 0: who builds is nobody's business where it is unpacked.
    if data.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        header.set_mode(0o777);
        builder.append_link(&mut header, name, fs::read_link(path)?)?;
    } else if data.is_dir() {
        header.set_entry_type(EntryType::Directory);
        header.set_mode(0o755);
        builder.append_data(&mut header, name, &[][..])?;
        for inside in sorted(path)? {
            add(builder, &inside, &name.join(inside.file_name().unwrap_or_default()), time)?;
        }
    } else {
        header.set_mode(if is_program(&data) { 0o755 } else { 0o644 });
        header.set_size(data.len());
        builder.append_data(&mut header, name, File::open(path)?)?;
    }
    Ok(())
}

#[cfg(unix)]
fn is_program(data: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o100 != 0
}

#[cfg(not(unix))]
fn is_program(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let pack_again = |order: [&str; 2]| {
            let content = folder.path().join(order[0]).join("xnc-1");
            fs::create_dir_all(content.join("lib")).expect("a folder");
            for name in order {
                fs::write(content.join("lib").join(name), name).expect("a file");
            }
            let archive = folder.path().join("made.tar.gz");
            pack(&content, &archive, 1_700_000_000).expect("an archive");
            fs::read(archive).expect("bytes")
        };
        let first = pack_again(["one", "two"]);
        assert_eq!(first, pack_again(["two", "one"]));
        let mut entries = tar::Archive::new(flate2::read::GzDecoder::new(&first[..]));
        let names = entries.entries().expect("an archive").map(|entry| {
            let entry = entry.expect("an entry");
            entry.path().expect("a name").to_string_lossy().into_owned()
        });
        assert_eq!(names.collect::<Vec<_>>(), ["xnc-1", "xnc-1/lib", "xnc-1/lib/one", "xnc-1/lib/two"]);
    }
}
