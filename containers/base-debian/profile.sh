# shellcheck shell=sh
# A login shell resets PATH: put the virtual environment back in front.
PATH="${VIRTUAL_ENV:-/data/.venv}/bin:$PATH"
