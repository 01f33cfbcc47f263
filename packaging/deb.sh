#!/bin/bash
# Builds dist/rhdesk_VERSION_ARCH.deb: a venv in /opt/rhdesk on the Python of this release of Debian, with Qt and Ray.
# A Debian package belongs to one release, because that release has one version of Python.

source "$(dirname "$0")/common.sh"
command -v dpkg-deb >/dev/null || fail "dpkg-deb is missing; a .deb is built on Debian or Ubuntu."

system=/usr/bin/python3
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
python=$($system -c 'import sys; print("%d.%d" % sys.version_info[:2])')
next=$($system -c 'import sys; print("%d.%d" % (sys.version_info[0], sys.version_info[1] + 1))')
arch=$(dpkg --print-architecture)
root=build/deb
uv=.venv/bin/uv

bash packaging/wheel.sh >/dev/null
rm -rf $root
mkdir -p $root/DEBIAN $root/opt $root/usr/bin $root/usr/share/{applications,doc/rhdesk,icons/hicolor/scalable/apps}

say "Making /opt/rhdesk with Python $python ..."
$uv venv -q --no-config --relocatable --python $system $root/opt/rhdesk
# the lock file as constraint: the same versions as everywhere, without what only developers need
sed 's/ *\\$//; /--hash=/d' packaging/requirements.lock >build/constraints.txt
$uv pip install -q --no-config --python $root/opt/rhdesk/bin/python --link-mode copy -c build/constraints.txt \
    "rhdesk[desktop,server] @ file://$PWD/$(ls dist/*.whl)"
rm -f $root/opt/rhdesk/lib/python*/site-packages/rhdesk-*.dist-info/direct_url.json
# byte code that names the files where they will be
$system -m compileall -q -j 0 -s "$root" -p / $root/opt/rhdesk/lib || true

ln -s /opt/rhdesk/bin/rhdesk $root/usr/bin/rhdesk
cp packaging/desktop/rhdesk.desktop $root/usr/share/applications/
cp packaging/desktop/rhdesk.svg $root/usr/share/icons/hicolor/scalable/apps/
cat >$root/usr/share/doc/rhdesk/copyright <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: rhdesk

Files: *
Copyright: the rhdesk authors
License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.
Comment: /opt/rhdesk holds Python packages with licences of their own, in their .dist-info folders; Qt is LGPL-3.
END
printf 'rhdesk (%s) stable; urgency=low\n\n  * See the repository.\n\n -- rhdesk <rhdesk@localhost>  %s\n' \
    "$version" "$(date -R)" | gzip -9n >$root/usr/share/doc/rhdesk/changelog.gz
cat >$root/DEBIAN/control <<END
Package: rhdesk
Version: $version
Architecture: $arch
Maintainer: rhdesk <rhdesk@localhost>
Installed-Size: $(du -sk $root | cut -f 1)
Section: devel
Priority: optional
Depends: python3 (>= $python), python3 (<< $next), git, libglib2.0-0 | libglib2.0-0t64, libgl1, libegl1,
 libfontconfig1, libdbus-1-3, libxkbcommon0, libxcb-cursor0, libxkbcommon-x11-0, libxcb-icccm4, libxcb-keysyms1,
 libxcb-shape0, libwayland-cursor0
Recommends: git-lfs
Description: desktop control panel for remote Python compute
 Run the functions of a git project on clusters, watch their logs and see their
 results, from a window, a Python library and a command line.
END

say "Packing; this takes a minute or two ..."
deb=dist/rhdesk_${version}_${arch}.deb
dpkg-deb --root-owner-group -Zxz -z3 --threads-max=2 --build $root "$deb" >/dev/null 2>&1 ||
    dpkg-deb --root-owner-group -Zxz -z3 --build $root "$deb" >/dev/null
rm -rf $root build/constraints.txt
ls -sh "$deb"
