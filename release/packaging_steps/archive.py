"""Archives with equal bytes for equal contents: fixed order, times, owners and modes."""

import gzip
import io
import tarfile
import zipfile

# The earliest time of the zip format.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def zip_of(name, content):
    """Returns a zip with one executable."""
    archived = io.BytesIO()
    entry = zipfile.ZipInfo(name, ZIP_TIME)
    entry.create_system = 3  # Unix: Lambda reads the mode.
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(archived, "w") as archive:
        archive.writestr(entry, content, compresslevel=9)
    return archived.getvalue()


def tar_of(folder, time):
    """Returns a folder as tar.gz, with the folder's name as its root."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in [folder, *sorted(folder.rglob("*"))]:
            info = archive.gettarinfo(entry, str(entry.relative_to(folder.parent)))
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mtime = time
            info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
            if info.isfile():
                with entry.open("rb") as content:
                    archive.addfile(info, content)
            else:
                archive.addfile(info)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write(plain.getvalue())
    return packed.getvalue()
