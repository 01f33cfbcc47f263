# Listens on a new private socket until something connects, for ten seconds at most.

program='
import os, shutil, socket, sys, tempfile
folder = tempfile.mkdtemp(prefix="rhdesk-")
try:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(folder + "/s")
    listener.listen(1)
    listener.settimeout(10)
    sys.stdout.write(sys.argv[1] + " socket " + folder + "/s\n")
    sys.stdout.flush()
    listener.accept()
finally:
    shutil.rmtree(folder)
'

main() {
    for python in python3 /usr/bin/python3 python3.13 python3.12 python3.11 /usr/local/bin/python3 "$HOME"/*conda*/bin/python3; do
        command -v "$python" >/dev/null 2>&1 || continue
        "$python" -c "$program" "$mark" 2>/dev/null && return 0
    done
    return 0
}
