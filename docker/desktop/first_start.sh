#!/bin/sh
# Run once while the image is built, as the desktop's user: folders, profiles and caches of first starts.
set -eu
cd "$HOME"
mkdir -p Desktop Documents Downloads Music Pictures Videos
python3 -c 'from pathlib import Path; from arpo_desktop.profiles import write_profiles; write_profiles(Path.home())'
fc-cache -f
# An application that this image does not have is left out; one that fails to start must not stay unnoticed.
if command -v soffice > /dev/null; then
    timeout 120 soffice --headless --terminate_after_init > /dev/null
fi
if command -v gimp > /dev/null; then
    timeout 180 gimp --no-interface --no-data --batch '(gimp-quit 0)' > /dev/null 2>&1
fi
rm -rf "$HOME/.cache/dconf" /tmp/*.tmp
