"""Says what the files of a container's image are: bytes, a tab, and the Debian package that they belong to,
or the place where files of no package lie. A file with several names counts once."""
import collections
import glob
import os
import stat

parts = collections.Counter()
seen = set()
root = os.lstat("/").st_dev


def count(path, part):
    try:
        info = os.lstat(path)
    except OSError:  # left out when it was installed
        return
    key = (info.st_dev, info.st_ino)
    if stat.S_ISREG(info.st_mode) and info.st_dev == root and key not in seen:
        seen.add(key)
        parts[part] += info.st_size


for listing in sorted(glob.glob("/var/lib/dpkg/info/*.list")):
    package = os.path.basename(listing)[: -len(".list")].split(":")[0]
    with open(listing, encoding="utf-8") as lines:
        for line in lines:
            count(line.rstrip("\n"), package)

for directory, names, files in os.walk("/"):
    names[:] = [n for n in names if os.path.join(directory, n) not in ("/proc", "/sys", "/dev", "/run", "/tmp")]
    place = "files of no package in /" + "/".join(directory.split("/")[1:3])
    for name in files:
        count(os.path.join(directory, name), place)

for part, size in parts.items():
    print(f"{size}\t{part}")
