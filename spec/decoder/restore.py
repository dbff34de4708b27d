"""Files and folders as they were, from spec/container.md, sections 5 and 8."""

import hashlib
import mmap
import os
import shutil

from .blake3 import digest
from .checks import member, need
from .container import File, is_companion
from .headers import in_order, parse
from .records import check_pieces, join, parse_record


def mapped(path):
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:  # which cannot be mapped
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def source_of(file, digests=True):  # C5: parts of the source, in order. The last part comes before the last check
    joined = file.outside()
    header = parse(joined, file.record["size"])
    need(header.form == file.form, "the source's header is of another format")
    stays = {name for name in file.tensors if not is_companion(name)}
    need(stays == set(header.tensors), "other tensors than the source has")
    sha256, used, at = hashlib.sha256(), 0, 0
    for name, tensor in [*in_order(header.tensors), (None, None)]:
        gap = (tensor.begin if tensor else file.record["size"]) - at
        need(gap <= len(joined) - used, "the pieces are too short")
        part = joined[used:used + gap]
        sha256.update(part)
        yield part
        used += gap
        if not tensor:
            break
        at = tensor.end
        if name in file.metas:
            like = file.metas[name]
            need((like["dtype"], like["shape"]) == tensor[:2], "%r: not the source's type and shape" % name)
            part = file.elements(name)
            need(not digests or digest(part) == like["blake3"], "%r: its BLAKE3 differs" % name)
        else:
            like = file.tensors[name]
            need(like[:2] == tensor[:2], "%r: not the source's type and shape" % name)
            part = file.data[like.begin:like.end]
        need(len(part) == tensor.end - tensor.begin, "%r: not the source's size" % name)
        sha256.update(part)
        yield part
    need(used == len(joined), "the pieces are too long")
    need(not digests or sha256.hexdigest() == file.record["sha256"], "the SHA-256 of the restored file differs")


def restore_file(source, target):
    with open(target, "wb") as out:
        for part in source_of(File(mapped(source))):
            out.write(part)


def is_text(path, source):  # C8
    if path.endswith((".safetensors", ".gguf")) and not os.path.basename(path).startswith("._"):
        return False
    return not os.path.exists(source) or b"\0" not in mapped(source)[:8192].tobytes()


def restore_entry(path, entry, source, target):  # C8: one file of a folder
    need(type(entry) is dict, "%r: malformed" % path)
    size, sha256, state = member(entry, "size", int), member(entry, "sha256", str), member(entry, "state", str)
    need(state in ("compressed", "copied", "rewritten"), "%r: unknown state %r" % (path, state))
    need((entry.get("source") is not None) == (state == "rewritten"), "%r: the source's bytes" % path)
    text = state == "copied" and is_text(path, source)
    if text and not os.path.exists(source):
        print("%r is gone" % path)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if state == "compressed":
        restore_file(source, target)
    elif state == "copied":
        shutil.copyfile(source, target)
    else:
        check_pieces(member(entry, "source", list))
        with open(target, "wb") as out:
            out.write(join(entry["source"]))
    data = mapped(target)
    if (len(data), hashlib.sha256(data).hexdigest()) != (size, sha256):
        need(text, "%r: not the source's size and SHA-256" % path)
        print("%r has been edited" % path)


def restore_folder(source, target):  # C8
    record = parse_record(mapped(os.path.join(source, "xnc.json")).tobytes(), "xnc.json")
    os.mkdir(target)
    for path, entry in member(record, "files", dict).items():
        names = path.split("/")
        need(path != "xnc.json" and not set(names) & {"", ".", ".."} and "\0" not in path, "the path %r" % path)
        restore_entry(path, entry, os.path.join(source, *names), os.path.join(target, *names))


def restore(source, target):
    need(not os.path.lexists(target), "%s is there already" % target)
    part = target.rstrip("/") + ".part"
    try:
        (restore_folder if os.path.isdir(source) else restore_file)(source, part)
        os.rename(part, target)
    finally:
        if os.path.isdir(part):
            shutil.rmtree(part)
        elif os.path.exists(part):
            os.unlink(part)
